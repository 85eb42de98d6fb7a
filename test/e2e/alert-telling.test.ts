/**
 * How the operator is told, as the whole daemon does it: in quiet hours, of what has no end, by
 * receivers that are dead, and while codes go out. Hours pass by moved clocks.
 */

import { afterEach, expect, it } from 'vitest';
import { VirtualModem } from '../faults/virtual-modem.js';
import { run } from './command.js';
import {
  calmMs,
  hold,
  inPhase,
  lookMs,
  movedClocks,
  pass,
  reload,
  restart,
  status,
  webhook,
} from './moved-rig.js';
import { type Mood, Receiver } from './receiver.js';
import { Rig } from './rig.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let rig: Rig;
const receivers: Receiver[] = [];
afterEach(async () => {
  for (const one of receivers.splice(0)) one.stop();
  await rig.stop();
});
const receiver = (mood: Mood = 'well') => {
  const one = new Receiver();
  one.mood = mood;
  receivers.push(one);
  return one;
};

const start = async (config: string, flags: string[] = []) => {
  rig = await Rig.start(flags, config, { env: movedClocks() });
};

let sent = 0;
/** To somebody who was not written to before. */
const send = () => {
  sent += 1;
  return rig.post({ recipient: `+491512${String(1_000_000 + sent)}` });
};

const unplug = async () => {
  const gone = inPhase(rig, 'lost');
  await rig.modem.control({ hangup: true, reattach_ms: 500_000 });
  await gone;
};
const plugIn = async () => {
  const ready = inPhase(rig, 'ready');
  await rig.modem.stop();
  rig.modem = await VirtualModem.start(rig.folder, 'modem', []);
  // Time that leaps would end the dialogue with it.
  await ready;
};
const calm = async () => {
  await pass(rig, lookMs);
  await pass(rig, calmMs);
  await pass(rig, lookMs);
};

/** `HH:MM` of so many minutes from now, UTC. */
const timeOfDay = (inMinutes: number) =>
  new Date(Date.now() + inMinutes * minuteMs).toISOString().slice(11, 16);

it('in quiet hours only the severe are told, and the mild that are still so when they end', {
  timeout: 120_000,
}, async () => {
  const phone = receiver();
  const url = await phone.start();
  const quiet = `quiet_hours = "${timeOfDay(-60)}-${timeOfDay(120)}"`;
  await start(`per_day = 5\n[alerts]\n${quiet}\n${webhook(url)}`);
  for (let n = 0; n < 4; n += 1) await send();
  await rig.modem.control({ fault: 'cms:50', submits: 3 });
  for (let n = 0; n < 3; n += 1) await send();
  await phone.until(() => phone.was('raised', 'sim_suspect'));
  await hold(rig, 0);
  expect(phone.told.map(({ kind }) => kind)).toEqual(['sim_suspect']);
  const open = (await status(rig)).alerts.open.map(({ kind }) => kind);
  expect(open).toContain('nearly_full');
  expect(await run(rig, 'alerts')).toMatchObject({
    said: expect.stringContaining('(told after the quiet hours)') as string,
  });
  // A restart forgets none of it.
  await restart(rig, 'ready');
  await hold(rig, 0);
  await pass(rig, 3 * hourMs);
  await phone.until(() => phone.was('raised', 'nearly_full'));
  expect(phone.of('nearly_full')).toHaveLength(1);
});

it('what is mild and over before the quiet hours are is told to nobody', {
  timeout: 120_000,
}, async () => {
  const phone = receiver();
  const url = await phone.start();
  const quiet = `quiet_hours = "${timeOfDay(-60)}-${timeOfDay(120)}"`;
  const limits =
    '[policy]\ncountries = ["DE"]\nper_recipient = "off"\nper_block = "off"\nper_client_ip = "off"\nper_country = "5 in 10 min"\ntotal = "off"\n';
  await start(`${limits}[alerts]\n${quiet}\n${webhook(url)}`);
  for (let n = 0; n < 4; n += 1) await send();
  await hold(rig, 0);
  expect((await status(rig)).alerts.open.map(({ kind }) => kind)).toEqual(['nearly_full']);
  await pass(rig, 11 * minuteMs);
  await calm();
  expect((await status(rig)).alerts.open).toEqual([]);
  await pass(rig, 3 * hourMs);
  await hold(rig, 0);
  expect(phone.told).toEqual([]);
});

