import { AtTimeout } from '../at/errors.js';
import { initCommands } from '../config/init-lines.js';

/**
 * Sends one line; undefined when the modem said an error or nothing, and answers `AT` again. Its
 * own responses, as `response` knows them, must not pass for news. Rejects with `AtTimeout` when it
 * is deaf since, and with `AtLinkLost`.
 */
export type SendLine = (
  text: string,
  response: RegExp,
  timeoutMs: number,
) => Promise<string[] | undefined>;

/**
 * How often each line has left the modem deaf. Outlives the sessions: such a line must not keep it
 * from ever getting ready.
 */
export type DeafeningLines = Map<string, number>;

/** A line that left it deaf so often is not sent any more; once may have been chance. */
const mostDeafenings = 2;
/** Milliseconds for one line: to choose a network takes some time (27.007 7.3). */
const lineMs = 30_000;
/** Milliseconds for all of them, after which the rest are left out: a bring-up must end. */
const allMs = 60_000;

/**
 * The operator's own lines for one modem. Those that come to nothing are left for the next {@link
 * send}: some want the SIM, which is not ready at first. Neither an error nor silence is fatal.
 */
export class InitLines {
  readonly #lines: readonly string[];
  readonly #deafening: DeafeningLines;
  /** Those that are still to be obeyed, with their place in the configuration. */
  #left: [index: number, line: string][] = [];

  constructor(lines: readonly string[], deafening: DeafeningLines = new Map()) {
    this.#lines = lines;
    this.#deafening = deafening;
  }

  /** The modem begins anew: all of them are due. */
  begin(): void {
    this.#left = [...this.#lines.entries()];
  }

  async send(sendLine: SendLine): Promise<void> {
    const begunAt = performance.now();
    const refused: [index: number, line: string][] = [];
    for (const [index, text] of this.#left) {
      const mayBeSent =
        (this.#deafening.get(text) ?? 0) < mostDeafenings && performance.now() - begunAt < allMs;
      const isDone = mayBeSent ? await this.#sendOne(text, sendLine) : undefined;
      if (isDone === undefined) refused.push([index, text]);
    }
    this.#left = refused;
  }

  async #sendOne(text: string, sendLine: SendLine): Promise<string[] | undefined> {
    const names = initCommands(text).map((name) => name.replace(/[^A-Z0-9_]/g, '\\$&'));
    try {
      return await sendLine(text, new RegExp(`^(?:${names.join('|')}):`, 'i'), lineMs);
    } catch (error) {
      if (error instanceof AtTimeout)
        this.#deafening.set(text, (this.#deafening.get(text) ?? 0) + 1);
      throw error;
    }
  }

  /**
   * Those that came to nothing, by number and command, for people: arguments may be a password.
   * Undefined when there are none.
   */
  get refusal(): string | undefined {
    if (this.#left.length === 0) return undefined;
    const lines = this.#left.map(
      ([index, text]) => `${index + 1} (${initCommands(text).join(', ')})`,
    );
    return `the modem refused, or did not answer, line ${lines.join(', ')} of init in the configuration: see its AT manual, and the debug log`;
  }
}
