import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AtCommandError, AtTimeout } from '../../src/at/errors.js';
import { InFlightRecord } from '../../src/modem/in-flight-record.js';
import { pinReader, type ReadPin } from '../../src/modem/pin-file.js';
import { PinMemory } from '../../src/modem/pin-memory.js';
import type { SimState } from '../../src/modem/sim.js';
import { type LockedModem, Unlocker } from '../../src/modem/unlock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-test-'));
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

/** As much of a modem as unlocking needs. */
function simWith(behaviour: {
  tries?: number;
  iccid?: string;
  imei?: string;
  entering?: () => void;
  /** What it says after each PIN. */
  sim?: () => SimState;
}) {
  const entered: string[] = [];
  const modem: LockedModem = {
    imei: () => Promise.resolve(behaviour.imei),
    synchronise: () => Promise.resolve(),
    sim: {
      iccid: () => Promise.resolve(behaviour.iccid),
      pinTriesLeft: () => Promise.resolve(behaviour.tries),
      state: () => Promise.resolve(behaviour.sim?.() ?? 'ready'),
      enterPin: (pin: string): Promise<void> => {
        entered.push(pin);
        // The disk knows before the SIM does (I7).
        expect(readFileSync(join(folder, 'pins.json'), 'utf8')).toContain('"unknown"');
        behaviour.entering?.();
        return Promise.resolve();
      },
    },
  };
  return { modem, entered };
}

const refused = () => {
  throw new AtCommandError('AT+CPIN=…', { kind: 'CME', code: 16, text: '16' }, 'command', []);
};
const silent = () => {
  throw new AtTimeout('AT+CPIN=…', 'command', []);
};
const pin = () => Promise.resolve({ pin: '4711', generation: 'g1' });

/**
 * One look at a SIM that wants its PIN, by a daemon that was just started: what stands in the way,
 * for people.
 */