it("a carrier's message is told once a day, has no end, and its words go nowhere", {
  timeout: 120_000,
}, async () => {
  const phone = receiver();
  const url = await phone.start();
  await start(
    `${webhook(url)}[[carrier_message]]\nkind = "credit"\nfrom = ["Carrier"]\nmatch = "balance is (very )?low"\n`,
  );
  const write = async (from: string, text: string) => {
    const came = rig.until(({ event }) => event === 'inbound', rig.log.length);
    await rig.modem.control({ inbound: { from, text } });
    await came;
  };
  await write('+4915100000000', 'Your balance is low');
  await hold(rig, 0);
  expect(phone.told).toEqual([]);
  await write('Carrier', 'Dear customer, your balance is very low: 0815');
  await phone.until(() => phone.was('raised', 'carrier_message'));
  await write('Carrier', 'Again: your balance is low');
  await reload(rig);
  await restart(rig, 'ready');
  await write('Carrier', 'Still: your balance is low');
  await hold(rig, 0);
  await calm();
  expect(phone.told.map(({ state, kind }) => `${state} ${kind}`)).toEqual([
    'raised carrier_message',
  ]);
  expect(phone.told[0]?.title).toContain('the carrier writes: ');
  await pass(rig, 25 * hourMs);
  await calm();
  await write('Carrier', 'Today: your balance is low');
  await phone.until(() => phone.told.length === 2);
  expect(`${rig.raw.replace(/"event":"at".*/g, '')}${JSON.stringify(phone.told)}`).not.toMatch(
    /Dear customer|very low/,
  );
});

it('a dead receiver is shown on the page and told to the others, and gets what it missed when it is back', {
  timeout: 120_000,
}, async () => {
  const [phone, dead] = [receiver(), receiver('refuses')];
  const heart = receiver('refuses');
  const ways = webhook(await phone.start()) + webhook(await dead.start(), 'pager');
  await start(
    `[alerts]\nheartbeat_url = "${await heart.start()}"\nno_modem_ready_s = 10\nquiet_hours = "00:00-00:00"\n${ways}`,
  );
  await pass(rig, minuteMs);
  await heart.until(() => heart.calls > 0);
  await unplug();
  await hold(rig, 10_000);
  await phone.until(() => phone.was('raised', 'no_modem_ready'));
  for (let n = 0; n < 6; n += 1) await pass(rig, 3 * minuteMs);
  await phone.until(() => phone.was('raised', 'receiver_dead', 'pager'));
  const page = await fetch(`http://127.0.0.1:${rig.adminPort}/`);
  const html = await page.text();
  expect(html).toContain('pager');
  expect(html).toContain('it answers 500');
  const { alerts } = await status(rig);
  expect(alerts.ways.find(({ name }) => name === 'pager')).toMatchObject({
    ok: false,
    why: 'it answers 500 (out of order)',
    waiting: 1,
  });
  await reload(rig);
  await restart(rig, 'opening');
  await hold(rig, 0);
  expect(phone.of('receiver_dead', 'pager').map(({ state }) => state)).toEqual(['raised']);
  dead.mood = 'well';
  heart.mood = 'well';
  await plugIn();
  for (let n = 0; n < 4; n += 1) await pass(rig, 10 * minuteMs);
  await phone.until(() => phone.was('cleared', 'receiver_dead', 'pager'));
  await phone.until(() => phone.was('cleared', 'no_modem_ready'));
  for (const kind of ['no_modem_ready', 'receiver_dead'])
    expect(
      phone.of(kind, kind === 'receiver_dead' ? 'pager' : undefined).map(({ state }) => state),
    ).toEqual(['raised', 'cleared']);
  // What began and ended meanwhile is one thing to tell, and its own death is none.
  await dead.until(() => dead.was('cleared', 'no_modem_ready'));
  expect(dead.of('receiver_dead', 'pager')).toEqual([]);
  expect(dead.of('no_modem_ready').length).toBeLessThanOrEqual(2);
});

