/** What carriers say of a SIM's credit, and that a SIM stays alive. Days pass by moved clocks. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { run } from './command.js';
import {
  hold,
  lastingToken,
  movedClocks,
  pass,
  passUntil,
  reload,
  restart,
  status,
} from './moved-rig.js';
import { Rig, secret } from './rig.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

let rig: Rig;
afterEach(() => rig.stop());

const start = async (config: string, flags: string[] = []) => {
  rig = await Rig.start(flags, config, { env: movedClocks() });
  rig.token = await lastingToken();
};

const page = async () => (await (await fetch(`http://127.0.0.1:${rig.adminPort}/`)).text()) ?? '';
const metrics = async () => (await fetch(`http://127.0.0.1:${rig.adminPort}/metrics`)).text();
const credit = async () => (await status(rig)).modems[0]?.credit;
const isCredit = ({ event }: Record<string, unknown>) => event === 'credit';

const ucs2 = (text: string) => Buffer.from(text, 'utf16le').swap16().toString('hex').toUpperCase();
/** 3GPP TS 23.038 6.1.2.1, of characters that are the same in ASCII. */
function packed(text: string): string {
  let [bits, count] = [0, 0];
  const octets: number[] = [];
  for (const septet of Buffer.from(text)) {
    bits |= septet << count;
    count += 7;
    for (; count >= 8; count -= 8, bits >>= 8) octets.push(bits & 0xff);
  }
  if (count > 0) octets.push(bits & 0xff);
  return Buffer.from(octets).toString('hex').toUpperCase();
}

const plain = (text: string) => `0,"${text}",15`;

it('reads what carriers say, and keeps the last value, with its age, while one says nothing', {
  timeout: 120_000,
}, async () => {
  await start(
    `[modem.credit]\nussd = "*100#"\nexpression = '(?:bonus|Rs\\.|Guthaben:?|Balance:?) ?(?<amount>[−-]?[\\d.,]+)(?:.*(?:bis|until) (?<valid>[\\d.]+))?'\n`,
  );
  const asks = async (answer: string) => {
    await rig.modem.control({ ussd_answer: answer });
    await passUntil(rig, dayMs, isCredit);
    return credit();
  };
  expect(
    await asks(`2,"${ucs2('Ihr Guthaben: 1.234,56 €, gültig bis 31.12.2099')}",72`),
  ).toMatchObject({ amount: 1234.56, valid_until: '2099-12-31', ok: true });
  expect(await asks(plain('Rs. 12 left'))).toMatchObject({ amount: 12 });
  expect(await asks(plain('Balance: -3,20 EUR'))).toMatchObject({ amount: -3.2 });
  expect(await asks(plain('Main 5.00 EUR, bonus 12.00 EUR'))).toMatchObject({ amount: 12 });
  expect(await asks(`1,"Balance: 7.50\r\n1 Top up",15`)).toMatchObject({ amount: 7.5 });
  const before = await credit();
  const answeredAt = Date.parse(String(before?.answered_at));
  for (const [answer, why] of [
    ['2', 'the network ended the session'],
    ['4', 'the network does not support this code'],
    ['5', 'the network gave up waiting'],
    [plain('Service not available'), 'the expression finds no amount in the answer'],
  ] as const)
    expect(await asks(answer)).toEqual({ ...before, ok: false, why });
  // It never answers: the session is ended, and a code goes out meanwhile.
  await rig.modem.control({ ussd_answer: '' });
  await pass(rig, 20 * hourMs);
  expect(await rig.post({})).toMatchObject({ status: 200 });
  await passUntil(rig, 31_000, isCredit);
  expect(await credit()).toMatchObject({
    amount: 7.5,
    why: 'the network did not answer within 30 s',
  });
  const day = new Date(answeredAt).toISOString().slice(0, 16).replace('T', ' ');
  expect(await page()).toContain(`7.5, as of ${day} UTC, asked since in vain: the network did not`);
  const shown = await metrics();
  expect(shown).toContain('simgate_sim_credit{modem="main"} 7.5');
  const stamp = /simgate_sim_credit_answered_seconds\{modem="main"\} ([\d.]+)/.exec(shown)?.[1];
  expect(Math.round(Number(stamp))).toBe(Math.round(answeredAt / 1000));
  // Of the answers nothing is kept.
  const kept = readFileSync(join(rig.folder, 'state', 'credit.json'), 'utf8');
  expect(`${kept}${rig.raw.replace(/"event":"at".*/g, '')}`).not.toMatch(
    /Top up|not available|bonus/,
  );
});

it('reads packed septets, as a Huawei stick gives them', { timeout: 60_000 }, async () => {
  await start('[modem.credit]\nussd = "*100#"\n', ['--vendor', 'huawei']);
  await rig.modem.control({ ussd_answer: `0,"${packed('Balance: 12.50 EUR')}",15` });
  await passUntil(rig, 16_000, isCredit);
  expect(await credit()).toMatchObject({ amount: 12.5, ok: true });
});

it('takes the answer by SMS from who was asked alone, foreign as it is spelt', {
  timeout: 60_000,
}, async () => {
  await start('[modem.credit]\nsms_to = "12345"\nsms_text = "BAL"\n', [
    '--carrier',
    '12345',
    '--balance-text',
    'Ihr Guthaben: 1.234,56 €',
  ]);
  await rig.modem.control({ inbound: { from: '+4915100000000', text: 'Guthaben: 99,00 €' } });
  await passUntil(rig, 16_000, isCredit);
  expect(await credit()).toMatchObject({ amount: 1234.56 });
});

const keepAlive = (more = '', after = 30) =>
  `${more}[modem.credit]\nkeep_alive_to = "+4915112345678"\nkeep_alive_days = ${after}\nkeep_alive_text = "alive"\n`;
