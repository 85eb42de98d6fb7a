import type { RecordEntry } from '../../src/simulator/record.js';
import { receiverFaults } from './air.js';
import type { Outcome, Story } from './caller.js';
import {
  cmsGroups,
  networkFaults,
  otherActionKinds,
  playedTroubles,
  submitFaultKinds,
} from './deck.js';
import type { Violation } from './judge.js';
import type { PhaseResult } from './phase.js';
import { playedPinFaults } from './pins.js';
import { type CallerName, callerNames } from './plan.js';
import type { Recovery } from './recoveries.js';

/** A run this long meets every fault. */
const messagesForCoverage = 500;
/** A run that passed by refusing everything would prove nothing. */
const leastSuccess = 0.25;

/** Faults that are no submit's and no action of ours. */
const standingFault = 'stuck-prompt';

/** What is wrong with the run as a whole: not with the daemon, but with what the run can prove. */
export function shortcomings(results: readonly PhaseResult[], messageCount: number): string[] {
  const found: string[] = [];
  const stories = results.flatMap((result) => result.stories);
  const sent = stories.filter(
    ({ outcome }) => outcome.kind === 'answered' && outcome.status === 200,
  ).length;
  if (sent < leastSuccess * stories.length)
    found.push(`only ${sent} of ${stories.length} messages were sent`);
  const unmoved = attachments(results).filter(({ isMoved }) => !isMoved).length;
  if (unmoved > 0) found.push(`${unmoved} ttys came back under the name they had`);
  if (messageCount < messagesForCoverage) return found;
  const unserved = callerNames.filter((caller) => !stories.some(isServed(caller)));
  for (const caller of unserved) found.push(`nothing was sent for ${caller}`);
  const promised = stories.filter(isPromised).map(({ reading }) => reading?.state);
  for (const state of ['sent', 'failed'] as const)
    if (!promised.includes(state)) found.push(`nothing that was promised reads ${state}`);
  const played = faultCounts(results);
  const wanted = [
    ...submitFaultKinds,
    ...playedTroubles,
    ...playedPinFaults,
    standingFault,
    ...otherActionKinds,
    ...networkFaults.map((fault) => `network-${fault}`),
    ...receiverFaults.map((fault) => `receiver-${fault}`),
    'reports',
    'sigkill_before_delete',
    ...Object.keys(cmsGroups).map((group) => `cms (${group})`),
  ];
  return [
    ...found,
    ...wanted.filter((kind) => !played.has(kind)).map((kind) => `${kind} never happened`),
  ];
}

/**
 * How often each fault happened: those of submits as the record says, the others as they were done.
 */
export function faultCounts(results: readonly PhaseResult[]): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (kind: string, times = 1): void => {
    counts.set(kind, (counts.get(kind) ?? 0) + times);
  };
  for (const { records, actions } of results) {
    for (const entry of records.flatMap(({ entries }) => entries)) {
      if (entry.kind !== 'fault') continue;
      const [kind = '', code] = entry.fault.replace(/@.*$/, '').split(':');
      add(kind);
      const group = kind === 'cms' ? groupOf(Number(code)) : undefined;
      if (group !== undefined) add(`cms (${group})`);
    }
    // What the virtual modem plays stands in its record.
    for (const [kind, times] of actions)
      if (kind !== 'submit_fault' && kind !== 'trouble') add(kind, times);
  }
  return counts;
}

function groupOf(code: number): string | undefined {
  return Object.entries(cmsGroups).find(([, codes]) =>
    (codes as readonly number[]).includes(code),
  )?.[0];
}

