/** What becomes of SMS that come in: the tables `[inbound]` and `[[carrier_message]]`. */

import * as v from 'valibot';
import { Expression, ExpressionError } from '../words/expression.js';
import { hostOf, isLoopback } from './listen.js';
import { required, table } from './table.js';
import { type pathsFrom, text, whole } from './values.js';

const webAddress = v.pipe(
  v.string('must be an address in quotes, as "https://example.com/sms"'),
  v.check(
    (written) => /^https?:$/.test(urlOf(written)?.protocol ?? ''),
    'must be an address that begins with https:// or http://',
  ),
  v.check((written) => {
    const { username = '', password = '' } = urlOf(written) ?? {};
    return username === '' && password === '';
  }, 'must have no user and no password in it: the signature proves who calls'),
);

function urlOf(written: string): URL | undefined {
  return URL.canParse(written) ? new URL(written) : undefined;
}

/** The table `[inbound]`. */
export const inbound = ({ path }: ReturnType<typeof pathsFrom>) =>
  table({
    url: required(webAddress, 'where SMS that come in are posted to'),
    // Of the signature (Standard Webhooks): `whsec_` and base64.
    secret_file: required(path, 'the file with the secret of the signature'),
    // Messages, or parts of long ones, that may wait on the disk; more stay on the SIM.
    spool_max: v.optional(whole('messages', 1, 10_000), 500),
    // How long the parts of a long message are waited for.
    parts_wait_s: v.optional(whole('seconds', 10, 86_400), 600),
    // What the receiver has not taken by then is given up.
    keep_days: v.optional(whole('days', 1, 365), 7),
  });

/** Said of a configuration that has it. */
export function inboundWarnings(settings: { url: string } | undefined): string[] {
  const url = settings && urlOf(settings.url);
  if (url?.protocol !== 'http:' || isLoopback(hostOf(url))) return [];
  return ['inbound.url is http: SMS that come in can be read on the way. Use https'];
}

const sender = text('must be the sender as your phone shows it, as "22922" or "Carrier"');

/** A table `[[carrier_message]]`. */
export const carrierMessage = table(
  {
    kind: required(
      text('must be 1 to 32 letters, digits, "_" or "-"', /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/),
      'what it is about, as "credit"',
    ),
    // Senders; without it, everybody.
    from: v.optional(v.array(sender, 'must be a list of senders, as ["22922"]')),
    match: required(
      v.pipe(
        v.string('must be an expression in quotes'),
        v.rawCheck(({ dataset, addIssue }) => {
          const message = dataset.typed ? whyNotExpression(dataset.value) : undefined;
          if (message !== undefined) addIssue({ message });
        }),
      ),
      'an expression for what it says, as "balance is (very )?low"',
    ),
  },
  'must be tables, each written as a line [[carrier_message]] above its keys',
);

/** Undefined when it is one. */
function whyNotExpression(written: string): string | undefined {
  try {
    new Expression(written);
    return undefined;
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}
