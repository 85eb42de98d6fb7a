import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Expression, ExpressionError, longestSearched } from '../../src/words/expression.js';

const found = (expression: string, text: string) => {
  const groups = new Expression(expression).find(text);
  return groups && Object.fromEntries(groups);
};

describe('an expression', () => {
  it.each<[string, string, object | undefined]>([
    [String.raw`(?<amount>\d+[.,]\d{2})`, 'Balance: 10.00 EUR', { amount: '10.00' }],
    [String.raw`guthaben\D*(?<amount>\d+,\d\d)`, 'IHR GUTHABEN:\n12,50 EUR', { amount: '12,50' }],
    [String.raw`(?P<amount>\d+)`, 'RM7', { amount: '7' }],
    [String.raw`until (?<valid>[\d./-]+)`, 'Valid until 31.12.2026.', { valid: '31.12.2026.' }],
    ['(?<a>x+?)(?<b>x*)', 'xxx', { a: 'x', b: 'xx' }],
    ['(?<a>x)?y', 'y', {}],
    ['^low', 'balance\nlow', {}],
    ['^low$', 'so low', undefined],
    [String.raw`\blow\b`, 'below', undefined],
    ['[^a-c]', 'abc', undefined],
    ['[]x]', ']', {}],
    ['a{2,3}', 'a', undefined],
    ['a{2,3}', 'aa', {}],
    ['(?:foo|bar)baz', 'barBAZ', {}],
    ['{', 'a{b', {}],
    ['👍+', 'ok 👍👍', {}],
  ])('%s in %j', (expression, text, groups) => {
    expect(found(expression, text)).toEqual(groups);
  });

  it.each([
    ['', 'must not be empty'],
    ['(', 'has a ( without its )'],
    [')', 'has a ) without its ('],
    ['[a', 'has a [ without its ]'],
    ['*', 'has * with nothing before it'],
    ['a**', 'has * on a count'],
    ['a{3,1}', 'has a count of {3,1}'],
    ['(?=a)', 'has (? with something behind it that is not known here'],
    ['(?<a>x)(?<a>y)', 'has two groups called a'],
    [String.raw`\1`, String.raw`has \1, which is not known here`],
    ['\\', 'ends with a backslash'],
    ['[z-a]', 'has the range z-a, which is empty'],
    ['(a{100}){100}', 'is too large: lower the counts in {}'],
    ['a'.repeat(301), 'must have 300 characters at most'],
    ['('.repeat(30), 'has more than 20 groups within each other'],
  ])('%j is refused: it %s', (expression, why) => {
    expect(() => new Expression(expression)).toThrow(new ExpressionError(why));
  });

  it('looks at a bounded part of the text', () => {
    expect(found('x', `${'a'.repeat(longestSearched)}x`)).toBeUndefined();
  });

  it.each(['(a+)+b', '(a|a)*b', '(a|aa)+$b', '(.*)*(.*)*(.*)*x', '(a?){40}a{40}b', '((a*)*)*b'])(
    '%s takes no more steps than characters times places',
    (expression) => {
      // Each of them would keep one that tries again busy for longer than the sun will shine.
      expect(found(expression, 'a'.repeat(longestSearched))).toBeUndefined();
    },
  );

  const atom = fc.constantFrom(
    'a',
    'b',
    '.',
    '[ab]',
    '[^a]',
    String.raw`\d`,
    '1',
    '(?:ab|a)',
    '^',
    '$',
  );
  const counted = fc
    .tuple(atom, fc.constantFrom('', '?', '*', '+', '{2}', '{1,2}', '{0,}', '*?', '+?', '??'))
    .filter(([one, count]) => count === '' || !/^[\^$]$/.test(one))
    .map(([one, count]) => one + count);
  const sequence = fc.array(counted, { minLength: 1, maxLength: 5 }).map((all) => all.join(''));
  const whole = fc
    .array(sequence, { minLength: 1, maxLength: 3 })
    .map((all) => `(?<it>${all.join('|')})`);

  it('finds what the engine of JavaScript finds', () => {
    fc.assert(
      fc.property(
        whole,
        fc.string({ unit: fc.constantFrom('a', 'b', 'A', '1', '\n') }),
        (expression, text) => {
          const theirs = new RegExp(expression, 'ims').exec(text);
          expect(found(expression, text)?.it).toBe(theirs?.groups?.it);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