/** The run in a few lines. */
export function summary(results: readonly PhaseResult[]): string {
  const stories = results.flatMap((result) => result.stories);
  const answers = stories.flatMap(({ sentNs, outcome }) =>
    outcome.kind === 'answered' ? [Number(outcome.atNs - sentNs) / 1e6] : [],
  );
  const growth = Math.max(...results.map((result) => result.worstGrowthKiB));
  const resident = Math.max(...results.map((result) => result.worstResidentKiB));
  const attempts = results.flatMap((result) => result.pinAttempts);
  const recoveries = results.flatMap((result) => result.recoveries);
  const ttys = attachments(results);
  return [
    'faults',
    ...table(faultCounts(results)),
    'answers',
    ...table(tally(stories.map(({ outcome }) => nameOf(outcome)))),
    'answers by caller',
    ...callerNames.map((caller) => callerLine(caller, stories)),
    promiseLine(stories),
    airLine(results),
    `worst answer     ${Math.round(Math.max(...answers))} ms`,
    `memory           ${resident >> 10} MiB at most, ${growth >> 10} MiB over idle`,
    `AT+CPIN=         ${attempts.length}, as the daemon knew them afterwards:`,
    ...table(tally(attempts.map(({ knowledge }) => knowledge))),
    `re-attached      ${ttys.length} ttys, ${ttys.filter(({ isMoved }) => isMoved).length} of them under another name`,
    ...recoveryTable(recoveries),
    returnLine(results),
    `messages         ${stories.length}`,
    `seeds            ${[...new Set(results.map(({ seed }) => seed))].join(', ')}`,
    `phases           ${results.length}, with ${results.reduce((sum, { phase }) => sum + phase.modems.length, 0)} modems`,
    `violations       ${violationCounts(results)}`,
  ].join('\n');
}

/** What each caller was told, by status. */
function callerLine(caller: CallerName, stories: readonly Story[]): string {
  const own = stories.filter(({ message }) => message.caller === caller);
  const kinds = tally(
    own.map(({ outcome }) => (outcome.kind === 'answered' ? String(outcome.status) : outcome.kind)),
  );
  const told = [...kinds].sort(([a], [b]) => a.localeCompare(b)).map(([kind, n]) => `${kind} ${n}`);
  return `  ${String(own.length).padStart(5)}  ${caller.padEnd(8)} ${told.join(', ')}`;
}

/** What became of what was promised, as its caller could read it. */
function promiseLine(stories: readonly Story[]): string {
  const readings = stories.filter(isPromised).map(({ reading }) => reading?.state ?? 'not asked');
  const told = [...tally(readings)].map(([state, n]) => `${state} ${n}`);
  const again = stories.length - new Set(stories.map(({ message }) => message.number)).size;
  return `promised         ${readings.length}, which read: ${told.join(', ')}; ${again} requests for what was asked for before`;
}

/** What came in and reached the receiver, and what was told of deliveries. */
function airLine(results: readonly PhaseResult[]): string {
  const sum = (of: (result: PhaseResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const [told, ended] = [sum(({ reports }) => reports.told), sum(({ reports }) => reports.ended)];
  return `over the air     ${sum(({ texts }) => texts)} inbound texts taken by the receiver; ${ended} messages delivered, ${told} told so or expired`;
}

function isServed(caller: CallerName): (story: Story) => boolean {
  return ({ message, outcome }) =>
    message.caller === caller &&
    outcome.kind === 'answered' &&
    (outcome.status === 200 || outcome.status === 202);
}

function isPromised({ outcome }: Story): boolean {
  return outcome.kind === 'answered' && outcome.status === 202;
}

const promises = [
  'I1',
  'I2',
  'I3',
  'I4',
  'I5',
  'I6',
  'I7',
  'I8',
  'contract',
  'inbound',
  'reports',
] as const;

function violationCounts(results: readonly PhaseResult[]): string {
  const broken = tally(
    results.flatMap(({ violations }) => violations.map(({ property }) => property)),
  );
  return promises.map((property) => `${property} ${broken.get(property) ?? 0}`).join(', ');
}

/** Each tty that came back, and whether its number is a new one. */
function attachments(results: readonly PhaseResult[]): { isMoved: boolean }[] {
  return results.flatMap(({ records }) =>
    records.flatMap(({ entries }) => {
      const ttys = entries.flatMap((entry) => (entry.kind === 'attached' ? [entry.tty] : []));
      return ttys.slice(1).map((tty, index) => ({ isMoved: tty !== ttys[index] }));
    }),
  );
}

/**
 * How long modems were away, by what took them away, and how long after they could work again they
 * were ready.
 */
function recoveryTable(recoveries: readonly Recovery[]): string[] {
  const kinds = [...new Set(recoveries.map(({ kind }) => kind))].sort((a, b) => a.localeCompare(b));
  const lines = [...kinds, undefined].map((kind) => {
    const those = recoveries.filter((each) => kind === undefined || each.kind === kind);
    const out = spread(those.map(({ outMs }) => outMs));
    const back = spread(those.flatMap(({ sinceBackMs }) => sinceBackMs ?? []));
    return `  ${String(those.length).padStart(5)}  ${(kind ?? 'all').padEnd(26)}${out}${back}`;
  });
  const head = `recoveries       ${''.padEnd(17)}${'out: median   worst'.padStart(20)}${'once it was back:'.padStart(22)}`;
  return [`${head}  (ms)`, ...lines];
}

/** Each phase ends with every modem ready, and a message through it. */
function returnLine(results: readonly PhaseResult[]): string {
  const all = results.reduce((sum, { phase }) => sum + phase.modems.length, 0);
  const returns = results.flatMap((result) => result.returns);
  const [ready, sent] = [
    returns.map(({ readyMs }) => readyMs),
    returns.map(({ sentMs }) => sentMs),
  ].map(spread);
  return `back unaided     ${returns.length} of ${all} modems after the last fault: ready (median, worst)${ready}, a message through${sent}  (ms)`;
}

/** Median and worst. */
function spread(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const shownAs = (time: number | undefined): string =>
    (time === undefined ? '-' : String(Math.round(time))).padStart(8);
  return `   ${shownAs(sorted[sorted.length >> 1])}${shownAs(sorted.at(-1))}`;
}

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function table(counts: ReadonlyMap<string, number>): string[] {
  return [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, n]) => `  ${String(n).padStart(5)}  ${name}`);
}

