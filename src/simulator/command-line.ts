/**
 * How a command was asked: `+CMD`, `+CMD?`, `+CMD=?`, `+CMD=…`; a basic command's number is its set
 * value.
 */
export type CommandForm = 'execute' | 'read' | 'test' | 'set';

export interface Command {
  /** Upper case, with its `+`, `^`, `&` … */
  name: string;
  form: CommandForm;
  /** The text behind `=`, or a basic command's number. */
  value: string;
}

const extendedPrefixes = '+^$*#!%';

/**
 * Takes a command line body apart (V.250 5.2 to 5.4): basic commands follow one another freely, an
 * extended command ends at a semicolon outside quotes. Returns undefined when something is no
 * command.
 */
export function parseCommandLine(body: string): Command[] | undefined {
  const commands: Command[] = [];
  let rest = body.trim();
  while (rest.length > 0) {
    if (rest.startsWith(';')) {
      rest = rest.slice(1).trimStart();
      continue;
    }
    const isExtended = extendedPrefixes.includes(rest.charAt(0));
    const text = isExtended
      ? untilSemicolon(rest)
      : (/^(?:S\d{1,3}(?==|\?)|&?[A-Z])(?:=?\d*\??)/i.exec(rest)?.[0] ?? '');
    const command = isExtended ? parseExtended(text) : parseBasic(text);
    if (command === undefined) return undefined;
    commands.push(command);
    rest = rest.slice(text.length).trimStart();
  }
  return commands;
}

function untilSemicolon(text: string): string {
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (character === '"') isQuoted = !isQuoted;
    if (character === ';' && !isQuoted) return text.slice(0, index);
  }
  return text;
}

function parseExtended(text: string): Command | undefined {
  const match = /^([+^$*#!%][A-Z0-9_]+)\s*(=\?|\?|=)?(.*)$/is.exec(text);
  if (match === null) return undefined;
  const [, name = '', operator, value = ''] = match;
  const forms = { '=?': 'test', '?': 'read', '=': 'set' } as const;
  const form = operator === undefined ? 'execute' : forms[operator as keyof typeof forms];
  if (form !== 'set' && value.trim() !== '') return undefined;
  return { name: name.toUpperCase(), form, value: value.trim() };
}

function parseBasic(text: string): Command | undefined {
  const match = /^(S\d{1,3}|&?[A-Z])(=|\?)?(\d*)(\?)?$/i.exec(text);
  if (match === null) return undefined;
  const [, name = '', operator, value = '', trailing] = match;
  if (operator === '?' || trailing === '?')
    return { name: name.toUpperCase(), form: 'read', value: '' };
  const form = operator === '=' || value !== '' ? 'set' : 'execute';
  return { name: name.toUpperCase(), form, value };
}

/**
 * Splits at commas outside quotes; quotes are taken off. An omitted parameter is an empty string.
 */
export function parameters(value: string): string[] {
  if (value === '') return [];
  const parts = value.match(/(?:"[^"]*"|[^,"])+|(?<=^|,)(?=,|$)/g) ?? [];
  return parts.map((part) => part.trim().replace(/^"(.*)"$/s, '$1'));
}

/** A whole number in `min`–`max`, or undefined. */
export function integer(text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
