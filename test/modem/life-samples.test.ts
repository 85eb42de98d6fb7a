/**
 * States that seem to have no exit, each as it was seen: the modem gets out of every one without a
 * person, or says what it lacks.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PinMemory } from '../../src/modem/pin-memory.js';
import { simReasons } from '../../src/modem/sim.js';
import { parsePinFault } from '../../src/simulator/pin-faults.js';
import { type Supervised, send, stopAll, supervise, untilReady } from './supervised.js';
import { VirtualDevice } from './virtual-link.js';

/** What is being written to the disk, which takes real time, and on a busy machine much of it. */
const writes = new Set<Promise<void>>();

let folder: string;
beforeEach(() => {
  vi.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'simgate-test-'));
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const pin = '4711';
const readPin = () => Promise.resolve({ pin, generation: 'g1' });
const minuteMs = 60_000;

/** How often a command line was written. */
const countOf = (device: VirtualDevice, line: string): number =>
  device.commands().filter((one) => one === line).length;

/** As {@link send}, in another order of arguments. */
const sent = (setup: Supervised, text: string, forMs = 5_000, recipient?: string) =>
  send(setup, text, recipient, forMs);

const pinsOf = (device: VirtualDevice): number =>
  device.entries.filter(({ kind }) => kind === 'pin').length;

/** A memory of PINs on the disk, whose writes {@link within} waits for. */
async function openPins(): Promise<Pick<PinMemory, 'last' | 'note'>> {
  const memory = await PinMemory.open(folder);
  return {
    last: (sim, generation) => memory.last(sim, generation),
    note: (sim, generation, outcome) => {
      const write = memory.note(sim, generation, outcome).finally(() => writes.delete(write));
      writes.add(write);
      return write;
    },
  };
}

/** Lets faked time pass until something is so; while the disk is written to, it stands still. */
async function within(ms: number, isSo: () => boolean): Promise<void> {
  for (let at = 0; at < ms && !isSo(); at += 250) {
    await vi.advanceTimersByTimeAsync(250);
    await Promise.all(writes);
  }
  expect(isSo()).toBe(true);
}

const isReady = (setup: Supervised) => () => setup.supervisor.snapshot().phase === 'ready';

describe('steady traffic', () => {
  test('does not keep the look at the modem from its time: a network that is lost is noticed', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device, {}, { idleProbeMs: 5_000 });
    await untilReady(setup);
    const before = countOf(device, 'AT+CREG?');
    for (let i = 0; i < 10; i += 1) await sent(setup, `code ${i}`, 3_000);
    expect(countOf(device, 'AT+CREG?') - before).toBeGreaterThanOrEqual(4);
  });

  test('without a pause between two messages does not either', async () => {
    const device = new VirtualDevice({ submitLatencyMs: 1_000 });
    const setup = supervise(device, {}, { idleProbeMs: 5_000 });
    await untilReady(setup);
    const before = countOf(device, 'AT+CREG?');
    let left = 30;
    const next = (): void => {
      if (left-- > 0) void sent(setup, `code ${left}`, 0);
    };
    setup.supervisor.onPhase(({ phase }) => {
      if (phase === 'ready') next();
    });
    next();
    await vi.advanceTimersByTimeAsync(40_000);
    expect(device.accepted()).toHaveLength(30);
    expect(countOf(device, 'AT+CREG?') - before).toBeGreaterThanOrEqual(4);
  });

  test('on a SIM that locked itself again costs one message: the verdict alone makes it look, and the PIN is given', async () => {
    const device = new VirtualDevice({ pin });
    const setup = supervise(
      device,
      {},
      {
        readPin,
        idleProbeMs: 3_600_000,
        pinMemory: await openPins(),
      },
    );
    await within(20_000, isReady(setup));
    device.begin('sim-relocked');
    const first = await sent(setup, 'code 1', 2_000);
    expect(first).toBe('network_refused CMS 311 ((u)sim pin required)');
    await within(10_000, isReady(setup));
    for (let i = 2; i < 6; i += 1) expect(await sent(setup, `code ${i}`)).toHaveLength(1);
    expect(pinsOf(device)).toBe(2);
  });

  test.each([
    [310, 'AT+CPIN?'],
    [313, 'AT+CPIN?'],
    [331, 'AT+CREG?'],
  ])('that meets CMS %i is followed by %s at once', async (code, question) => {
    const device = new VirtualDevice({}, [`cms:${code}@1-9`]);
    const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(setup);
    const before = countOf(device, question);
    await sent(setup, 'code 1', 4_000);
    expect(countOf(device, question)).toBeGreaterThan(before);
    await untilReady(setup);
  });

  test.each([30, 38, 500])(
    'that meets CMS %i looks only after three recipients, and resets nothing',
    async (code) => {
      const device = new VirtualDevice({}, [`cms:${code}@*`]);
      const hooks: string[] = [];
      const callHook = (reason: string) => Promise.resolve(void hooks.push(reason));
      const setup = supervise(device, {}, { idleProbeMs: 3_600_000, callHook });
      await untilReady(setup);
      const before = countOf(device, 'AT+CREG?');
      for (let i = 0; i < 20; i += 1) await sent(setup, 'code 1', 4_000);
      expect(countOf(device, 'AT+CREG?'), 'one telephone that is switched off').toBe(before);
      for (let i = 0; i < 60; i += 1)
        await sent(setup, 'code 1', 4_000, `+4915112345${100 + (i % 3)}`);
      expect(countOf(device, 'AT+CREG?')).toBeGreaterThan(before);
      expect(device.commands().join(' ')).not.toMatch(/CFUN=/);
      expect(hooks).toEqual([]);
    },
  );
});

