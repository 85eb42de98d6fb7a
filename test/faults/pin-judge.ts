/**
 * I7 as a property: what the virtual modem saw of `AT+CPIN=`, against what the daemon can have
 * known of each. Nothing that the daemon remembers of PINs counts.
 */
import type { PinEntry, RecordEntry } from '../../src/simulator/record.js';
import type { Restart } from './gateway.js';
import type { Violation } from './judge.js';
import type { ModemRecord } from './sightings.js';

/** One writing of a modem's PIN file, which is its generation. */
export interface PinFileWrite {
  modem: string;
  pin: string;
  /** Before the file had it. */
  atNs: bigint;
}

/**
 * What the daemon knew of a try afterwards. `unknown`: surely no answer reached it; `uncounted`: it
 * was told an error, and no try was counted; `doubtful`: from outside nobody can tell.
 */
export type Knowledge = 'accepted' | 'refused' | 'unknown' | 'uncounted' | 'doubtful';

/** An `AT+CPIN=` and what the daemon knew of it. */
export interface PinAttempt {
  entry: PinEntry;
  atNs: bigint;
  knowledge: Knowledge;
  /** Which writing of the file held this PIN last, counted from 0; -1 when none did. */
  generation: number;
}

type Stamped<Kind extends RecordEntry['kind']> = Extract<RecordEntry, { kind: Kind }>;

const msInNs = 1_000_000n;
/**
 * An answer may be on its way so long when the tty or the daemon goes, and the daemon's note of it
 * on its way to the disk.
 */
const underwayNs = 500n * msInNs;
/**
 * The daemon waits 30 s for the SIM (`AT+CPIN=`); an answer about then may or may not be in time.
 */
const inTimeNs = 29_000n * msInNs;
const tooLateNs = 31_000n * msInNs;
/** After a person handled the SIM a try that was already decided on may still come. */
const handledNs = 15_000n * msInNs;
/** An accepted PIN is used again within this time from power-on, unless something comes between. */
const usedAgainNs = 45_000n * msInNs;
const fullTries = 3;

/** Every `AT+CPIN=` that the modem saw, in order. `writes` are those of its own PIN file. */
export function pinAttempts(
  { entries }: ModemRecord,
  writes: readonly PinFileWrite[],
  restarts: readonly Restart[],
): PinAttempt[] {
  return entriesOf(entries, 'pin').map((entry) => {
    const atNs = BigInt(entry.at_ns);
    const generation = writes.findLastIndex(
      (write) => write.pin === entry.pin && write.atNs <= atNs,
    );
    return { entry, atNs, generation, knowledge: knowledgeOf(entry, atNs, entries, restarts) };
  });
}

/**
 * When the daemon last asked for the tries that are left and then entered no PIN, in nanoseconds,
 * as far as that was after `sinceNs`; undefined when it did not. It may have been cut off on its
 * way to the `AT+CPIN=`, which it then holds for a try whose outcome is unknown.
 */
export function lastCutOff(entries: readonly RecordEntry[], sinceNs: bigint): bigint | undefined {
  let askedNs: bigint | undefined;
  let found: bigint | undefined;
  for (const entry of entries) {
    const atNs = BigInt(entry.at_ns);
    if (atNs < sinceNs) continue;
    if (entry.kind === 'command' && /^AT\+(CPINR|CSIM)=/.test(entry.line)) askedNs = atNs;
    else if (entry.kind === 'command' && entry.line.startsWith('AT+CPIN=')) askedNs = undefined;
    else if (entry.kind === 'hang_up' || entry.kind === 'boot' || entry.kind === 'command') {
      found = askedNs ?? found;
      askedNs = undefined;
    }
  }
  return found;
}

