import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HabitMemory } from '../../src/modem/habits.js';
import type { InFlightState, LeftInFlightState } from '../../src/modem/in-flight-record.js';
import { InFlightSubmits } from '../../src/modem/in-flight-submits.js';
import { parseFault } from '../../src/simulator/fault-planner.js';
import { parseTrouble } from '../../src/simulator/troubles.js';
import { noFile, type Supervised, send, stopAll, supervise, untilReady } from './supervised.js';
import { VirtualDevice } from './virtual-link.js';

const unknown = 'outcome_unknown undefined';
const oneReference = [expect.any(Number)];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
});

const texts = (device: VirtualDevice) => device.accepted().map(({ text }) => text);

/** As in {@link send}, whatever time it takes. */
async function sent(setup: Supervised, text: string, recipient?: string) {
  let result: Awaited<ReturnType<typeof send>> | undefined;
  const ended = send(setup, text, recipient, 0).then((end) => {
    result = end;
  });
  for (let second = 0; second < 400 && result === undefined; second += 1)
    await vi.advanceTimersByTimeAsync(1_000);
  await ended;
  return result;
}

function begin(device: VirtualDevice, trouble: string): void {
  device.modem.troubles.begin(parseTrouble(trouble));
}

describe('what a send depends on', () => {
  test.each(['text-mode', 'silent-restart'])(
    'is set with the message, whatever happened behind our back: %s',
    async (trouble) => {
      const device = new VirtualDevice({ echo: false });
      const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
      await untilReady(setup);
      begin(device, trouble);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(device.modem.settings.cmgf).toBe(1);
      expect(await sent(setup, 'code 1')).toEqual(oneReference);
      expect(texts(device)).toEqual(['code 1']);
    },
  );

  test('is asked for once before a message, and not in a burst', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(setup);
    await vi.advanceTimersByTimeAsync(5_000);
    const before = device.commands().length;
    for (const text of ['code 1', 'code 2', 'code 3']) await send(setup, text, undefined, 300);
    expect(device.commands().slice(before)).toEqual([
      'AT+CMGF=0',
      'AT+CMGS=21',
      'AT+CMGS=21',
      'AT+CMGS=21',
    ]);
  });

  test('is not believed of a modem that says OK to PDU mode behind words that mean nothing', async () => {
    const device = new VirtualDevice({ echo: false });
    const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(setup);
    device.modem.settings.cmgf = 1;
    begin(device, 'babble:+CMGF:20000');
    await vi.advanceTimersByTimeAsync(5_000);
    const first = await sent(setup, 'code 1');
    expect(first).not.toEqual(oneReference);
    expect(texts(device)).toEqual([]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await sent(setup, 'code 2')).toEqual(oneReference);
    expect(texts(device)).toEqual(['code 2']);
  });

  test('is set anew after an error, however short ago that was', async () => {
    const device = new VirtualDevice({ echo: false });
    const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(setup);
    device.faults.queue(parseFault('cms:42'), 1);
    let result: unknown;
    void send(setup, 'code 1', undefined, 0).then((end) => {
      result = end;
    });
    while (device.commands().at(-1) !== 'AT+CMGS=21') await vi.advanceTimersByTimeAsync(10);
    // It was refused by now, and is tried again in a moment: sooner than in a second.
    await vi.advanceTimersByTimeAsync(250);
    expect(device.commands().filter((command) => command.startsWith('AT+CMGS='))).toHaveLength(1);
    device.modem.settings.cmgf = 1;
    await vi.advanceTimersByTimeAsync(700);
    expect(result).toEqual(oneReference);
    expect(texts(device)).toEqual(['code 1']);
  });

  test('is looked at by the idle probe where no echo would tell', async () => {
    const device = new VirtualDevice({ echo: false });
    const setup = supervise(device, {}, { idleProbeMs: 10_000 });
    await untilReady(setup);
    begin(device, 'silent-restart');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(setup.phases.slice(4)).toEqual(['probing', 'registering', 'ready']);
    expect(device.modem.settings.cmgf).toBe(0);
  });

  test('a restart that echoes has the modem initialised anew before the message goes', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(setup);
    device.modem.powerOff();
    device.modem.powerOn('long-ago');
    device.modem.settings.cmgf = 1;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await sent(setup, 'code 1')).toEqual(oneReference);
    expect(device.modem.settings.cnmi[0], 'inbound messages are routed again').toBe(2);
  });

  test('costs no more than three seconds on a UART that sleeps and loses the first octets', async () => {
    const device = new VirtualDevice({ uartSleepMs: 5_000 });
    const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(setup);
    await vi.advanceTimersByTimeAsync(60_000);
    const before = performance.now();
    const result = send(setup, 'x'.repeat(300), undefined, 3_000);
    expect(await result).toHaveLength(2);
    expect(performance.now() - before).toBeLessThanOrEqual(3_000);
    expect(setup.phases.slice(4)).toEqual(['sending', 'ready']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(
      await send(setup, 'once that is known', undefined, 200),
      'it is stirred first',
    ).toHaveLength(1);
  });
});

