import { AtLinkLost, AtTimeout } from '../at/errors.js';
import { AtSession } from '../at/session.js';
import { isSameImei } from '../config/selector.js';
import { answersAsModem } from '../modem/diagnostics.js';
import { Modem } from '../modem/modem.js';
import { generic } from '../modem/profiles.js';
import { deviceLink } from '../serial/device-link.js';
import { LinkLost } from '../serial/link.js';
import { explainObstacle } from '../usb/obstacles.js';
import type { Candidate } from '../usb/select.js';
import { examine, factsAsJson } from './facts.js';
import { error, type Finding, type ModemReport, obstacleFinding, ok, warning } from './finding.js';
import { judgeFacts } from './judge.js';
import { otherPortRemedy } from './remedies.js';
import type { Target } from './targets.js';
import type { Machine } from './this-machine.js';
import { judgeTty } from './tty.js';

/** `AT` tries, a second each, before an open tty counts as silent. */
const wakeAttempts = 3;

/**
 * Opens a tty, wakes the modem on it, lends it to `work`, and closes it. Rejects with `LinkLost`
 * when the tty cannot be opened, `AtTimeout` when nothing answers AT, `AtLinkLost` when it
 * vanishes, and with what `work` rejects with.
 */
export async function withModem<T>(
  tty: string,
  { baud, tuning }: Pick<Target, 'baud' | 'tuning'>,
  work: (modem: Modem) => Promise<T>,
): Promise<T> {
  let modem: Modem | undefined;
  const session = await AtSession.open(
    deviceLink(tty, baud),
    { guardMs: tuning.guardMs ?? generic.guardMs },
    {
      onUrc: (line, pdu) => {
        for (const listener of modem?.urcListeners ?? []) listener(line, pdu);
      },
      onLost: () => undefined, // the command in flight is rejected with the cause
    },
  );
  try {
    modem = new Modem(session, tuning);
    await modem.wake(wakeAttempts);
    return await work(modem);
  } finally {
    await session.close();
  }
}

/** Whether it is what {@link withModem} rejects with of a modem that was lost, or is silent. */
export const isLost = (thrown: unknown): thrown is Error =>
  thrown instanceof LinkLost || thrown instanceof AtLinkLost || thrown instanceof AtTimeout;

/** What was found at a target, and, when a modem answered, on which tty. */
export interface DirectReport {
  report: ModemReport;
  answered?: Candidate;
}

/**
 * Looks at a target's ttys until a modem answers on one; opens none that another program uses, and
 * none of `usedKeys`, to which it adds the stick that it found.
 */
export async function reportTarget(
  target: Target,
  machine: Machine,
  usedKeys: Set<string>,
): Promise<DirectReport> {
  const { name, device, candidates, reason, remedy } = target;
  const head = { name, ...(device !== undefined && { device }) };
  const inVain: Finding[] = [];
  const closed = new Set(usedKeys);
  for (const candidate of candidates) {
    // Two sessions on one modem would mix up their answers, whichever of its ttys they use.
    if (closed.has(candidate.stickKey)) continue;
    const { findings, isFree } = await judgeTty(candidate, machine);
    const look = isFree ? await lookAt(candidate, target, machine) : { outcome: 'closed' as const };
    if (look.outcome === 'answered') {
      usedKeys.add(candidate.stickKey);
      const report = {
        ...head,
        tty: candidate.tty,
        facts: look.facts,
        findings: [...findings, ...look.findings],
      };
      return { report, answered: candidate };
    }
    if (look.outcome === 'closed') closed.add(candidate.stickKey);
    inVain.push(...findings, ...('findings' in look ? look.findings : []));
  }
  if (candidates.length === 0)
    inVain.push(obstacleFinding('tty', { sentence: reason ?? 'there is no tty to try', remedy }));
  else if (!inVain.some(({ level }) => level === 'error')) inVain.push(nothingAnswers(target));
  const [first] = candidates;
  return { report: { ...head, ...(first && { tty: first.tty }), findings: inVain } };
}

/** On a cable or an UART that nobody has named there need not be a modem. */
function nothingAnswers({ candidates, device }: Target): Finding {
  const isMaybe = candidates.every(
    ({ stick }) => stick?.kind === 'cable' || stick?.kind === 'uart',
  );
  if (device === undefined && isMaybe)
    return ok('modem', 'nothing answers AT: no modem hangs on it');
  return error(
    'modem',
    'no modem answers AT',
    'plug it in again, with enough power (a hub of its own); for an UART look at baud, wiring and PWRKEY',
  );
}

type Look =
  | { outcome: 'answered'; facts: Record<string, unknown>; findings: Finding[] }
  /** Nothing answers on this tty; another one of the stick may. */
  | { outcome: 'silent'; findings: Finding[] }
  /** The modem is in use, or gone: its other ttys are left alone too. */
  | { outcome: 'closed'; findings: Finding[] };

async function lookAt(
  candidate: Candidate,
  target: Target,
  { roots, identity }: Machine,
): Promise<Look> {
  const { tty } = candidate;
  try {
    return await withModem(tty, target, (modem) => ask(modem, candidate, target));
  } catch (thrown) {
    if (thrown instanceof AtTimeout)
      return { outcome: 'silent', findings: [silence(tty, thrown, target)] };
    if (thrown instanceof AtLinkLost)
      return { outcome: 'closed', findings: [error('tty', `${tty} was lost: ${thrown.message}`)] };
    if (!(thrown instanceof LinkLost)) throw thrown;
    const obstacle = await explainObstacle(tty, thrown, roots, identity);
    return { outcome: 'closed', findings: [obstacleFinding('tty', obstacle)] };
  }
}

const hungRemedy =
  'plug it in again, with enough power: one that answers with nothing but errors has hung';

/** One of several ttys may be another port of the modem; one that is named is the wrong one. */
function silence(tty: string, { instead }: AtTimeout, { selector }: Target): Finding {
  const what = `${tty} does not answer AT${instead === undefined ? '' : `: ${instead}`}`;
  if (selector.kind !== 'path' || instead === undefined) return warning('tty', what);
  return error('tty', what, instead.startsWith('what comes') ? otherPortRemedy : hungRemedy);
}

async function ask(modem: Modem, { tty, needsProof }: Candidate, target: Target): Promise<Look> {
  const { selector, wishes, lookUpPin } = target;
  if (needsProof === true && !(await answersAsModem(modem)))
    return {
      outcome: 'closed',
      findings: [ok('tty', `${tty} answers AT, but not as a modem that sends SMS`)],
    };
  if (selector.kind === 'imei' && !isSameImei((await modem.imei()) ?? '', selector.imei))
    return {
      outcome: 'closed',
      findings: [ok('tty', `${tty} belongs to a modem with another IMEI`)],
    };
  const { facts, silent } = await examine(modem, { prepare: true, lookUpPin });
  const findings = judgeFacts(facts, wishes);
  if (silent) findings.push(stoppedAnswering);
  return { outcome: 'answered', facts: factsAsJson(facts), findings };
}

/** The modem answered at first. */
export const stoppedAnswering: Finding = error(
  'modem',
  'the modem stopped answering in the middle',
  'plug it in again; if it happens often, give it more power',
);
