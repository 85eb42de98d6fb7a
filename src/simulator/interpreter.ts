import type { Distortion } from './uart.js';

const backspace = '\b';
const lineFeed = '\n';
const carriageReturn = '\r';
const controlZ = '\x1a';
const escapeCharacter = '\x1b';

/** V.250 asks for 40 characters at least; more than this ends in ERROR. */
const maxLineOctets = 2048;
/**
 * 1 + 12 octets of SMSC and 164 of TPDU are 354 hex digits; a text-mode message is shorter. What is
 * over is dropped.
 */
const maxEntryOctets = 1024;
/** A modem's receive FIFO while it is busy. */
const maxWaitingOctets = 4096;

/** Data entry behind a prompt (3GPP TS 27.005 3.5.1). */
export interface DataEntry {
  prompt: string;
  /** Text mode prompts again behind each CR. */
  isText: boolean;
  /** Told the number of octets so far. */
  onProgress?: (octets: number) => void;
  /** May spoil what was received. */
  receive?: (text: string) => string;
  /** Ctrl-Z came. */
  onComplete(data: string): void;
  /** ESC came; the line is free again unless the receiver goes on with its turn. */
  onEscape(): void;
}

/**
 * The right to answer one command line. A turn that was ended, or belongs to the time before a
 * reset, does nothing.
 */
export interface Turn {
  /** Says `output` and takes the next command. */
  finish(output: string, distortion?: Distortion): void;
  /** Prints the prompt and collects data. */
  collect(entry: DataEntry): void;
  /** Takes commands although this one is not answered yet. */
  release(): void;
}

export interface LineHost {
  /**
   * A command line with its AT prefix cut off. Called once per line; answers through `turn`, now or
   * later.
   */
  run(body: string, turn: Turn): void;
  send(output: string, distortion?: Distortion): void;
  echoes(): boolean;
  dropsWhileBusy(): boolean;
}

type Mode =
  | { name: 'command' }
  | { name: 'busy' }
  | { name: 'data'; entry: DataEntry; data: string };

/**
 * The line discipline of V.250 5: echo, editing, `A/`, data entry, and one command at a time. Bytes
 * are latin1 strings.
 */
export class Interpreter {
  readonly #host: LineHost;
  #mode: Mode = { name: 'command' };
  #line = '';
  #lastBody = '';
  #waiting = '';
  #output = '';
  #isReceiving = false;
  #generation = 0;
  /** Octets that came while busy and were lost. */
  droppedOctets = 0;

  constructor(host: LineHost) {
    this.#host = host;
  }

  get isCollecting(): boolean {
    return this.#mode.name === 'data';
  }

  /** Forgets everything said so far; turns given out before are void. */
  reset(): void {
    this.#generation += 1;
    this.#mode = { name: 'command' };
    this.#line = '';
    this.#waiting = '';
    this.#output = '';
  }

  /** Takes the line as if a command had come, for a modem that wakes in the middle of one. */
  seize(): Turn {
    this.#mode = { name: 'busy' };
    return this.#newTurn();
  }

  receive(bytes: string): void {
    if (this.#mode.name === 'busy' && this.#host.dropsWhileBusy()) {
      this.droppedOctets += bytes.length;
      return;
    }
    const room =
      maxWaitingOctets + (this.#mode.name === 'busy' ? 0 : bytes.length) - this.#waiting.length;
    this.#waiting += bytes.slice(0, room);
    this.droppedOctets += Math.max(0, bytes.length - room);
    this.#consume();
  }

  /** Says something unasked. */
  say(output: string): void {
    this.#output += output;
    if (!this.#isReceiving) this.#flush();
  }

  #consume(): void {
    if (this.#isReceiving) return;
    this.#isReceiving = true;
    const bytes = this.#waiting;
    let index = 0;
    const generation = this.#generation;
    while (index < bytes.length && this.#mode.name !== 'busy' && generation === this.#generation) {
      this.#take(bytes.charAt(index));
      index += 1;
    }
    if (generation === this.#generation) this.#waiting = bytes.slice(index);
    this.#isReceiving = false;
    if (this.#mode.name === 'busy' && this.#host.dropsWhileBusy()) {
      this.droppedOctets += this.#waiting.length;
      this.#waiting = '';
    }
    this.#flush();
  }

  #take(character: string): void {
    if (this.#mode.name === 'data') this.#takeData(character, this.#mode);
    else this.#takeCommand(character);
  }

  #takeCommand(character: string): void {
    if (character === escapeCharacter || character === controlZ) return;
    if (this.#host.echoes()) this.#output += character;
    if (character === backspace) this.#line = this.#line.slice(0, -1);
    else if (character === carriageReturn) this.#endLine();
    else if (character !== lineFeed && this.#line.length <= maxLineOctets) this.#line += character;
    if (/^a\/$/i.test(this.#line)) {
      this.#line = '';
      this.#execute(this.#lastBody);
    }
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (line.length > maxLineOctets) {
      this.#output += '\r\nERROR\r\n';
      return;
    }
    const prefix = /at/i.exec(line);
    if (prefix === null) return;
    this.#lastBody = line.slice(prefix.index + 2);
    this.#execute(this.#lastBody);
  }

  #execute(body: string): void {
    this.#mode = { name: 'busy' };
    this.#host.run(body, this.#newTurn());
  }

  #newTurn(): Turn {
    const generation = this.#generation;
    let isFinished = false;
    let isReleased = false;
    const isVoid = (): boolean => isFinished || generation !== this.#generation;
    const free = (): void => {
      if (!isReleased) this.#mode = { name: 'command' };
    };
    return {
      finish: (output, distortion) => {
        if (isVoid()) return;
        isFinished = true;
        free();
        this.#answer(output, distortion);
        this.#consume();
      },
      collect: (entry) => {
        if (isVoid()) return;
        this.#mode = { name: 'data', entry, data: '' };
        this.say(entry.prompt);
        this.#consume();
      },
      release: () => {
        if (isVoid()) return;
        free();
        isReleased = true;
        this.#consume();
      },
    };
  }

  /** An answer goes out at once: what it brings about, such as a restart, comes behind it. */
  #answer(output: string, distortion: Distortion | undefined): void {
    if (distortion === undefined) this.#output += output;
    this.#flush();
    if (distortion !== undefined) this.#host.send(output, distortion);
  }

  #takeData(character: string, mode: Extract<Mode, { name: 'data' }>): void {
    const { entry } = mode;
    if (character === controlZ || character === escapeCharacter) {
      this.#mode = { name: 'busy' };
      if (character === controlZ) entry.onComplete(mode.data);
      else entry.onEscape();
      return;
    }
    if (this.#host.echoes()) this.#output += character;
    if (character === backspace) mode.data = mode.data.slice(0, -1);
    else if (mode.data.length < maxEntryOctets)
      mode.data += entry.receive?.(character) ?? character;
    if (character === carriageReturn && entry.isText) this.#output += '\r\n> ';
    entry.onProgress?.(mode.data.length);
  }

  #flush(): void {
    const output = this.#output;
    this.#output = '';
    if (output !== '') this.#host.send(output);
  }
}