test('an idle probe of a UART that sleeps is no loss, and mutes nothing', async () => {
  const device = new VirtualDevice({ uartSleepMs: 5_000 });
  const setup = supervise(device, {}, { idleProbeMs: 30_000 });
  await untilReady(setup);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(setup.phases.slice(4)).toEqual([]);
  const from = device.commands().length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(
    device
      .commands()
      .slice(from)
      .filter((line) => line === 'AT+CREG?'),
  ).toHaveLength(2);
});

test('a refusal that only text mode gives has PDU mode set, and the message sent', async () => {
  const device = new VirtualDevice();
  const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
  await untilReady(setup);
  await send(setup, 'code 1', undefined, 100);
  device.modem.settings.cmgf = 1; // within the second for which the daemon trusts what it set
  const segment = 'x'.repeat(160); // as hexadecimal too long for a text
  expect(await sent(setup, segment)).toEqual(oneReference);
  expect(texts(device)).toEqual(['code 1', segment]);
});

describe('a result that comes late', () => {
  test('by 100 s and more never answers the next message, which the network refused', async () => {
    const device = new VirtualDevice({ parallel: true }, ['late:100000@3', 'cms-late:21:50000@4']);
    const setup = supervise(device);
    await untilReady(setup);
    for (const text of ['first', 'second']) expect(await sent(setup, text)).toEqual(oneReference);
    expect(await sent(setup, 'third')).toBe(unknown);
    expect(await sent(setup, 'fourth')).toBe(unknown);
    expect(await sent(setup, 'fifth')).toEqual(oneReference);
    expect(texts(device)).toEqual(['first', 'second', 'third', 'fifth']);
  });

  test('behind the running message’s own tells that both were accepted, and names the right one', async () => {
    const device = new VirtualDevice({ parallel: true }, ['late:65000@1']);
    // Its term is over too soon for a restart to be worth it.
    const setup = supervise(device, { submitTimeoutMs: 85_000 });
    await untilReady(setup);
    expect(await sent(setup, 'first')).toBe(unknown);
    expect(await sent(setup, 'second')).toEqual([device.accepted()[1]?.mr]);
  });

  test('by longer than any term is doubted where references count, until one proves itself', async () => {
    const faults = ['late:200000@3', 'cms-late:21:12000@4'];
    const device = new VirtualDevice({ parallel: true, references: 'submits' }, faults);
    const setup = supervise(device);
    await untilReady(setup);
    for (const text of ['first', 'second']) expect(await sent(setup, text)).toEqual(oneReference);
    expect(await sent(setup, 'third')).toBe(unknown);
    await vi.advanceTimersByTimeAsync(130_000);
    expect(await sent(setup, 'fourth'), 'the third’s came in its flight').toBe(unknown);
    expect(await sent(setup, 'fifth')).toEqual(oneReference);
  });

  test('that is an error is not the running message’s, however many were proven since', async () => {
    const device = new VirtualDevice({ parallel: true, references: 'submits' }, [
      'cms-late:350:100000@3',
    ]);
    const setup = supervise(device);
    await untilReady(setup);
    for (const text of ['first', 'second']) await sent(setup, text);
    expect(await sent(setup, 'third')).toBe(unknown);
    for (let count = 0; count < 8; count += 1)
      expect(await sent(setup, `code ${count}`)).toEqual(oneReference);
    device.faults.queue(parseFault('late:60000'), 1);
    expect(await sent(setup, 'meets the error'), 'its own reference proves it').toEqual(
      oneReference,
    );
    expect(await sent(setup, 'the next')).toEqual(oneReference);
    expect(texts(device)).toHaveLength(12);
  });

  test('never: a modem whose references say nothing is restarted, ten minutes later again; meanwhile its term counts', async () => {
    const device = new VirtualDevice({ parallel: true, references: 'constant' });
    const setup = supervise(device);
    await untilReady(setup);
    for (const text of ['first', 'second']) await sent(setup, text);
    const five = async (): Promise<unknown[]> => {
      device.faults.queue(parseFault('silence:100'), 1);
      const results: unknown[] = [];
      for (let count = 0; count < 5; count += 1) {
        results.push(await sent(setup, `code ${count}`));
        await vi.advanceTimersByTimeAsync(5_000);
        await untilReady(setup);
      }
      return results;
    };
    const [unclear, sure] = [[unknown], Array<unknown>(4).fill(oneReference)];
    expect(await five()).toEqual([...unclear, ...sure]);
    expect(await five(), 'restarted a minute ago').toEqual([unknown, ...unclear, ...sure.slice(1)]);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(await five()).toEqual([...unclear, ...sure]);
    expect(device.commands().filter((line) => line === 'AT+CFUN=1,1')).toHaveLength(2);
  });

  test('never, of the first message of all: the modem is restarted, and the next one counts', async () => {
    for (const fault of ['cmgs-missing', 'silence-lost:8000', 'busy-lost:CME515:8000']) {
      const device = new VirtualDevice({}, [`${fault}@1`]);
      const setup = supervise(device);
      await untilReady(setup);
      expect(await sent(setup, 'first'), fault).toBe(unknown);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await sent(setup, 'second'), fault).toEqual(oneReference);
    }
  });

  test('while the next one is in doubt for it: that is waited for until its caller was told, then the modem is restarted', async () => {
    // Its tty is gone for a moment, and with it the result.
    const faults = ['glitch-after-ctrlz:200@3', 'silence:100@3'];
    const device = new VirtualDevice({ parallel: true, references: 'constant' }, faults);
    const setup = supervise(device);
    await untilReady(setup);
    for (const text of ['first', 'second']) await sent(setup, text);
    expect(await sent(setup, 'third')).toBe(unknown);
    await untilReady(setup);
    const startedAt = performance.now();
    expect(await sent(setup, 'fourth')).toBe(unknown);
    expect(performance.now() - startedAt, 'its caller waits for 25 s').toBeLessThan(30_000);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await sent(setup, 'fifth')).toEqual(oneReference);
  });
});

