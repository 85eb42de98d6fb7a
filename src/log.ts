import { fstatSync, writeFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import winston, { type Logger } from 'winston';
import { counted } from './words/counted.js';
import { causesOf, errorFields } from './words/error-text.js';
import { escapeControls, withoutNumbers } from './words/foreign.js';
import { whyFailed } from './words/system-fault.js';

/** How a log is opened. */
export interface LogOptions {
  level: 'error' | 'warn' | 'info' | 'debug';
  /** `auto`: text if `stream` is a terminal, else JSON. */
  format: 'auto' | 'json' | 'text';
  /** Default: standard output. */
  stream?: NodeJS.WritableStream & { isTTY?: boolean };
}

/**
 * A log of one line per entry: a JSON object, or text for people, in which only the stack of an
 * error takes more lines. Every entry has `timestamp` (ISO 8601, UTC), `level`, `message` and the
 * fields it was given, in snake_case. What a modem, a network or a caller said may stand in it:
 * characters that would steer a terminal are escaped, and whole numbers masked, though they should
 * have come through `foreignWords` already.
 *
 * Lines for standard output are gathered and written once a turn of the event loop, in order, and
 * at the latest with the exit; a `stream` gets each at once. What cannot be written there is lost,
 * and nothing waits for it or ends by it: see {@link logLoss}.
 */
export function createLog({ level, format, stream }: LogOptions): winston.Logger {
  const { isTTY } = stream ?? process.stdout;
  const toLine = format === 'text' || (format === 'auto' && isTTY === true) ? textLine : jsonLine;
  const log = winston.createLogger({ level, levels });
  const write =
    stream === undefined
      ? (line: () => string) => standardOutput.add(line)
      : (line: () => string) => stream.write(line());
  const tell = (level: string, message: unknown, fields: Fields): void => {
    if (levelOf(level) > levelOf(log.level)) return;
    const atMs = Date.now();
    write(() => `${printable(toLine(level, message, fields, atMs))}\n`);
  };
  // Winston would pass each entry, also one below the level, through two streams to a transport: as
  // much work as the line itself.
  log.write = ({ level, message, ...fields }: winston.Logform.TransformableInfo): boolean => {
    tell(level, message, fields);
    return true;
  };
  // Nearly all entries are a sentence and its fields. Winston would look for `%` in each sentence,
  // and copy the fields twice, also of what is not written.
  const logOther = log.log.bind(log) as (...words: unknown[]) => Logger;
  log.log = (...words: unknown[]): Logger => {
    if (!isSentence(words)) return logOther(...words);
    tell(words[0], words[1], words[2]);
    return log;
  };
  if (stream === undefined) {
    standardOutput.onBack = ({ lines, why }) =>
      tell(
        'warn',
        `${counted(lines, 'line')} of the log ${lines === 1 ? 'was' : 'were'} lost: ${why}`,
        {
          event: 'log',
        },
      );
    log.on('finish', () => standardOutput.flush());
  }
  return log;
}

/** The weightiest first, as npm has them. */
const { levels } = winston.config.npm;
const levelOf = (level: string): number => levels[level] ?? 0;

/** Lines that standard output did not take since it last took any, and why. */
export interface LogLoss {
  lines: number;
  why: string;
}

/** Undefined while the log is written. */
export const logLoss = (): LogLoss | undefined => standardOutput.loss;

/** Octets that may wait for a slow reader of standard output, as journald on a busy disk (I5). */
const mostUnreadOctets = 1_048_576;

/**
 * Gathers the entries of one turn of the event loop. Their lines are made at its end, when the
 * answers of this turn are out, and take one write(2).
 */
class StandardOutput {
  /** Told once lines are taken again. */
  onBack: (loss: LogLoss) => void = () => undefined;
  loss: LogLoss | undefined;
  #lines: (() => string)[] = [];
  #isFile: boolean | undefined;
  readonly #flushDue = (): void => this.flush();
  #isHeld = false;

  add(line: () => string): void {
    if (this.#lines.length === 0) setImmediate(this.#flushDue);
    this.#lines.push(line);
    if (this.#isHeld) return;
    this.#isHeld = true;
    process.once('exit', this.#flushDue);
  }

  flush(): void {
    const lines = this.#lines.splice(0);
    if (lines.length === 0) return;
    const done = (error?: unknown) => (error ? this.#lose(lines.length, error) : this.#taken());
    if (process.stdout.writableLength > mostUnreadOctets)
      return this.#lose(lines.length, new Error('nobody reads it'));
    const text = lines.map((line) => line()).join('');
    this.#isFile ??= isFileOrDevice();
    if (this.#isFile) {
      // Node's own stream of a file throws, and takes nothing more after that.
      try {
        writeFileSync(1, text);
        done();
      } catch (error) {
        done(error);
      }
    } else process.stdout.write(text, done);
  }

  #lose(lines: number, error: unknown): void {
    this.loss = { lines: (this.loss?.lines ?? 0) + lines, why: whyFailed(error) };
  }

  #taken(): void {
    const { loss } = this;
    this.loss = undefined;
    if (loss !== undefined) this.onBack(loss);
  }
}

/** What is written to at once: no terminal, pipe or socket. */
function isFileOrDevice(): boolean {
  if (isatty(1)) return false;
  const standardOutputIs = fstatSync(1);
  return standardOutputIs.isFile() || standardOutputIs.isCharacterDevice();
}

const standardOutput = new StandardOutput();

/** What an entry has beside its level and its sentence. */
type Fields = Readonly<Record<string, unknown>>;

function isSentence(words: readonly unknown[]): words is [string, string, Fields] {
  const fields = words[2];
  if (words.length !== 3 || typeof words[1] !== 'string') return false;
  return typeof fields === 'object' && fields !== null && !('message' in fields);
}

/** @param atMs wall-clock milliseconds of the entry */
function jsonLine(level: string, message: unknown, fields: Fields, atMs: number): string {
  let line = `{"timestamp":"${stamp(atMs)}","level":"${level}","message":${jsonOf('message', message)}`;
  for (const key in fields) {
    const json = jsonOf(key, fields[key]);
    if (json !== undefined) line += `,${JSON.stringify(key)}:${json}`;
  }
  return `${line}}`;
}

/** As JSON; undefined for what JSON leaves out. */
function jsonOf(key: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  // A replacer would be called for each of them.
  if (typeof value !== 'object' || value === null) return JSON.stringify(serializable(key, value));
  return JSON.stringify(serializable(key, value), serializable);
}

/** Fields that hold no words: a run of digits in a UUID is no number. */
const ids: ReadonlySet<string> = new Set(['id', 'replay_of']);

/**
 * `2026-11-23T14:36:00.000Z info  the message key=value other="a b"`, then the stack of each error,
 * indented.
 */
function textLine(level: string, message: unknown, fields: Fields, atMs: number): string {
  const stacks: string[] = [];
  const pairs = Object.entries(fields).flatMap(([key, value]) => {
    if (value === undefined) return [];
    if (!(value instanceof Error)) return [`${key}=${textValue(key, value)}`];
    stacks.push(...[value, ...causesOf(value)].flatMap((error) => errorFields(error).stack ?? []));
    return [`${key}=${textValue(key, value.message)}`];
  });
  const text = inLine(withoutNumbers(String(message)));
  const line = [stamp(atMs), level.padEnd(5), text, ...pairs].join(' ');
  const indented = stacks
    .flatMap((stack) => withoutNumbers(stack).split('\n'))
    .map((frame) => `\n    ${frame}`);
  return line + indented.join('');
}

function textValue(key: string, value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const shown = serializable(key, value);
  if (typeof shown === 'string' && /^[^\s"=\\]+$/.test(shown)) return inLine(shown);
  return JSON.stringify(shown, serializable) ?? 'undefined';
}

/** Line breaks as JSON escapes them: an entry must not look like two. */
function inLine(text: string): string {
  return text.replace(/[\n\r]/g, escapeControls);
}

/**
 * JSON has no bigint and shows an error as `{}`. Texts leave without the numbers that may be
 * somebody's (I6).
 */
function serializable(key: string, value: unknown): unknown {
  if (typeof value === 'string') return ids.has(key) ? value : withoutNumbers(value);
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  const causes = causesOf(value).map(errorFields);
  return causes.length === 0 ? errorFields(value) : { ...errorFields(value), causes };
}

/**
 * Controls and marks that would steer who reads it, as escapes; line breaks between the lines of a
 * text entry are ours and stay.
 */
function printable(line: string): string {
  return line.includes('\n')
    ? line.split('\n').map(escapeControls).join('\n')
    : escapeControls(line);
}

function stamp(atMs: number): string {
  return new Date(atMs).toISOString();
}

const windowMs = 60_000;

/**
 * A log for what anyone on the network can cause: at most `perMinute` warnings a minute; the first
 * of a later minute is preceded by one line that says how many were left out.
 */
export class LimitedLog {
  readonly #log: Logger;
  readonly #perMinute: number;
  readonly #now: () => number;
  readonly #what: string;
  #windowStartedAt = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** `now`: monotonic milliseconds. `what` follows the number of those left out. */
  constructor(
    log: Logger,
    perMinute = 10,
    now: () => number = () => performance.now(),
    what = 'requests were refused and not logged',
  ) {
    this.#log = log;
    this.#perMinute = perMinute;
    this.#now = now;
    this.#what = what;
  }

  /** `fields` are found out for what is logged only. */
  warn(message: string, fields: () => Record<string, unknown>): void {
    if (this.#now() - this.#windowStartedAt >= windowMs) this.#startWindow();
    this.#count++;
    if (this.#count <= this.#perMinute) this.#log.warn(message, fields());
  }

  #startWindow(): void {
    const suppressed = Math.max(0, this.#count - this.#perMinute);
    if (suppressed > 0) {
      this.#log.warn(`${suppressed} more ${this.#what}`, {
        event: 'refusals_suppressed',
        suppressed,
      });
    }
    this.#windowStartedAt = this.#now();
    this.#count = 0;
  }
}

/** Milliseconds between two lines of one fault. */
const repeatMs = 600_000;
/** Faults that are told apart at a time. */
const maxFaults = 100;

/**
 * A log for what fails again with each message as long as its cause lasts: told at once, then every
 * ten minutes at most, with how often it came.
 */
export class RepeatedFaults {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #told = new Map<string, { atMs: number; times: number }>();

  /** `now`: monotonic milliseconds. */
  constructor(log: Logger, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** `name` tells one fault from another. True when there is a line of it. */
  error(name: string, message: string, fields: Record<string, unknown>): boolean {
    const last = this.#told.get(name);
    if (last !== undefined && this.#now() - last.atMs < repeatMs) {
      last.times += 1;
      return false;
    }
    const times = last === undefined || last.times === 0 ? {} : { times_before: last.times };
    this.#told.delete(name);
    this.#told.set(name, { atMs: this.#now(), times: 0 });
    const [oldest = ''] = this.#told.keys();
    if (this.#told.size > maxFaults) this.#told.delete(oldest);
    this.#log.error(message, { ...fields, ...times });
    return true;
  }
}
