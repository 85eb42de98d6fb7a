/** The credit of a SIM, and its being used often enough: the table `[modem.credit]`. */

import * as v from 'valibot';
import { withoutSeparators } from '../number/e164.js';
import { isBlank } from '../words/blank.js';
import { Expression, ExpressionError } from '../words/expression.js';
import { inCode, type Keys, plainTable } from './table.js';
import { oneOf, telephoneNumber, text, whole } from './values.js';

/** In which order day, month and year stand; a year of four digits in front decides for itself. */
const dateOrders = ['dmy', 'mdy', 'ymd'] as const;
export type DateOrder = (typeof dateOrders)[number];

/** What finds an amount in most answers: digits with two behind a point or comma. */
const anyAmount = String.raw`(?<amount>[-−]?\d[\d.,' ]*[.,]\d\d)\b`;

const expression = v.pipe(
  v.string('must be an expression in quotes'),
  v.rawTransform(({ dataset, addIssue, NEVER }): Expression => {
    try {
      const read = new Expression(dataset.value);
      if (read.groups.includes('amount')) return read;
      addIssue({ message: String.raw`must have a group (?<amount>…), as '(?<amount>\d+\.\d\d)'` });
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      addIssue({ message: error.message });
    }
    return NEVER;
  }),
);

const carrierNumber = v.pipe(
  v.string('must be a number in quotes'),
  v.transform(withoutSeparators),
  v.regex(/^\+?\d{2,20}$/, 'must be the number that the carrier names, as "12345"'),
);

const amountMessage = 'must be an amount in the units of the answer, as 5 or 2.50';

const keys = {
  // One of both ways to ask.
  ussd: v.optional(text('must be a USSD code, as "*100#"', /^[*#][0-9*#]{1,30}$/)),
  sms_to: v.optional(carrierNumber),
  sms_text: v.optional(
    text('must be the text that the carrier wants, of 160 characters at most', /^.{1,160}$/),
  ),
  // Who answers; without it the one who was asked.
  sms_from: v.optional(text('must be who the answer is from', /^[+\w .-]{1,20}$/)),
  every_hours: v.optional(whole('hours', 1, 720), 24),
  expression: v.optional(expression, anyAmount),
  date_order: v.optional(oneOf(...dateOrders), 'dmy'),
  // Below it, it is time to pay.
  low: v.optional(v.pipe(v.number(amountMessage), v.minValue(0, amountMessage))),
  // So many days before it is void.
  warn_days: v.optional(whole('days', 1, 365), 14),
  // A SIM that is not used lapses: so many days after its last message, one is sent there.
  keep_alive_to: v.optional(telephoneNumber),
  keep_alive_days: v.optional(whole('days', 1, 400), 60),
  keep_alive_text: v.optional(
    v.pipe(
      text('must be a text of 160 characters at most', /^.{1,160}$/),
      v.check((written) => !isBlank(written), 'must not be blank'),
    ),
    'This SIM is kept alive',
  ),
} satisfies Keys;

/** The table `[modem.credit]`. */
export const credit = v.pipe(
  plainTable(keys, 'must be a table, written as a line [modem.credit] below its [[modem]]'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { ussd, sms_to, sms_text, keep_alive_to } = dataset.value;
    const at = (key: string, message: string) => {
      const input = dataset.value as Record<string, unknown>;
      addIssue({
        message,
        path: [{ type: 'object', origin: 'value', input, key, value: undefined }],
      });
    };
    if (ussd !== undefined && sms_to !== undefined)
      at('sms_to', 'stands beside ussd: the carrier is asked in one way');
    if ((sms_to === undefined) !== (sms_text === undefined))
      at(sms_to === undefined ? 'sms_to' : 'sms_text', 'is missing: number and text go together');
    if (ussd === undefined && sms_to === undefined && keep_alive_to === undefined)
      at(
        'ussd',
        'is missing: a code that asks for the credit, as "*100#" (or sms_to and sms_text)',
      );
  }),
  v.transform((read) => inCode(keys, read)),
);

export type CreditConfig = v.InferOutput<typeof credit>;
