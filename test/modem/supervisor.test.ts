import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SendError } from '../../src/errors.js';
import type { InFlightState } from '../../src/modem/in-flight-record.js';
import type { InboundEvent } from '../../src/modem/inbound-event.js';
import type { OutgoingSms } from '../../src/modem/sms-modem.js';
import type { SupervisorOptions } from '../../src/modem/supervisor.js';
import type { OpenLink } from '../../src/serial/link.js';
import { parseFault } from '../../src/simulator/fault-planner.js';
import { segmentText } from '../../src/sms/segments.js';
import { type Supervised, stopAll, supervise } from './supervised.js';
import { locatorOf, VirtualDevice } from './virtual-link.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
});

async function ready(setup: Supervised): Promise<void> {
  for (let i = 0; i < 100 && setup.supervisor.snapshot().phase !== 'ready'; i += 1)
    await vi.advanceTimersByTimeAsync(500);
  expect(setup.supervisor.snapshot()).toMatchObject({ phase: 'ready', reason: undefined });
}

function sms(text: string): OutgoingSms {
  return { recipient: '+4915112345678', ...segmentText(text), validityMs: 300_000 };
}

/** A submit whose end the test can look at without waiting for it. */
function submit(setup: Supervised, text: string, mayCommit: () => boolean = () => true) {
  const result: { references?: number[]; error?: SendError; committedTimes: number } = {
    committedTimes: 0,
  };
  const promise = setup.supervisor
    .submit(sms(text), {
      mayCommit,
      onCommitted: () => {
        result.committedTimes += 1;
      },
      retryUntil: performance.now() + 25_000,
    })
    .then(
      ({ references }) => {
        result.references = references;
      },
      (error: unknown) => {
        expect(error).toBeInstanceOf(SendError);
        result.error = error as SendError;
      },
    );
  return { result, promise };
}

async function sent(setup: Supervised, text: string, advanceMs = 5_000) {
  const { result, promise } = submit(setup, text);
  await vi.advanceTimersByTimeAsync(advanceMs);
  await promise;
  return result;
}

const refusal = (code: string, submitted: string, elsewhere = false) =>
  expect.objectContaining({ code, submitted, elsewhere });

