import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { type PolicyConfig, policySchema, policyWarnings } from '../../src/config/policy.js';

const read = (table: Record<string, unknown>): PolicyConfig =>
  v.parse(policySchema, { countries: ['DE'], ...table });

function problem(table: Record<string, unknown>): { path: string | null; message: string } {
  const parsed = v.safeParse(
    policySchema,
    { countries: ['DE'], ...table },
    { abortPipeEarly: true },
  );
  const [issue] = parsed.issues ?? [];
  if (!issue) throw new Error('the table is valid');
  return { path: v.getDotPath(issue), message: issue.message };
}

describe('the countries of [policy]', () => {
  it('must be there', () => {
    expect(v.is(policySchema, {})).toBe(false);
    expect(problem({ countries: undefined }).path).toBe('countries');
  });

  it.each([
    [
      ['DE', 'AT'],
      ['DE', 'AT'],
    ],
    [
      ['de', ' at '],
      ['DE', 'AT'],
    ],
    [['XK'], ['XK']],
    [['*'], ['*']],
  ])('%j are taken as %j', (countries, expected) => {
    expect(read({ countries }).countries).toEqual(expected);
  });

  it.each([
    ['UK', 'is no code of ISO 3166-1: write "GB" (United Kingdom)'],
    ['EL', 'is no code of ISO 3166-1: write "GR" (Greece)'],
    ['SU', 'is no code of ISO 3166-1: write "RU" (Russia)'],
    ['AQ', 'Antarctica has no telephone numbers of its own'],
    ['EU', 'European Union has no telephone numbers of its own'],
    ['Germany', 'must be a two-letter code: write "DE" (Germany)'],
    ['Austra', 'must be a two-letter code: write "AU" (Australia)'],
    ['Frnace', 'must be a two-letter code: write "FR" (France)'],
    ['XX', 'must be a two-letter code of ISO 3166-1, as "DE", or "*" for every country'],
    ['DEU', 'must be a two-letter code of ISO 3166-1, as "DE", or "*" for every country'],
    ['+49', 'must be a two-letter code of ISO 3166-1, as "DE", or "*" for every country'],
    ['', 'must be a two-letter code of ISO 3166-1, as "DE", or "*" for every country'],
    [49, 'must be in quotes'],
  ])('%j among them is refused: %s', (code, message) => {
    expect(problem({ countries: ['DE', code] })).toEqual({ path: 'countries.1', message });
  });

  it.each([[[]], ['DE'], [['*', 'DE']], [{ DE: true }]])('cannot be %j', (countries) => {
    expect(problem({ countries })).toMatchObject({
      path: 'countries',
      message: expect.stringMatching(/"\*"/),
    });
  });
});

describe('a limit of [policy]', () => {
  it.each([
    ['5 in 10 min', [{ count: 5, windowMs: 600_000 }]],
    ['5 in 10min', [{ count: 5, windowMs: 600_000 }]],
    ['1 in 1 s', [{ count: 1, windowMs: 1000 }]],
    [
      ['3 in 2 h', '50000 in 1 d'],
      [
        { count: 3, windowMs: 7_200_000 },
        { count: 50_000, windowMs: 86_400_000 },
      ],
    ],
    ['off', []],
  ])('is written as %j', (text, expected) => {
    expect(read({ per_block: text }).limits.per_block).toEqual(expected);
  });

  it.each([
    '5/10m',
    '5 in 10 m',
    '5 in 10',
    '0 in 10 min',
    '50001 in 1 h',
    '5 in 0 s',
    '5 in 25 h',
    '5 in 2 d',
    '-5 in 1 h',
    '5 in 1 h, 6 in 2 h',
    'OFF',
    '',
    5,
    [],
    ['off'],
    ['5 in 10 min', 'x'],
    [5],
    { count: 5 },
  ])('cannot be %j, and the message says what it can be', (value) => {
    expect(problem({ per_caller: value })).toMatchObject({
      path: expect.stringMatching(/^per_caller/),
      message: expect.stringContaining('as "5 in 10 min"'),
    });
  });

  it('has four windows at most', () => {
    const windows = ['1 in 1 s', '2 in 2 s', '3 in 3 s', '4 in 4 s'];
    expect(read({ total: windows }).limits.total).toHaveLength(4);
    expect(problem({ total: [...windows, '5 in 5 s'] }).message).toBe('must be 4 at most');
  });
});

