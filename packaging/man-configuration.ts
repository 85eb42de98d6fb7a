/**
 * simgate.toml(5), from the comments of config/simgate.example.toml, which tests keep in step with
 * the program.
 */
import { heading, paragraph, subheading, term, title } from './roff.js';

/** A key of the example: `#key = value` is one that has a default, or may be left out. */
interface Key {
  kind: 'key';
  name: string;
  value: string;
  isSet: boolean;
  comment: string;
}
interface Section {
  kind: 'section';
  name: string;
  comment: string;
}

/**
 * The example's sections and keys in order, each with the comment above it; a key under another
 * shares that one's.
 */
export function entriesOf(example: string): (Key | Section)[] {
  const entries: (Key | Section)[] = [];
  let comment: string[] = [];
  for (const line of example.split('\n')) {
    const key = /^(#?)([a-z]\w*) = (.*)$/.exec(line);
    const section = /^#?(\[+[\w.]+\]+)$/.exec(line);
    if (line.startsWith('#') && key === null && section === null)
      comment.push(line.replace(/^# ?/, ''));
    else if (line === '') comment = [];
    if (section?.[1] !== undefined) {
      entries.push({ kind: 'section', name: section[1], comment: comment.join(' ') });
      comment = [];
    } else if (key?.[2] !== undefined) {
      const [, hash, name, value = ''] = key;
      entries.push({ kind: 'key', name, value, isSet: hash === '', comment: comment.join(' ') });
      comment = [];
    }
  }
  return entries;
}

/** The page in roff; `date` as 2026-11-01. */
export function configurationManual(example: string, version: string, date: string): string {
  const parts = [
    title('simgate.toml', 5, date, `simgate ${version}`),
    heading('NAME'),
    'simgate.toml \\- configuration of simgate',
    heading('DESCRIPTION'),
    paragraph(
      'TOML. Units are in the names (_s seconds, _ms milliseconds). Relative paths count from the directory of the file. Secrets never stand in it. ' +
        'After each key its value in the example: the default, where there is one.',
    ),
    ...entriesOf(example).map((entry) =>
      entry.kind === 'section'
        ? [
            subheading(entry.name),
            ...(entry.comment === '' ? [] : [paragraph(entry.comment)]),
          ].join('\n')
        : term(
            `${entry.name} = ${entry.value}`,
            entry.comment === '' ? 'As above.' : entry.comment,
          ),
    ),
    heading('SEE ALSO'),
    paragraph('simgate(1)'),
  ];
  return `${parts.join('\n')}\n`;
}
