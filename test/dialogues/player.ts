import {
  type LinkListener,
  LinkLost,
  type OpenLink,
  type SerialLink,
} from '../../src/serial/link.js';
import { seededRandom } from '../../src/simulator/random.js';
import type { Answers, Dialogue, ModemStep, Step } from './dialogue.js';

/** How the modem's bytes reach the daemon, other than line by line as the dialogue has them. */
export interface Delivery {
  /** Each piece of speech comes in two parts, cut at this offset. */
  splitAt?: number;
  /** Every byte comes alone. */
  bytewise?: boolean;
  /** These bytes come too, at this line boundary of each piece of speech. */
  insert?: { bytes: string; boundary: number };
}

/**
 * Milliseconds after the tty was opened at which the greeting comes: the daemon has begun to speak.
 */
const greetingDelayMs = 5;

type Expectation = Extract<Step, { kind: 'expect' }>;

/** Two-line URCs (27.005 3.4.1) are said in one breath. */
const firstOfTwo = /\+(CMT|CDS|CBM): /;

/**
 * The modem of a dialogue, behind a serial link. It answers from the dialogue's tables, or, in a
 * scenario, says what comes next; a command that the dialogue does not know is a failure that names
 * it.
 */
export class DialoguePlayer {
  /**
   * What the daemon wrote, but for what `[any time]` allows: as it was, or, in a scenario, as the
   * dialogue has it.
   */
  readonly written: string[] = [];
  /** What went wrong here; whoever drives the test throws it. */
  failure: Error | undefined;
  /** Above 0 while bytes are on their way, so that no time may pass. */
  talking = 0;
  /** How the bytes are delivered from now on. */
  delivery: Delivery = {};
  /**
   * True when more is in order than the scenario has: news of a stored message makes the daemon
   * look for it as soon as the modem is free, and whoever comes first after a lost result
   * resynchronises; news of the SIM makes it look at the modem.
   */
  mayResynchronise = false;
  /** What the scenario still has until the message ends. */
  awaited: Expectation[] = [];
  /** Times {@link Delivery.insert} was said. */
  insertions = 0;
  /**
   * The longest piece of speech, in octets, and the most line boundaries in one, since {@link
   * measureAnew}.
   */
  longestSpeech = 0;
  mostBoundaries = 0;
  readonly #dialogue: Dialogue;
  readonly #answered = new Map<Answers, number>();
  readonly #random = seededRandom(20_261_123);
  /** Writes that a scenario has still to look at; undefined while the tables answer. */
  #unread: string[] | undefined;
  #listener: LinkListener | undefined;
  /** It boots once. */
  #greeting: ModemStep[];
  #echo: boolean;
  /** Echo of the command that is about to be answered in a scenario. */
  #pendingEcho = '';
  /** Why the tty cannot be opened now. */
  #obstacle: string | undefined;
  /** A modem says one thing after the other. */
  #speech: Promise<void> = Promise.resolve();

  constructor(dialogue: Dialogue) {
    this.#dialogue = dialogue;
    this.#echo = dialogue.echo;
    this.#greeting = dialogue.greeting;
  }

