import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/**
 * A dialogue file: what one device says to what the daemon writes. Plain text that a person can
 * edit:
 *
 * ```
 * # a comment
 * device: ZTE MF190            who says it; more `key: value` lines: firmware, source (one line
 * each),
 * echo: on                     V.250 6.2.4 at power-on (default off); ATE0 switches it off
 * framing: \r\n%\r\n           what a `<` line becomes (this is the default)
 * status_report: yes           the modem is configured so (default no)
 * urc: ^RSSI:14                what this device also says unasked; tried at every line boundary
 * urc| \r\n^MODE: 5,7\r\r\n     the same, as raw bytes
 *
 * [start]                      a table: commands in any order, each may come often
 * < RDY                        before the first `>`: said when the tty is first opened
 * > AT+CPIN?                   the daemon writes this and CR
 * < +CME ERROR: 14             the modem answers; a command listed twice is answered so first, then
 * otherwise
 * > ^[                         ESC, without CR; no answer here
 * = phase registering          where the start ends, if not in `ready`
 *
 * [any time]                   a table too, which holds in the scenarios as well: what is done
 * between messages
 *
 * [submit]                     any other name: a scenario, in strict order, from `ready`
 * !submit                      the gateway hands over the message (`!submit long`: one of two
 * segments)
 * > AT+CMGS=32
 * <| \r\n>\x20                 raw bytes with escapes: \r \n \xNN \\
 * > 0011*^Z                    the payload and Ctrl-Z, without CR; in a payload `*` is any
 * hexadecimal digits
 * !silence 5s                  nothing is said for so long
 * !noise 200                   so many random octets
 * !restart                     its settings are gone (what it says then follows)
 * !unplug 3s                   the tty is hung up, and comes back after so long
 * !busy 3s                     the same, but somebody else holds the tty meanwhile
 * = references 12              how the message ended: the references, or the error's code,
 * `submitted`, `elsewhere`, cause
 * = phase ready                the phase that is reached now, or in time; until then [start] holds
 * again
 * = never lost                 the tty was never given up since the start
 * ```
 */
export interface Dialogue {
  /** The file's name without `.txt`. */
  name: string;
  device: string;
  echo: boolean;
  statusReport: boolean;
  /** What the device says unasked, as framed bytes. */
  urcs: string[];
  /** Said when the tty is first opened. */
  greeting: ModemStep[];
  startPhase: string;
  table: Map<string, Answers>;
  anyTime: Map<string, Answers>;
  scenarios: Map<string, Step[]>;
}

/** The answers to one command: the first, then the next, the last for ever. */
export type Answers = ModemStep[][];

/** What the modem does. */
export type ModemStep =
  | { kind: 'say'; bytes: string }
  | { kind: 'silence' | 'unplug' | 'busy'; ms: number }
  | { kind: 'noise'; octets: number }
  | { kind: 'restart' };

/** `line` is where it stands in the file. */
export type Step =
  | ModemStep
  | { kind: 'expect'; bytes: RegExp; text: string; line: number }
  | { kind: 'submit'; isLong: boolean }
  | { kind: 'outcome' | 'phase'; text: string; line: number }
  | { kind: 'never_lost'; line: number };

/** Whether it is the modem's part. */
export function isModemStep(step: Step): step is ModemStep {
  return !['expect', 'submit', 'outcome', 'phase', 'never_lost'].includes(step.kind);
}

const ESC = '\x1b';
const CTRL_Z = '\x1a';

/** Every dialogue of this folder. */
export function readDialogues(folder: string): Dialogue[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  return files.sort().map((name) => parseDialogue(name, readFileSync(join(folder, name), 'utf8')));
}

/** @throws Error that names file and line, when a line is not understood. */
export function parseDialogue(file: string, text: string): Dialogue {
  const parser = new Parser(file);
  for (const [index, line] of text.split('\n').entries()) parser.take(line, index + 1);
  return parser.finish();
}

class Parser {
  readonly #file: string;
  readonly #dialogue: Dialogue;
  #framing = '\r\n%\r\n';
  #section: string | undefined;
  /** Where the modem's steps go now. */
  #steps: (step: Step) => void = () => undefined;
  #line = 0;

