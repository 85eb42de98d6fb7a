import type { Health } from '../../doctor/finding.js';
import { canSend, type ModemPhase, type ModemSnapshot } from '../../modem/sms-modem.js';
import { foreignWords } from '../../words/foreign.js';

/** What a phase is called where people read it at a glance. */
const words: Readonly<Record<ModemPhase, string>> = {
  absent: 'not there',
  opening: 'not there',
  probing: 'starting',
  unlocking: 'locked',
  registering: 'searching for the network',
  ready: 'ready',
  sending: 'ready',
  stalled: 'not answering',
  lost: 'not there',
  stopped: 'stopped',
};

/**
 * Characters of the whole text, and of a modem's or operator's name; a datagram of the protocol
 * holds 4096 octets.
 */
const maxText = 500;
const maxName = 32;

/** Characters of what is in the way: the rest is doctor's to say. */
const maxObstacle = 200;

/**
 * What is in the way of a code, if anything is, and the modems' states in one line: `1 of 2 modems
 * ready: main ready (Vodafone, -73 dBm), spare locked`.
 */
export function statusText(
  modems: readonly ModemSnapshot[],
  { grade, obstacles: [first] }: Health,
): string {
  const ready = modems.filter(({ phase }) => canSend(phase)).length;
  const noun = modems.length === 1 ? 'modem' : 'modems';
  const head =
    grade === 'ok' || first === undefined
      ? ''
      : `${grade === 'down' ? 'no code goes out' : 'not all is well'}: ${cut(first.what, maxObstacle)}; `;
  return cut(
    `${head}${ready} of ${modems.length} ${noun} ready: ${modems.map(oneModem).join(', ')}`,
    maxText,
  );
}

function oneModem(modem: ModemSnapshot): string {
  const isDenied = modem.phase === 'registering' && modem.registration === 'denied';
  const state = isDenied ? 'denied by the network' : words[modem.phase];
  const said = `${foreignWords(modem.name, maxName)} ${state}`;
  if (!canSend(modem.phase)) return said;
  const { operator, signalDbm } = modem;
  const details = [
    operator === undefined ? '' : foreignWords(operator, maxName),
    signalDbm === undefined ? '' : `${signalDbm} dBm`,
  ].filter((detail) => detail !== '');
  return details.length === 0 ? said : `${said} (${details.join(', ')})`;
}

/** By code points, so that no surrogate pair is cut. */
function cut(text: string, characters: number): string {
  const all = Array.from(text);
  return all.length <= characters ? text : `${all.slice(0, characters - 1).join('')}…`;
}
