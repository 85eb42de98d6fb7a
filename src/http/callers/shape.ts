/** Bodies of an agreed shape, and what is said of others. */

import * as v from 'valibot';
import { SendError } from '../../errors.js';

/**
 * The value if it has the shape. What is said names a key and never quotes its value.
 * @throws SendError `body_invalid`
 */
export function checked<TSchema extends v.GenericSchema>(
  schema: TSchema,
  value: unknown,
): v.InferOutput<TSchema> {
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const key = v.getDotPath(issue);
  const isMissing = key !== null && issue.input === undefined;
  throw new SendError('body_invalid', {
    detail: isMissing ? `${key} is missing` : issue.message,
  });
}