it.each<[Mood, RegExp | undefined]>([
  ['hangs', /^it did not answer within 10 s$/],
  ['refuses', /^it answers 500 \(out of order\)$/],
  ['closes', /^it hung up$/],
  ['drips', /^it did not answer within 10 s$/],
  ['slow', undefined],
])(
  'a receiver (%s) delays no code, and is told once when it is well',
  {
    timeout: 120_000,
  },
  async (mood, why) => {
    const phone = receiver(mood);
    await start(webhook(await phone.start()));
    const before = await delays(20);
    await rig.modem.control({ fault: 'cms:50', submits: 3 });
    for (let n = 0; n < 3; n += 1) await send();
    await pass(rig, lookMs);
    await phone.until(() => phone.calls > 0);
    const during = await delays(20);
    expect(during, `${String(during)} ms, before ${String(before)} ms`).toBeLessThan(3 * before);
    if (why !== undefined) {
      await pass(rig, 10_000);
      const [way] = (await status(rig)).alerts.ways;
      expect(way).toMatchObject({ ok: false, why: expect.stringMatching(why) as string });
    }
    phone.mood = 'well';
    await pass(rig, 5_000);
    await phone.until(
      () => phone.was('raised', 'sim_suspect') || phone.was('cleared', 'sim_suspect'),
    );
    // A call that time runs away from would be given up, and made again.
    while ((await status(rig)).alerts.ways[0]?.waiting !== 0) await pass(rig, 0);
    await calm();
    await phone.until(() => phone.was('cleared', 'sim_suspect'));
    const states = phone.told.map(({ state }) => state);
    expect(states.filter((state) => state === 'cleared')).toHaveLength(1);
    expect(states.filter((state) => state === 'raised').length).toBeLessThanOrEqual(1);
    expect((await status(rig)).alerts.ways[0]).toMatchObject({ ok: true, waiting: 0 });
  },
);

/** The median of so many messages, in milliseconds from the call to the network's taking it. */
async function delays(count: number): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const calledAt = process.hrtime.bigint();
    expect(await send()).toMatchObject({ status: 200 });
    const last = rig.modem.record().findLast(({ kind }) => kind === 'accepted');
    took.push(Number(BigInt(last!.at_ns) - calledAt) / 1e6);
  }
  return took.sort((a, b) => a - b)[count >> 1]!;
}

it('an alert by SMS waits behind the logins, is told once over a reload and a stop, and has its own budget', {
  timeout: 120_000,
}, async () => {
  const operator = '+4915112345678';
  await start(`[alerts.sms]\nto = ["${operator}"]\nper_day = 2\n`, ['--submit-latency', '400']);
  const from = rig.log.length;
  const logins = Array.from({ length: 5 }, () => send());
  await rig.until(({ event }) => event === 'at', from);
  const tested = run(rig, 'alerts', 'test');
  expect((await Promise.all(logins)).map(({ status }) => status)).toEqual([
    200, 200, 200, 200, 200,
  ]);
  expect((await tested).code).toBe(0);
  const alertsSent = () =>
    rig.modem.record().flatMap((entry) =>
      // The first segment of each.
      entry.kind === 'accepted' &&
      entry.recipient === operator &&
      (entry.concat_sequence ?? 1) === 1
        ? [entry.text ?? '']
        : [],
    );
  expect(rig.texts().at(-1)).toMatch(/^simgate .*a test of the alerts/);
  expect(alertsSent()).toHaveLength(1);
  // The alert is in the modem while the file is read anew, and while the daemon ends.
  await rig.modem.control({ fault: 'cms:50', submits: 3 });
  for (let n = 0; n < 3; n += 1) await send();
  const submits = () => rig.modem.record().filter(({ kind }) => kind === 'ctrl_z').length;
  const before = submits();
  await pass(rig, lookMs);
  while (submits() === before) await pass(rig, 0);
  await reload(rig);
  await restart(rig, 'ready');
  await hold(rig, 0);
  expect(alertsSent()).toHaveLength(2);
  expect(alertsSent()[1]).toContain('the SIM of main is suspect');
  // Its budget is used up; a login goes out all the same.
  expect((await run(rig, 'alerts', 'test')).said).toMatch(
    /NOT told: .* was not sent: rate_limited/,
  );
  expect(await send()).toMatchObject({ status: 200 });
  expect(alertsSent()).toHaveLength(2);
});

it('that as many wait as may is told once it lasts, with the time of the clock on the wall', {
  timeout: 180_000,
}, async () => {
  const phone = receiver();
  const table = '[message]\nmax_waiting = 1\ndeadline_s = 150\n';
  await start(`submit_timeout_s = 120\n${table}${webhook(await phone.start())}`);
  await rig.modem.control({ fault: 'late:50000' });
  const codes = [send(), send()];
  await phone.until(() => phone.was('raised', 'full', 'the waiting list'));
  const { open } = (await status(rig)).alerts;
  expect(open.map(({ kind, what }) => [kind, what])).toEqual([
    ['full', expect.stringMatching(/^1 message waits, and no more may/)],
  ]);
  expect(await send()).toMatchObject({ status: 503 });
  for (const code of codes) expect(await code).toMatchObject({ status: 200 });
  await calm();
  await phone.until(() => phone.was('cleared', 'full', 'the waiting list'));
  expect(phone.told.map(({ kind, state }) => [kind, state])).toEqual([
    ['full', 'raised'],
    ['full', 'cleared'],
  ]);
});