describe('a modem on its way to ready', () => {
  test('goes through its phases, and never resets what the operator had set', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device);
    await ready(setup);
    expect(setup.phases).toEqual(['opening', 'probing', 'registering', 'ready']);
    expect(device.commands().join(' ')).not.toMatch(/ATZ|AT&F|CLAC|CFUN=/);
  });

  test('is opened anew at once when it was silent to somebody who asked', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await ready(setup);
    device.modem.powerOff();
    const asked = expect(setup.supervisor.inspect((modem) => modem.sim.iccid())).rejects.toThrow(
      /AT\+CCID/,
    );
    await vi.advanceTimersByTimeAsync(8_000);
    await asked;
    expect(setup.phases.at(-1)).not.toBe('ready');
    device.modem.powerOn('now');
    await ready(setup);
  });

  test.each([true, false])(
    'that restarts without a word is given its PIN again (echo: %s)',
    async (echo) => {
      const device = new VirtualDevice({
        vendor: 'telit',
        pin: '4711',
        ...(echo ? {} : { echo: false }),
      });
      const readPin = () => Promise.resolve({ pin: '4711', generation: 'g1' });
      const setup = supervise(device, {}, { readPin, idleProbeMs: 10_000 });
      await ready(setup);
      device.modem.powerOff();
      device.modem.powerOn('now');
      await vi.advanceTimersByTimeAsync(30_000);
      await ready(setup);
      expect(device.entries.filter(({ kind }) => kind === 'pin_reply')).toHaveLength(2);
      expect((await sent(setup, 'code 1')).references).toHaveLength(1);
    },
  );

  test('waits for the network and says so', async () => {
    const device = new VirtualDevice({ registration: 'searching' });
    const setup = supervise(device);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(setup.supervisor.snapshot()).toMatchObject({
      phase: 'registering',
      reason: 'searching for a network',
    });
    device.network.grant('home');
    await ready(setup);
  });

  test('does not send abroad when roaming is off', async () => {
    const device = new VirtualDevice({ registration: 'roaming' });
    const setup = supervise(
      device,
      {},
      {
        tuning: { guardMs: 0, submitTimeoutMs: undefined, roaming: false, statusReport: false },
      },
    );
    await vi.advanceTimersByTimeAsync(10_000);
    expect(setup.supervisor.snapshot().reason).toContain('roaming = false');
  });

  test('leaves a prompt that somebody left open, without Ctrl-Z', async () => {
    const device = new VirtualDevice({}, ['stuck-prompt@1']);
    await ready(supervise(device));
    expect(device.entries.filter((entry) => entry.kind === 'ctrl_z')).toEqual([]);
  });

  test.each([
    'generic',
    'huawei',
    'zte',
    'sim800',
    'sim7600',
    'sim7670',
    'ec25',
    'ublox',
    'telit',
    'cinterion',
    'wavecom',
  ] as const)(
    'works with the virtual %s and sends, long texts and UCS-2 included',
    async (vendor) => {
      const device = new VirtualDevice({ vendor, urcNoisePerSecond: 5 });
      const setup = supervise(device);
      await ready(setup);
      const texts = ['Your code is 417093', 'Ваш код 417093', 'x'.repeat(400)];
      for (const text of texts) expect((await sent(setup, text)).error).toBeUndefined();
      const record = device.accepted().map((entry) => entry.text);
      expect([record[0], record[1], record.slice(2).join('')]).toEqual(texts);
    },
  );

  test('is ready soon with one whose +CPIN? has no final result, after each opening', async () => {
    const device = new VirtualDevice({ vendor: 'wavecom' });
    const setup = supervise(device);
    for (const opening of ['first', 'second']) {
      const before = performance.now();
      await ready(setup);
      expect(performance.now() - before, opening).toBeLessThan(9_000);
      device.hangUp('kept', 500);
      await vi.advanceTimersByTimeAsync(1_000);
    }
  });

  test('opens again and again until the device is there', async () => {
    const device = new VirtualDevice();
    device.hangUp('lost', 60_000);
    const setup = supervise(device);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(setup.supervisor.snapshot().reason).toContain('is the modem plugged in?');
    await vi.advanceTimersByTimeAsync(45_000);
    await ready(setup);
  });
});

