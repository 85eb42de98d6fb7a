/** Which command of a modem meets what for a day: the cases of I8, and those that a run takes. */
import { seededRandom } from '../../src/simulator/random.js';
import { shuffled } from '../faults/deck.js';

/** What becomes of every such command. */
export const treatments = ['silence', 'ERROR', 'nonsense'] as const;
export type Treatment = (typeof treatments)[number];

/** One command (without its arguments), or two, that are treated so for a day. */
export interface ExitCase {
  /** Whether the SIM asks for its PIN. */
  withPin: boolean;
  treated: readonly { command: string; treatment: Treatment }[];
}

/** As `simulate --fault` takes it. */
export function troubleOf(command: string, treatment: Treatment, forMs: number): string {
  const kinds = {
    silence: `mute:${command}`,
    ERROR: `refuse:${command}:ERROR`,
    nonsense: `babble:${command}`,
  };
  return `${kinds[treatment]}:${forMs}`;
}

export function nameOf({ withPin, treated }: ExitCase): string {
  const what = treated
    .map(({ command, treatment }) => `${shown(command)} meets ${treatment}`)
    .join(', ');
  return `${what}${withPin ? ', of a SIM with a PIN' : ''}`;
}

export const shown = (command: string): string => (command === 'AT' ? 'AT' : `AT${command}`);

/** Every one of `commands` with every treatment, with and without a PIN. */
export function singles(commands: readonly string[]): ExitCase[] {
  return [false, true].flatMap((withPin) =>
    commands.flatMap((command) =>
      treatments.map((treatment) => ({ withPin, treated: [{ command, treatment }] })),
    ),
  );
}

/** Every two of `commands`, each with every treatment, with a PIN and without in turn. */
export function pairs(commands: readonly string[]): ExitCase[] {
  const all = commands.flatMap((command) =>
    treatments.map((treatment) => ({ command, treatment })),
  );
  return all.flatMap((one, index) =>
    all
      .slice(index + 1)
      .filter((other) => other.command !== one.command)
      .map((other, count) => ({ withPin: count % 2 === 0, treated: [one, other] })),
  );
}

/** So many of `cases`, the same for the same seed. */
export function sample(cases: readonly ExitCase[], count: number, seed: number): ExitCase[] {
  return shuffled(cases, seededRandom(seed)).slice(0, count);
}
