/** What comes in by SMS during a phase, where it goes, and what goes wrong with both. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../src/simulator/random.js';
import { Receiver, webhookSecret } from '../inbound/receiver.js';
import type { Action } from './deck.js';
import { markerPrefix } from './texts.js';
import type { VirtualModem } from './virtual-modem.js';

/** A text for the SIM of one of the modems. */
export interface PlannedText {
  /** E.164, `+` and 12 digits. */
  from: string;
  /** Unlike any other of the run. */
  text: string;
  order: 'sent' | 'reversed' | 'shuffled';
  modem: number;
  /** Milliseconds from the one before. */
  pauseMs: number;
  /** What goes wrong before it comes. */
  fault?: Action | undefined;
}

/** Fewer than the SIMs of a phase hold. */
export const spoolMax = 12;
const textsPerModem = 40;

/** Texts of one to three parts, that come faster than a SIM of few slots is read. */
export function planTexts(
  random: Random,
  modems: number,
  stem: string,
  faults: readonly Action[],
): PlannedText[] {
  const everySoMany = Math.floor((modems * textsPerModem) / faults.length);
  return Array.from({ length: modems * textsPerModem }, (_, number) => {
    const octets = random.below(4) === 0 ? 170 + random.below(250) : 20 + random.below(120);
    return {
      from: `+4917${String(random.below(100_000_000)).padStart(8, '0')}`,
      text: `#${markerPrefix}-${stem}-${number}# `.padEnd(octets, 'lorem ipsum dolor '),
      order: (['sent', 'reversed', 'shuffled'] as const)[random.below(3)]!,
      modem: random.below(modems),
      pauseMs: random.below(300),
      fault: number % everySoMany === 0 ? faults[number / everySoMany] : undefined,
    };
  });
}

/** Milliseconds after the last fault for everything to have come to the receiver. */
const drainLimitMs = 60_000;

/** The texts of a phase on their way, and who is to have them. */
export class Air {
  readonly receiver = new Receiver();
  readonly #texts: readonly PlannedText[];
  readonly #modems: readonly VirtualModem[];
  readonly #stateDir: string;
  #away: Promise<void> = Promise.resolve();

  constructor(texts: readonly PlannedText[], modems: readonly VirtualModem[], stateDir: string) {
    this.#texts = texts;
    this.#modems = modems;
    this.#stateDir = stateDir;
  }

  /** The tables of the daemon's configuration; `secretFile` is to hold {@link secret}. */
  async listen(secretFile: string): Promise<string> {
    await this.receiver.listen();
    return `[inbound]\nurl = "http://127.0.0.1:${this.receiver.port}/"\nsecret_file = "${secretFile}"\nspool_max = ${spoolMax}`;
  }

  static readonly secret = webhookSecret;

  /** `goWrong` is told of each fault, with the number of its modem, and not waited for. */
  async send(over: AbortSignal, goWrong: (fault: Action, modem: number) => void): Promise<void> {
    for (const { from, text, order, modem, pauseMs, fault } of this.#texts) {
      over.throwIfAborted();
      await pause(pauseMs);
      if (fault !== undefined) goWrong(fault, modem);
      await this.#modems[modem]!.control({ inbound: { from, text, order } });
    }
  }

  /** The receiver hangs, refuses, breaks off or is gone for a while; one after the other. */
  upset(how: ReceiverFault, forMs: number): Promise<void> {
    this.#away = this.#away.then(async () => {
      const { port } = this.receiver;
      if (how === 'gone') await this.receiver.stop();
      else this.receiver.mood = how;
      await pause(forMs);
      if (how === 'gone') await this.receiver.listen(port);
      this.receiver.mood = 'takes';
    });
    return this.#away;
  }

  /** Resolves when nothing is on its way any more, with what is still there after a minute. */
  async drained(over: AbortSignal): Promise<string | undefined> {
    const until = performance.now() + drainLimitMs;
    for (;;) {
      over.throwIfAborted();
      const left = await this.#left();
      if (left === undefined || performance.now() > until) return left;
      await pause(200);
    }
  }

  async #left(): Promise<string | undefined> {
    const stats = await Promise.all(this.#modems.map((modem) => modem.control({ stats: true })));
    const held = stats.reduce((sum, { undelivered }) => sum + Number(undelivered), 0);
    if (held > 0) return `${held} SMS still with the network`;
    const stored = this.#modems.reduce((sum, modem) => sum + storedNow(modem), 0);
    if (stored > 0) return `${stored} SMS still in the modems`;
    const spooled = textFiles(join(this.#stateDir, 'inbound')).length;
    return spooled > 0 ? `${spooled} SMS still in the spool` : undefined;
  }

  /** I6: files beside the spool that hold a text of the run. */
  leaks(): string[] {
    return readdirSync(this.#stateDir, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .filter((path) => readFileSync(path).includes(markerPrefix));
  }

  stop(): Promise<void> {
    return this.receiver.stop();
  }
}

export const receiverFaults = ['hangs', 'refuses', 'breaks', 'gone'] as const;
export type ReceiverFault = (typeof receiverFaults)[number];

/** Files of the spool that hold a text. */
function textFiles(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.endsWith('.done'));
  } catch (error) {
    // It is made with the first SMS.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Received messages in the slots of a modem, by its record. */
function storedNow(modem: VirtualModem): number {
  const slots = new Set<string>();
  for (const entry of modem.record()) {
    if (entry.kind === 'stored') slots.add(`${entry.storage} ${entry.index}`);
    if (entry.kind === 'deleted') slots.delete(`${entry.storage} ${entry.index}`);
  }
  return slots.size;
}

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}
