import { OperatorError } from '../../errors.js';
import { askYesOrNo, type Terminal } from '../terminal.js';

/**
 * What an answer means, or what is wrong with it. The objection ends a sentence that begins with
 * the answer: "12 must be …".
 */
export type Reading<T> = { value: T } | { objection: string };

/** Something that must be known. */
export interface Question<T> {
  /** As "the countries that may be written to". */
  what: string;
  /** How to answer, as "DE, AT; * is every one". */
  hint?: string;
  /** With which it is answered in advance, as `--countries`. */
  flag: string;
  /** What the flag says. */
  given?: string | undefined;
  /** What the configuration says now. */
  present?: string | undefined;
  /** What is taken when nobody says otherwise. */
  fallback?: string | undefined;
  read: (answer: string) => Reading<T>;
}

/** Gets the answers: from flags, from what is there already, from the person at the terminal. */
export class Interview {
  readonly terminal: Terminal;
  /** Whether a question may be put. */
  readonly canAsk: boolean;
  readonly #isYes: boolean;

  /** `isYes`: what is there already and what would be proposed is taken without asking. */
  constructor(terminal: Terminal, isYes: boolean) {
    this.terminal = terminal;
    this.#isYes = isYes;
    this.canAsk = terminal.isInteractive && !isYes;
  }

  /**
   * The answer. What the flag says counts first. Else a person is asked, with a proposal. Where
   * there is no person, what the configuration says stays. Throws {@link OperatorError}, which
   * names the flag, where none of these gives an answer.
   */
  async ask<T>(question: Question<T>): Promise<T> {
    const { what, hint, flag, given, present, fallback, read } = question;
    if (given !== undefined) return valid(read(given), flag);
    const proposal = present ?? fallback;
    if (this.canAsk || (this.terminal.isInteractive && proposal === undefined))
      return this.#askPerson(hint === undefined ? what : `${what} (${hint})`, proposal, read);
    if (present !== undefined)
      return valid(read(present), `${what} of the configuration (change it with ${flag})`);
    if (fallback === undefined) throw new OperatorError(`${flag} is missing: ${what}`);
    if (this.#isYes) return valid(read(fallback), flag);
    throw new OperatorError(`${flag} is missing: ${what}. --yes would take ${fallback}`);
  }

  async #askPerson<T>(
    what: string,
    proposal: string | undefined,
    read: Question<T>['read'],
  ): Promise<T> {
    for (;;) {
      const shown = proposal === undefined || proposal === '' ? '' : ` [${proposal}]`;
      const answer = await this.terminal.ask(`${capitalised(what)}${shown}: `);
      const reading = read(answer === '' ? (proposal ?? '') : answer);
      if ('value' in reading) return reading.value;
      this.terminal.say(`  ${answer === '' ? 'it' : JSON.stringify(answer)} ${reading.objection}`);
    }
  }

  /** Whether to go on. Enter means yes, and so does a terminal that cannot be asked. */
  async confirms(question: string): Promise<boolean> {
    return !this.canAsk || askYesOrNo(this.terminal, question, true);
  }

  /** Whether to go on against advice. Enter means no; a terminal that cannot be asked goes on. */
  async insists(question: string): Promise<boolean> {
    return !this.canAsk || askYesOrNo(this.terminal, question, false);
  }
}

/** The value. Throws {@link OperatorError} that says what of `what` is wrong. */
export function valid<T>(reading: Reading<T>, what: string): T {
  if ('value' in reading) return reading.value;
  throw new OperatorError(`${what}: ${reading.objection}`);
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