describe('a submit', () => {
  test('in steady state is one AT command per segment and nothing else', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device);
    await ready(setup);
    const before = device.commands().length;
    for (let i = 0; i < 5; i += 1) await sent(setup, `code ${i}`, 100);
    expect(device.commands().slice(before)).toEqual(Array(5).fill('AT+CMGS=21'));
  });

  test('of several segments holds the radio link once and uses a new reference each time', async () => {
    const device = new VirtualDevice({ linkSetupMs: 1000 });
    const setup = supervise(device);
    await ready(setup);
    await sent(setup, 'x'.repeat(400));
    await sent(setup, 'y'.repeat(400));
    expect(device.commands().filter((line) => line.startsWith('AT+CMMS'))).toEqual(['AT+CMMS=2']);
    const references = device
      .accepted()
      .map((entry) => /050003(..)03(..)/.exec(entry.tpdu)?.slice(1));
    expect(references.map((found) => found?.[1])).toEqual(['01', '02', '03', '01', '02', '03']);
    expect(new Set(references.map((found) => found?.[0])).size).toBe(2);
  });

  test.each([
    ['cms:21', 'network_refused', 'no', false, 0],
    ['cms:8', 'network_refused', 'no', true, 0],
    ['cms:38', 'network_refused', 'no', true, 0],
    ['cms:331', 'network_refused', 'no', true, 0],
    ['cms:500', 'outcome_unknown', 'unknown', false, 0],
    ['cms-verbose:Unknown error', 'outcome_unknown', 'unknown', false, 0],
    ['cms-late:38:40000', 'outcome_unknown', 'unknown', false, 0],
    ['cms-though-accepted:331:36000', 'outcome_unknown', 'unknown', false, 1],
    ['cms-though-accepted:41:36000', 'outcome_unknown', 'unknown', false, 1],
    ['cms-behind-cmgs:198', 'outcome_unknown', 'unknown', false, 1],
    ['cms-behind-cmgs:330', 'outcome_unknown', 'unknown', false, 1],
    ['error', 'outcome_unknown', 'unknown', false, 0],
    ['cmgs-missing', 'outcome_unknown', 'unknown', false, 1],
    ['no-prompt', 'no_modem_ready', 'no', true, 0],
    ['reboot-before-prompt', 'no_modem_ready', 'no', true, 0],
    ['reboot-after-ctrlz', 'outcome_unknown', 'unknown', false, 1],
    ['hangup-before:500', 'no_modem_ready', 'no', true, 0],
    ['hangup-after-ctrlz:500', 'outcome_unknown', 'unknown', false, 1],
    ['silence:30000', 'outcome_unknown', 'unknown', false, 1],
    ['silence-lost:30000', 'outcome_unknown', 'unknown', false, 0],
  ])('that meets %s ends as %s, %s', async (fault, code, submitted, elsewhere, accepted) => {
    const device = new VirtualDevice({}, [`${fault}@1-9`]);
    const setup = supervise(device);
    await ready(setup);
    const { error } = await sent(setup, 'code 1', 200_000);
    expect(error).toEqual(refusal(code, submitted, elsewhere));
    expect(device.accepted()).toHaveLength(accepted);
    await ready(setup);
  });

  test('that was surely not sent is tried again while in time', async () => {
    const device = new VirtualDevice({}, ['cms:42@1-2']);
    const setup = supervise(device);
    await ready(setup);
    const { references } = await sent(setup, 'code 1');
    expect(references).toHaveLength(1);
    expect(device.accepted()).toHaveLength(1);
  });

  test('of which a later segment is refused is partly submitted', async () => {
    const device = new VirtualDevice({}, ['cms:21@2']);
    const setup = supervise(device);
    await ready(setup);
    const { error } = await sent(setup, 'x'.repeat(400));
    expect(error).toEqual(refusal('partly_submitted', 'partly'));
    expect(device.accepted()).toHaveLength(1);
  });

  test('whose caller left before the prompt is never started', async () => {
    const device = new VirtualDevice({}, ['prompt-late:3000@1']);
    const setup = supervise(device);
    await ready(setup);
    let here = true;
    const { result, promise } = submit(setup, 'code 1', () => here);
    await vi.advanceTimersByTimeAsync(1_000);
    here = false;
    await vi.advanceTimersByTimeAsync(10_000);
    await promise;
    expect(result).toMatchObject({
      committedTimes: 0,
      error: refusal('deadline_unreachable', 'no'),
    });
    expect(device.entries.filter((entry) => entry.kind === 'ctrl_z')).toEqual([]);
    expect((await sent(setup, 'code 2')).references).toHaveLength(1);
  });

  test('waits out a late result, and is stalled meanwhile', async () => {
    const device = new VirtualDevice({}, ['late:90000@1']);
    const setup = supervise(device);
    await ready(setup);
    const { result, promise } = submit(setup, 'code 1');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(setup.supervisor.snapshot().phase).toBe('stalled');
    await vi.advanceTimersByTimeAsync(80_000);
    await promise;
    expect(result.references).toHaveLength(1);
    await ready(setup);
    expect((await sent(setup, 'code 2')).references).toHaveLength(1);
  });

  test('falls back to no validity period when the SMSC refuses one', async () => {
    const device = new VirtualDevice({}, ['cms:199@1']);
    const setup = supervise(device);
    await ready(setup);
    expect((await sent(setup, 'code 1')).references).toHaveLength(1);
    expect(device.accepted()[0]?.tpdu.slice(0, 2)).toBe('01'); // TP-VPF 00: no validity period
  });

  test('on a modem that restarted in silence is not taken for a text message', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device);
    await ready(setup);
    // What a restart without any line loses: echo is on again, the mode is the default one.
    device.modem.settings.echo = true;
    device.modem.settings.cmgf = 1;
    const { references } = await sent(setup, 'code 1');
    expect(references).toHaveLength(1);
    expect(device.accepted().map((entry) => entry.text)).toEqual(['code 1']);
  });
});

