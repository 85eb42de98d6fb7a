import { describe, expect, it } from 'vitest';
import type { ModemFacts } from '../../src/doctor/facts.js';
import { judgeFacts, type Wishes } from '../../src/doctor/judge.js';

const good: ModemFacts = {
  manufacturer: 'Quectel',
  model: 'EC25',
  firmware: 'EC25EFAR06A06M4G',
  profile: 'generic',
  imei: '…69',
  functionality: 1,
  sim: 'ready',
  pinTriesLeft: 3,
  iccid: '…90',
  registration: { creg: 1, cgreg: 1, cereg: 1, c5greg: undefined },
  operator: 'Operator',
  signalDbm: -71,
  smsc: '+49…00',
  isReadyForSms: true,
  storages: [{ storage: 'SM', used: 0, total: 25 }],
  indications: [2, 1, 0, 0, 0],
};
const wishes: Wishes = { roaming: true, statusReport: false, hasPin: false };

const judge = (facts: Partial<ModemFacts> = {}, own: Partial<Wishes> = {}) =>
  judgeFacts({ ...good, ...facts }, { ...wishes, ...own });

/** `good` without some facts, as when the modem does not tell. */
function without(...keys: (keyof ModemFacts)[]): ModemFacts {
  const facts = { ...good };
  for (const key of keys) delete facts[key];
  return facts;
}

it('finds nothing wrong with a modem in good order, and says what it is', () => {
  expect(judge().map(({ check, level, what }) => [check, level, what])).toEqual([
    ['modem', 'ok', 'Quectel EC25, firmware EC25EFAR06A06M4G, IMEI …69, profile generic'],
    ['sim', 'ok', 'the SIM is ready, 3 PIN tries left, ICCID …90'],
    [
      'registration',
      'ok',
      'operator "Operator": CREG home network; CGREG home network; CEREG home network',
    ],
    ['signal', 'ok', '-71 dBm'],
    ['smsc', 'ok', 'SMSC +49…00'],
    ['storage', 'ok', 'SM 0 of 25'],
    ['indications', 'ok', '+CNMI: 2,1,0,0,0 as read back'],
  ]);
});

describe('one thing wrong', () => {
  const cases: [
    string,
    Partial<ModemFacts>,
    Partial<Wishes>,
    string,
    'warning' | 'error',
    RegExp,
  ][] = [
    ['the radio off', { functionality: 4 }, {}, 'radio', 'error', /CFUN: 4.*switches it on/],
    ['no SIM', { sim: 'absent' }, {}, 'sim', 'error', /no SIM.*put one in/],
    ['a SIM that wakes up', { sim: 'busy' }, {}, 'sim', 'warning', /not ready yet.*ask again/],
    ['a PIN nobody set', { sim: 'pin' }, {}, 'sim', 'error', /PIN, 3 PIN tries left.*set pin_file/],
    ['a PIN that is set', { sim: 'pin' }, { hasPin: true }, 'sim', 'warning', /enters the PIN/],
    [
      'a blocked SIM',
      { sim: 'puk', pinTriesLeft: 0 },
      {},
      'sim',
      'error',
      /PUK.*phone.*0 PIN tries left/,
    ],
    [
      'a SIM nobody understands',
      { sim: 'other' },
      {},
      'sim',
      'error',
      /not usable.*try the SIM in a phone/,
    ],
    [
      'no network yet',
      { registration: { creg: 2, cgreg: 2, cereg: 0, c5greg: undefined } },
      {},
      'registration',
      'error',
      /CREG searching; CGREG searching; CEREG not registered.*antenna/,
    ],
    [
      'a network that denies the SIM',
      { registration: { creg: 3, cgreg: 2, cereg: undefined, c5greg: undefined } },
      {},
      'registration',
      'error',
      /CREG denied.*CEREG not known to this modem.*rejects the SIM/,
    ],
    [
      'emergency calls only',
      { registration: { creg: 8, cgreg: 8, cereg: 11, c5greg: undefined } },
      {},
      'registration',
      'error',
      /emergency calls only/,
    ],
    [
      'roaming against the configuration',
      { registration: { creg: 5, cgreg: 5, cereg: 5, c5greg: undefined } },
      { roaming: false },
      'registration',
      'error',
      /roaming.*set roaming = true/,
    ],
    [
      'packet service only',
      { registration: { creg: 3, cgreg: 5, cereg: 0, c5greg: undefined } },
      {},
      'registration',
      'warning',
      /CREG denied; CGREG roaming.*SMS over SGs/,
    ],
    ['a weak signal', { signalDbm: -109 }, {}, 'signal', 'warning', /-109 dBm is weak.*antenna/],
    ['no SMSC', { smsc: '' }, {}, 'smsc', 'error', /CMS 330.*message centre/],
    [
      'a full storage',
      { storages: [{ storage: 'SM', used: 25, total: 25 }] },
      {},
      'storage',
      'warning',
      /full: SM 25 of 25/,
    ],
    ['a modem not ready for SMS', { isReadyForSms: false }, {}, 'indications', 'error', /PDU mode/],
    [
      'indications kept back',
      { indications: [0, 0, 0, 0, 0] },
      {},
      'indications',
      'warning',
      /keeps to itself/,
    ],
    [
      'no status reports though wanted',
      {},
      { statusReport: true },
      'indications',
      'warning',
      /no status reports.*status_report/,
    ],
  ];

  it.each(cases)('%s is told with its remedy', (_title, facts, own, check, level, pattern) => {
    const wrong = judge(facts, own).filter((finding) => finding.level !== 'ok');
    expect(wrong).toHaveLength(1);
    expect(wrong[0]).toMatchObject({ check, level });
    expect(`${wrong[0]?.what} ${wrong[0]?.remedy}`).toMatch(pattern);
  });
});

it.each([
  [1, 0, 0],
  [5, 0, 0],
  [6, 4, 0],
  [9, 10, 7],
])('registration %i, %i, %i is good enough for SMS', (creg, cgreg, cereg) => {
  const [finding] = judge({ registration: { creg, cgreg, cereg, c5greg: undefined } }).filter(
    ({ check }) => check === 'registration',
  );
  expect(finding?.level).toBe('ok');
});

it('tells the first cause only: without SIM, or with the radio off, nothing else can be right', () => {
  const facts: Partial<ModemFacts> = {
    registration: { creg: 0, cgreg: 0, cereg: 0, c5greg: undefined },
    smsc: '',
    isReadyForSms: false,
  };
  for (const cause of [{ sim: 'absent' as const }, { functionality: 0 }]) {
    const errors = judge({ ...facts, ...cause }).filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
  }
});

it('says of everything the modem does not tell that it does not', () => {
  const facts = without(
    'manufacturer',
    'model',
    'signalDbm',
    'smsc',
    'storages',
    'indications',
    'functionality',
  );
  const findings = judgeFacts(facts, wishes);
  expect(findings.filter(({ level }) => level === 'warning').map(({ check }) => check)).toEqual([
    'modem',
    'signal',
    'smsc',
    'storage',
    'indications',
  ]);
  expect(judgeFacts(without('registration'), wishes)).toContainEqual(
    expect.objectContaining({ check: 'registration', level: 'error' }),
  );
});

it('passes over words that a modem of tomorrow may say', () => {
  const [finding] = judge({
    registration: { creg: 42, cgreg: undefined, cereg: undefined, c5greg: undefined },
  }).filter(({ check }) => check === 'registration');
  expect(finding).toMatchObject({ level: 'error', what: expect.stringContaining('CREG stat 42') });
});
