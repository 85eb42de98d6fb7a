import { maskNumber } from '../../number/mask.js';
import type { Interview } from './interview.js';
import type { ModemChoice } from './modem-step.js';
import { type Present, textAt } from './present.js';

/**
 * The SMSC that another program was told for this modem, where the person wants it, or the SIM has
 * none. Undefined: the SIM's, or what the configuration says already. Says also what else is to be
 * done about that program.
 */
export async function askForSmsc(
  { index, other, inspected, baud }: ModemChoice,
  { table }: Present,
  interview: Interview,
): Promise<string | undefined> {
  if (other === undefined) return undefined;
  const { terminal } = interview;
  const where = `${other.file} [${other.section}]`;
  terminal.say(
    `     ${where} names this modem too: stop that program for good, for two cannot share a modem`,
  );
  if (baud !== undefined && baud === other.baud)
    terminal.say(`     it answers at ${baud} bits per second, as that file has it`);
  const entry = Array.isArray(table.modem) ? table.modem[index] : undefined;
  if (other.smsc === undefined || textAt(entry, 'smsc') !== undefined) return undefined;
  const ofSim = inspected.report.facts?.smsc;
  const shown = maskNumber(other.smsc);
  if (shown === ofSim) return undefined;
  const isLocked = inspected.report.facts?.sim !== 'ready';
  const none = isLocked ? 'that of the SIM is not known yet' : 'the SIM tells none';
  const simSays = typeof ofSim === 'string' ? `that of the SIM is ${ofSim}` : none;
  terminal.say(`The SMSC in ${where} is ${shown}, and ${simSays}.`);
  if (!interview.canAsk) return typeof ofSim === 'string' ? undefined : other.smsc;
  return (await interview.confirms('Take that of the file?')) ? other.smsc : undefined;
}
