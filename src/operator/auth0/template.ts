/** What a message template at Auth0 costs in segments, judged by rendering it with samples. */

import { error, type Finding, ok, warning } from '../../doctor/finding.js';
import { septetCost } from '../../sms/gsm7.js';
import { segmentText } from '../../sms/segments.js';
import { escapeControls } from '../../words/foreign.js';

/**
 * A template as a connection (`template`, `syntax`, `totp.length`) or a phone template of the
 * unified experience has it.
 */
export interface MessageTemplate {
  text: string;
  syntax: 'md_with_macros' | 'liquid';
  /** Digits of the code, 4 to 40. */
  codeLength: number;
}

/** As long as most names of applications are. */
const sampleApplication = 'My Application';
/** A value that nothing is known of. */
const sampleValue = 'something';
/** Texts that one Liquid template is followed into. */
const maxVariants = 64;
/** A value of Liquid, with such filters only as leave a sample as long as it is. */
const value =
  /\{\{-?\s*([\w.]+)\s*(?:\|\s*(?:upcase|downcase|capitalize|strip|default:[^|}]*?)\s*)*-?\}\}/g;

/**
 * Every text that the template may become, each branch of a Liquid `if` or `case` being one.
 * Undefined when it has what only Auth0 knows the effect of (`for`, `assign`, most filters, …), or
 * too many branches.
 */
export function renderVariants({
  text,
  syntax,
  codeLength,
}: MessageTemplate): string[] | undefined {
  const code = '4170938526'.repeat(4).slice(0, codeLength);
  if (syntax === 'md_with_macros') {
    const macros: Record<string, string> = {
      password: code,
      code,
      'application.name': sampleApplication,
    };
    return [text.replace(/@@([\w.]+)@@/g, (_, name: string) => macros[name] ?? sampleValue)];
  }
  const samples: Record<string, string> = {
    password: code,
    code,
    'application.name': sampleApplication,
    'application.clientid': 'a'.repeat(32),
    phone_number: '+4915112345678',
    request_language: 'en-GB',
  };
  const expand = (variant: string) =>
    variant.replace(value, (_, name: string) => samples[name.toLowerCase()] ?? sampleValue);
  // Another value is not followed.
  if (text.replace(value, '').includes('{{')) return undefined;
  return branchesOf(trimmed(text))?.map(expand);
}

/** Without the white space that a hyphen takes away: `{%-` before it, `-%}` behind it. */
function trimmed(text: string): string {
  return text.replace(/\s+(?=\{[{%]-)/g, '').replace(/(?<=-[}%]\})\s+/g, '');
}

/** What opens a choice, what begins another branch of it, and what ends it. */
const [openers, dividers, closers] = [
  ['if', 'unless', 'case'],
  ['elsif', 'else', 'when'],
  ['endif', 'endunless', 'endcase'],
];

/**
 * Open choices, innermost last: the branches that are complete, and the texts of the one being
 * read.
 */
interface Choice {
  closed: string[];
  open: string[];
  hasElse: boolean;
}

function branchesOf(text: string): string[] | undefined {
  const tag = /\{%-?\s*(\w+)[\s\S]*?%\}/g;
  const choices: Choice[] = [{ closed: [], open: [''], hasElse: true }];
  let from = 0;
  for (const match of text.matchAll(tag)) {
    append(choices.at(-1)!, [text.slice(from, match.index)]);
    from = match.index + match[0].length;
    if (!follow(choices, match[1]!)) return undefined;
    if (choices.at(-1)!.open.length > maxVariants) return undefined;
  }
  if (choices.length !== 1) return undefined;
  append(choices[0]!, [text.slice(from)]);
  return choices[0]!.open;
}

/** Takes one tag; false for one that is not understood, or out of place. */
function follow(choices: Choice[], name: string): boolean {
  const innermost = choices.at(-1)!;
  if (openers.includes(name)) {
    // What stands between `case` and its first `when` belongs to no branch.
    choices.push({ closed: [], open: name === 'case' ? [] : [''], hasElse: false });
    return true;
  }
  if (choices.length === 1) return false;
  if (dividers.includes(name)) {
    innermost.closed.push(...innermost.open);
    innermost.open = [''];
    innermost.hasElse ||= name === 'else';
    return true;
  }
  if (!closers.includes(name)) return false;
  choices.pop();
  const branches = [...innermost.closed, ...innermost.open, ...(innermost.hasElse ? [] : [''])];
  append(choices.at(-1)!, branches);
  return true;
}

function append(choice: Choice, branches: readonly string[]): void {
  choice.open = choice.open
    .flatMap((head) => branches.map((tail) => head + tail))
    .slice(0, maxVariants + 1);
}

/**
 * Whether a text of this template goes out as one segment of the GSM alphabet; `maxSegments` is
 * `message.max_segments`.
 */
export function judgeTemplate(
  template: MessageTemplate,
  maxSegments: number,
  name = 'the template',
): Finding {
  const check = 'auth0_template';
  const variants = renderVariants(template);
  if (variants === undefined)
    return warning(
      check,
      `${name} has Liquid tags or filters that simgate does not follow: its length was not judged`,
    );
  const judged = variants.map((text) => ({ text, ...segmentText(wellFormed(text)) }));
  const longest = judged.reduce((a, b) => (b.segments.length > a.segments.length ? b : a));
  const unicode = judged.find(({ alphabet }) => alphabet === 'ucs2');
  const count = longest.segments.length;
  const because =
    unicode === undefined
      ? ''
      : `: ${outsiders(unicode.text)} is not in the GSM alphabet, so 70 characters are one segment instead of 160`;
  if (count > maxSegments)
    return error(
      check,
      `${name} makes ${count} segments, and message.max_segments allows ${maxSegments}: every login would be refused (text_too_long)${because}`,
      'shorten it, or raise message.max_segments',
    );
  if (count > 1)
    return warning(
      check,
      `${name} makes ${count} segments, each of which costs like one SMS${because}`,
      'shorten it',
    );
  if (unicode !== undefined)
    return warning(
      check,
      `${name} goes out as UCS-2${because}`,
      'replace these characters, or keep it that short',
    );
  return ok(check, `${name} fits in one segment of the GSM alphabet`);
}

/** Lone surrogates, which JSON can carry and no SMS can, as U+FFFD. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** The characters that force UCS-2, for people. */
function outsiders(text: string): string {
  const found = new Set(
    Array.from(text).filter((character) => septetCost(character.charCodeAt(0)) === 0),
  );
  return [...found]
    .slice(0, 5)
    .map((character) => `"${escapeControls(character)}"`)
    .join(' ');
}

/** The template in a connection's options; undefined when they have none. */
export function templateOf(
  options: Readonly<Record<string, unknown>>,
): MessageTemplate | undefined {
  const { template, syntax, totp } = options;
  if (typeof template !== 'string' || template === '') return undefined;
  const length =
    typeof totp === 'object' && totp !== null && 'length' in totp
      ? Number(totp.length)
      : Number.NaN;
  const isKnown = Number.isInteger(length) && length >= 4 && length <= 40;
  return {
    text: template,
    syntax: syntax === 'liquid' ? 'liquid' : 'md_with_macros',
    codeLength: isKnown ? length : 6,
  };
}
