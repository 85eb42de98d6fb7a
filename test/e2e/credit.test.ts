import { afterEach, expect, it } from 'vitest';
import { run as command } from './command.js';
import { lookMs, movedClocks, passUntil } from './moved-rig.js';
import { type LogLine, Rig } from './rig.js';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

const run = async (...args: string[]) => (await command(rig!, ...args)).said;

interface Page {
  modems: { credit?: { amount?: number; valid_until?: string; ok: boolean } }[];
}
const isCredit = ({ event }: LogLine) => event === 'credit';
/** The alert about the credit comes into that state. */
const alertIs =
  (wanted: string) =>
  ({ event, state, kind }: LogLine) =>
    event === 'alert' && state === wanted && kind === 'credit_low';
const page = async () =>
  (await (await fetch(`http://127.0.0.1:${rig!.adminPort}/status.json`)).json()) as Page;

it('asks the carrier by USSD, alerts when it is low, and learns of a payment by simgate ussd', {
  timeout: 120_000,
}, async () => {
  rig = await Rig.start(
    ['--credit', '3.20', '--balance-text', 'Credit {credit} EUR until 31.12.2099'],
    `[modem.credit]\nussd = "*100#"\nlow = 5\nexpression = 'Credit (?<amount>[\\d.]+) EUR until (?<valid>[\\d.]+)'\n`,
    { env: movedClocks() },
  );
  const from = rig.log.length;
  await passUntil(rig, 16_000, isCredit);
  expect((await page()).modems[0]?.credit).toMatchObject({
    amount: 3.2,
    valid_until: '2099-12-31',
    ok: true,
  });
  if (!rig.log.slice(from).some(alertIs('raised'))) await passUntil(rig, lookMs, alertIs('raised'));
  expect(await run('alerts')).toMatch(
    /mild: the credit of main is low.*\n.* has 3\.2 left, and low is 5\n/,
  );
  await rig.modem.control({ credit: 20 });
  expect(await run('ussd', '*100#')).toContain('[modem.credit] reads: 20, valid until 2099-12-31');
  await passUntil(rig, lookMs, alertIs('cleared'));
  const metrics = await (await fetch(`http://127.0.0.1:${rig.adminPort}/metrics`)).text();
  expect(metrics).toContain('simgate_sim_credit{modem="main"} 20');
  const asked = rig.modem
    .record()
    .flatMap((entry) => (entry.kind === 'ussd' ? [entry.request] : []));
  expect(asked).toEqual(['*100#', '*100#']);
  // The answer itself is nobody's but who asked for it.
  expect(rig.raw.replace(/"event":"at".*/g, '')).not.toContain('EUR until');
});

it('asks a short number by SMS through its own modem, and reads what comes back', {
  timeout: 60_000,
}, async () => {
  rig = await Rig.start(
    ['--credit', '7.5', '--carrier', '12345'],
    '[modem.credit]\nsms_to = "12345"\nsms_text = "BAL"\n',
    { env: movedClocks() },
  );
  await passUntil(rig, 16_000, isCredit);
  expect((await page()).modems[0]?.credit).toMatchObject({ amount: 7.5 });
  expect(rig.texts()).toEqual(['BAL']);
  expect(await rig.post({})).toMatchObject({ status: 200 });
});
