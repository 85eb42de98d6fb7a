import { afterEach, expect, it } from 'vitest';
import { run as command } from './command.js';
import { Rig } from './rig.js';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

const run = async (...args: string[]) => (await command(rig!, ...args)).said;

interface Page {
  modems: { credit?: { amount?: number; valid_until?: string; ok: boolean } }[];
}
const page = async () =>
  (await (await fetch(`http://127.0.0.1:${rig!.adminPort}/status.json`)).json()) as Page;

it('asks the carrier by USSD, alerts when it is low, and learns of a payment by simgate ussd', {
  timeout: 120_000,
}, async () => {
  rig = await Rig.start(
    ['--credit', '3.20', '--balance-text', 'Credit {credit} EUR until 31.12.2099'],
    `[modem.credit]\nussd = "*100#"\nlow = 5\nexpression = 'Credit (?<amount>[\\d.]+) EUR until (?<valid>[\\d.]+)'\n`,
  );
  await rig.until((line) => line.event === 'credit');
  expect((await page()).modems[0]?.credit).toMatchObject({
    amount: 3.2,
    valid_until: '2099-12-31',
    ok: true,
  });
  await rig.until(
    ({ event, state, kind }) => event === 'alert' && state === 'raised' && kind === 'credit_low',
  );
  expect(await run('alerts')).toMatch(
    /mild: the credit of main is low.*\n.* has 3\.2 left, and low is 5\n/,
  );
  await rig.modem.control({ credit: 20 });
  expect(await run('ussd', '*100#')).toContain('[modem.credit] reads: 20, valid until 2099-12-31');
  await rig.until(
    ({ event, state, kind }) => event === 'alert' && state === 'cleared' && kind === 'credit_low',
  );
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
  );
  await rig.until((line) => line.event === 'credit');
  expect((await page()).modems[0]?.credit).toMatchObject({ amount: 7.5 });
  expect(rig.texts()).toEqual(['BAL']);
  expect(await rig.post({})).toMatchObject({ status: 200 });
});
