import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { credit, type DateOrder } from '../../src/config/credit.js';
import { amountIn, dayIn, readAnswer } from '../../src/credit/read-answer.js';
import { Expression } from '../../src/words/expression.js';

describe('an amount', () => {
  it.each<[string, number | undefined]>([
    ['10.00', 10],
    ['12,50', 12.5],
    ['1.234,56', 1234.56],
    ['1,234.56', 1234.56],
    ['1 234,5', 1234.5],
    ["1'234.50", 1234.5],
    ['1.234.567', 1_234_567],
    ['1,234', 1234],
    ['0.250', 0.25],
    ['-3,20', -3.2],
    ['7', 7],
    ['12.', 12],
    ['٣٫٥٠', 3.5],
    ['1.234,56 €', 1234.56],
    ['\u22123,20', -3.2],
    ['-€3.20', -3.2],
    ['-Rs. 12', -12],
    ['Rs. 12', 12],
    ['Rs.12', 12],
    ['Rs 1,234.50', 1234.5],
    ['.50', 0.5],
    ['- 3.20', 3.2],
    ['EUR', undefined],
    ['5.00 and 12.00', 5],
    ['12.50 31.12.2026', 12.5],
    ['', undefined],
    ['.', undefined],
    ['9'.repeat(30), undefined],
  ])('%j is %s', (written, amount) => {
    expect(amountIn(written)).toBe(amount);
  });
});

describe('a day', () => {
  const iso = (ms: number | undefined) =>
    ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 10);
  it.each<[string, DateOrder, string | undefined]>([
    ['31.12.2026', 'dmy', '2026-12-31'],
    ['12/31/2026', 'mdy', '2026-12-31'],
    ['26-12-31', 'ymd', '2026-12-31'],
    ['2026-12-31', 'dmy', '2026-12-31'],
    ['2026/12/31', 'mdy', '2026-12-31'],
    ['31 Dec 26', 'mdy', '2026-12-31'],
    ['December 31, 2026', 'dmy', '2026-12-31'],
    ['31.12.26', 'dmy', '2026-12-31'],
    ['31.02.2026', 'dmy', undefined],
    ['12/31/2026', 'dmy', undefined],
    ['soon', 'dmy', undefined],
    ['', 'dmy', undefined],
  ])('%j as %s is %s', (written, order, day) => {
    expect(iso(dayIn(written, order))).toBe(day);
  });
});

it('an answer has an amount, and perhaps a day', () => {
  const expression = new Expression(
    String.raw`Guthaben:? (?<amount>[\d.,]+)(?:.*bis (?<valid>[\d.]+))?`,
  );
  const read = (text: string) => readAnswer(text, { expression, dateOrder: 'dmy' });
  expect(read('Ihr Guthaben 3,20 EUR, gültig\nbis 01.02.2027.')).toEqual({
    amount: 3.2,
    validUntilMs: Date.UTC(2027, 1, 2) - 1,
  });
  expect(read('Ihr Guthaben: 3,20')).toEqual({ amount: 3.2 });
  expect(read('Dienst nicht verfügbar')).toBeUndefined();
});

it.each<[string, number]>([
  ['Ihr Guthaben: 1.234,56 €', 1234.56],
  ['Balance \u22123,20 EUR', -3.2],
  ['Balance: -3.20 EUR', -3.2],
  ['Main 5.00 EUR, bonus 12.00 EUR', 5],
])('without an expression of its own %j is %s', (text, amount) => {
  const read = v.parse(credit, { ussd: '*100#' });
  expect(readAnswer(text, read)).toEqual({ amount });
});
