import type { RecordEntry } from '../../src/simulator/record.js';
import type { Outcome, Story } from './caller.js';
import { cmsGroups, otherActionKinds, submitFaultKinds } from './deck.js';
import type { Violation } from './judge.js';
import type { PhaseResult } from './phase.js';

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
  const sent = stories.filter(({ outcome }) => outcome.kind === 'answered' && outcome.status === 200).length;
  if (sent < leastSuccess * stories.length)
    found.push(`only ${sent} of ${stories.length} messages were sent`);
  if (messageCount < messagesForCoverage) return found;
  const played = faultCounts(results);
  const wanted = [
    ...submitFaultKinds,
    standingFault,
    ...otherActionKinds,
    ...Object.keys(cmsGroups).map((group) => `cms (${group})`),
  ];
  return [...found, ...wanted.filter((kind) => !played.has(kind)).map((kind) => `${kind} never happened`)];
}

/** How often each fault happened: those of submits as the record says, the others as they were done. */
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
    for (const [kind, times] of actions) if (kind !== 'submit_fault') add(kind, times);
  }
  return counts;
}

function groupOf(code: number): string | undefined {
  return Object.entries(cmsGroups).find(([, codes]) => (codes as readonly number[]).includes(code))?.[0];
}

/** The run in a few lines. */
export function summary(results: readonly PhaseResult[]): string {
  const stories = results.flatMap((result) => result.stories);
  const outcomes = tally(stories.map(({ outcome }) => nameOf(outcome)));
  const outages = results.flatMap((result) => result.outages).sort((a, b) => a.ms - b.ms);
  const worst = outages.at(-1);
  const answers = stories.flatMap(({ sentNs, outcome }) =>
    outcome.kind === 'answered' ? [Number(outcome.atNs - sentNs) / 1e6] : [],
  );
  const growth = Math.max(...results.map((result) => result.worstGrowthKiB));
  const resident = Math.max(...results.map((result) => result.worstResidentKiB));
  return [
    `messages         ${stories.length}`,
    ...table(outcomes),
    'faults',
    ...table(faultCounts(results)),
    `worst answer     ${Math.round(Math.max(...answers))} ms`,
    `recoveries       ${outages.length}: median ${Math.round(outages[outages.length >> 1]?.ms ?? 0)} ms, worst ${Math.round(worst?.ms ?? 0)} ms (after ${worst?.after})`,
    ...outages.filter(({ ms }) => ms >= 5000).map(({ ms, after }) => `  ${Math.round(ms)} ms after ${after}`),
    `memory           ${resident >> 10} MiB at most, ${growth >> 10} MiB over idle`,
  ].join('\n');
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

/** A violation with what it takes to understand it: the message, its answer, and the record around it. */
export function describe(violation: Violation, { phase, records }: PhaseResult): string {
  const { property, what, story } = violation;
  const head = `${property} violated in phase ${phase.number} (${phase.name}, ${phase.vendor}): `;
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