describe('an error that answers a question that was given up', () => {
  test.each([
    ['CMS314', 2_000],
    ['CMS331', 2_000],
    ['CME14', 2_000],
    ['CMS314', 14_000],
    ['CME30', 14_000],
  ])('%s has no message sent twice that takes %i ms', async (code, takesMs) => {
    const device = new VirtualDevice({ parallel: true, submitLatencyMs: takesMs });
    const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(setup);
    await vi.advanceTimersByTimeAsync(5_000);
    begin(device, `refuse-late:+CPMS?:${code}:14000`);
    // As doctor asks: it gives up after 10 s, and the modem is in step again.
    const asked = setup.supervisor
      .inspect((modem) => modem.askOptional('AT+CPMS?', /^\+CPMS:/, 10_000))
      .catch(() => undefined);
    await vi.advanceTimersByTimeAsync(13_000);
    await asked;
    const result = await sent(setup, 'code 1');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(texts(device), String(result)).toEqual(['code 1']);
  });
});

describe('an error that answers the AT probe', () => {
  test.each(['CME515', 'CME14', 'CMS314', 'CMS500', 'ERROR'])(
    '%s leaves the message unknown, unless its result comes all the same',
    async (code) => {
      const device = new VirtualDevice({}, [
        `others-refused:${code}:65000@2`,
        `busy:${code}:65000@3`,
      ]);
      const setup = supervise(device);
      await untilReady(setup);
      for (const text of ['first', 'second']) expect(await sent(setup, text)).toEqual(oneReference);
      expect(await sent(setup, 'third')).toMatch(/^outcome_unknown/);
      await vi.advanceTimersByTimeAsync(20_000);
      await untilReady(setup);
      expect(await sent(setup, 'fourth')).toEqual(oneReference);
      expect(texts(device), 'nothing is sent twice').toEqual([
        'first',
        'second',
        'third',
        'fourth',
      ]);
    },
  );

  test('does not hide the network’s own no', async () => {
    const device = new VirtualDevice({}, ['cms-late:21:65000@1']);
    const setup = supervise(device);
    await untilReady(setup);
    expect(await sent(setup, 'first')).toBe(
      'network_refused CMS 21 (short message transfer rejected)',
    );
  });
});