describe('a late +CMGS', () => {
  test('never answers the next message of a modem that answers AT while a submit is out', async () => {
    const device = new VirtualDevice({ parallel: true }, ['late:65000@2', 'late:170000@3']);
    const setup = supervise(device);
    await ready(setup);
    await sent(setup, 'first');
    // Answered AT at 60 s without a result: unknown. Its +CMGS comes at 65 s, between the next
    // Ctrl-Z and that one's own.
    const second = submit(setup, 'second');
    await vi.advanceTimersByTimeAsync(62_500);
    await second.promise;
    expect(second.result.error).toEqual(refusal('outcome_unknown', 'unknown'));
    await ready(setup);
    const third = submit(setup, 'third');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(
      third.result.references,
      'the +CMGS of the second is no answer to the third',
    ).toBeUndefined();
    await vi.advanceTimersByTimeAsync(150_000);
    await third.promise;
    expect(third.result.references, 'its own came after all').toEqual([device.accepted()[2]?.mr]);
  });

  test('does not cost a modem that counts its references: the next message is proven by its own', async () => {
    const device = new VirtualDevice({ parallel: true }, ['silence:100@2']);
    const setup = supervise(device);
    await ready(setup);
    await sent(setup, 'first');
    await sent(setup, 'second', 63_000);
    await ready(setup);
    expect((await sent(setup, 'third')).references).toHaveLength(1);
  });

  test('among several never answers a message that the network refused', async () => {
    const faults = [
      'glitch-after-ctrlz:200@2',
      'late:4000@2',
      'glitch-after-ctrlz:200@3',
      'late:3000@3',
      'cms-late:21:5000@4',
    ];
    const device = new VirtualDevice({ parallel: true }, faults);
    const setup = supervise(device);
    await ready(setup);
    await sent(setup, 'first', 100);
    for (const text of ['second', 'third']) {
      await sent(setup, text, 800);
      for (let i = 0; i < 20 && setup.supervisor.snapshot().phase !== 'ready'; i += 1)
        await vi.advanceTimersByTimeAsync(100);
    }
    const { references } = await sent(setup, 'fourth', 200_000);
    expect(references).toBeUndefined();
    expect(device.accepted().map((entry) => entry.text)).toEqual(['first', 'second', 'third']);
  });

  test('that is an error is never charged to the next message, nor is that one sent twice for it', async () => {
    const device = new VirtualDevice({ parallel: true }, ['cms-late:41:3000@2', 'late:4000@3']);
    const first = supervise(device);
    await ready(first);
    await sent(first, 'first', 100);
    const cut = submit(first, 'second');
    await vi.advanceTimersByTimeAsync(100);
    const left = first.notes.at(-1) as InFlightState;
    await first.supervisor.stop(); // as far as the modem can tell, killed
    await cut.promise;
    const next = supervise(device, {}, {}, { ...left, ageMs: 100 });
    await vi.advanceTimersByTimeAsync(500);
    await ready(next);
    expect(
      (await sent(next, 'third')).references,
      'the error came while it was waited for',
    ).toHaveLength(1);
    expect(device.accepted().map((entry) => entry.text)).toEqual(['first', 'third']);
  });

  test('of a message that a killed daemon had in flight never answers the next one', async () => {
    const device = new VirtualDevice({ parallel: true }, ['late:20000@2']);
    const first = supervise(device);
    await ready(first);
    await sent(first, 'first');
    const cut = submit(first, 'second');
    await vi.advanceTimersByTimeAsync(100);
    const left = first.notes.at(-1);
    expect(left?.debts.open).toBe(1);
    await first.supervisor.stop(); // as far as the modem can tell, killed
    await cut.promise;
    const device2 = supervise(device, {}, {}, { ...(left as InFlightState), ageMs: 1_000 });
    await ready(device2);
    device.faults.queue(parseFault('silence-lost:60000'), 1);
    const next = submit(device2, 'third');
    await vi.advanceTimersByTimeAsync(40_000);
    expect(next.result.references, 'nothing of the third was accepted').toBeUndefined();
    await vi.advanceTimersByTimeAsync(200_000);
    await next.promise;
    expect(next.result.error).toEqual(refusal('outcome_unknown', 'unknown'));
    expect(device.accepted().map((entry) => entry.text)).not.toContain('third');
  });
});

