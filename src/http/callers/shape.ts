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