function nameOf(outcome: Outcome): string {
  if (outcome.kind === 'left') return 'caller left';
  if (outcome.kind === 'broken') return 'connection broken (restart)';
  if (outcome.kind === 'unanswered') return 'never answered';
  const { code } = outcome.body;
  return typeof code === 'string' ? `${outcome.status} ${code}` : String(outcome.status);
}

/** Before the request and after its answer, as far as the record is shown. */
const aroundNs = 1_500_000_000n;
const mostLines = 60;

/**
 * A violation with what it takes to understand it: the message, its answer, and the record around
 * it.
 */
export function describe(violation: Violation, { seed, phase, records }: PhaseResult): string {
  const { property, what, story } = violation;
  const head = `${property} violated with seed ${seed} in phase ${phase.number} (${phase.name}, ${phase.vendor}): `;
  if (story === undefined) return head + what;
  const { message, outcome, sentNs } = story;
  const lines = records.flatMap(({ modem, entries }) =>
    entries
      .filter((entry) => isNear(entry, story))
      .slice(0, mostLines)
      .map((entry) => `    ${at(BigInt(entry.at_ns), sentNs)} ${modem} ${shown(entry)}`),
  );
  return [
    `${head}message ${message.number} ${what}`,
    `  marker ${message.marker}, ${message.segments} segments to ${message.recipient}, deadline ${story.deadlineMs} ms`,
    `  fault planned with it: ${JSON.stringify(message.fault ?? null)}`,
    `  ${at(outcome.atNs, sentNs)} ${nameOf(outcome)} ${'body' in outcome ? JSON.stringify(outcome.body) : ''}`,
    "  the network's record around it (milliseconds from the request):",
    ...lines,
  ].join('\n');
}

function isNear({ at_ns }: RecordEntry, { sentNs, outcome }: Story): boolean {
  const stamp = BigInt(at_ns);
  return stamp >= sentNs - aroundNs && stamp <= outcome.atNs + aroundNs;
}

function at(stamp: bigint, zero: bigint): string {
  return String(Math.round(Number(stamp - zero) / 1e6)).padStart(6);
}

/** An entry without its stamp, and with long values cut. */
function shown(entry: RecordEntry): string {
  const { at_ns: _stamp, ...rest } = entry;
  return JSON.stringify(rest, (_key, value: unknown) =>
    typeof value === 'string' && value.length > 48 ? `${value.slice(0, 48)}…` : value,
  );
}
