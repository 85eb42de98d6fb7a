/**
 * Each sentence of the log in the sources, by its level: what failed is no `info`, and what went
 * well is no warning.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const sources = join(import.meta.dirname, '../../src');
const call =
  /\b(?:log|#log|faults|refusals)\??\.(info|warn|error)\(\s*(?:'[\w.]+',\s*)?(['`])((?:\\.|(?!\2)[^\\])*)\2/g;

/** Every call with a sentence of its own; the virtual modem has another log. */
const told = readdirSync(sources, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('simulator/'))
  .flatMap((file) =>
    [...readFileSync(join(sources, file), 'utf8').matchAll(call)].map(
      ([, level = '', , sentence = '']) => ({ file, level, sentence }),
    ),
  );

const failed =
  /\b(?:cannot|could not|fails?|failed|lost|refused?|unknown|damaged|out of order|never|nobody|no progress|not taken)\b/;
/** A planned end refuses what waits. */
const planned = /^stopping: /;
const wentWell =
  /\b(?:is well again|are known again|is written again|again, after|accepted|was handed over|came in|is set|is in force|make progress again|go out again)\b/;
/** They say what did not go well about it. */
const lost = /lost|given up|cannot be written|no note can be left/;

it('finds them', () => {
  expect(told.length).toBeGreaterThan(60);
  for (const level of ['info', 'warn', 'error'])
    expect(told.filter((one) => one.level === level).length).toBeGreaterThan(8);
});

it('what failed is a warning at least', () => {
  const wrong = told.filter(
    ({ level, sentence }) => level === 'info' && failed.test(sentence) && !planned.test(sentence),
  );
  expect(wrong).toEqual([]);
});

it('what went well is no warning', () => {
  const wrong = told.filter(
    ({ level, sentence }) => level !== 'info' && wentWell.test(sentence) && !lost.test(sentence),
  );
  expect(wrong).toEqual([]);
});
