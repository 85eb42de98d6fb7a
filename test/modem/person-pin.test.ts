import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AtCommandError } from '../../src/at/errors.js';
import type { LockedModem } from '../../src/modem/person-pin.js';
import { enterForPerson, whyNoPersonPin } from '../../src/modem/person-pin.js';
import { PinMemory, simNames } from '../../src/modem/pin-memory.js';

/** A SIM as a card is one: it counts, and after the last try it wants its PUK. */
class Card {
  tries: number;
  isReady = false;
  entered: string[] = [];
  knowsTries = true;
  error: { code: number; counts: boolean } | undefined;

  constructor(tries: number) {
    this.tries = tries;
  }

  get modem(): LockedModem {
    return {
      imei: async () => '490154203237518',
      synchronise: async () => undefined,
      sim: {
        state: async () => (this.isReady ? 'ready' : this.tries === 0 ? 'puk' : 'pin'),
        iccid: async () => '8949000000000000001',
        pinTriesLeft: async () => (this.knowsTries ? this.tries : undefined),
        enterPin: async (pin) => {
          this.entered.push(pin);
          const { error } = this;
          if (error !== undefined && !error.counts) throw failed(error.code);
          if (pin === '4711') {
            this.isReady = true;
            this.tries = 3;
          } else {
            this.tries -= 1;
            throw failed(error?.code ?? 16);
          }
        },
      },
    };
  }
}

const failed = (code: number) =>
  new AtCommandError('AT+CPIN=…', { code, text: `+CME ERROR: ${code}` } as never, 'command', []);

let folder: string;
let memory: PinMemory;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'person-pin-'));
  memory = await PinMemory.open(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

const sim = simNames('8949000000000000001', '490154203237518')!;
const fileWith = (pin: string) => async () => ({ pin, generation: 'g' });

describe('a PIN that a person enters', () => {
  it.each([3, 2])('is tried with %d tries left, once', async (tries) => {
    const card = new Card(tries);
    const end = await enterForPerson(card.modem, '4711', { readPin: undefined, memory });
    expect(end).toMatchObject({ outcome: 'accepted', triesLeft: 3 });
    expect(card.entered).toEqual(['4711']);
  });

  it('is not tried with one left, with none, nor with a number that nobody knows', async () => {
    for (const [tries, knowsTries] of [
      [1, true],
      [0, true],
      [3, false],
    ] as const) {
      const card = new Card(tries);
      card.knowsTries = knowsTries;
      const end = await enterForPerson(card.modem, '4711', { readPin: undefined, memory });
      expect(end.outcome).toBe('not_tried');
      expect(end.reason).toContain('telephone');
      expect(card.entered).toEqual([]);
    }
  });

  it('says how many are left when it was refused, and what is next', async () => {
    const card = new Card(3);
    const options = { readPin: undefined, memory };
    expect(await enterForPerson(card.modem, '0000', options)).toEqual({
      outcome: 'refused',
      reason: 'the SIM refused the PIN: 2 tries left; look it up, then run this again',
      triesLeft: 2,
    });
    expect((await enterForPerson(card.modem, '0001', options)).reason).toBe(
      'the SIM refused the PIN: 1 try left; put the SIM into a telephone, and enter it there',
    );
    expect((await enterForPerson(card.modem, '4711', options)).outcome).toBe('not_tried');
    expect(card.entered).toHaveLength(2);
  });

  it('that is also the file’s is remembered as such, and lifts or sets what is known of it', async () => {
    const card = new Card(3);
    await memory.note(sim, 'g', 'unknown');
    await enterForPerson(card.modem, '4711', { readPin: fileWith('4711'), memory });
    expect(memory.last(sim, 'g')).toBe('accepted');
    const other = new Card(3);
    await enterForPerson(other.modem, '0000', { readPin: fileWith('0000'), memory });
    expect((await PinMemory.open(folder)).last(sim, 'g')).toBe('refused');
    expect(readFileSync(join(folder, 'pins.json'), 'utf8')).not.toContain('0000');
  });

  it('that is not the file’s leaves what is known of that as it is', async () => {
    const card = new Card(2);
    await memory.note(sim, 'g', 'refused');
    await enterForPerson(card.modem, '4711', { readPin: fileWith('0000'), memory });
    expect(memory.last(sim, 'g')).toBe('refused');
  });

  it('that a busy SIM did not count may be tried again', async () => {
    const card = new Card(3);
    card.error = { code: 14, counts: false };
    const options = { readPin: fileWith('4711'), memory };
    expect(await enterForPerson(card.modem, '4711', options)).toMatchObject({
      outcome: 'not_tried',
      triesLeft: 3,
    });
    expect(memory.last(sim, 'g')).toBe('untried');
  });

  it('of which an error tells nothing is judged by the tries that are left', async () => {
    const card = new Card(3);
    card.error = { code: 100, counts: true };
    expect(await enterForPerson(card.modem, '0000', { readPin: undefined, memory })).toMatchObject({
      outcome: 'refused',
      triesLeft: 2,
    });
  });
});

it('a SIM that wants its PUK, or nothing, is not given a PIN', () => {
  expect(whyNoPersonPin('puk', 0)).toContain('PUK');
  expect(whyNoPersonPin('ready', 3)).toContain('asks for no PIN');
  expect(whyNoPersonPin('absent', undefined)).toContain('asks for no PIN now (it is absent)');
});
