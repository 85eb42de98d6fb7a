/**
 * What a modem says that is not its own, of a call, the network or an SMS, and what it says when
 * somebody left it mute: the whole supervisor.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { InboundEvent } from '../../src/modem/inbound-event.js';
import { airTextNames } from '../../src/simulator/air-texts.js';
import { messageStatus } from '../../src/simulator/message-store.js';
import { parseTrouble } from '../../src/simulator/troubles.js';
import { vendorNames, vendors } from '../../src/simulator/vendors.js';
import { send, stopAll, supervise, untilReady } from './supervised.js';
import { VirtualDevice } from './virtual-link.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
});

const minuteMs = 60_000;

describe('what is not the modem’s own', () => {
  test.each(airTextNames)('gives no 200 when it comes instead of a result: %s', async (text) => {
    const device = new VirtualDevice({}, [`air-lost:${text}:5000@1`]);
    const setup = supervise(device);
    await untilReady(setup);
    const outcome = await send(setup, 'code 1', undefined, 4 * minuteMs);
    expect(outcome).toMatch(/^outcome_unknown/);
    expect(device.accepted()).toHaveLength(0);
    await untilReady(setup);
    expect(await send(setup, 'code 2', undefined, 3 * minuteMs)).toHaveLength(1);
    expect(device.accepted()).toHaveLength(1);
  });

  test.each(['call', 'ussd'])('hides no result that comes behind it: %s', async (text) => {
    const device = new VirtualDevice({}, [`air:${text}`]);
    const setup = supervise(device);
    await untilReady(setup);
    for (const code of ['1', '2', '3']) {
      const references = await send(setup, code);
      expect(references).toEqual([device.accepted().at(-1)?.mr]);
    }
    expect(setup.phases).not.toContain('lost');
  });

  const anyCommand = [
    'AT',
    'E0',
    '+CMEE',
    '+CGMI',
    '+CFUN?',
    '+CPIN?',
    '+CMGF',
    '+CNMI',
    '+CUSD',
    '+CREG?',
    '+CPMS',
    '+CSQ',
  ];
  test.each(airTextNames)(
    'keeps no modem from ready in whatever command it comes, for half a minute: %s',
    async (text) => {
      for (const command of anyCommand) {
        const device = new VirtualDevice();
        device.modem.troubles.begin(parseTrouble(`air-within:${command}:${text}:30000`));
        const setup = supervise(device);
        await vi.advanceTimersByTimeAsync(2 * minuteMs);
        expect(setup.supervisor.snapshot(), command).toMatchObject({ phase: 'ready' });
        expect(await send(setup, 'code'), command).toHaveLength(1);
        await stopAll();
      }
    },
  );

  test('in text mode shows that the modem is not in PDU mode: it is set again', async () => {
    const device = new VirtualDevice();
    const setup = supervise(device);
    await untilReady(setup);
    Object.assign(device.modem.settings, { cmgf: 1, cnmi: [2, 2, 0, 0, 0] });
    device.network.sendInbound({ from: '+4917012345678', text: 'RDY\nOK' });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(device.modem.settings).toMatchObject({ cmgf: 0, cnmi: [2, 1, 0, 0, 0] });
    expect(setup.phases).not.toContain('lost');
    expect(setup.supervisor.snapshot().phase).toBe('ready');
  });

  test('is not said unasked: USSD is off once the modem is ready', async () => {
    const device = new VirtualDevice();
    device.modem.settings.cusd = 1;
    await untilReady(supervise(device));
    expect(device.modem.settings.cusd).toBe(0);
  });
});

describe('a modem in which somebody left', () => {
  test.each(['results-off', 'results-in-numbers'])(
    '%s, saved so that each restart brings it back, sends',
    async (left) => {
      const device = new VirtualDevice({}, [left]);
      const setup = supervise(device);
      await untilReady(setup);
      expect(await send(setup, 'code 1')).toHaveLength(1);
      device.modem.reboot();
      await vi.advanceTimersByTimeAsync(20_000);
      await untilReady(setup);
      expect(await send(setup, 'code 2')).toHaveLength(1);
    },
  );

  test.each(['results-off', 'results-in-numbers'])(
    '%s while it was ready, is found out and sends',
    async (left) => {
      const device = new VirtualDevice();
      const setup = supervise(device);
      await untilReady(setup);
      device.modem.troubles.begin(parseTrouble(`${left}:0`));
      await vi.advanceTimersByTimeAsync(5 * minuteMs);
      await untilReady(setup);
      expect(await send(setup, 'code')).toHaveLength(1);
    },
  );

  test('nothing, but that says COMMAND NO RESPONSE! to what it does not know, is ready as fast as any', async () => {
    const device = new VirtualDevice({ vendor: 'aithinker' });
    const setup = supervise(device);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(setup.supervisor.snapshot()).toMatchObject({ phase: 'ready' });
  });
});

describe('what came in', () => {
  async function collecting(device: VirtualDevice, options: { statusReport?: boolean } = {}) {
    const events: InboundEvent[] = [];
    const setup = supervise(device, options, { onInbound: (event) => events.push(event) });
    await untilReady(setup);
    return { setup, events };
  }

  test('is found within two minutes on a modem that says nothing of it, and then sooner', async () => {
    const device = new VirtualDevice({}, ['no-indications']);
    const { events } = await collecting(device);
    device.network.sendInbound({ from: '+4917012345678', text: 'hello' });
    await vi.advanceTimersByTimeAsync(2 * minuteMs + 5_000);
    expect(events).toMatchObject([{ kind: 'sms', text: 'hello' }]);
    expect(device.modem.stores.get('SM')!.used).toBe(0);
    await vi.advanceTimersByTimeAsync(10 * minuteMs);
    device.network.sendInbound({ from: '+4917012345678', text: 'again' });
    await vi.advanceTimersByTimeAsync(35_000);
    expect(events).toHaveLength(2);
  });

  test('while the modem was stalled is fetched when it is free again', async () => {
    const device = new VirtualDevice({}, ['late:70000@1']);
    const { setup, events } = await collecting(device);
    const sending = send(setup, 'code', undefined, 20_000);
    await vi.advanceTimersByTimeAsync(17_000);
    expect(setup.supervisor.snapshot().phase).toBe('stalled');
    device.network.sendInbound({ from: '+4917012345678', text: 'hello' });
    await vi.advanceTimersByTimeAsync(3 * minuteMs);
    await sending;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(events).toMatchObject([{ kind: 'sms', text: 'hello' }]);
  });

  test('and cannot be decoded does not fill the SIM for good: what the network held comes in', async () => {
    const device = new VirtualDevice({ vendor: 'huawei', storageSlots: 5 });
    const { events } = await collecting(device);
    for (let n = 0; n < 8; n += 1)
      device.network.sendInbound({ from: '+4917012345678', text: 'x', isBroken: true });
    device.network.sendInbound({ from: '+4917012345678', text: 'hello' });
    await vi.advanceTimersByTimeAsync(2 * minuteMs);
    expect(device.modem.stores.get('SM')!.used).toBe(0);
    expect(events.filter(({ kind }) => kind === 'unreadable')).toHaveLength(8);
    expect(events.at(-1)).toMatchObject({ kind: 'sms', text: 'hello' });
  });

  test('into a full SIM that says so and nothing else makes room at once', async () => {
    const device = new VirtualDevice({ vendor: 'huawei', storageSlots: 3 }, ['no-indications']);
    const { events } = await collecting(device);
    for (let n = 0; n < 4; n += 1)
      device.network.sendInbound({ from: '+4917012345678', text: `n${n}` });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(events.map((event) => event.kind === 'sms' && event.text)).toEqual([
      'n0',
      'n1',
      'n2',
      'n3',
    ]);
  });

  test('into a SIM that is full is read half a minute after one question met silence', async () => {
    const device = new VirtualDevice({ storageSlots: 3 });
    const { events } = await collecting(device);
    device.begin('mute:+CMGR=:5000');
    for (let n = 0; n < 4; n += 1)
      device.network.sendInbound({ from: '+4917012345678', text: `n${n}` });
    await vi.advanceTimersByTimeAsync(minuteMs);
    const texts = events.map((event) => event.kind === 'sms' && event.text);
    expect(new Set(texts)).toEqual(new Set(['n0', 'n1', 'n2', 'n3']));
    expect(texts).toHaveLength(4);
  });

  test('is asked for every ten minutes where each look meets silence', async () => {
    const device = new VirtualDevice();
    await collecting(device);
    device.begin('mute:+CMGR=');
    device.network.sendInbound({ from: '+4917012345678', text: 'hello' });
    await vi.advanceTimersByTimeAsync(25 * minuteMs);
    const asked = device.commands().filter((line) => line.startsWith('AT+CMGR=')).length;
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(asked).toBeLessThanOrEqual(5);
  });

  test('as status reports that are stored in SR is read there', async () => {
    const device = new VirtualDevice({ vendor: 'novatel', statusReports: true });
    const { setup, events } = await collecting(device, { statusReport: true });
    await send(setup, 'code');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(events).toMatchObject([{ kind: 'status_report', state: 'delivered' }]);
    expect(device.modem.stores.get('SR')!.used).toBe(0);
  });

  test.each(vendorNames.filter((vendor) => !vendors[vendor].okBehindPrompt))(
    'is read and deleted on %s, drafts left alone',
    async (vendor) => {
      const device = new VirtualDevice({ vendor });
      const tpdu = Buffer.from('11000B916407281553F80000AA0AE8329BFD4697D9EC37', 'hex');
      const draft = {
        kind: 'submit' as const,
        tpdu,
        recipient: '+46708251358',
        text: 'hellohello',
      };
      const [storage = 'SM'] = vendors[vendor].storages;
      device.modem.stores.get(storage)!.add({ status: messageStatus.unsent, message: draft });
      const { events } = await collecting(device);
      device.network.sendInbound({ from: '+4917012345678', text: 'hello' });
      await vi.advanceTimersByTimeAsync(12 * minuteMs);
      expect(events).toMatchObject([{ kind: 'sms', text: 'hello' }]);
      expect(device.modem.stores.get(storage)!.entries()).toMatchObject([
        [expect.anything(), { message: draft }],
      ]);
    },
  );
});
