/** A person at a terminal, or the lack of one. */

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { OperatorError } from '../errors.js';

/** How the commands talk with who started them. */
export interface Terminal {
  /** Whether somebody can be asked. */
  readonly isInteractive: boolean;
  say(line: string): void;
  /** Rejects with {@link OperatorError} when the person leaves instead. */
  ask(question: string): Promise<string>;
  /** As {@link ask}, and what is typed is not shown. */
  askSecret(question: string): Promise<string>;
}

/** Standard input and output. */
export function ownTerminal(): Terminal {
  const { stdin, stdout } = process;
  return {
    isInteractive: stdin.isTTY && stdout.isTTY,
    say: (line) => void stdout.write(`${line}\n`),
    ask: (question) => readAnswer(question, { isShown: true }),
    askSecret: (question) => readAnswer(question, { isShown: false }),
  };
}

/** Without `isShown` what is typed is not shown, however soon after the question it comes. */
async function readAnswer(question: string, { isShown }: { isShown: boolean }): Promise<string> {
  const { stdin: input, stdout } = process;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // From here on the terminal itself shows nothing.
  const lines = createInterface({ input, output: isShown ? stdout : nowhere, terminal: true });
  if (!isShown) stdout.write(question);
  let isOver = false;
  const left = new Promise<never>((_resolve, reject) => {
    const leave = () => {
      if (isOver) return;
      isOver = true;
      stdout.write('\n');
      reject(new OperatorError('stopped, before anything more was changed'));
    };
    lines.once('SIGINT', leave);
    lines.once('close', leave);
  });
  try {
    const answer = await Promise.race([lines.question(isShown ? question : ''), left]);
    isOver = true;
    if (!isShown) stdout.write('\n');
    return answer.trim();
  } finally {
    lines.close();
  }
}

/**
 * Asks until there is an answer; without a person, throws {@link OperatorError} that names the
 * `flag`.
 */
export async function askFor(
  terminal: Terminal,
  what: string,
  flag: string,
  options: { isSecret?: boolean } = {},
): Promise<string> {
  if (!terminal.isInteractive) throw new OperatorError(`${what} is missing: give it as ${flag}`);
  for (;;) {
    const answer = await (options.isSecret
      ? terminal.askSecret(`${what}: `)
      : terminal.ask(`${what}: `));
    if (answer !== '') return answer;
  }
}

/** Whether the person agrees; `isYes` is `--yes`. Without either, throws {@link OperatorError}. */
export async function agrees(
  terminal: Terminal,
  question: string,
  isYes: boolean,
): Promise<boolean> {
  if (isYes) return true;
  if (!terminal.isInteractive)
    throw new OperatorError(
      'nobody can be asked here: say --yes to go ahead, or --dry-run to look only',
    );
  return askYesOrNo(terminal, question, false);
}

/** As {@link agrees}; false for `--dry-run`, too. That nothing was changed is said. */
export async function mayGoOn(
  terminal: Terminal,
  question: string,
  { dryRun = false, yes = false }: { dryRun?: boolean; yes?: boolean },
): Promise<boolean> {
  if (!dryRun && (await agrees(terminal, question, yes))) return true;
  terminal.say(`Nothing was changed${dryRun ? ' (--dry-run)' : ''}.`);
  return false;
}

/**
 * Yes or no; Enter alone means `byEnter`. What is neither is asked again: a slip must not throw
 * away what was answered before. Rejects with {@link OperatorError} when the person leaves.
 */
export async function askYesOrNo(
  terminal: Terminal,
  question: string,
  byEnter: boolean,
): Promise<boolean> {
  for (;;) {
    const answer = (await terminal.ask(`${question} ${byEnter ? '[Y/n]' : '[y/N]'} `)).trim();
    if (answer === '') return byEnter;
    if (/^y(?:es)?$/i.test(answer)) return true;
    if (/^no?$/i.test(answer)) return false;
    terminal.say(`  ${JSON.stringify(answer)} must be y or n`);
  }
}

/**
 * One of several, by its number or name; the only one without asking. Throws {@link OperatorError}
 * that names the `flag`.
 */
export async function choose(
  terminal: Terminal,
  what: string,
  names: readonly string[],
  flag: string,
): Promise<string> {
  if (names.length === 1) return names[0]!;
  if (!terminal.isInteractive)
    throw new OperatorError(
      `there are several ${what}s (${names.join(', ')}): choose with ${flag}`,
    );
  for (const [index, name] of names.entries()) terminal.say(`  ${index + 1}  ${name}`);
  for (;;) {
    const answer = await terminal.ask(`Which ${what}? `);
    const chosen = names.find((name) => name === answer) ?? names[Number(answer) - 1];
    if (chosen !== undefined) return chosen;
  }
}

/**
 * A secret, typed twice alike. What `whyNot` objects to is asked for again; '' where it objects not
 * even to that, and the person only presses Enter.
 */
export async function askTwice(
  terminal: Terminal,
  question: string,
  whyNot: (answer: string) => string | undefined,
): Promise<string> {
  for (;;) {
    const answer = await terminal.askSecret(question);
    const objection = whyNot(answer);
    if (objection !== undefined) terminal.say(`  ${objection}`);
    else if (answer === '' || (await terminal.askSecret('The same again: ')) === answer)
      return answer;
    else terminal.say('  these were two different ones');
  }
}
