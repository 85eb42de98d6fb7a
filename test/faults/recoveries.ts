import type { RecordEntry } from '../../src/simulator/record.js';
import type { Restart } from './gateway.js';
import type { PinFileWrite } from './pin-judge.js';
import type { ModemRecord } from './sightings.js';

/** A modem's phase as the daemon tells it: used for times only, never for a verdict. */
export interface PhaseChange {
  modem: string;
  phase: string;
  atNs: bigint;
}

/** A time in which a modem could not send, and what began it. */
export interface Recovery {
  modem: string;
  /** The fault, or `a person's help` where one had to enter a PIN or to correct its file. */
  kind: string;
  /** Milliseconds without a ready modem. */
  outMs: number;
  /**
   * Milliseconds from when the modem could work again to when it was ready: since its last
   * power-on, the tty's last return, its registration, the new daemon or the person's last act,
   * whichever came last; undefined when nothing of that happened.
   */
  sinceBackMs: number | undefined;
}

/** Something that can begin or end a recovery. */
interface Sign {
  atNs: bigint;
  /** A fault, by its kind. */
  fault?: string;
  /** From now on the modem could be ready. */
  isBack?: boolean;
  isHelp?: boolean;
}

const personsHelp = "a person's help";
/**
 * A fault that unplugs or restarts the modem is written down so long before it does, at most: waits
 * for the prompt and the PDU.
 */
const foretoldNs = 3_000_000_000n;
/**
 * By its first words after a restart a daemon learns of it: the modem is back before it counts as
 * lost.
 */
const noticedNs = 100_000_000n;
const nsInMs = 1e6;

/** Each time that a modem was lost and ready again. */
export function findRecoveries(
  changes: readonly PhaseChange[],
  records: readonly ModemRecord[],
  restarts: readonly Restart[],
  writes: readonly PinFileWrite[],
): Recovery[] {
  return records.flatMap(({ modem, entries }) => {
    const signs = [
      ...entries.flatMap(signOf),
      ...restarts.flatMap(({ signal, fromNs, toNs }) => [
        { atNs: fromNs, fault: signal },
        { atNs: toNs, isBack: true },
      ]),
      // The first is not written for help, but before the start.
      ...writes
        .filter((write) => write.modem === modem)
        .slice(1)
        .map(({ atNs }) => ({ atNs, isHelp: true })),
    ].sort((a, b) => Number(a.atNs - b.atNs));
    return outagesOf(changes.filter((change) => change.modem === modem)).map(({ fromNs, toNs }) =>
      recoveryOf(modem, fromNs, toNs, signs),
    );
  });
}

function outagesOf(changes: readonly PhaseChange[]): { fromNs: bigint; toNs: bigint }[] {
  const found: { fromNs: bigint; toNs: bigint }[] = [];
  let lostNs: bigint | undefined;
  for (const { phase, atNs } of changes) {
    if (phase !== 'ready') lostNs ??= atNs;
    else if (lostNs !== undefined) {
      found.push({ fromNs: lostNs, toNs: atNs });
      lostNs = undefined;
    }
  }
  return found;
}

function recoveryOf(modem: string, fromNs: bigint, toNs: bigint, signs: readonly Sign[]): Recovery {
  const during = signs.filter(({ atNs }) => atNs >= fromNs && atNs <= toNs);
  const wasHelped = during.some(({ isHelp }) => isHelp === true);
  // A SIM whose PIN was not answered keeps a modem longer than what made it ask.
  const pinFault = during.find(({ fault }) => fault?.startsWith('pin-') === true)?.fault;
  const back = signs.findLast(
    ({ atNs, isBack, isHelp }) =>
      (isBack === true || isHelp === true) && atNs >= fromNs - noticedNs && atNs <= toNs,
  );
  const outMs = Number(toNs - fromNs) / nsInMs;
  return {
    modem,
    kind: wasHelped
      ? personsHelp
      : (pinFault ?? causeOf(signs.filter(({ atNs }) => atNs <= fromNs))),
    outMs,
    sinceBackMs:
      back === undefined ? undefined : Math.min(outMs, Number(toNs - back.atNs) / nsInMs),
  };
}

/** The last fault, or the planned one that brought about the last unplugging or restart. */
function causeOf(before: readonly Sign[]): string {
  const faults = before.filter(({ fault }) => fault !== undefined);
  const last = faults.at(-1);
  if (last?.fault === undefined) return 'start';
  if (last.fault !== 'hangup' && last.fault !== 'reboot') return last.fault;
  const planned = faults.findLast(
    ({ fault, atNs }) =>
      /^(pin-)?(hangup|reboot|glitch)(-|$)/.test(fault ?? '') && isForetold(atNs, last.atNs),
  );
  return planned?.fault ?? last.fault;
}

function isForetold(saidNs: bigint, doneNs: bigint): boolean {
  return saidNs < doneNs && doneNs - saidNs < foretoldNs;
}

function signOf(entry: RecordEntry): Sign[] {
  const atNs = BigInt(entry.at_ns);
  const { kind } = entry;
  if (kind === 'fault') return [{ atNs, fault: entry.fault.replace(/[:@].*$/, '') }];
  if (kind === 'hang_up') return [{ atNs, fault: 'hangup' }];
  if (kind === 'boot') return [{ atNs, fault: 'reboot' }];
  if (kind === 'registration') {
    return [entry.state === 'home' ? { atNs, isBack: true } : { atNs, fault: 'registration' }];
  }
  if (kind === 'attached' || kind === 'booted' || kind === 'fault_over')
    return [{ atNs, isBack: true }];
  return kind === 'phone' ? [{ atNs, isHelp: true }] : [];
}
