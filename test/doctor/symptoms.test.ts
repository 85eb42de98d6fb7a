/** What docs/operations.md says it looks like is what simgate says. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8');

/** The rows below that heading of a table, each as its cells. */
function rowsBelow(heading: string): string[][] {
  const after = operations.slice(operations.indexOf(heading));
  const table = /(?:^\|.*\n)+/m.exec(after)?.[0] ?? '';
  return table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

/** All that the sources spell, with the pieces of a long sentence joined. */
const spelled = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n')
  .replaceAll(/['`]\s*\+\s*['`]/g, '');

test('each symptom is spelled in the sources as it is in the documentation', () => {
  const rows = rowsBelow('| it looks like | it is | do |');
  const phrases = rows.flatMap(([, looks = '']) => looks.match(/(?<=`)[^`]+(?=`)/g) ?? []);
  const sentences = phrases.filter((phrase) => / /.test(phrase) && !phrase.startsWith('simgate '));
  expect(sentences.length).toBeGreaterThan(20);
  expect(sentences.filter((sentence) => !spelled.includes(sentence))).toEqual([]);
});

test('the names of what stands in the way are those of the judgement, all of them', () => {
  const named = rowsBelow('| `check` | `about` | in the way |').map(([, check = '']) =>
    check.replaceAll('`', ''),
  );
  const judged = ['judgement.ts', 'judge-limits.ts'].map((name) =>
    readFileSync(join(root, 'src/daemon', name), 'utf8'),
  );
  const spelledChecks = judged.flatMap((text) => [
    ...text.matchAll(/\b(?:error|warning)\(\s*'(\w+)'/g),
    ...text.matchAll(/return '(\w+)';/g),
  ]);
  const notices = ['smsc', 'sends'];
  const all = new Set([...spelledChecks.map(([, check]) => check), 'modem', ...notices]);
  expect(new Set(named)).toEqual(all);
  expect(named).toHaveLength(all.size);
});