describe('a message that a killed process had in flight', () => {
  /**
   * Kills the daemon 300 ms after Ctrl-Z; what the next one makes of its first message, and when it
   * was ready.
   */
  async function afterKill(
    fault: string,
    device = new VirtualDevice({ parallel: true }, [`${fault}@3`]),
  ) {
    const notes: InFlightState[] = [];
    const record = { ...noFile, note: (state: InFlightState) => void notes.push(state) };
    const inFlight = (left?: LeftInFlightState) => new InFlightSubmits(record, left);
    const killed = supervise(device, {}, { inFlight: inFlight() });
    await untilReady(killed);
    for (const text of ['first', 'second']) await send(killed, text, undefined, 300);
    const third = send(killed, 'third', undefined, 300);
    await vi.advanceTimersByTimeAsync(0);
    const left = { ...(notes.at(-1) as InFlightState), ageMs: 1_000 };
    await stopAll();
    await third;
    const next = supervise(device, {}, { inFlight: inFlight(left) });
    const startedAt = performance.now();
    await untilReady(next);
    const readyMs = performance.now() - startedAt;
    return { result: await sent(next, 'fourth'), readyMs };
  }

  test.each(['late:2000', 'cms-late:41:2000', 'cms-late:350:2000', 'early-ok:2000'])(
    'is settled before the next one, when its result comes in time: %s',
    async (fault) => {
      const { result, readyMs } = await afterKill(fault);
      expect(result).toEqual(oneReference);
      expect(readyMs).toBeLessThan(4_000);
    },
  );

  test('is waited for no longer than five seconds', async () => {
    const { result, readyMs } = await afterKill('silence:100');
    expect(readyMs).toBeGreaterThanOrEqual(5_000);
    expect(readyMs).toBeLessThan(7_000);
    expect(result, 'its own reference proves the next one').toEqual(oneReference);
  });

  test('that was lost leaves the next one unknown where references prove nothing', async () => {
    const { result } = await afterKill('silence-lost:100');
    expect(result).toBe(unknown);
  });
});

