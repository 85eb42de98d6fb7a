import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SendError } from '../../src/errors.js';
import type { InFlightState } from '../../src/modem/in-flight-record.js';
import type { InboundEvent } from '../../src/modem/inbound-event.js';
import type { InboundKeeper, StoredSms } from '../../src/modem/storage.js';
import type { ModemOptions } from '../../src/simulator/options.js';
import { parseReportHabits } from '../../src/simulator/report-habits.js';
import { segmentText } from '../../src/sms/segments.js';
import { type Supervised, send, stopAll, supervise, untilReady } from './supervised.js';
import { VirtualDevice } from './virtual-link.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
});

const slots = 20;
const minuteMs = 60_000;

/** A modem of usual speed: three seconds for a message, a twentieth of one for a command. */
const usual: Partial<ModemOptions> = {
  storageSlots: slots,
  submitLatencyMs: 3_000,
  commandLatencyMs: 50,
};

/** Keeps what is read, as the spool does, and what of it was deleted. */
class Kept implements InboundKeeper {
  readonly texts: string[] = [];

  keep({ text }: StoredSms): Promise<boolean> {
    this.texts.push(String(text));
    return Promise.resolve(true);
  }

  async keepOnly(sms: StoredSms): Promise<void> {
    await this.keep(sms);
  }

  deleted(): void {}
}

/** Hands over the next message the moment that the modem is ready, until it is told to stop. */
function sendOn({ supervisor }: Supervised) {
  const ends: (readonly number[] | string)[] = [];
  /** Milliseconds from a message's coming to its Ctrl-Z. */
  const waits: number[] = [];
  let isOver = false;
  const next = (): void => {
    if (isOver || supervisor.snapshot().phase !== 'ready') return;
    const sms = { recipient: '+4915112345678', ...segmentText('code'), validityMs: 300_000 };
    const since = performance.now();
    const control = {
      mayCommit: () => true,
      onCommitted: () => void waits.push(performance.now() - since),
      retryUntil: performance.now() + 25_000,
    };
    void supervisor.submit(sms, control).then(
      ({ references }) => ends.push(references),
      ({ code, causeCode }: SendError) => ends.push(`${code} ${causeCode}`),
    );
  };
  supervisor.onPhase(({ phase }) => {
    if (phase === 'ready') next();
  });
  next();
  return {
    ends,
    waits,
    stop: () => {
      isOver = true;
    },
  };
}

/** What lies in any of its storages. */
const stored = ({ modem }: VirtualDevice): number =>
  [...new Set(modem.stores.values())].reduce((sum, { used }) => sum + used, 0);

async function storm(device: VirtualDevice, perMinute: number, forMs: number): Promise<string[]> {
  const texts: string[] = [];
  for (let atMs = 0; atMs < forMs; atMs += minuteMs / perMinute) {
    const text = `text ${texts.length}`;
    texts.push(text);
    device.network.sendInbound({ from: '+491790000001', text });
    await vi.advanceTimersByTimeAsync(minuteMs / perMinute);
  }
  return texts;
}

/** What it is, and how many texts a minute come in where that is another number than 15. */
const modems: [string, Partial<ModemOptions>, string[], number?][] = [
  ['that tells of what it stores', {}, []],
  ['that tells of nothing', {}, ['no-indications']],
  ['that tells of a full storage only', { vendor: 'huawei' }, ['no-indications']],
  ['with one storage, MT', { storages: ['MT'] }, []],
  ['with SM and ME, and both as MT', { storages: ['SM', 'ME', 'MT', 'SR'] }, []],
  ['that stores in ME', { storages: ['ME', 'SM'] }, []],
  ['that hands everything over as +CMT', {}, ['routes-directly']],
  ['whose answers are broken off for a while', {}, ['broken-off:+CMGR=:20000']],
  ['that refuses to delete for a while', {}, ['refuse:+CMGD=:CMS500:60000']],
  ['whose storages cannot be looked at for a while', {}, ['refuse:+CPMS=:CMS314:60000']],
  ['that is slow', { commandLatencyMs: 300 }, [], 3],
];

