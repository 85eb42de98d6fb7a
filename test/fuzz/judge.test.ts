import { describe, expect, it } from 'vitest';
import type { AcceptedEntry } from '../../src/simulator/record.js';
import { parseAnswers } from './answers.js';
import { type Claim, faultsOf, judge } from './judge.js';
import { type Fate, type PlannedSession, planSession } from './plan.js';
import type { Told } from './session.js';

const credentials = {
  token: 'x.y.z',
  text: 'a'.repeat(64),
  supabase: `v1,whsec_${Buffer.alloc(32, 1).toString('base64')}`,
};

const identity = { marker: 'zqx000007', recipient: '+4915000000007', text: 'code #zqx000007#' };

const claim = (fate: Fate, told: Partial<Claim> = {}): Claim => ({
  session: 7,
  sent: 0,
  unknown: 0,
  isLeft: false,
  requests: [{ fate, kind: fate, identity }],
  ...told,
});

const entry = (changes: Partial<AcceptedEntry> = {}): AcceptedEntry => ({
  kind: 'accepted',
  seq: 1,
  modem: 'sim',
  imei: '',
  iccid: '',
  service_centre: '',
  submit: 1,
  tpdu: '',
  mr: 1,
  recipient: identity.recipient,
  dcs: 0,
  status_report_requested: false,
  text: identity.text,
  ...changes,
});

describe('callers and network agree', () => {
  it.each<[string, Claim, AcceptedEntry[]]>([
    ['on a message that was sent', claim('sent', { sent: 1 }), [entry()]],
    ['on one that was refused', claim('refused'), []],
    ['on one whose caller left before it heard', claim('open', { isLeft: true }), [entry()]],
    ['on one whose outcome nobody knew', claim('open', { unknown: 1 }), [entry()]],
    [
      'on one whose text was changed by us',
      claim('open', { sent: 1 }),
      [entry({ text: 'cude #zqx000007#' })],
    ],
  ])('%s', (_title, told, accepted) => {
    expect(judge([told], accepted)).toEqual([]);
  });

  it.each<[string, Claim, AcceptedEntry[], string]>([
    ['200 without an acceptance', claim('sent', { sent: 1 }), [], '1 answers of 200, 0 accepted'],
    ['an acceptance that was denied', claim('open'), [entry()], 'but only 0 answers of 200'],
    [
      'an acceptance that nobody was entitled to',
      claim('refused', { isLeft: true }),
      [entry()],
      'entitled',
    ],
    [
      'an acceptance that was paid with a 200, and still not due',
      claim('refused', { sent: 1 }),
      [entry()],
      'entitled',
    ],
    ['two of one', claim('sent', { sent: 2 }), [entry(), entry()], 'accepted 2 times'],
    ['another text', claim('sent', { sent: 1 }), [entry({ text: 'cude #zqx000007#' })], 'altered'],
    [
      'another recipient',
      claim('sent', { sent: 1 }),
      [entry({ recipient: '+4915000000008' })],
      'altered',
    ],
    ['a text of nobody', claim('refused'), [entry({ text: 'hello' })], 'nobody sent'],
    [
      'a marker of no session',
      claim('refused'),
      [entry({ text: '#zqx000009#' })],
      'belongs to no session',
    ],
  ])('%s is a fault', (_title, told, accepted, fault) => {
    expect(judge([told], accepted).join('\n')).toContain(fault);
  });
});

describe('what a connection said', () => {
  const answer = (status: number, body: string, type = 'application/problem+json') =>
    `HTTP/1.1 ${status} Word\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const refusal = answer(401, '{"code":"token_invalid","submitted":"no"}');
  const session: PlannedSession = {
    number: 1,
    requests: [
      { fate: 'refused', kind: 'bad token', octets: Buffer.alloc(1), identity, statuses: [401] },
    ],
    cuts: [],
    ending: 'waits',
  };
  const told = (text: string, end: Told['end'] = 'left'): Told => ({
    session,
    received: Buffer.from(text),
    end,
  });

  it('is right when it is the problem that was due', () => {
    expect(faultsOf(told(refusal))).toEqual([]);
    expect(faultsOf(told(`HTTP/1.1 100 Continue\r\n\r\n${refusal}`))).toEqual([]);
  });

  it.each<[string, string, Told['end'], string]>([
    ['nothing', '', 'closed', 'was answered undefined'],
    ['silence without end', '', 'hung', 'neither answered nor closed'],
    [
      'another status',
      answer(404, '{"code":"not_found","submitted":"no"}'),
      'left',
      'was answered 404',
    ],
    [
      'a code of another status',
      answer(401, '{"code":"not_found","submitted":"no"}'),
      'left',
      'no problem body',
    ],
    ['an error without a problem', answer(401, 'no', 'text/plain'), 'left', 'no JSON'],
    [
      'a bug',
      answer(500, '{"code":"internal","submitted":"unknown"}'),
      'left',
      'error within the daemon',
    ],
    ['two answers to one', refusal + refusal, 'left', '2 answers to 1 requests'],
    ['half an answer', refusal.slice(0, -3), 'closed', 'broke off'],
    ['no HTTP', `hello\r\n\r\n${refusal}`, 'left', 'not HTTP'],
    [
      'a header line twice',
      refusal.replace('\r\n', '\r\nContent-Length: 1\r\n'),
      'left',
      'not HTTP',
    ],
  ])('is wrong when it is %s', (_title, text, end, fault) => {
    expect(faultsOf(told(text, end)).join('\n')).toContain(fault);
  });

  it('is taken apart wherever it was cut', () => {
    const whole = Buffer.from(refusal + refusal);
    for (let cut = 0; cut < whole.length; cut++) {
      expect(parseAnswers(whole.subarray(0, cut)).answers).toHaveLength(
        cut < whole.length / 2 ? 0 : 1,
      );
    }
    expect(parseAnswers(whole).answers).toHaveLength(2);
  });
});

it('the same seed and number give the same session, another seed another', () => {
  expect(planSession(3, 14, credentials, 4)).toEqual(planSession(3, 14, credentials, 4));
  expect(planSession(4, 14, credentials, 4)).not.toEqual(planSession(3, 14, credentials, 4));
});
