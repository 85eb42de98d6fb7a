import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AtSession } from '../../src/at/session.js';
import { type InboundEvent, readInbound } from '../../src/modem/inbound-event.js';
import { Modem } from '../../src/modem/modem.js';
import { Storage, type SweepEnd, tellsOfStorage } from '../../src/modem/storage.js';
import type { OpenLink } from '../../src/serial/link.js';
import { fromHex } from '../../src/simulator/decode-submit.js';
import { type HeldMessage, messageStatus } from '../../src/simulator/message-store.js';
import type { VendorName } from '../../src/simulator/vendors.js';
import { VirtualDevice } from './virtual-link.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** SMS-DELIVER of "hellohello" (the PDU of many a library's tests). */
const deliver = '040B917238010009F30000931011514521400AE8329BFD4697D9EC37';
const draft = '11000B916407281553F80000AA0AE8329BFD4697D9EC37';

function stored(tpdu: string, from = '+27838100900'): HeldMessage {
  return { kind: 'deliver', tpdu: fromHex(tpdu)!, from, text: 'hellohello', at: new Date(0) };
}

interface Shelf {
  device: VirtualDevice;
  /** Puts messages into the slots of a storage, from its first on. */
  fill: (
    name: string,
    messages: readonly (readonly [HeldMessage, keyof typeof messageStatus])[],
  ) => void;
  /** Slots in use. */
  used: (name: string) => number[];
  sweep: (news?: boolean) => Promise<SweepEnd>;
  events: InboundEvent[];
  storage: Storage;
}

/**
 * What is said right before the modem answers a command, the first time it comes; nothing else of
 * it changes.
 */
type Interjections = Readonly<Record<string, string>>;

async function shelf(
  interjections: Interjections = {},
  slots = 20,
  vendor: VendorName = 'generic',
): Promise<Shelf> {
  // So slow that a command which ended too early is followed by the next one before its answer
  // comes.
  const device = new VirtualDevice({ storageSlots: slots, commandLatencyMs: 30, vendor });
  const session = await AtSession.open(
    interjecting(device.openLink, interjections),
    { guardMs: 0 },
    { onUrc: () => undefined, onLost: () => undefined },
  );
  const tuning = { guardMs: 0, submitTimeoutMs: undefined, roaming: true, statusReport: false };
  const events: InboundEvent[] = [];
  const storage = new Storage(new Modem(session, tuning), (event) => events.push(event));
  const done = session.execute({ text: 'ATE0', timeoutMs: 1_000 });
  await vi.advanceTimersByTimeAsync(100);
  await done;
  return {
    device,
    storage,
    events,
    fill: (name, messages) => {
      for (const [message, status] of messages)
        device.modem.stores.get(name)!.add({ status: messageStatus[status], message });
    },
    used: (name) =>
      device.modem.stores
        .get(name)!
        .entries()
        .map(([index]) => index),
    sweep: async (news) => {
      let isOver = false;
      const swept = storage
        .sweep({ mayLook: () => true, mayDelete: () => true, timeoutMs: 10_000 }, news)
        .finally(() => {
          isOver = true;
        });
      swept.catch(() => undefined);
      while (!isOver) await vi.advanceTimersByTimeAsync(200);
      return swept;
    },
  };
}

function interjecting(openLink: OpenLink, interjections: Interjections): OpenLink {
  const due = new Map(Object.entries(interjections));
  return async (listener) => {
    const link = await openLink(listener);
    return {
      path: link.path,
      close: () => link.close(),
      write: (bytes) => {
        const said = due.get(bytes.trimEnd());
        due.delete(bytes.trimEnd());
        if (said === undefined) return link.write(bytes);
        queueMicrotask(() => listener.onData(Buffer.from(said, 'latin1')));
        link.write(bytes);
      },
    };
  };
}

