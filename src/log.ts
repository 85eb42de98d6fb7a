import winston from 'winston';

/** How a log is opened. */
export interface LogOptions {
  level: 'error' | 'warn' | 'info' | 'debug';
  /** `auto`: text if `stream` is a terminal, else JSON. */
  format: 'auto' | 'json' | 'text';
  /** Default: standard output. */
  stream?: NodeJS.WritableStream & { isTTY?: boolean };
}

/**
 * A log of one line per entry: a JSON object, or text for people, in which only the stack of an error takes more lines.
 * Every entry has `timestamp` (ISO 8601, UTC), `level`, `message` and the fields it was given, in snake_case.
 * What a modem, a network or a caller said may stand in it: characters that would steer a terminal are escaped.
 */
export function createLog({ level, format, stream = process.stdout }: LogOptions): winston.Logger {
  const asText = format === 'text' || (format === 'auto' && stream.isTTY === true);
  return winston.createLogger({
    level,
    format: winston.format.printf((entry) =>
      escapeControls(asText ? textLine(entry) : jsonLine(entry), asText),
    ),
    transports: [new winston.transports.Stream({ stream })],
  });
}

function jsonLine({ level, message, ...fields }: winston.Logform.TransformableInfo): string {
  return JSON.stringify({ timestamp: now(), level, message, ...fields }, serializable);
}

/** `2026-11-23T14:36:00.000Z info  the message key=value other="a b"`, then the stack of each error, indented. */
function textLine({ level, message, ...fields }: winston.Logform.TransformableInfo): string {
  const stacks: string[] = [];
  const pairs = Object.entries(fields).flatMap(([key, value]) => {
    if (value === undefined) return [];
    if (!(value instanceof Error)) return [`${key}=${textValue(value)}`];
    stacks.push(stackOf(value), ...causesOf(value).map(stackOf));
    return [`${key}=${textValue(value.message)}`];
  });
  const line = [now(), level.padEnd(5), inLine(String(message)), ...pairs].join(' ');
  const indented = stacks.flatMap((stack) => stack.split('\n')).map((frame) => `\n    ${frame}`);
  return line + indented.join('');
}

function textValue(value: unknown): string {
  const bare = typeof value === 'number' || typeof value === 'boolean';
  if (bare || (typeof value === 'string' && /^[^\s"=\\]+$/.test(value))) return inLine(String(value));
  return JSON.stringify(value, serializable) ?? 'undefined';
}

/** Line breaks as JSON escapes them: an entry must not look like two. */
function inLine(text: string): string {
  return text.replace(/[\n\r]/g, escaped);
}

/** JSON has no bigint and shows an error as `{}`. */
function serializable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  const causes = causesOf(value).map(errorFields);
  return causes.length === 0 ? errorFields(value) : { ...errorFields(value), causes };
}

/**
 * An error's name, message, stack and codes, and nothing else of it: it may carry the text, PDU or token that it is
 * about as a property.
 */
function errorFields(error: Error) {
  const code = 'code' in error ? error.code : undefined;
  const submitted = 'submitted' in error ? error.submitted : undefined;
  return { name: error.name, message: error.message, code, submitted, stack: stackOf(error) };
}

/** The errors that led to this one, nearest first; bounded, since a chain may lead back to itself. */
function causesOf(error: Error): Error[] {
  const causes: Error[] = [];
  let { cause } = error;
  while (cause instanceof Error && causes.length < 8) {
    causes.push(cause);
    ({ cause } = cause);
  }
  return causes;
}

function stackOf(error: Error): string {
  return error.stack ?? `${error.name}: ${error.message}`;
}

/** C0 and C1 controls, DEL, line separators, and the marks that turn the direction of text. */
const controls = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Line breaks between the lines of a text entry are ours and stay. */
function escapeControls(line: string, keepNewlines: boolean): string {
  return line.replace(controls, (character) =>
    keepNewlines && character === '\n' ? character : escaped(character),
  );
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function now(): string {
  return new Date().toISOString();
}