describe('a modem that does not answer', () => {
  const restarts = (device: VirtualDevice) =>
    device.commands().filter((line) => line === 'AT+CFUN=1,1');

  test('is reset when opening it anew does not help, but never in a loop', async () => {
    const device = new VirtualDevice({ bootMs: 2_000 });
    let dead = false;
    const openLink: OpenLink = async (listener) => {
      const link = await device.openLink(listener);
      return {
        ...link,
        write: (bytes) => (dead && bytes !== 'AT+CFUN=1,1\r' ? undefined : link.write(bytes)),
      };
    };
    const hooks: string[] = [];
    const callHook = (reason: string) => {
      hooks.push(reason);
      return Promise.resolve();
    };
    const setup = supervise(device, {}, { locator: locatorOf(openLink), callHook });
    await ready(setup);
    dead = true;
    await vi.advanceTimersByTimeAsync(4 * 60_000);
    expect(restarts(device)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(60 * 60_000);
    expect(restarts(device).length).toBeLessThanOrEqual(4);
    expect(hooks.length).toBeGreaterThan(0);
    expect(hooks.length).toBeLessThanOrEqual(2);
    dead = false;
    await ready(setup);
  });

  test('is never reset because its tty vanished', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device);
    await ready(setup);
    for (let i = 0; i < 20; i += 1) {
      device.hangUp('lost', 2_000);
      await vi.advanceTimersByTimeAsync(30_000);
    }
    await ready(setup);
    expect(restarts(device)).toEqual([]);
  });

  test('to two submits in a row is reset after the second one’s wait has run out, not before', async () => {
    const device = new VirtualDevice({ bootMs: 2_000 }, ['silence:181000@1-2']);
    const setup = supervise(device);
    await ready(setup);
    await sent(setup, 'first', 200_000);
    await ready(setup);
    const second = submit(setup, 'second');
    await vi.advanceTimersByTimeAsync(175_000);
    expect(restarts(device)).toEqual([]);
    await vi.advanceTimersByTimeAsync(30_000);
    await second.promise;
    expect(restarts(device)).toHaveLength(1);
    await ready(setup);
    expect((await sent(setup, 'third')).references).toHaveLength(1);
  });
});

describe('what comes in', () => {
  function listening(device: VirtualDevice, options: Partial<SupervisorOptions> = {}) {
    const events: InboundEvent[] = [];
    const onInbound = (event: InboundEvent) => {
      events.push(event);
    };
    const setup = supervise(device, {}, { ...options, onInbound });
    return { setup, events };
  }

  test.each(['generic', 'huawei', 'sim800', 'ec25'] as const)(
    'on a virtual %s is read and cleared, so that nothing fills up',
    async (vendor) => {
      const device = new VirtualDevice({ vendor, storageSlots: 5 });
      const { setup, events } = listening(device);
      await ready(setup);
      for (let i = 0; i < 20; i += 1) {
        device.network.sendInbound({ from: '+491700000001', text: `text ${i}` });
        await vi.advanceTimersByTimeAsync(3_000);
      }
      expect(events).toEqual(
        Array.from({ length: 20 }, (_, i) =>
          expect.objectContaining({ kind: 'sms', from: '+491700000001', text: `text ${i}` }),
        ),
      );
      for (const store of device.modem.stores.values()) expect(store.used).toBe(0);
    },
  );

  test('while the daemon was away is fetched at the start, and what is no received message stays', async () => {
    const device = new VirtualDevice({ storageSlots: 5 });
    const [store] = [...device.modem.stores.values()];
    store?.add({
      status: 3,
      message: {
        kind: 'submit',
        tpdu: new Uint8Array([1, 0, 5, 0x81, 0x21, 0x43, 0xf5, 0, 0, 0]),
        recipient: '12345',
        text: '',
      },
    });
    device.network.sendInbound({ from: '+491700000001', text: 'early' });
    await vi.advanceTimersByTimeAsync(100);
    const { setup, events } = listening(device);
    await ready(setup);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(events).toHaveLength(1);
    expect(store?.used).toBe(1);
  });

  test('as a status report tells what became of the message', async () => {
    for (const vendor of ['generic', 'zte', 'sim800', 'ec25', 'huawei'] as const) {
      const device = new VirtualDevice({ vendor, statusReports: true, statusReportDelayMs: 500 });
      const tuning = { guardMs: 0, submitTimeoutMs: undefined, roaming: true, statusReport: true };
      const { setup, events } = listening(device, { tuning });
      await ready(setup);
      const { references } = await sent(setup, 'code 1');
      await vi.advanceTimersByTimeAsync(5_000);
      expect(events, vendor).toEqual([
        expect.objectContaining({
          kind: 'status_report',
          recipient: '+4915112345678',
          reference: references?.[0],
          state: 'delivered',
        }),
      ]);
    }
  });

  test('in a flood costs no message and no memory', async () => {
    const device = new VirtualDevice();
    const { setup } = listening(device);
    await ready(setup);
    const { result, promise } = submit(setup, 'code 1');
    for (let i = 0; i < 5_000; i += 1) device.modem.say(i % 2 ? 'RING' : '+CMTI: "SM",3');
    await vi.advanceTimersByTimeAsync(5_000);
    await promise;
    expect(result.references).toHaveLength(1);
    expect(device.commands().length).toBeLessThan(60);
  });
});

