/** A terminal's text as SVG 1.1, which a browser and GitHub show without a script or a font. */

/** Columns; what is longer is cut, and ends with "…". */
const columns = 108;
const columnPx = 7.8;
const linePx = 17;
const marginPx = 16;

/** What a line is known by, and its colour on the dark ground. The first that fits counts. */
const colours: readonly (readonly [RegExp, string])[] = [
  [/^\$ /, '#ffffff'],
  [/^\S/, '#79c0ff'],
  [/^ {2}answer: 200/, '#7ee787'],
  [/^ {2}answer: /, '#ffa657'],
  [/^ {2}what the network received/, '#d2a8ff'],
  [/^ {4}[<>] /, '#a5d6ff'],
];
const plain = '#c9d1d9';

/** The SVG of a terminal in which `command` was typed, and which `output` came of. */
export function pictureOf(command: string, output: string): string {
  const lines = [`$ ${command}`, ...output.trimEnd().split('\n')].map(cut);
  const width = Math.ceil(2 * marginPx + columns * columnPx);
  const height = 2 * marginPx + lines.length * linePx;
  const texts = lines.flatMap((line, index) => (line === '' ? [] : textOf(line, index)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>What "${command}" says</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13">
${texts.join('\n')}
</g>
</svg>
`;
}

/** The lines of such a picture that are not empty, without their colours. */
export const linesIn = (picture: string): string[] =>
  [...picture.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text = '']) => text);

/** The lines as they are in a picture. */
export const linesFor = (output: string): string[] =>
  output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => escaped(cut(line)));

const cut = (line: string): string =>
  line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;

function textOf(line: string, index: number): string {
  const colour = colours.find(([pattern]) => pattern.test(line))?.[1] ?? plain;
  const top = marginPx + (index + 0.75) * linePx;
  // Whatever font it is, the columns stay columns.
  const width = Math.round(line.length * columnPx);
  return `<text x="${marginPx}" y="${top}" fill="${colour}" textLength="${width}">${escaped(line)}</text>`;
}

/** With blanks that stay as many as they are. */
const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(' ', '\u00a0');