describe('with messages back to back, a modem', () => {
  test.each(modems)(
    '%s is emptied, and nothing is lost',
    async (_what, options, troubles, perMinute = 15) => {
      const device = new VirtualDevice({ ...usual, ...options }, troubles);
      const kept = new Kept();
      const events: InboundEvent[] = [];
      const setup = supervise(
        device,
        {},
        { keeper: kept, onInbound: (event) => void events.push(event) },
      );
      await untilReady(setup);
      const sending = sendOn(setup);
      const texts = await storm(device, perMinute, 5 * minuteMs);
      // The last message of the storm has come: the messages go on.
      await vi.advanceTimersByTimeAsync(minuteMs);
      expect(stored(device)).toBe(0);
      expect(device.network.undelivered).toBe(0);
      expect(new Set(kept.texts)).toEqual(new Set(texts));
      expect(kept.texts, 'none was kept twice').toHaveLength(texts.length);
      expect(sending.ends.filter((end) => typeof end === 'string')).toEqual([]);
      sending.stop();
      await vi.advanceTimersByTimeAsync(10_000);
    },
  );

  test('is emptied of reports that come twice for each message', async () => {
    const reportHabits = parseReportHabits('statuses=30-00,spread=3000');
    const device = new VirtualDevice({
      ...usual,
      vendor: 'novatel',
      statusReports: true,
      reportHabits,
    });
    const events: InboundEvent[] = [];
    const tuning = { statusReport: true };
    const setup = supervise(device, tuning, { onInbound: (event) => void events.push(event) });
    await untilReady(setup);
    const sending = sendOn(setup);
    await vi.advanceTimersByTimeAsync(5 * minuteMs);
    sending.stop();
    await vi.advanceTimersByTimeAsync(minuteMs);
    expect(stored(device)).toBe(0);
    expect(events).toHaveLength(2 * sending.ends.length);
    expect(sending.ends.length).toBeGreaterThan(70);
  });

  // In commands; more only for a storage without room for what comes next.
  test.each([
    ['texts', {}, 10, 9],
    ['reports', { vendor: 'novatel', statusReports: true } as const, 0, 9],
    // Two for each message: one in a share, until it is nearly full.
    [
      'twice as many reports',
      {
        vendor: 'novatel',
        statusReports: true,
        reportHabits: parseReportHabits('statuses=30-00,spread=3000'),
      } as const,
      0,
      40,
    ],
    ['texts while its storage is nearly full', { storageSlots: 6 }, 10, 40],
  ])(
    'with stored %s holds a message for no longer than their share',
    async (_what, options, perMinute, most) => {
      const device = new VirtualDevice({ ...usual, ...options });
      const setup = supervise(device, { statusReport: true }, { keeper: new Kept() });
      await untilReady(setup);
      const sending = sendOn(setup);
      if (perMinute > 0) await storm(device, perMinute, 5 * minuteMs);
      else await vi.advanceTimersByTimeAsync(5 * minuteMs);
      sending.stop();
      await vi.advanceTimersByTimeAsync(minuteMs);
      expect(stored(device)).toBe(0);
      // Its own dialogue up to the prompt takes some two commands.
      expect(Math.max(...sending.waits)).toBeLessThanOrEqual((most + 2) * usual.commandLatencyMs!);
    },
  );

  test.each([
    // In two minutes, and what each waits for a line that is never idle.
    ['of empty storages', [], 8, 10],
    // In ten minutes: silence to one keeps a message waiting.
    ['that are not answered', ['mute:+CPMS='], 1, 3],
  ])('has no more looks %s than are due', async (_what, troubles, least, most) => {
    const device = new VirtualDevice(usual, troubles);
    const setup = supervise(device, {}, { keeper: new Kept() });
    await untilReady(setup);
    const sending = sendOn(setup);
    const looks = () => device.commands().filter((command) => command === 'AT+CPMS="SM"').length;
    const before = looks();
    await vi.advanceTimersByTimeAsync(20 * minuteMs);
    expect(looks() - before).toBeGreaterThanOrEqual(least);
    expect(looks() - before).toBeLessThanOrEqual(most);
    sending.stop();
    await vi.advanceTimersByTimeAsync(10_000);
  });

  test('gives what comes in no more than its share of the line', async () => {
    const [quiet, stormy] = [new VirtualDevice(usual), new VirtualDevice(usual)];
    const counts: number[] = [];
    for (const device of [quiet, stormy]) {
      const setup = supervise(device, {}, { keeper: new Kept() });
      await untilReady(setup);
      const sending = sendOn(setup);
      if (device === stormy) await storm(device, 60, 10 * minuteMs);
      else await vi.advanceTimersByTimeAsync(10 * minuteMs);
      counts.push(sending.ends.length);
      sending.stop();
      await vi.advanceTimersByTimeAsync(10_000);
    }
    const [without = 0, withStorm = 0] = counts;
    expect(withStorm / without).toBeGreaterThan(0.75);
  });

  test('is emptied while the result of a message may still come that a killed process had sent', async () => {
    const device = new VirtualDevice({ ...usual, parallel: true }, ['silence:1000@2']);
    const first = supervise(device);
    await untilReady(first);
    await send(first, 'first');
    const cut = send(first, 'second', undefined, 200);
    await vi.advanceTimersByTimeAsync(4_000);
    const left = first.notes.at(-1) as InFlightState;
    expect(left.debts.open).toBe(1);
    await first.supervisor.stop(); // as far as the modem can tell, killed
    await cut;
    const kept = new Kept();
    const next = supervise(device, {}, { keeper: kept }, { ...left, ageMs: 1_000 });
    await untilReady(next);
    for (let n = 0; n < 30; n += 1)
      device.network.sendInbound({ from: '+491790000001', text: `text ${n}` });
    await vi.advanceTimersByTimeAsync(50_000);
    expect(next.notes.at(-1)?.debts.open ?? left.debts.open, 'it is still awaited').toBe(1);
    expect(stored(device)).toBe(0);
    expect(kept.texts).toHaveLength(30);
  });

  test('whose slots have gaps between drafts is emptied of all but those', async () => {
    const device = new VirtualDevice(usual);
    const store = device.modem.stores.get('SM')!;
    const draft = {
      kind: 'submit' as const,
      tpdu: Buffer.from('11000B916407281553F80000AA0AE8329BFD4697D9EC37', 'hex'),
      recipient: '+46708251358',
      text: 'hellohello',
    };
    for (let n = 0; n < slots; n += 1) store.add({ status: 2, message: draft });
    for (let index = 1; index <= slots; index += 3) store.delete(index);
    const kept = new Kept();
    const setup = supervise(device, {}, { keeper: kept });
    await untilReady(setup);
    const sending = sendOn(setup);
    const texts = await storm(device, 15, 3 * minuteMs);
    await vi.advanceTimersByTimeAsync(minuteMs);
    sending.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(new Set(kept.texts)).toEqual(new Set(texts));
    expect(store.used).toBe(13);
  });
});

test('what comes in while a message is on its way to its Ctrl-Z is looked at behind it', async () => {
  const device = new VirtualDevice({
    commandLatencyMs: 400,
    statusReports: true,
    statusReportDelayMs: 200,
  });
  const seen: string[] = [];
  const setup = supervise(
    device,
    { statusReport: true },
    { onInbound: ({ kind }) => void seen.push(kind) },
  );
  await untilReady(setup);
  const submit = (text: string) =>
    setup.supervisor.submit(
      { recipient: '+4915112345678', ...segmentText(text), validityMs: 300_000 },
      {
        mayCommit: () => true,
        onCommitted: () => void seen.push(`Ctrl-Z of ${text}`),
        retryUntil: performance.now() + 25_000,
      },
    );
  const both = submit('one').then(() => submit('two'));
  await vi.advanceTimersByTimeAsync(20_000);
  await both;
  expect(seen).toEqual(['Ctrl-Z of one', 'Ctrl-Z of two', 'status_report', 'status_report']);
});
