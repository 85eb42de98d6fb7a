/** A thousand alerts beside a morning's logins, in faked time, against the same morning without. */

import { expect, it } from 'vitest';
import { seededRandom } from '../../src/simulator/random.js';
import { type Caller, fakeTime, pass, rig } from './support/rig.js';
import { Journal, ScriptedModem } from './support/scripted-modem.js';

fakeTime();

const minute = 60_000;
const spanMs = 15 * minute;
const logins = 80;
const alerts = 1_000;
/** What a modem takes for a message. */
const submitMs = { promptMs: 500, outcomeMs: 3_000 };
const oneMessageMs = submitMs.promptMs + submitMs.outcomeMs;
/** As many as the logins and the share of the alerts. */
const limit = 100;
const share = 0.2;

interface Played {
  /** Milliseconds to the answer of each login, in order. */
  latenciesMs: number[];
  loginCodes: string[];
  alertCodes: string[];
}

/** @param alertAt milliseconds at which the `number`th alert comes */
async function morning(alertAt: ((number: number) => number) | undefined): Promise<Played> {
  const random = seededRandom(11);
  const modem = new ScriptedModem('main', [{ kind: 'accept', ...submitMs }], new Journal());
  const { send } = rig(
    [modem],
    { maxWaiting: 50, maxWaitingAlerts: 10 },
    {
      policy: { total: `${limit} in 1 h`, per_country: `${limit} in 1 h`, alert_share: share },
      caps: { perDay: limit, recipientsPerMonth: limit },
    },
  );
  const asked: { caller: Caller; sentAt: number }[] = [];
  const alerted: Caller[] = [];
  for (let number = 0; number < logins; number += 1) {
    setTimeout(() => {
      const sentAt = performance.now();
      const recipient = `+49151${String(10_000_000 + number * 10_007)}`;
      asked.push({ caller: send(`login${number} is your code`, { recipient }), sentAt });
    }, random.below(spanMs));
  }
  for (let number = 0; alertAt !== undefined && number < alerts; number += 1) {
    const message = {
      caller: 'monitoring',
      isAlert: true,
      messageType: `group ${number}`,
      recipient: `+49170000000${number % 2}`,
    };
    const ask = () => alerted.push(send(`alert${number} is firing`, message));
    setTimeout(ask, alertAt(number));
  }
  await pass(spanMs + minute);
  return {
    latenciesMs: asked.map(({ caller, sentAt }) => caller.answeredAt! - sentAt),
    loginCodes: asked.map(({ caller }) => caller.code),
    alertCodes: alerted.map(({ code }) => code),
  };
}

it('a morning of logins leaves the alerts their share of a cap, and what is for the SIM itself goes beside both', async () => {
  const modem = new ScriptedModem('main', [{ kind: 'accept', ...submitMs }], new Journal());
  const { send } = rig(
    [modem],
    { maxWaiting: 50, maxWaitingAlerts: 10 },
    { policy: { total: 'off', alert_share: share }, caps: { perMonth: limit } },
  );
  let number = 0;
  const sendOne = async (more: object) => {
    number += 1;
    const caller = send(`text ${number}`, { recipient: `+49151${10_000_000 + number}`, ...more });
    await pass(oneMessageMs + 100);
    return caller;
  };
  const alert = { caller: 'simgate alerts', isAlert: true };
  const own = { caller: 'simgate credit', isAlert: true, isOwn: true, modems: ['main'] };
  for (let count = 0; count < 60; count += 1) expect((await sendOne({})).code).toBe('sent');
  // Three times the alerts' share is used, and not by them.
  const alerts: Caller[] = [];
  for (let count = 0; count < 25; count += 1) alerts.push(await sendOne(alert));
  expect(alerts.map(({ code }) => code)).toEqual([
    ...Array<string>(20).fill('sent'),
    ...Array<string>(5).fill('sim_cap_reached'),
  ]);
  expect(alerts.at(-1)?.error?.detail).toContain('policy.alert_share of per_month');
  expect((await sendOne(own)).code).toBe('sent');
  for (let count = 0; count < 19; count += 1) expect((await sendOne({})).code).toBe('sent');
  // The contract's own cap is everybody's.
  for (const more of [{}, alert, own]) {
    const refused = await sendOne(more);
    expect(refused.error?.detail).toContain('(per_month of this modem');
  }
});

const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(part * values.length) - 1]!;

const storms: [string, (number: number) => number][] = [
  ['all in one instant', () => minute],
  ['one after another all the time', (number) => (number * spanMs) / alerts],
  ['in bursts of a hundred', (number) => Math.floor(number / 100) * 90_000],
];

it.each(storms)('1,000 firing alerts, %s, leave logins as they were', async (_how, alertAt) => {
  const calm = await morning(undefined);
  const storm = await morning(alertAt);
  expect(calm.loginCodes).toEqual(Array<string>(logins).fill('sent'));
  // Every window and cap has the room for each login, and the alerts have had no more than theirs.
  expect(storm.loginCodes).toEqual(calm.loginCodes);
  const sent = storm.alertCodes.filter((code) => code === 'sent');
  expect(storm.alertCodes).toHaveLength(alerts);
  expect(sent.length).toBeGreaterThan(0);
  expect(sent.length).toBeLessThanOrEqual(share * limit);
  expect(new Set(storm.alertCodes)).not.toContain('waiting');
  // A login waits for the one message that is at the modem, never for one that waits.
  for (const [login, latencyMs] of storm.latenciesMs.entries())
    expect(latencyMs - calm.latenciesMs[login]!).toBeLessThanOrEqual(oneMessageMs);
  for (const part of [0.5, 0.95])
    expect(quantile(storm.latenciesMs, part)).toBeLessThanOrEqual(
      1.05 * quantile(calm.latenciesMs, part),
    );
});