  readonly openLink: OpenLink = (listener) => {
    const path = '/dev/dialogue';
    if (this.#obstacle) return Promise.reject(new LinkLost(`${path} ${this.#obstacle}`));
    this.#listener = listener;
    const link: SerialLink = {
      path,
      write: (bytes) => {
        if (this.#listener === listener) this.#hear(bytes);
      },
      close: () => {
        if (this.#listener === listener) this.#listener = undefined;
        listener.onClose(undefined);
        return Promise.resolve();
      },
    };
    const greeting = this.#greeting;
    this.#greeting = [];
    if (greeting.length > 0) setTimeout(() => void this.perform(greeting), greetingDelayMs);
    return Promise.resolve(link);
  };

  /** From here on the daemon's writes are for the scenario, in order. */
  beginScenario(): void {
    this.#unread ??= [];
  }

  /** From here on the tables answer again. */
  endScenario(): void {
    const [first] = this.#unread ?? [];
    if (first !== undefined)
      this.#fail(`the daemon wrote ${shown(first)}, which the scenario does not have`);
    this.#unread = undefined;
  }

  measureAnew(): void {
    this.longestSpeech = 0;
    this.mostBoundaries = 0;
  }

  /** True when the daemon has written; it must be what `step` says. */
  heard(step: Expectation): boolean {
    const bytes = this.#unread?.shift();
    if (bytes === undefined) return false;
    if (!step.bytes.test(bytes))
      this.#fail(`the daemon wrote ${shown(bytes)}, where line ${step.line} has "${step.text}"`);
    this.written.push(step.text.includes('*') ? step.text : bytes);
    this.#pendingEcho = this.#echoOf(bytes);
    return true;
  }

  /**
   * Does what the dialogue has next, after all that is still to be said; resolves when it is done.
   * Never rejects.
   */
  perform(steps: ModemStep[], echo = this.#takePendingEcho()): Promise<void> {
    this.#speech = this.#speech
      .then(() => this.#perform(steps, echo))
      .catch((error: unknown) => {
        this.failure ??= new Error(`${this.#dialogue.name}: the daemon threw`, { cause: error });
      });
    return this.#speech;
  }

  #hear(bytes: string): void {
    const anyTime = this.#dialogue.anyTime.get(bytes);
    if (anyTime) {
      void this.perform(this.#nextAnswer(anyTime), this.#echoOf(bytes));
      return;
    }
    const isDue = this.awaited[0]?.bytes.test(bytes) === true;
    if (isDue) this.awaited.shift();
    const isExtra = this.mayResynchronise && isResync(bytes) && !isDue;
    if (this.#unread && !isExtra) {
      this.#unread.push(bytes);
      return;
    }
    this.written.push(bytes);
    const answers = this.#dialogue.table.get(bytes);
    if (answers) void this.perform(this.#nextAnswer(answers), this.#echoOf(bytes));
    else this.#fail(`the daemon wrote ${shown(bytes)}, which [start] does not know`);
  }

  #nextAnswer(answers: Answers): ModemStep[] {
    const times = this.#answered.get(answers) ?? 0;
    this.#answered.set(answers, times + 1);
    return answers[Math.min(times, answers.length - 1)] ?? [];
  }

  #echoOf(bytes: string): string {
    const echo = this.#echo && bytes !== '\x1b' ? bytes : '';
    if (bytes === 'ATE0\r') this.#echo = false;
    return echo;
  }

  async #perform(steps: ModemStep[], echo: string): Promise<void> {
    this.talking += 1;
    let piece = echo === '' ? [] : [echo];
    for (const step of steps) {
      if (step.kind === 'say') piece.push(step.bytes);
      else {
        await this.#say(piece);
        piece = [];
        await this.#act(step);
      }
    }
    await this.#say(piece);
    this.talking -= 1;
  }

  #takePendingEcho(): string {
    const echo = this.#pendingEcho;
    this.#pendingEcho = '';
    return echo;
  }

  async #act(step: Exclude<ModemStep, { kind: 'say' }>): Promise<void> {
    switch (step.kind) {
      case 'silence':
        this.talking -= 1;
        await new Promise((resolve) => setTimeout(resolve, step.ms));
        this.talking += 1;
        return;
      case 'noise':
        return this.#say([
          String.fromCharCode(
            ...Array.from({ length: step.octets }, () => this.#random.below(256)),
          ),
        ]);
      case 'restart':
        this.#echo = this.#dialogue.echo;
        return;
      case 'unplug':
        return this.#hangUp('does not exist: is the modem plugged in?', step.ms);
      case 'busy':
        return this.#hangUp('is in use by another process', step.ms);
    }
  }

  #hangUp(obstacle: string, ms: number): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#echo = this.#dialogue.echo;
    this.#obstacle = obstacle;
    setTimeout(() => {
      this.#obstacle = undefined;
    }, ms);
    listener?.onClose(new LinkLost('/dev/dialogue was lost: the tty was hung up'));
  }

  async #say(piece: string[]): Promise<void> {
    const speech = this.#withInsertion(piece).join('');
    this.longestSpeech = Math.max(this.longestSpeech, speech.length);
    for (const part of this.#parts(speech)) {
      this.#listener?.onData(Buffer.from(part, 'latin1'));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #withInsertion(piece: string[]): string[] {
    const boundaries = piece.flatMap((_, i) => (isBoundary(piece[i - 1]) ? [i] : []));
    if (piece.length > 0 && isBoundary(piece.at(-1))) boundaries.push(piece.length);
    this.mostBoundaries = Math.max(this.mostBoundaries, boundaries.length);
    const { insert } = this.delivery;
    const at = insert && boundaries[insert.boundary];
    if (!insert || at === undefined || !this.#listener) return piece;
    this.insertions += 1;
    return piece.toSpliced(at, 0, insert.bytes);
  }

  #parts(speech: string): string[] {
    const { splitAt, bytewise } = this.delivery;
    if (bytewise) return speech.split('');
    if (splitAt === undefined || splitAt >= speech.length) return speech === '' ? [] : [speech];
    return [speech.slice(0, splitAt), speech.slice(splitAt)];
  }

  #fail(reason: string): void {
    this.failure ??= new Error(`${this.#dialogue.name}: ${reason}`);
  }
}

/**
 * Whether a modem may say something else after `before`: at a line's end, an echo's or a prompt's,
 * not inside a two-line URC.
 */
function isBoundary(before: string | undefined): boolean {
  return before === undefined || (/[\r\n\x1a]$|> ?$/.test(before) && !firstOfTwo.test(before));
}

/** What a resynchronisation, or a look at a modem that is ready, writes. */
export const isResync = (bytes: string): boolean =>
  /^(\x1b|AT\r|AT\+(C(G|E|5G)?REG\?|CPIN\?|CSQ)\r)$/.test(bytes);

function shown(bytes: string): string {
  const text = bytes.replace(/\r$/, '').replaceAll('\x1b', '^[').replaceAll('\x1a', '^Z');
  return `"${text}"`;
}
