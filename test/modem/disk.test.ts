import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ESC } from '../../src/at/payload.js';
import { AtSession } from '../../src/at/session.js';
import { InFlightRecord } from '../../src/modem/in-flight-record.js';
import { Modem } from '../../src/modem/modem.js';
import { pinReader, type ReadPin } from '../../src/modem/pin-file.js';
import { PinMemory } from '../../src/modem/pin-memory.js';
import { Unlocker } from '../../src/modem/unlock.js';
import { FakeLink } from '../at/support.js';
import { fakeTimeouts, soon } from './faked-time.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-test-'));
  fakeTimeouts();
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const noFault = (error: unknown) => {
  throw error;
};

describe('the flight record', () => {
  test('tells the next process whether something was in flight', async () => {
    const file = join(folder, 'main.flight');
    const [first, nothing] = await InFlightRecord.open(file, noFault);
    expect(nothing).toBeUndefined();
    const debts = {
      open: 1,
      remainingMs: 170_000,
      base: 41,
      since: 1,
      areSequential: undefined,
      isSuspicious: false,
    };
    first.note({ debts, echoIsOff: true });
    first.note({ debts: { ...debts, open: 0, base: 42, since: 0 }, echoIsOff: true });
    first.note({
      debts: { ...debts, open: 2, base: 42, since: 2, areSequential: true },
      echoIsOff: true,
    });
    await first.close();
    const [second, left] = await InFlightRecord.open(file, noFault);
    await second.close();
    expect(left).toMatchObject({
      debts: { ...debts, open: 2, base: 42, since: 2, areSequential: true },
      echoIsOff: true,
    });
    expect(left?.ageMs).toBeLessThan(60_000);
  });

  test('is written at once, and by a thread while the disk is slow', async () => {
    const file = join(folder, 'main.flight');
    const [record] = await InFlightRecord.open(file, noFault);
    const debts = {
      open: 0,
      remainingMs: 0,
      base: undefined,
      since: 0,
      areSequential: undefined,
      isSuspicious: false,
    };
    const readOpen = () => (JSON.parse(readFileSync(file, 'utf8')) as { open: number }).open;
    const note = (open: number) => record.note({ debts: { ...debts, open }, echoIsOff: false });
    const readClock = vi.spyOn(performance, 'now');
    const at = (ms: number) => readClock.mockReturnValue(ms);
    at(0);
    note(1);
    expect(readOpen()).toBe(1);
    readClock.mockReturnValueOnce(100).mockReturnValueOnce(100).mockReturnValueOnce(300);
    note(2);
    at(400);
    for (const open of [3, 4, 5]) note(open);
    // A thread has the third by now, and gets the newest when it is done with that.
    expect([2, 3]).toContain(readOpen());
    await vi.waitFor(() => expect(readOpen()).toBe(5));
    at(61_000);
    let newest = 5;
    await vi.waitFor(() => {
      newest += 1;
      note(newest);
      expect(readOpen()).toBe(newest);
    });
    readClock.mockRestore();
    await record.close();
  });

  test.each(['', '{"boot":"x"', 'null', '[]', '{"open":true}', '{"in_flight":true}'])(
    'takes %j for nothing',
    async (content) => {
      const file = join(folder, 'main.flight');
      writeFileSync(file, content);
      const [record, left] = await InFlightRecord.open(file, noFault);
      await record.close();
      expect(left).toBeUndefined();
    },
  );

  test('does not know the age of what an earlier boot of the box left', async () => {
    const file = join(folder, 'main.flight');
    const entry = { boot: 'another', at_ns: '1', open: 1, open_for_ms: 5000, last_reference: null };
    writeFileSync(file, JSON.stringify(entry));
    const [record, left] = await InFlightRecord.open(file, noFault);
    await record.close();
    expect(left).toMatchObject({
      debts: { open: 1, remainingMs: 5000 },
      echoIsOff: false,
      ageMs: undefined,
    });
  });
});

/** A SIM that asks for its PIN, as its modem tells of it. */
interface Sim {
  /** Tries left; undefined: the modem cannot tell. */
  tries?: number | undefined;
  iccid?: string;
  imei?: string;
  /** What the modem says to a PIN, OK unless said; `silence` is none. */
  says?: string;
  /** What becomes of the SIM with the PIN. */
  onPin?: () => void;
  /** What it wants after each PIN; nothing, unless said. */
  wants?: 'SIM PIN';
}