describe('a sweep', () => {
  test('hands on what was received and deletes it, and leaves what somebody stored to send', async () => {
    const { fill, used, sweep, events } = await shelf();
    fill('SM', [
      [stored(deliver), 'unread'],
      [stored(draft), 'unsent'],
      [stored(deliver), 'read'],
      [stored(draft), 'sent'],
    ]);
    fill('ME', [[stored(deliver), 'unread']]);
    expect(await sweep()).toBe('emptied');
    expect(events).toHaveLength(3);
    expect(events[0]).toMatchObject({ kind: 'sms', from: '+27831000903', text: 'hellohello' });
    expect(used('SM')).toEqual([2, 4]);
    expect(used('ME')).toEqual([]);
  });

  test('takes a slot that is told of as one of no octets for a free one', async () => {
    const { device, fill, used, sweep, events } = await shelf({}, 20, 'cinterion');
    const four = Array.from({ length: 4 }, () => [stored(deliver), 'unread'] as const);
    fill('SM', four);
    for (const index of [1, 2]) device.modem.stores.get('SM')!.delete(index);
    expect(await sweep()).toBe('emptied');
    expect(events.map(({ kind }) => kind)).toEqual(['sms', 'sms']);
    expect(used('SM')).toEqual([]);
  });

  test('reads status reports where modems store them, and deletes them', async () => {
    const { fill, used, sweep, events } = await shelf();
    const tpdu = '06D60B911326880736F4111011719551401110117195714000';
    fill('SR', [
      [
        {
          kind: 'report',
          tpdu: fromHex(tpdu)!,
          mr: 214,
          recipient: '+31628870634',
          status: 0,
          at: new Date(0),
        },
        'unread',
      ],
    ]);
    expect(await sweep()).toBe('emptied');
    expect(events).toMatchObject([{ kind: 'status_report', reference: 214, state: 'delivered' }]);
    expect(used('SR')).toEqual([]);
  });

  test('frees a storage full of what cannot be decoded, and tells how much that was', async () => {
    const { fill, used, sweep, events } = await shelf();
    const broken = [
      '00',
      '040B917238',
      `${deliver}`.slice(0, 40),
      'FFFFFFFF',
      '04FF91',
      `040C9172380100${'FF'.repeat(20)}`,
    ];
    fill(
      'SM',
      Array.from({ length: 20 }, (_, n) => [stored(broken[n % broken.length]!), 'unread'] as const),
    );
    expect(await sweep()).toBe('emptied');
    expect(used('SM')).toEqual([]);
    expect(events).toHaveLength(20);
    expect(events.filter(({ kind }) => kind === 'unreadable')).not.toHaveLength(0);
  });

  test('leaves a message to send that is marked as received', async () => {
    const { fill, used, sweep, events } = await shelf();
    fill('SM', [[stored(draft), 'unread']]);
    expect(await sweep()).toBe('done');
    expect(used('SM')).toEqual([1]);
    expect(events).toEqual([]);
  });

  test('without news reads nothing again that it left behind, and all when something was added', async () => {
    const { device, fill, sweep, events } = await shelf();
    fill('SM', [[stored(draft), 'unsent']]);
    await sweep();
    const reads = () => device.commands().filter((command) => command.startsWith('AT+CMGR')).length;
    const before = reads();
    expect(await sweep(false)).toBe('done');
    expect(reads()).toBe(before);
    fill('SM', [[stored(deliver), 'unread']]);
    expect(await sweep(false)).toBe('emptied');
    expect(events).toHaveLength(1);
  });

  test('takes a modem back to PDU mode before it reads', async () => {
    const { device, fill, used, sweep, events } = await shelf();
    device.modem.settings.cmgf = 1;
    fill('SM', [[stored(deliver), 'unread']]);
    expect(await sweep()).toBe('emptied');
    expect(events).toHaveLength(1);
    expect(used('SM')).toEqual([]);
  });

  test('hands a message on only once when it cannot be deleted at first', async () => {
    const { device, storage, fill, used, sweep, events } = await shelf({
      'AT+CMGD=1': '\r\n+CMS ERROR: 314\r\n',
    });
    fill('SM', [[stored(deliver), 'unread']]);
    device.modem.stores.get('SM')!.delete = () => undefined;
    await sweep();
    expect(storage.undeletable).toBe(1);
    await sweep(false);
    expect(storage.undeletable).toBe(1);
    Reflect.deleteProperty(device.modem.stores.get('SM')!, 'delete');
    await sweep();
    expect(events).toHaveLength(1);
    expect(used('SM')).toEqual([]);
    expect(storage.undeletable).toBe(0);
  });
});

