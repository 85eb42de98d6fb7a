/** Bodies of an agreed shape, and what is said of others. */

import * as v from 'valibot';
import { SendError } from '../../errors.js';

/** Where a schema has no words of its own: those of valibot would quote the value. */
const unworded = 'is not what was agreed';

/**
 * The value if it has the shape. What is said names a key and never quotes its value.
 * @throws SendError `body_invalid`
 */
export function checked<TSchema extends v.GenericSchema>(
  schema: TSchema,
  value: unknown,
): v.InferOutput<TSchema> {
  const parsed = v.safeParse(schema, value, { abortEarly: true, message: unworded });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const key = v.getDotPath(issue);
  const isMissing = key !== null && issue.input === undefined;
  const what = issue.message === unworded ? `${key ?? 'the body'} ${unworded}` : issue.message;
  throw new SendError('body_invalid', { detail: isMissing ? `${key} is missing` : what });
}

/** Characters of a label that count. */
const labelLength = 64;

/**
 * A caller's own word for the occasion, or for this request: it only tells messages apart, so no
 * login is refused for one that is strange. Whatever is no text is none, and of a long one the
 * beginning counts.
 */
export const label = v.pipe(
  v.optional(v.unknown()),
  v.transform((value) => {
    if (typeof value !== 'string' || value === '') return undefined;
    return Array.from(wellFormed(value)).slice(0, labelLength).join('');
  }),
);

/** Lone surrogates in what is only compared are no reason to refuse a message. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