/** Sessions that are open, each over a link whose other end is the {@link Sim} of the test. */
const sessions: AtSession[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close();
});

async function modemWith(sim: Sim) {
  const entered: string[] = [];
  const link = new FakeLink();
  link.answer = (bytes) => {
    const command = bytes.replace(/\r$/, '');
    const typed = /^AT\+CPIN="(\d+)"$/.exec(command)?.[1];
    if (typed !== undefined) {
      entered.push(typed);
      // The disk knows before the SIM does (I7).
      expect(readFileSync(join(folder, 'pins.json'), 'utf8')).toContain('"unknown"');
      sim.onPin?.();
      return sim.says === silence ? undefined : `\r\n${sim.says ?? 'OK'}\r\n`;
    }
    const told: Record<string, string | undefined> = {
      'AT+CCID': sim.iccid && `+CCID: ${sim.iccid}`,
      'AT+CGSN': sim.imei,
      'AT+CPINR="SIM PIN"': sim.tries === undefined ? undefined : `+CPINR: SIM PIN,${sim.tries},3`,
      'AT+CPIN?': `+CPIN: ${sim.wants ?? 'READY'}`,
    };
    if (command === ESC) return undefined;
    if (command === 'AT') return '\r\nOK\r\n';
    const line = told[command];
    return line === undefined ? '\r\nERROR\r\n' : `\r\n${line}\r\n\r\nOK\r\n`;
  };
  const listener = { onUrc: () => undefined, onLost: () => undefined };
  const session = await AtSession.open(link.open, { guardMs: 0 }, listener);
  sessions.push(session);
  const tuning = {
    guardMs: 0,
    submitTimeoutMs: undefined,
    roaming: true,
    statusReport: false,
  };
  return { modem: new Modem(session, tuning), entered };
}

const refused = '+CME ERROR: 16';
const silence = 'silence';
const pin = () => Promise.resolve({ pin: '4711', generation: 'g1' });

/**
 * One look at a SIM that wants its PIN, by a daemon that was just started: what stands in the way,
 * for people.
 */
async function unlock(
  modem: Modem,
  readPin: ReadPin,
  memory: PinMemory,
): Promise<string | undefined> {
  return (await soon(new Unlocker(readPin, memory).unlock(modem)))?.reason;
}

describe('a PIN file', () => {
  test.each(['4711', '4711\n', '12345678\r\n'])(
    'holds the PIN and at most a line end: %j',
    async (content) => {
      const file = join(folder, 'pin');
      writeFileSync(file, content);
      expect((await pinReader(file)()).pin).toBe(content.trim());
    },
  );

  test('has another generation whenever it is written, and the same while it is not', async () => {
    const file = join(folder, 'pin');
    writeFileSync(file, '4711');
    utimesSync(file, 1_000_000, 1_000_000);
    const read = pinReader(file);
    const first = await read();
    expect(await read()).toEqual(first);
    writeFileSync(file, '4711');
    expect((await read()).generation).not.toBe(first.generation);
  });

  test('that cannot be used is said to the person, without its content', async () => {
    const { modem, entered } = await modemWith({ tries: 3, iccid: '8949000000000000001' });
    const file = join(folder, 'pin');
    const memory = await PinMemory.open(folder);
    expect(await unlock(modem, pinReader(file), memory)).toMatch(/pin_file .*ENOENT/);
    writeFileSync(file, 'PIN=4711');
    const reason = await unlock(modem, pinReader(file), memory);
    expect(reason).toContain('4 to 8 digits');
    expect(reason).not.toContain('4711');
    expect(entered).toEqual([]);
    writeFileSync(file, '4711');
    expect(await unlock(modem, pinReader(file), memory)).toBeUndefined();
  });
});