describe('registering', () => {
  test('with a radio that fell to CFUN 4 switches it on again', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device, {}, { idleProbeMs: 5_000 });
    await untilReady(setup);
    device.begin('radio-off');
    await vi.advanceTimersByTimeAsync(15_000);
    expect(setup.supervisor.snapshot().phase).toBe('ready');
    expect(countOf(device, 'AT+CFUN=1')).toBe(1);
  });

  test('that only a radio cycle cures gets one after ten minutes', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device, {}, { idleProbeMs: 5_000 });
    await untilReady(setup);
    device.begin('registration-stuck');
    await vi.advanceTimersByTimeAsync(9 * minuteMs);
    expect(setup.supervisor.snapshot()).toMatchObject({
      phase: 'registering',
      reason: expect.stringContaining('denies the SIM'),
    });
    expect(device.commands().join(' ')).not.toMatch(/CFUN=/);
    await vi.advanceTimersByTimeAsync(3 * minuteMs);
    expect(device.commands().filter((line) => line.startsWith('AT+CFUN='))).toEqual([
      'AT+CFUN=4',
      'AT+CFUN=1',
    ]);
    expect(setup.supervisor.snapshot().phase).toBe('ready');
  });

  test('for ever climbs from the radio to a reset to the hook, with growing gaps, and says that there is no network', async () => {
    const device = new VirtualDevice({ registration: 'none' });
    const acts: [rung: string, atMin: number][] = [];
    const callHook = () => Promise.resolve();
    const begun = performance.now();
    const setup = supervise(
      device,
      {},
      {
        callHook,
        onRecovery: (rung) => {
          if (rung !== 'reopen')
            acts.push([rung, Math.round((performance.now() - begun) / minuteMs)]);
        },
      },
    );
    await vi.advanceTimersByTimeAsync(5 * minuteMs);
    expect(setup.supervisor.snapshot().reason).toContain('no network at all');
    await vi.advanceTimersByTimeAsync(24 * 60 * minuteMs);
    expect(acts.map(([rung]) => rung).slice(0, 6)).toEqual([
      'radio',
      'reset',
      'hook',
      'radio',
      'reset',
      'hook',
    ]);
    const gaps = acts.slice(1).map(([, at], i) => at - (acts[i]?.[1] ?? 0));
    expect(gaps.slice(0, 4)).toEqual(gaps.slice(0, 4).sort((a, b) => a - b));
    expect(acts.length).toBeLessThan(12);
    device.network.grant('home');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(setup.supervisor.snapshot().phase).toBe('ready');
  }, 180_000);

  test('abroad where roaming is off is no fault: nothing is switched', async () => {
    const device = new VirtualDevice({ registration: 'roaming' });
    supervise(device, { roaming: false });
    await vi.advanceTimersByTimeAsync(2 * 60 * minuteMs);
    expect(device.commands().join(' ')).not.toMatch(/CFUN=/);
  }, 60_000);
});

describe('unlocking', () => {
  const supervised = async (device: VirtualDevice) =>
    supervise(device, {}, { readPin, pinMemory: await openPins() });

  test.each(['SIM PIN2', 'SIM PUK2', 'READY', 'NONSENSE'])(
    'is not for a SIM that says %s',
    async (state) => {
      const setup = await supervised(new VirtualDevice({}, [`sim-says:${state}`]));
      await within(30_000, isReady(setup));
    },
  );

  test.each(['ERROR', 'CME13', 'CME100'])(
    'is not for a modem whose AT+CPIN? is answered %s: its registration decides',
    async (code) => {
      const setup = await supervised(new VirtualDevice({}, [`refuse:+CPIN?:${code}`]));
      await within(30_000, isReady(setup));
      expect(await sent(setup, 'code 1')).toHaveLength(1);
    },
  );

  test('is for a SIM whose PIN an error to AT+CPIN? asks for, too', async () => {
    const setup = await supervised(new VirtualDevice({ pin }, ['sim-error']));
    await within(30_000, isReady(setup));
  });

  test('tells a SIM that cannot be read, where there is no registration either', async () => {
    const device = new VirtualDevice({ registration: 'none' }, ['refuse:+CPIN?:CME13']);
    const setup = await supervised(device);
    await within(30_000, () => setup.supervisor.snapshot().reason === simReasons.failed);
  });

  test.each(['late:12000', 'late:25000', 'silence:8000'])(
    'with a right PIN that meets %s is over when the SIM is ready',
    async (fault) => {
      const device = new VirtualDevice({ pin });
      device.modem.pinFaults.push(parsePinFault(fault));
      const setup = await supervised(device);
      await within(90_000, isReady(setup));
      // Known to be right: it is used again.
      device.modem.reboot();
      await within(10_000, () => setup.supervisor.snapshot().phase !== 'ready');
      await within(30_000, isReady(setup));
      expect(pinsOf(device)).toBe(2);
    },
  );

  test('never tries twice what the modem answers with OK while the SIM stays locked with all its tries', async () => {
    const device = new VirtualDevice({ pin });
    for (let i = 0; i < 20; i += 1) device.modem.pinFaults.push(parsePinFault('ok-locked'));
    const setup = await supervised(device);
    await within(60_000, () => /not tried again/.test(setup.supervisor.snapshot().reason ?? ''));
    await vi.advanceTimersByTimeAsync(60 * minuteMs);
    device.modem.reboot();
    await vi.advanceTimersByTimeAsync(60 * minuteMs);
    expect(pinsOf(device)).toBe(1);
    expect(setup.supervisor.snapshot()).toMatchObject({ phase: 'unlocking' });
  }, 60_000);
});

