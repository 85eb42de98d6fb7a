import { initCommands } from '../config/init-lines.js';

/** Sends one line; undefined when the modem said an error or nothing. Its own responses, as `response` knows them, must not pass for news. */
export type SendLine = (text: string, response: RegExp) => Promise<string[] | undefined>;

/**
 * The operator's own lines for one modem. Those that come to nothing are left for the next {@link send}: some want the SIM, which is not ready at first. Neither
 * an error nor silence is fatal.
 */
export class InitLines {
  readonly #lines: readonly string[];
  /** Those that are still to be obeyed, with their place in the configuration. */
  #left: [index: number, line: string][] = [];

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** The modem begins anew: all of them are due. */
  begin(): void {
    this.#left = [...this.#lines.entries()];
  }

  async send(sendLine: SendLine): Promise<void> {
    const refused: [index: number, line: string][] = [];
    for (const [index, text] of this.#left) {
      const names = initCommands(text).map((name) => name.replace(/[^A-Z0-9_]/g, '\\$&'));
      const isDone = await sendLine(text, new RegExp(`^(?:${names.join('|')}):`, 'i'));
      if (isDone === undefined) refused.push([index, text]);
    }
    this.#left = refused;
  }

  /** Those that came to nothing, by number and command, for people: arguments may be a password. Undefined when there are none. */
  get refusal(): string | undefined {
    if (this.#left.length === 0) return undefined;
    const lines = this.#left.map(([index, text]) => `${index + 1} (${initCommands(text).join(', ')})`);
    return `the modem refused, or did not answer, line ${lines.join(', ')} of init in the configuration: see its AT manual, and the debug log`;
  }
}
