import { TpduError } from '../../src/sms/errors.js';

/** What a decoder throws, of which only a `TpduError` is allowed. */
export function faultOf(read: () => unknown): TpduError | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof TpduError) return error;
    throw error;
  }
}