it('types and prefixes are read, and what is none is refused', () => {
  expect(read({ refuse_types: [] }).refuseTypes).toEqual([]);
  expect(read({ refuse_types: ['voip'], allow_prefixes: ['+44 7700'] })).toMatchObject({
    refuseTypes: ['voip'],
    allowPrefixes: ['+447700'],
  });
  expect(problem({ refuse_types: ['premium'] }).message).toContain('"premium_rate"');
  for (const prefix of ['49', '+', '+0', '+49x', '+1234567890123456']) {
    expect(problem({ refuse_prefixes: [prefix] }).message).toBe(
      'must be a list of + and 1 to 15 digits, as ["+49151"]',
    );
  }
});

it.each([
  ['lock_out_first_s', 0],
  ['lock_out_longest_s', 1],
  ['cool_down_recipient_s', 0],
  ['cool_down_block_s', 0],
])('%s is %i to 900 whole seconds', (key, min) => {
  expect(v.is(policySchema, { countries: ['DE'], [key]: min })).toBe(true);
  expect(v.is(policySchema, { countries: ['DE'], [key]: 900 })).toBe(true);
  for (const value of [min - 1, 901, 1.5, '60']) {
    expect(problem({ [key]: value })).toEqual({
      path: key,
      message: `must be a whole number of seconds, ${min} to 900`,
    });
  }
});

it('the defaults are those of the manual', () => {
  expect(read({})).toEqual({
    countries: ['DE'],
    refuseTypes: ['premium_rate', 'shared_cost', 'personal_number', 'uan', 'voicemail'],
    allowPrefixes: [],
    refusePrefixes: [],
    limits: {
      per_recipient: [{ count: 5, windowMs: 600_000 }],
      per_block: [
        { count: 200, windowMs: 600_000 },
        { count: 600, windowMs: 3_600_000 },
      ],
      per_client_ip: [
        { count: 200, windowMs: 600_000 },
        { count: 600, windowMs: 3_600_000 },
      ],
      per_country: [
        { count: 1000, windowMs: 3_600_000 },
        { count: 4000, windowMs: 86_400_000 },
      ],
      per_caller: [],
      total: [
        { count: 1200, windowMs: 3_600_000 },
        { count: 5000, windowMs: 86_400_000 },
      ],
    },
    lockOutFirstMs: 60_000,
    lockOutLongestMs: 900_000,
    coolDownRecipientMs: 60_000,
    coolDownBlockMs: 60_000,
    alertShare: 0.2,
  });
  expect(policyWarnings(read({}))).toEqual([]);
});

it('what is unwise is told', () => {
  expect(policyWarnings(read({ per_recipient: ['5 in 10 min', '20 in 16 min'] }))).toMatchObject([
    expect.stringContaining('policy.per_recipient'),
  ]);
  expect(policyWarnings(read({ per_recipient: '5 in 15 min' }))).toEqual([]);
  for (const name of ['per_block', 'per_client_ip']) {
    expect(policyWarnings(read({ [name]: ['200 in 10 min', '900 in 61 min'] }))).toMatchObject([
      expect.stringContaining(
        `policy.${name} has a window over 1 h: whoever fills it shuts out everybody`,
      ),
    ]);
  }
  expect(policyWarnings(read({ total: 'off' }))).toMatchObject([
    expect.stringContaining('policy.total'),
  ]);
});