describe('a modem with habits', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'simgate-habits-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const noFault = (error: unknown) => {
    throw error;
  };
  const open = () => HabitMemory.open(folder, noFault);

  test('that says OK first and +CMGS 14 s later is waited for', async () => {
    const device = new VirtualDevice({}, ['early-ok:14000@1']);
    const setup = supervise(device);
    await untilReady(setup);
    expect(await sent(setup, 'code 1')).toEqual(oneReference);
    expect(device.commands().at(-1), 'no octet was said meanwhile').toBe('AT+CMGS=21');
  });

  test('that holds its result back where the PDU came at once gets a pause, across restarts', async () => {
    vi.useRealTimers();
    const memory = await open();
    vi.useFakeTimers();
    const device = new VirtualDevice({}, ['held:400@*']);
    const setup = supervise(device, {}, { habits: memory });
    await untilReady(setup);
    const before = performance.now();
    expect(await sent(setup, 'code 1')).toEqual(oneReference);
    expect(performance.now() - before, 'nothing is asked before').toBeGreaterThanOrEqual(60_000);
    expect(setup.warnings.filter((line) => line.includes('a pause of 200 ms'))).toHaveLength(1);
    expect(await sent(setup, 'code 2')).toEqual(oneReference);
    expect(setup.warnings.filter((line) => line.includes('a pause of 500 ms'))).toHaveLength(1);
    vi.useRealTimers();
    await memory.close();
    const again = await open();
    vi.useFakeTimers();
    await stopAll();
    const next = supervise(device, {}, { habits: again });
    await untilReady(next);
    expect(await send(next, 'code 3', undefined, 2_000)).toEqual(oneReference);
    expect(texts(device)).toEqual(['code 1', 'code 2', 'code 3']);
  });

  test('are not learnt of a modem that answers quickly after one that it did not answer', async () => {
    const device = new VirtualDevice({ parallel: true, references: 'submits' }, ['silence:100@3']);
    const setup = supervise(device, {}, { habits: HabitMemory.forgetful() });
    await untilReady(setup);
    for (const text of ['first', 'second', 'third', 'fourth']) await sent(setup, text);
    expect(setup.warnings.filter((line) => line.includes('a pause'))).toEqual([]);
  });

  test('that no pause helps is asked for its results before the caller has gone', async () => {
    const device = new VirtualDevice({}, ['held:5000@*']);
    const setup = supervise(device, {}, { habits: HabitMemory.forgetful() });
    await untilReady(setup);
    for (let count = 0; count < 4; count += 1)
      expect(await sent(setup, `code ${count}`)).toEqual(oneReference);
    const before = performance.now();
    expect(await sent(setup, 'the fifth')).toEqual(oneReference);
    expect(performance.now() - before).toBeLessThan(20_000);
  });

  test('that never says OK behind +CMGS is believed sooner, across restarts', async () => {
    vi.useRealTimers();
    const memory = await open();
    vi.useFakeTimers();
    const device = new VirtualDevice({}, ['ok-missing@1-3']);
    const setup = supervise(device, {}, { habits: memory });
    await untilReady(setup);
    expect(await send(setup, 'code 1', undefined, 6_000)).toEqual(oneReference);
    expect(setup.warnings, 'an OK can get lost once').toEqual([]);
    expect(await sent(setup, 'code 2')).toEqual(oneReference);
    expect(setup.warnings).toEqual([
      'modem main: it says +CMGS and no OK behind it: the OK is waited for 0.5 s from now on',
    ]);
    vi.useRealTimers();
    await memory.close();
    const again = await open();
    vi.useFakeTimers();
    await stopAll();
    const next = supervise(device, {}, { habits: again });
    await untilReady(next);
    expect(await send(next, 'code 3', undefined, 4_000)).toEqual(oneReference);
    expect(await sent(next, 'its OK is back')).toEqual(oneReference);
    device.faults.queue(parseFault('ok-missing'), 1);
    expect(await sent(next, 'and got lost once')).toEqual(oneReference);
    expect(next.warnings).toEqual([]);
    expect(texts(device)).toHaveLength(5);
    vi.useRealTimers();
    await again.close();
  });

  test('that never says OK, and says an error behind +CMGS, leaves the outcome unknown', async () => {
    const device = new VirtualDevice({}, ['ok-missing@1-2', 'cms-behind-cmgs:38@3']);
    const setup = supervise(device, {}, { habits: HabitMemory.forgetful() });
    await untilReady(setup);
    for (const text of ['code 1', 'code 2']) await sent(setup, text);
    expect(setup.warnings).toHaveLength(1);
    expect(await sent(setup, 'code 3')).toMatch(/^outcome_unknown/);
    device.faults.queue(parseFault('ok-missing'), 2);
    for (const text of ['code 4', 'code 5']) expect(await sent(setup, text)).toEqual(oneReference);
    expect(setup.warnings, 'it was waited for as usual, and is learnt anew').toHaveLength(2);
  });

  test('that is left at the prompt while it pauses has sent nothing (I3)', async () => {
    const device = new VirtualDevice();
    const habits = HabitMemory.forgetful();
    const setup = supervise(device, {}, { habits });
    await untilReady(setup);
    const { manufacturer, model, iccid } = setup.supervisor.snapshot();
    habits.of('main', { manufacturer, model }, iccid).noteFreed();
    let isHere = true;
    const ended = setup.supervisor
      .submit(
        { recipient: '+4915112345678', alphabet: 'gsm7', segments: ['code'], validityMs: 300_000 },
        {
          mayCommit: () => isHere,
          onCommitted: () => expect.unreachable(),
          retryUntil: performance.now(),
        },
      )
      .catch(({ code }: { code: string }) => code);
    await vi.advanceTimersByTimeAsync(100);
    isHere = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await ended).toBe('deadline_unreachable');
    expect(texts(device)).toEqual([]);
    isHere = true;
    expect(await sent(setup, 'code 1')).toEqual(oneReference);
  });

  test('that is noted late has the modem at its prompt meanwhile, and is committed then', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device);
    await untilReady(setup);
    let isNoted = false;
    const noted = new Promise<void>((resolve) => setTimeout(resolve, 400)).then(() => {
      isNoted = true;
    });
    const ended = setup.supervisor.submit(
      { recipient: '+4915112345678', alphabet: 'gsm7', segments: ['code'], validityMs: 300_000 },
      {
        noted,
        mayCommit: () => true,
        onCommitted: () => expect(isNoted).toBe(true),
        retryUntil: performance.now(),
      },
    );
    await vi.advanceTimersByTimeAsync(399);
    expect(device.commands().at(-1)).toMatch(/^AT\+CMGS=/);
    const committed = () => device.entries.some(({ kind }) => kind === 'ctrl_z');
    expect(committed()).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(committed()).toBe(true);
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await ended).references).toEqual(oneReference);
  });

  test('whose SMSC takes no validity period gets none, across restarts, and another SIM does', async () => {
    vi.useRealTimers();
    const memory = await open();
    vi.useFakeTimers();
    const device = new VirtualDevice({}, ['cms:198@1']);
    const setup = supervise(device, {}, { habits: memory });
    await untilReady(setup);
    expect(await sent(setup, 'code 1')).toEqual(oneReference);
    vi.useRealTimers();
    await memory.close();
    const again = await open();
    vi.useFakeTimers();
    await stopAll();
    const next = supervise(device, {}, { habits: again });
    await untilReady(next);
    await sent(next, 'code 2');
    const other = new VirtualDevice({ iccid: '89490000000000000099' });
    const elsewhere = supervise(other, {}, { habits: again });
    await untilReady(elsewhere);
    await sent(elsewhere, 'code 3');
    const validity = (one: VirtualDevice) =>
      one.accepted().map(({ tpdu }) => Number.parseInt(tpdu.slice(0, 2), 16) & 0x18);
    expect([validity(device), validity(other)]).toEqual([[0, 0], [0x10]]);
  });

  test('is learnt anew where the file cannot be used', async () => {
    vi.useRealTimers();
    const memory = await open();
    memory.of('main', { manufacturer: 'a', model: 'b' }, undefined).noteValidityRefused();
    await memory.close();
    const faults: unknown[] = [];
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(folder, 'habits.json'), '{"held_results":7}');
    const anew = await HabitMemory.open(folder, (error) => faults.push(error));
    expect(anew.of('main', { manufacturer: 'a', model: 'b' }, undefined).refusesValidity).toBe(
      false,
    );
    expect(faults).toHaveLength(1);
  });
});

