import * as v from 'valibot';
import { OperatorError } from '../errors.js';
import { askDaemon } from './client.js';
import type { ControlRequest } from './protocol.js';

/**
 * A line of an answer as this program knows it. A daemon of another version may speak otherwise:
 * throws {@link OperatorError}.
 */
export function parseAnswer<Schema extends v.GenericSchema>(
  schema: Schema,
  answer: unknown,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, answer);
  if (parsed.success) return parsed.output;
  throw new OperatorError(
    'the running daemon answers what this simgate does not understand: restart it, so that both are of one version',
  );
}

/**
 * Asks for an answer of one line. Throws `NoDaemon`, or {@link OperatorError} for everything else.
 */
export async function askOnce<Schema extends v.GenericSchema>(
  socket: string,
  request: ControlRequest,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  let first: Record<string, unknown> | undefined;
  for await (const answer of askDaemon(socket, request)) {
    // Whoever sits there could go on for ever.
    if (first !== undefined) break;
    first = answer;
  }
  return parseAnswer(schema, first);
}