function knowledgeOf(
  { attempt, outcome }: PinEntry,
  atNs: bigint,
  entries: readonly RecordEntry[],
  restarts: readonly Restart[],
): Knowledge {
  const reply = entriesOf(entries, 'pin_reply').find((entry) => entry.attempt === attempt);
  // Without an answer a SIM that is ready then shows that it has taken the PIN, as long as nothing
  // has begun anew.
  const isCut = [
    ...entries
      .filter(({ kind }) => kind === 'hang_up' || kind === 'boot')
      .map(({ at_ns }) => BigInt(at_ns)),
    ...restarts.map(({ fromNs }) => fromNs),
  ].some((ns) => ns > atNs && ns < atNs + tooLateNs);
  if (reply === undefined) return outcome === 'accepted' && !isCut ? 'doubtful' : 'unknown';
  // The SIM stays locked, whatever the modem says.
  if (outcome === 'lost') return 'unknown';
  const saidNs = BigInt(reply.at_ns);
  const breaks = entriesOf(entries, 'hang_up').map(({ at_ns }) => BigInt(at_ns));
  const isBetween = (ns: bigint): boolean => ns > atNs && ns < saidNs;
  if (saidNs - atNs > tooLateNs) return outcome === 'accepted' && !isCut ? 'doubtful' : 'unknown';
  if (breaks.some(isBetween) || restarts.some(({ endedNs }) => isBetween(endedNs)))
    return 'unknown';
  const mayHaveMissed =
    saidNs - atNs > inTimeNs ||
    breaks.some((ns) => ns >= saidNs && ns < saidNs + underwayNs) ||
    restarts.some(({ fromNs, endedNs }) => fromNs < saidNs + underwayNs && endedNs >= atNs);
  if (mayHaveMissed) return 'doubtful';
  return outcome === 'accepted' || outcome === 'uncounted' ? outcome : 'refused';
}

/** Everything about PINs that was broken, by the record of one modem. */
export function judgePins(
  record: ModemRecord,
  writes: readonly PinFileWrite[],
  restarts: readonly Restart[],
): Violation[] {
  const attempts = pinAttempts(record, writes, restarts);
  const broken = [
    ...attempts.flatMap((attempt, index) =>
      wrongTry(attempt, attempts.slice(0, index), record.entries),
    ),
    ...notUsedAgain(record.entries, attempts, writes, restarts),
  ];
  return broken.map((what) => ({ property: 'I7', what: `${record.modem} ${what}` }));
}

function wrongTry(
  { entry, atNs, generation }: PinAttempt,
  before: readonly PinAttempt[],
  entries: readonly RecordEntry[],
): string[] {
  const found: string[] = [];
  const tries = entry.tries_before;
  if (tries < fullTries) found.push(`saw attempt ${entry.attempt} with ${tries} tries left`);
  const handled = entriesOf(entries, 'phone').some(
    ({ at_ns }) => BigInt(at_ns) < atNs && BigInt(at_ns) + handledNs > atNs,
  );
  if (entry.state === 'READY' && !handled)
    found.push(`saw attempt ${entry.attempt}, which its SIM did not want`);
  if (generation < 0)
    found.push(`saw attempt ${entry.attempt} with a PIN that its file never held`);
  const barred = before.find(
    (earlier) =>
      earlier.entry.iccid === entry.iccid &&
      earlier.generation === generation &&
      (earlier.knowledge === 'refused' || earlier.knowledge === 'unknown'),
  );
  if (barred !== undefined) {
    const { attempt } = barred.entry;
    found.push(
      `saw attempt ${entry.attempt} with the same SIM and PIN file as attempt ${attempt}, which was ${barred.knowledge}`,
    );
  }
  return found;
}

/**
 * Power-ons after which a PIN that was accepted was not entered again, though nothing stood in the
 * way.
 */
function notUsedAgain(
  entries: readonly RecordEntry[],
  attempts: readonly PinAttempt[],
  writes: readonly PinFileWrite[],
  restarts: readonly Restart[],
): string[] {
  const disturbances = [
    ...entries
      .filter(({ kind }) => ['hang_up', 'boot', 'phone', 'stopped'].includes(kind))
      .map(({ at_ns }) => BigInt(at_ns)),
    ...restarts.map(({ fromNs }) => fromNs),
    ...writes.map(({ atNs }) => atNs),
  ];
  return entriesOf(entries, 'booted').flatMap(({ at_ns, sim }) => {
    const fromNs = BigInt(at_ns);
    const isInTime = (ns: bigint): boolean => ns > fromNs && ns <= fromNs + usedAgainNs;
    const last = attempts.findLast((attempt) => attempt.atNs < fromNs);
    const isKnownGood =
      last?.knowledge === 'accepted' &&
      last.generation === writes.findLastIndex((write) => write.atNs < fromNs);
    const isUsed = attempts.some((attempt) => isInTime(attempt.atNs));
    if (sim !== 'SIM PIN' || !isKnownGood || isUsed || disturbances.some(isInTime)) return [];
    return [
      `was not given its PIN again, which attempt ${last.entry.attempt} had shown to be right`,
    ];
  });
}

function entriesOf<Kind extends RecordEntry['kind']>(
  entries: readonly RecordEntry[],
  kind: Kind,
): (Stamped<Kind> & { at_ns: string })[] {
  return entries.filter((entry): entry is Stamped<Kind> & { at_ns: string } => entry.kind === kind);
}
