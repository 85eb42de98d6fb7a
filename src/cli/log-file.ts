/** `simgate log` without a daemon: what it would answer, read from the journal's file. */

import { join } from 'node:path';
import type { Config } from '../config/config.js';
import type { ControlRequest } from '../control/protocol.js';
import { type Hmac, readHmacKey } from '../journal/hmac-key.js';
import { openJournalFile } from '../journal/journal-file.js';
import { createLogCommand } from '../journal/log-command.js';

/** Yields what the control command `log` would. Throws `OperatorError` or `HmacKeyError`. */
export async function* readLog(
  { stateDir, shared }: Config,
  request: ControlRequest,
): AsyncGenerator<object> {
  const journal = await openJournalFile(join(stateDir, 'journal.db'));
  try {
    // The key is needed for one who is asked for, and for nobody else.
    const hmac: Hmac =
      'to' in request && request.to !== undefined
        ? await readHmacKey(shared?.keyFile ?? join(stateDir, 'hmac.key'))
        : () => '';
    yield* createLogCommand({ journal, hmac })(request, new AbortController().signal);
  } finally {
    await journal.close();
  }
}
