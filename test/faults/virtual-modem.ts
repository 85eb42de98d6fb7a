import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { RecordEntry } from '../../src/simulator/record.js';
import { Child } from './child.js';

/** How often a fault that waits for its turn looks whether that has come. */
const pollMs = 50;

/**
 * The virtual modem and its network as a process of their own; the record is what the daemon is
 * judged by.
 */
export class VirtualModem {
  readonly name: string;
  /** Where the tty is found. */
  readonly link: string;
  readonly #recordFile: string;
  readonly #child: Child;
  #onEvent: ((event: ModemEvent) => void) | undefined;
  /** Control lines are answered in order. */
  readonly #asked: ((answer: ModemEvent) => void)[] = [];
  #playing: Promise<void> = Promise.resolve();
  /** How many submits had begun when the last fault was put in place. */
  #lastPlayedAt = -1;

  private constructor(folder: string, name: string, flags: readonly string[]) {
    this.name = name;
    this.link = join(folder, `${name}.tty`);
    this.#recordFile = join(folder, `${name}.record.jsonl`);
    const args = [
      'simulate',
      '--name',
      name,
      '--link',
      this.link,
      '--record',
      this.#recordFile,
      ...flags,
    ];
    this.#child = new Child(args, (line, from) => this.#takeLine(line, from));
  }

  /** Rejects when the simulator ends before its tty can be opened. */
  static async start(
    folder: string,
    name: string,
    flags: readonly string[],
  ): Promise<VirtualModem> {
    const modem = new VirtualModem(folder, name, flags);
    const ready = new Promise<void>((resolve) => {
      modem.#onEvent = ({ event }) => event === 'ready' && resolve();
    });
    const ended = modem.#child.ended.then(({ code }) => {
      throw new Error(`the virtual modem ended with ${code} before it was ready`);
    });
    await Promise.race([ready, ended]);
    return modem;
  }

  /**
   * Plays `fault` on the next submit that has none: they would pile up on one while nothing is
   * sent. Gives up when `over` is aborted.
   */
  playNext(fault: string, over: AbortSignal): Promise<void> {
    this.#playing = this.#playing.then(async () => {
      await this.untilPlayed(over);
      if (over.aborted) return;
      this.#lastPlayedAt = await this.#submits();
      await this.control({ fault, submits: 1 });
    });
    return this.#playing;
  }

  /** Resolves when the submit has begun that the last fault was put in place for. */
  async untilPlayed(over: AbortSignal): Promise<void> {
    while (!over.aborted && (await this.#submits()) <= this.#lastPlayedAt) await pause(pollMs);
  }

  /** How many submits the modem has begun. */
  async #submits(): Promise<number> {
    const { submits } = await this.control({ stats: true });
    return Number(submits);
  }

  /** What the SIM knows, and how many `AT+CPIN=` the modem has seen. */
  async simCard(): Promise<{ state: string; tries: number; attempts: number }> {
    const { sim_state, pin_tries, pin_attempts } = await this.control({ stats: true });
    return { state: String(sim_state), tries: Number(pin_tries), attempts: Number(pin_attempts) };
  }

  /** How many segments the network has taken from this modem. */
  async accepted(): Promise<number> {
    const { accepted } = await this.control({ stats: true });
    return Number(accepted);
  }

  /** Sends a control line; rejects when the simulator refuses it or has ended. */
  async control(line: object): Promise<ModemEvent> {
    if (this.#child.hasEnded) throw new Error(`${this.name}: the virtual modem has ended`);
    const answered = new Promise<ModemEvent>((resolve) => this.#asked.push(resolve));
    this.#child.tell(JSON.stringify(line));
    const answer = await Promise.race([answered, this.#child.ended]);
    if ('event' in answer && answer.event !== 'refused') return answer;
    throw new Error(`${this.name}: ${JSON.stringify(line)} was answered ${JSON.stringify(answer)}`);
  }

  /** What the network knows, in order; complete once {@link stop} has resolved. */
  record(): RecordEntry[] {
    const lines = readFileSync(this.#recordFile, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RecordEntry);
  }

  /** Has the modem and its network stand still, or go on: what was due meanwhile is done then. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.signal(signal);
  }

  async stop(): Promise<void> {
    const { code, signal } = await this.#child.end('SIGTERM');
    if (code !== 0) throw new Error(`${this.name}: the virtual modem ended with ${code ?? signal}`);
  }

  #takeLine(line: string, from: 'stdout' | 'stderr'): void {
    if (from === 'stderr') return this.#complain(line);
    const event = JSON.parse(line) as ModemEvent;
    if (event.event === 'failed') this.#complain(line);
    if (['done', 'refused', 'stats'].includes(event.event)) this.#asked.shift()?.(event);
    this.#onEvent?.(event);
  }

  /** At once, and by the phase's folder: several phases may run at a time. */
  #complain(line: string): void {
    process.stderr.write(`${basename(dirname(this.#recordFile))} ${this.name}: ${line}\n`);
  }
}

type ModemEvent = { event: string } & Record<string, unknown>;

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}