async function unlock(
  modem: LockedModem,
  readPin: ReadPin,
  memory: PinMemory,
): Promise<string | undefined> {
  return (await new Unlocker(readPin, memory).unlock(modem))?.reason;
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
    const { modem, entered } = simWith({ tries: 3, iccid: '8949000000000000001' });
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
    const { modem, entered } = simWith({ tries: 3, iccid: '8949000000000000001' });
    expect(await unlock(modem, pin, await PinMemory.open(folder))).toBeUndefined();
    expect(await unlock(modem, pin, await PinMemory.open(folder))).toBeUndefined();
    expect(entered).toEqual(['4711', '4711']);
  });

  test.each([
    ['refused', refused],
    ['cut off', silent],
  ])('that was %s is never tried again, until the file is written anew', async (_, entering) => {
    const { modem, entered } = simWith({
      tries: 3,
      iccid: '8949000000000000001',
      entering,
      sim: () => 'pin',
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
    const { modem, entered } = simWith({
      ...(tries === undefined ? {} : { tries }),
      iccid: '8949000000000000001',
    });
    expect(await unlock(modem, pin, await PinMemory.open(folder))).toMatch(
      /enter it once with a phone|remove the PIN lock with a phone/,
    );
    expect(entered).toEqual([]);
  });

  test('that met a busy SIM counts as untried while all tries are left, and an accepted one stays accepted', async () => {
    const busy = () => {
      throw new AtCommandError('AT+CPIN=…', { kind: 'CME', code: 14, text: '14' }, 'command', []);
    };
    let entering: (() => void) | undefined;
    const { modem, entered } = simWith({
      tries: 3,
      iccid: '8949000000000000001',
      entering: () => entering?.(),
    });
    for (const behaviour of [busy, undefined, busy, undefined]) {
      entering = behaviour;
      const obstacle = await unlock(modem, pin, await PinMemory.open(folder));
      expect(obstacle).toEqual(
        behaviour ? expect.stringContaining('tried again later') : undefined,
      );
    }
    expect(entered).toHaveLength(4);
  });

  test('to which the modem says OK, while the SIM stays locked and all tries are said to be left, is tried once', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { modem, entered } = simWith({
      tries: 3,
      iccid: '8949000000000000001',
      sim: () => 'pin',
    });
    const unlocker = new Unlocker(pin, await PinMemory.open(folder));
    const reasons = new Set<string | undefined>();
    for (let i = 0; i < 60; i += 1) {
      reasons.add((await unlocker.unlock(modem))?.reason);
      vi.advanceTimersByTime(1_000);
    }
    expect([...reasons]).toEqual([
      'the modem took the PIN; the SIM is not ready yet',
      expect.stringContaining('not tried again'),
    ]);
    unlocker.noteRestart();
    expect((await unlocker.unlock(modem))?.reason).toContain('not tried again');
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
    let tries = 3;
    const entering = () => {
      tries = triesAfter;
      silent();
    };
    const { modem } = simWith({ iccid: '8949000000000000001', entering, sim: () => 'pin' });
    modem.sim.pinTriesLeft = () => Promise.resolve(tries);
    const unlocker = new Unlocker(pin, await PinMemory.open(folder));
    expect((await unlocker.unlock(modem))?.reason).toContain('waiting for what the SIM says');
    if (restarts) unlocker.noteRestart();
    await unlocker.noteReady(modem);
    expect(readFileSync(join(folder, 'pins.json'), 'utf8')).toContain(`"outcome": "${outcome}"`);
  });

  test('that is answered by an error while all tries are said to be left is tried twice at most', async () => {
    const entering = () => {
      throw new AtCommandError(
        'AT+CPIN=…',
        { kind: 'ERROR', code: undefined, text: 'ERROR' },
        'command',
        [],
      );
    };
    const { modem, entered } = simWith({ tries: 3, iccid: '8949000000000000001', entering });
    for (let i = 0; i < 9; i += 1) await unlock(modem, pin, await PinMemory.open(folder));
    expect(entered).toHaveLength(2);
    expect(await unlock(modem, pin, await PinMemory.open(folder))).toContain('not tried again');
  });

  test('that met an error after which no tries can be read is not tried again', async () => {
    let tries: number | undefined = 3;
    const { modem, entered } = simWith({
      iccid: '8949000000000000001',
      entering: () => {
        tries = undefined;
        throw new AtCommandError(
          'AT+CPIN=…',
          { kind: 'ERROR', code: undefined, text: 'ERROR' },
          'command',
          [],
        );
      },
    });
    modem.sim.pinTriesLeft = () => Promise.resolve(tries);
    for (let i = 0; i < 3; i += 1)
      expect(await unlock(modem, pin, await PinMemory.open(folder))).toContain('not tried again');
    expect(entered).toHaveLength(1);
  });

  test.each([
    ['then hides its ICCID', { iccid: '8949000000000000001' }, {}],
    ['then shows its ICCID', {}, { iccid: '8949000000000000001' }],
  ])('that was refused by a SIM that %s is not tried again', async (_, first, second) => {
    const before = simWith({ tries: 3, imei: '350000000000006', ...first, entering: refused });
    await unlock(before.modem, pin, await PinMemory.open(folder));
    const after = simWith({ tries: 3, imei: '350000000000006', ...second });
    expect(await unlock(after.modem, pin, await PinMemory.open(folder))).toContain(
      'not tried again',
    );
    expect([...before.entered, ...after.entered]).toEqual(['4711']);
  });

  test('that was refused by one SIM is tried with another in the same modem, which tells its ICCID', async () => {
    const one = simWith({
      tries: 3,
      imei: '350000000000006',
      iccid: '8949000000000000001',
      entering: refused,
    });
    await unlock(one.modem, pin, await PinMemory.open(folder));
    const other = simWith({ tries: 3, imei: '350000000000006', iccid: '8949000000000000002' });
    expect(await unlock(other.modem, pin, await PinMemory.open(folder))).toBeUndefined();
  });

  test('is remembered by the modem’s IMEI while the SIM hides its number, and not tried where neither is known', async () => {
    const byImei = simWith({ tries: 3, imei: '350000000000006', entering: refused });
    await unlock(byImei.modem, pin, await PinMemory.open(folder));
    expect(await unlock(byImei.modem, pin, await PinMemory.open(folder))).toContain(
      'not tried again',
    );
    const unknown = simWith({ tries: 3 });
    expect(await unlock(unknown.modem, pin, await PinMemory.open(folder))).toContain(
      'neither ICCID nor IMEI',
    );
    expect(unknown.entered).toEqual([]);
  });

  test('cannot be guessed from what is on the disk, nor can the SIM be told', async () => {
    const { modem } = simWith({ tries: 3, iccid: '8949000000000000001' });
    await unlock(modem, pin, await PinMemory.open(folder));
    expect(readFileSync(join(folder, 'pins.json'), 'utf8')).not.toMatch(/4711|8949/);
  });

  test('is not tried when its memory is unreadable', async () => {
    writeFileSync(join(folder, 'pins.json'), 'torn');
    await expect(PinMemory.open(folder)).rejects.toThrow('delete it');
  });
});