describe('an idle modem', () => {
  test('is asked slowly whether it is there and what it has stored, and nothing else', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device);
    await ready(setup);
    const before = device.commands().length;
    await vi.advanceTimersByTimeAsync(180_500);
    expect(device.commands().slice(before)).toEqual([
      'AT+CREG?',
      'AT+CSQ',
      'AT+CPMS="SM"',
      'AT+CPMS="ME"',
      'AT+CPMS="MT"',
      'AT+CPMS="SR"',
      'AT+CREG?',
      'AT+CSQ',
      'AT+CREG?',
      'AT+CSQ',
    ]);
  });

  test('that lost the network is not ready until it is back', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device);
    await ready(setup);
    device.network.grant('none');
    await vi.advanceTimersByTimeAsync(61_000);
    expect(setup.supervisor.snapshot()).toMatchObject({ phase: 'registering' });
    device.network.grant('home');
    await ready(setup);
  });

  test('that was unplugged is back within ten seconds of its tty', async () => {
    const device = new VirtualDevice({ bootMs: 500 });
    const setup = supervise(device);
    await ready(setup);
    device.hangUp('lost', 40_000);
    await vi.advanceTimersByTimeAsync(39_000);
    expect(setup.supervisor.snapshot().phase).not.toBe('ready');
    await vi.advanceTimersByTimeAsync(11_000);
    expect(setup.supervisor.snapshot().phase).toBe('ready');
  });

  test('that is stopped while its tty opens gives the stick back once the tty is closed', async () => {
    const order: string[] = [];
    const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
    const slow: OpenLink = async (listener) => {
      await later(100);
      return {
        path: '/dev/virtual',
        write: () => undefined,
        close: async () => {
          await later(1_000);
          listener.onClose(undefined);
          order.push('closed');
        },
      };
    };
    const locator = locatorOf(slow);
    const claims = async () =>
      (await locator.candidates()).map((claim) => () => {
        const claimed = claim();
        return claimed && { ...claimed, release: () => void order.push('given back') };
      });
    const { supervisor } = supervise(
      new VirtualDevice(),
      {},
      { locator: { ...locator, candidates: claims } },
    );
    await vi.advanceTimersByTimeAsync(50);
    await supervisor.stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(order).toEqual(['closed', 'given back']);
  });

  test('is not troubled by a jump of the wall clock', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device);
    await ready(setup);
    vi.setSystemTime(new Date('2031-01-01'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await sent(setup, 'code 1')).references).toHaveLength(1);
    expect(setup.phases.slice(4)).toEqual(['sending', 'ready']);
  });
});