describe('what no send needs', () => {
  test.each([
    'E0',
    '+CMEE=',
    '+CGMI',
    '+CGMM',
    '+CFUN?',
    '+CCID',
    '+CNMI',
    '+CSMS?',
    '+CSCA?',
    '+CSQ',
    '+COPS?',
    '+CPMS',
    '+CPIN?',
    '+CREG?',
    '^CURC',
  ])(
    'keeps no modem from ready when it is silent to AT%s, and is not asked for over and over',
    async (command) => {
      const vendor = command.startsWith('^') ? 'huawei' : 'generic';
      const device = new VirtualDevice({ vendor }, [`mute:${command}`]);
      const setup = supervise(device);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(setup.supervisor.snapshot()).toMatchObject({ phase: 'ready' });
      // It may have to wait for the end of a command that is not answered.
      expect(await sent(setup, 'code 1', 15_000)).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(60 * minuteMs);
      expect(setup.phases).not.toContain('lost');
      const asked = device
        .commands()
        .filter((line) => line.toUpperCase().startsWith(`AT${command}`)).length;
      expect(asked).toBeLessThan(40);
    },
  );

  test('keeps no long message back: a modem that is silent to AT+CMMS sends it all the same', async () => {
    const device = new VirtualDevice({}, ['mute:+CMMS']);
    const setup = supervise(device);
    await untilReady(setup);
    expect(await sent(setup, 'x'.repeat(400), 15_000)).toHaveLength(3);
  });
});

describe('a stick that is gone from the bus', () => {
  test('calls the hook after five to ten minutes, then hourly, and is never reset', async () => {
    const device = new VirtualDevice();
    const hooks: number[] = [];
    const begun = performance.now();
    const callHook = () => Promise.resolve(void hooks.push((performance.now() - begun) / minuteMs));
    const setup = supervise(device, {}, { callHook });
    await untilReady(setup);
    device.hangUp('lost', 24 * 60 * minuteMs);
    await vi.advanceTimersByTimeAsync(5 * 60 * minuteMs);
    expect(hooks[0]).toBeGreaterThanOrEqual(5);
    expect(hooks[0]).toBeLessThan(10);
    expect(hooks).toHaveLength(5);
    expect(device.commands().join(' ')).not.toMatch(/CFUN=/);
    await vi.advanceTimersByTimeAsync(19.1 * 60 * minuteMs);
    expect(setup.supervisor.snapshot().phase).toBe('ready');
  }, 60_000);
});

describe('a modem that is still starting', () => {
  test('has its indications set once it takes them, although it was ready to send before', async () => {
    const device = new VirtualDevice({}, ['sms-starting:4000']);
    const setup = supervise(device);
    await untilReady(setup);
    expect(device.modem.settings.cnmi[1]).toBe(0);
    await vi.advanceTimersByTimeAsync(8_000);
    expect(device.modem.settings.cnmi).toEqual([2, 1, 0, 0, 0]);
  });

  test('that refuses them for good is asked a bounded number of times, and sends', async () => {
    const device = new VirtualDevice({}, ['refuse:+CNMI=:CMS314']);
    const setup = supervise(device);
    await untilReady(setup);
    await vi.advanceTimersByTimeAsync(6 * 60 * minuteMs);
    expect(
      device.commands().filter((line) => line.startsWith('AT+CNMI')).length,
    ).toBeLessThanOrEqual(20);
    expect(await sent(setup, 'code 1')).toHaveLength(1);
  });

  test.each(['+QIND: SMS DONE', '+CPIN: READY', 'SMS Ready'])(
    'is looked at when it says %s',
    async (line) => {
      const device = new VirtualDevice({}, ['refuse:+CNMI=:CMS314:100000']);
      const setup = supervise(device);
      await untilReady(setup);
      await vi.advanceTimersByTimeAsync(99_900);
      device.modem.settings.cnmi = [0, 0, 0, 0, 0];
      await vi.advanceTimersByTimeAsync(200);
      device.modem.say(line);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(device.modem.settings.cnmi[1]).toBe(1);
    },
  );
});