  constructor(file: string) {
    this.#file = file;
    this.#dialogue = {
      name: basename(file, '.txt'),
      device: '',
      echo: false,
      statusReport: false,
      urcs: [],
      greeting: [],
      startPhase: 'ready',
      table: new Map(),
      anyTime: new Map(),
      scenarios: new Map(),
    };
  }

  take(line: string, number: number): void {
    this.#line = number;
    if (line.trim() === '' || line.startsWith('#')) return;
    const section = /^\[(.+)\]$/.exec(line)?.[1];
    if (section !== undefined) this.#begin(section);
    else if (this.#section === undefined) this.#takeHeader(line);
    else this.#takeStep(line);
  }

  finish(): Dialogue {
    if (this.#dialogue.device === '' || this.#dialogue.table.size === 0)
      throw new Error(`${this.#file}: "device:" or [start] is missing`);
    return this.#dialogue;
  }

  #takeHeader(line: string): void {
    const [, key, value = ''] = /^(urc\||[a-z_]+(?=:)):? *(.*)$/.exec(line) ?? this.#fail(line);
    if (key === 'device') this.#dialogue.device = value;
    else if (key === 'echo') this.#dialogue.echo = this.#yes(value, 'on', 'off');
    else if (key === 'status_report') this.#dialogue.statusReport = this.#yes(value, 'yes', 'no');
    else if (key === 'framing') this.#framing = unescaped(value);
    else if (key === 'urc') this.#dialogue.urcs.push(this.#framed(value));
    else if (key === 'urc|') this.#dialogue.urcs.push(unescaped(value));
    else if (key !== 'firmware' && key !== 'source') this.#fail(line);
  }

  #yes(value: string, yes: string, no: string): boolean {
    if (value !== yes && value !== no) this.#fail(value);
    return value === yes;
  }

  #begin(section: string): void {
    this.#section = section;
    const { greeting, scenarios } = this.#dialogue;
    if (section === 'start') this.#steps = (step) => greeting.push(this.#modemStep(step));
    else if (section === 'any time') this.#steps = () => this.#fail('a `>` line must come first');
    else {
      if (scenarios.has(section)) this.#fail(`[${section}] is there twice`);
      const steps: Step[] = [];
      scenarios.set(section, steps);
      this.#steps = (step) => steps.push(step);
    }
  }

  #takeStep(line: string): void {
    const step = this.#readStep(line);
    const isTable = this.#section === 'start' || this.#section === 'any time';
    if (isTable && step.kind === 'expect') this.#beginAnswer(line.slice(2));
    else if (isTable && step.kind === 'phase') this.#dialogue.startPhase = step.text;
    else this.#steps(step);
  }

  #beginAnswer(command: string): void {
    const table = this.#section === 'start' ? this.#dialogue.table : this.#dialogue.anyTime;
    const answer: ModemStep[] = [];
    const bytes = writtenBytes(command);
    table.set(bytes, [...(table.get(bytes) ?? []), answer]);
    this.#steps = (step) => answer.push(this.#modemStep(step));
  }

  #modemStep(step: Step): ModemStep {
    return isModemStep(step) ? step : this.#fail(`"${step.kind}" belongs in a scenario`);
  }

  #readStep(line: string): Step {
    if (line.startsWith('!')) return this.#readDirective(line.slice(1));
    const [, sign = '', text = ''] = /^(>|<\||<|=) (.*)$/.exec(line) ?? this.#fail(line);
    if (sign === '>')
      return { kind: 'expect', bytes: pattern(writtenBytes(text)), text, line: this.#line };
    if (sign === '<') return { kind: 'say', bytes: this.#framed(text) };
    if (sign === '<|') return { kind: 'say', bytes: unescaped(text) };
    if (text === 'never lost') return { kind: 'never_lost', line: this.#line };
    const phase = /^phase (\w+)$/.exec(text)?.[1];
    return phase
      ? { kind: 'phase', text: phase, line: this.#line }
      : { kind: 'outcome', text, line: this.#line };
  }

  #readDirective(text: string): Step {
    if (/^submit( long)?$/.test(text)) return { kind: 'submit', isLong: text.endsWith('long') };
    if (text === 'restart') return { kind: 'restart' };
    const octets = /^noise (\d+)$/.exec(text)?.[1];
    if (octets) return { kind: 'noise', octets: Number(octets) };
    const [, kind, amount, unit] =
      /^(silence|unplug|busy) (\d+)(ms|s)$/.exec(text) ?? this.#fail(text);
    return { kind: kind as 'silence', ms: Number(amount) * (unit === 's' ? 1000 : 1) };
  }

  #framed(text: string): string {
    return this.#framing.replace('%', () => text);
  }

  #fail(what: string): never {
    throw new Error(`${this.#file}:${this.#line}: not understood: ${what}`);
  }
}

/** What the daemon writes for a `>` line. */
function writtenBytes(text: string): string {
  if (text === '^[') return ESC;
  return text.endsWith('^Z') ? `${text.slice(0, -2)}${CTRL_Z}` : `${text}\r`;
}

function pattern(bytes: string): RegExp {
  const escaped = bytes.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(
    `^${bytes.endsWith(CTRL_Z) ? escaped.replaceAll('\\*', '[0-9A-F]*') : escaped}$`,
  );
}

function unescaped(text: string): string {
  return text.replace(/\\(?:(r)|(n)|x([0-9A-Fa-f]{2})|(\\))/g, (_all, r, n, hex: string) => {
    if (r) return '\r';
    if (n) return '\n';
    return hex ? String.fromCharCode(Number.parseInt(hex, 16)) : '\\';
  });
}
