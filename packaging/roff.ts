/** The few requests of man(7) that our pages are made of. */

/** Text in which nothing means anything to roff. */
export function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll('–', '\\(en')
    .replaceAll('’', "'")
    .replace(/^(?=[.'])/gm, '\\&');
}

/** The title line; `date` as 2026-11-01. */
export function title(name: string, section: 1 | 5, date: string, source: string): string {
  return `.TH ${escaped(name.toUpperCase())} ${section} "${date}" "${escaped(source)}"`;
}

export const heading = (text: string): string => `.SH ${escaped(text)}`;
export const subheading = (text: string): string => `.SS ${escaped(text)}`;
export const paragraph = (text: string): string => `.PP\n${escaped(text)}`;
/** A term and what it means. */
export const term = (name: string, meaning: string): string =>
  `.TP\n\\fB${escaped(name)}\\fR\n${escaped(meaning)}`;
/** Lines as they are. */
export const verbatim = (text: string): string => `.PP\n.nf\n${escaped(text)}\n.fi`;