describe('a PIN (I7)', () => {
  test('that was accepted is used again at the next power-on', async () => {
    const { modem, entered } = await modemWith({ tries: 3, iccid: '8949000000000000001' });
    expect(await unlock(modem, pin, await PinMemory.open(folder))).toBeUndefined();
    expect(await unlock(modem, pin, await PinMemory.open(folder))).toBeUndefined();
    expect(entered).toEqual(['4711', '4711']);
  });

  test.each([
    ['refused', refused],
    ['cut off', silence],
  ])('that was %s is never tried again, until the file is written anew', async (_, says) => {
    const { modem, entered } = await modemWith({
      tries: 3,
      iccid: '8949000000000000001',
      says,
      wants: 'SIM PIN',
    });
    await unlock(modem, pin, await PinMemory.open(folder));
    for (let i = 0; i < 3; i += 1)
      expect(await unlock(modem, pin, await PinMemory.open(folder))).toContain('not tried again');
    expect(entered).toHaveLength(1);
    await unlock(
      modem,
      () => Promise.resolve({ pin: '4712', generation: 'g2' }),
      await PinMemory.open(folder),
    );
    expect(entered).toHaveLength(2);
  });

  test.each([2, 1, 0, undefined])('is not tried with %s tries left', async (tries) => {
    const { modem, entered } = await modemWith({
      ...(tries === undefined ? {} : { tries }),
      iccid: '8949000000000000001',
    });
    expect(await unlock(modem, pin, await PinMemory.open(folder))).toMatch(
      /"sudo simgate pin enter"|enter it once with a phone|remove the PIN lock with a phone/,
    );
    expect(entered).toEqual([]);
  });

  test('that met a busy SIM counts as untried while all tries are left, and an accepted one stays accepted', async () => {
    const sim: Sim = { tries: 3, iccid: '8949000000000000001' };
    const { modem, entered } = await modemWith(sim);
    for (const says of ['+CME ERROR: 14', 'OK', '+CME ERROR: 14', 'OK']) {
      sim.says = says;
      const obstacle = await unlock(modem, pin, await PinMemory.open(folder));
      expect(obstacle).toEqual(
        says === 'OK' ? undefined : expect.stringContaining('tried again later'),
      );
    }
    expect(entered).toHaveLength(4);
  });

  test('to which the modem says OK, while the SIM stays locked and all tries are said to be left, is tried once', async () => {
    const { modem, entered } = await modemWith({
      tries: 3,
      iccid: '8949000000000000001',
      wants: 'SIM PIN',
    });
    const unlocker = new Unlocker(pin, await PinMemory.open(folder));
    const reasons = new Set<string | undefined>();
    for (let i = 0; i < 60; i += 1) {
      reasons.add((await soon(unlocker.unlock(modem)))?.reason);
      vi.advanceTimersByTime(1_000);
    }
    expect([...reasons]).toEqual([
      'the modem took the PIN; the SIM is not ready yet',
      expect.stringContaining('not tried again'),
    ]);
    unlocker.noteRestart();
    expect((await soon(unlocker.unlock(modem)))?.reason).toContain('not tried again');
    expect(await unlock(modem, pin, await PinMemory.open(folder))).toContain('not tried again');
    expect(entered).toEqual(['4711']);
  });

  test.each([
    ['whose answer never came, is accepted when the SIM is ready then', 3, false, 'accepted'],
    [
      'whose answer never came, stays unknown when the SIM is ready after a restart',
      3,
      true,
      'unknown',
    ],
    [
      'whose answer never came, stays unknown when the SIM is ready with fewer tries',
      2,
      false,
      'unknown',
    ],
  ])('%s', async (_, triesAfter, restarts, outcome) => {
    const sim: Sim = { tries: 3, iccid: '8949000000000000001', says: silence, wants: 'SIM PIN' };
    sim.onPin = () => {
      sim.tries = triesAfter;
    };
    const { modem } = await modemWith(sim);
    const unlocker = new Unlocker(pin, await PinMemory.open(folder));
    expect((await soon(unlocker.unlock(modem)))?.reason).toContain('waiting for what the SIM says');
    if (restarts) unlocker.noteRestart();
    await soon(unlocker.noteReady(modem));
    expect(readFileSync(join(folder, 'pins.json'), 'utf8')).toContain(`"outcome": "${outcome}"`);
  });

  test('that is answered by an error while all tries are said to be left is tried twice at most', async () => {
    const { modem, entered } = await modemWith({
      tries: 3,
      iccid: '8949000000000000001',
      says: 'ERROR',
    });
    for (let i = 0; i < 9; i += 1) await unlock(modem, pin, await PinMemory.open(folder));
    expect(entered).toHaveLength(2);
    expect(await unlock(modem, pin, await PinMemory.open(folder))).toContain('not tried again');
  });

  test('that met an error after which no tries can be read is not tried again', async () => {
    const sim: Sim = { tries: 3, iccid: '8949000000000000001', says: 'ERROR' };
    sim.onPin = () => {
      sim.tries = undefined;
    };
    const { modem, entered } = await modemWith(sim);
    for (let i = 0; i < 3; i += 1)
      expect(await unlock(modem, pin, await PinMemory.open(folder))).toContain('not tried again');
    expect(entered).toHaveLength(1);
  });

  test.each([
    ['then hides its ICCID', { iccid: '8949000000000000001' }, {}],
    ['then shows its ICCID', {}, { iccid: '8949000000000000001' }],
  ])('that was refused by a SIM that %s is not tried again', async (_, first, second) => {
    const before = await modemWith({ tries: 3, imei: '350000000000006', ...first, says: refused });
    await unlock(before.modem, pin, await PinMemory.open(folder));
    const after = await modemWith({ tries: 3, imei: '350000000000006', ...second });
    expect(await unlock(after.modem, pin, await PinMemory.open(folder))).toContain(
      'not tried again',
    );
    expect([...before.entered, ...after.entered]).toEqual(['4711']);
  });

  test('that was refused by one SIM is tried with another in the same modem, which tells its ICCID', async () => {
    const one = await modemWith({
      tries: 3,
      imei: '350000000000006',
      iccid: '8949000000000000001',
      says: refused,
    });
    await unlock(one.modem, pin, await PinMemory.open(folder));
    const other = await modemWith({
      tries: 3,
      imei: '350000000000006',
      iccid: '8949000000000000002',
    });
    expect(await unlock(other.modem, pin, await PinMemory.open(folder))).toBeUndefined();
  });

  test('is remembered by the modem’s IMEI while the SIM hides its number, and not tried where neither is known', async () => {
    const byImei = await modemWith({ tries: 3, imei: '350000000000006', says: refused });
    await unlock(byImei.modem, pin, await PinMemory.open(folder));
    expect(await unlock(byImei.modem, pin, await PinMemory.open(folder))).toContain(
      'not tried again',
    );
    const unknown = await modemWith({ tries: 3 });
    expect(await unlock(unknown.modem, pin, await PinMemory.open(folder))).toContain(
      'neither ICCID nor IMEI',
    );
    expect(unknown.entered).toEqual([]);
  });

  test('cannot be guessed from what is on the disk, nor can the SIM be told', async () => {
    const { modem } = await modemWith({ tries: 3, iccid: '8949000000000000001' });
    await unlock(modem, pin, await PinMemory.open(folder));
    expect(readFileSync(join(folder, 'pins.json'), 'utf8')).not.toMatch(/4711|8949/);
  });

  test('is remembered without writing through a link that the folder’s owner has laid', async () => {
    const other = join(folder, 'shadow');
    writeFileSync(other, 'root’s own');
    symlinkSync(other, join(folder, 'pins.json.new'));
    const memory = await PinMemory.open(folder);
    const names = { known: ['1'], noted: ['1'] };
    await memory.note(names, 'g1', 'refused');
    expect(readFileSync(other, 'utf8')).toBe('root’s own');
    expect(lstatSync(join(folder, 'pins.json')).isFile()).toBe(true);
    expect((await PinMemory.open(folder)).last(names, 'g1')).toBe('refused');
  });

  test.each([
    'torn',
    'null',
    '[{}]',
    '{"sim":{"generation":"1"}}',
    '{"sim":{"generation":"1","outcome":"refuse"}}',
  ])('is not tried when its memory is unreadable: %s', async (text) => {
    writeFileSync(join(folder, 'pins.json'), text);
    const damaged = { name: 'OperatorError', message: expect.stringContaining('delete it') };
    await expect(PinMemory.open(folder)).rejects.toMatchObject(damaged);
    const told: string[] = [];
    const memory = new PinMemory(folder, ({ message }) => told.push(message));
    expect(told).toEqual([expect.stringContaining('no PIN is entered')]);
    const { modem, entered } = await modemWith({ tries: 3, iccid: '8949000000000000001' });
    expect(await unlock(modem, pin, memory)).toContain('pins.json');
    await expect(memory.note({ known: ['1'], noted: ['1'] }, 'g', 'refused')).rejects.toMatchObject(
      damaged,
    );
    expect(entered).toEqual([]);
    expect(readFileSync(join(folder, 'pins.json'), 'utf8')).toBe(text);
    // Once it is away nothing has to be restarted.
    rmSync(join(folder, 'pins.json'));
    expect(await unlock(modem, pin, memory)).toBeUndefined();
    expect(entered).toEqual(['4711']);
  });
});