test.each(['neoway', 'aithinker', 'sim7670', 'ec25', 'cinterion'] as const)(
  '%s that restarts after Ctrl-Z is known by its first words where no echo tells',
  async (vendor) => {
    const device = new VirtualDevice({ vendor, echo: false }, ['reboot-after-ctrlz@1']);
    const setup = supervise(device);
    await untilReady(setup);
    expect(await send(setup, 'code 1', undefined, 15_000)).toBe(unknown);
    await untilReady(setup);
    expect(setup.phases).toContain('lost');
    expect(await send(setup, 'code 2', undefined, 15_000)).toEqual(oneReference);
    expect(texts(device)).toEqual(['code 1', 'code 2']);
  },
);

test.each(['prompt-refused:CMS304', 'prompt-refused:CMS21', 'cms:304'])(
  'what only this modem refuses is left to another, after one try: %s',
  async (fault) => {
    const device = new VirtualDevice({}, [`${fault}@1-9`]);
    const setup = supervise(device);
    await untilReady(setup);
    const ended = setup.supervisor
      .submit(
        { recipient: '+4915112345678', alphabet: 'gsm7', segments: ['code'], validityMs: 300_000 },
        {
          mayCommit: () => true,
          onCommitted: () => undefined,
          retryUntil: performance.now() + 25_000,
        },
      )
      .catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await ended).toMatchObject({
      code: 'network_refused',
      submitted: 'no',
      elsewhere: true,
    });
    expect(device.faults.submits).toBe(1);
    expect(texts(device)).toEqual([]);
  },
);

describe('a modem that gives no prompt', () => {
  test.each(['no-prompt:0', 'prompt-refused'])('(%s) costs the message one try', async (fault) => {
    const device = new VirtualDevice({}, [`${fault}@1-9`]);
    const setup = supervise(device);
    await untilReady(setup);
    expect(await sent(setup, 'code 1')).toMatch(/^(no_modem_ready|network_refused)/);
    expect(device.faults.submits).toBe(1);
    await untilReady(setup);
    expect(setup.phases.slice(4), 'it is initialised anew').toEqual([
      'sending',
      'probing',
      'registering',
      'ready',
    ]);
    await sent(setup, 'code 2');
    expect(
      device.commands().filter((line) => line === 'AT+CFUN=1,1'),
      'two in a row',
    ).toHaveLength(1);
  });
});