describe('no message is deleted that was not surely read from its slot', () => {
  const secretOfSlot4 = '040B917238010009F30000931011514522400AE8329BFD4697D9EC37';

  test.each([
    ['a missed call ends', '\r\nNO CARRIER\r\n'],
    ['an OK comes out of the air', '\r\nOK\r\n'],
    ['an ERROR comes out of the air', '\r\nERROR\r\n'],
    ['another client’s error', '\r\n+CME ERROR: 100\r\n'],
    ['a USSD text says OK', '\r\n+CUSD: 0,"Menu\r\nOK\r\nend",15\r\n'],
    ['a USSD text never ends', '\r\n+CUSD: 0,"Menu\r\nOK\r\n'],
    ['an SMS in text mode says OK', '\r\n+CMT: "+4915112345678",,"26/11/23,10:00:00+04"\r\nOK\r\n'],
  ])('when %s in the middle of any command of a sweep', async (_what, said) => {
    const probe = await shelf();
    probe.fill('SM', [
      [stored(deliver), 'unread'],
      [stored(secretOfSlot4), 'unread'],
    ]);
    await probe.sweep();
    for (const command of new Set(probe.device.commands().slice(1))) {
      const { device, fill, sweep, events } = await shelf({ [command]: said });
      fill('SM', [
        [stored(deliver), 'unread'],
        [stored(secretOfSlot4), 'unread'],
      ]);
      const stamps = () => events.flatMap((event) => (event.kind === 'sms' ? [event.sentAt] : []));
      const deleted: string[] = [];
      const store = device.modem.stores.get('SM')!;
      const remove = store.delete.bind(store);
      store.delete = (index) => {
        const at = index === 1 ? '2139-01-11T15:54:12' : '2139-01-11T15:54:22';
        const slot = store.get(index);
        remove(index);
        if (slot !== undefined) deleted.push(at);
      };
      for (let round = 0; round < 4; round += 1) {
        await sweep().catch(() => undefined);
        expect(deleted.length, `${command}: deleted more than was read`).toBeLessThanOrEqual(
          stamps().length,
        );
      }
      expect(new Set(stamps()).size, `${command}: each was read`).toBe(2);
      expect(stamps(), `${command}: each was told once`).toHaveLength(2);
      expect(store.used, command).toBe(0);
    }
  });

  test('when another program reads from another storage meanwhile', async () => {
    const { device, fill, used, sweep, events } = await shelf();
    fill('SM', [[stored(deliver), 'unread']]);
    fill('ME', [[stored(secretOfSlot4), 'unread']]);
    const settings = () => device.modem.settings.cpms;
    const read = device.modem.stores.get('SM')!.get.bind(device.modem.stores.get('SM'));
    device.modem.stores.get('SM')!.get = (index) => {
      const slot = read(index);
      settings()[0] = 'ME';
      return slot;
    };
    expect(await sweep()).toBe('unsure');
    expect(used('SM')).toEqual([1]);
    expect(used('ME')).toEqual([1]);
    expect(events).toEqual([]);
  });
});

test('half a UCS-2 unit is left out, and the rest read', () => {
  const pdu = '07917238010010F5040B917238010009F3000893101151452140050416042F04';
  expect(readInbound(pdu)).toMatchObject({ kind: 'sms', text: 'Жя'.replace('я', 'Я') });
});

test.each([
  ['+CMTI: "SM",3', true],
  ['+CDSI: "SR",1', true],
  ['^SMMEMFULL: "SM"', true],
  ['+QIND: SMS FULL', true],
  ['+QIND: "SMSFULL"', true],
  ['SMS FULL', true],
  ['+CIEV: "SMSFULL",1', true],
  ['+CIEV: smsfull,2', true],
  ['+CIEV: "MESSAGE",1', true],
  ['+CIEV: "SIGNAL",3', false],
  ['+CUSD: 0,"Menu\n+CMTI: "SM",3\nend",15', true],
  ['+CREG: 1', false],
  ['+CIEV: 2,3', false],
  ['RING', false],
])('%j tells of a storage: %s', (urc, tells) => {
  expect(tellsOfStorage(urc)).toBe(tells);
});
