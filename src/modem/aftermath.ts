import { AtCommandError, AtTimeout } from '../at/errors.js';
import { SendError } from '../errors.js';
import type { Happening } from './bring-up.js';
import type { FailingSends } from './failing-sends.js';
import type { Lookout } from './lookout.js';
import type { Recovery } from './recovery.js';
import { isPromptless } from './submission.js';

/** Who wants to know how messages end. */
export interface AftermathParts {
  recovery: Recovery;
  lookout: Lookout;
  failing: FailingSends;
}

/** The message is over, and the modem is as it was. */
const asBefore: Happening = { event: 'submitted' };

/** What the end of a message says of the modem that had it. */
export class Aftermath {
  readonly #parts: AftermathParts;

  constructor(parts: AftermathParts) {
    this.#parts = parts;
  }

  /** The network took it. */
  accepted(): void {
    const { recovery, lookout, failing } = this.#parts;
    recovery.sent();
    lookout.sent();
    failing.accepted();
  }

  /**
   * It ended in `error`: where that leaves the modem. A second one in a row without any answer, or
   * any prompt, may call for a reset.
   */
  failed(error: unknown, recipient: string): Happening {
    if (!(error instanceof SendError)) return asBefore;
    const { recovery, lookout, failing } = this.#parts;
    const { cause } = error;
    failing.failed(error, recipient);
    if (isPromptless(error)) {
      const event = recovery.lost('promptless') === 'reopen' ? 'refresh' : 'lost';
      return { event, reason: 'it gave no prompt for a message' };
    }
    if (cause instanceof AtCommandError) {
      const suspect = lookout.refused(cause.final, recipient);
      if (suspect === 'sim')
        return { event: 'refresh', reason: 'the modem says that its SIM does not serve' };
      if (suspect === 'network')
        return { event: 'unregistered', reason: 'the modem says that it is in no network' };
      return asBefore;
    }
    const isSilence = cause instanceof AtTimeout && cause.stage === 'result';
    if (!isSilence || recovery.lost('wedged') === 'reopen') return asBefore;
    return { event: 'lost', reason: 'it did not answer after Ctrl-Z' };
  }
}