const alive = () => rig.texts().filter((text) => text === 'alive').length;
const isKept = ({ event }: Record<string, unknown>) => event === 'keep_alive';
/** Days in steps that a look follows. */
const days = async (count: number) => {
  for (let n = 0; n < count; n += 5) await pass(rig, Math.min(5, count - n) * dayMs);
  await hold(rig, 16_000);
};

it('keeps a SIM alive so many days after its last message: once, whatever restarts there are', {
  timeout: 120_000,
}, async () => {
  await start(keepAlive());
  await pass(rig, 16_000);
  await days(20);
  // A login is a use, too.
  expect(await rig.post({})).toMatchObject({ status: 200 });
  await restart(rig, 'ready');
  await days(29);
  expect(alive()).toBe(0);
  await restart(rig, 'ready', 'SIGKILL');
  await passUntil(rig, dayMs, isKept);
  expect(alive()).toBe(1);
  await restart(rig, 'ready', 'SIGKILL');
  await days(1);
  await restart(rig, 'ready');
  await days(27);
  expect(alive()).toBe(1);
  const rows = (await run(rig, 'log', '--json')).said.trim().split('\n');
  const own = rows.map((row) => JSON.parse(row) as object);
  expect(own).toContainEqual(
    expect.objectContaining({ caller: 'simgate credit', recipient: '+49…78', modem: 'main' }),
  );
  await days(3);
  expect(alive()).toBe(2);
});

it('a daemon that is killed while it keeps a SIM alive does not do so at each start', {
  timeout: 120_000,
}, async () => {
  await start(keepAlive(), ['--submit-latency', '1500']);
  await pass(rig, 16_000);
  await pass(rig, 31 * dayMs);
  const begun = () => rig.modem.record().filter(({ kind }) => kind === 'ctrl_z').length;
  while (begun() === 0) await pass(rig, 1_000);
  for (let n = 0; n < 3; n += 1) {
    await restart(rig, 'ready', 'SIGKILL');
    for (let look = 0; look < 3; look += 1) await pass(rig, 16_000);
  }
  expect(begun()).toBe(1);
});

it('never while a message waits or is sent; it counts towards the caps', {
  timeout: 120_000,
}, async () => {
  await start(`${keepAlive('per_day = 9\n')}[message]\ndeadline_s = 60\n`, [
    '--submit-latency',
    '1500',
  ]);
  await pass(rig, 16_000);
  await pass(rig, 30 * dayMs - 10_000);
  // What the network refuses is no use of the SIM: it stays due.
  await rig.modem.control({ fault: 'cms:50', submits: 3 });
  const writing = rig.until(
    ({ event, message }) => event === 'at' && String(message).includes('AT+CMGS'),
    rig.log.length,
  );
  const logins = [0, 1, 2].map((n) => rig.post({ recipient: `+4915112345${600 + n}` }));
  await writing;
  await pass(rig, 16_000);
  await Promise.all(logins);
  const taken = () => rig.modem.record().filter(({ kind }) => kind === 'accepted').length;
  expect(taken()).toBe(0);
  await passUntil(rig, 16_000, isKept);
  expect(taken()).toBe(1);
  expect(alive()).toBe(1);
  expect(await metrics()).toContain('simgate_sim_cap_used{modem="main",cap="per_day"} 1');
});

it('alerts that have filled their share of every limit keep no SIM from being kept alive', {
  timeout: 120_000,
}, async () => {
  const limits =
    '[policy]\ncountries = ["DE"]\nper_recipient = "off"\ntotal = "5 in 24 h"\nper_country = "5 in 24 h"\nalert_share = 0.2\n';
  await start(
    `${keepAlive('per_month = 20\n')}${limits}[[caller]]\nname = "monitoring"\nkind = "bearer"\nclass = "alert"\nsecret_file = "secret"\npath = "/alerts"\n`,
  );
  await pass(rig, 16_000);
  await pass(rig, 30 * dayMs - 10_000);
  const alert = async () => {
    const response = await fetch(`http://127.0.0.1:${rig.port}/alerts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ recipient: '+4915112345600', body: 'disk full' }),
    });
    return response.status;
  };
  await rig.modem.control({ fault: 'cms:38', submits: 1 });
  expect(await alert()).toBe(502);
  expect(await alert(), 'what the network refused counts, and no more may go').toBe(429);
  await passUntil(rig, 60_000, isKept);
  expect(rig.log.findLast(isKept)?.message).toMatch(/was kept alive/);
  expect(alive()).toBe(1);
  // It has taken nothing from anybody.
  for (let count = 0; count < 4; count += 1)
    expect(await rig.post({ recipient: `+4915112345${601 + count}` })).toMatchObject({
      status: 200,
    });
});

it('what the cap refuses is told, and tried again six hours later', {
  timeout: 60_000,
}, async () => {
  await start(keepAlive('per_month = 1\n', 5));
  expect(await rig.post({})).toMatchObject({ status: 200 });
  await pass(rig, 16_000);
  await passUntil(rig, 5 * dayMs, isKept);
  expect(rig.log.findLast(isKept)?.message).toMatch(
    /could not be kept alive: .*per_month.*It is tried again/,
  );
  const text = readFileSync(rig.configFile, 'utf8');
  writeFileSync(rig.configFile, text.replace('per_month = 1\n', 'per_month = 500\n'));
  await reload(rig);
  await pass(rig, 5 * hourMs);
  expect(alive()).toBe(0);
  await passUntil(rig, hourMs, isKept);
  expect(rig.log.findLast(isKept)?.message).toMatch(/was kept alive/);
  expect(alive()).toBe(1);
});
