import type { RecordEntry } from '../../src/simulator/record.js';
import type { KeyedStory } from './caller.js';
import type { Life } from './daemon.js';
import type { JournalVerdict } from './journal-judge.js';
import { type Case, isAnswered, usedOf, type Violation } from './judge.js';
import type { Plan } from './plan.js';

/** A run and what was found. */
export interface Judged {
  plan: Plan;
  lives: readonly Life[];
  cases: readonly Case[];
  entries: readonly RecordEntry[];
  looks: number;
  journal: JournalVerdict;
  violations: readonly Violation[];
}

/** What a message was at when its daemon was killed. */
const stages = [
  'no message on its way',
  'before AT+CMGS',
  'after AT+CMGS',
  'after the prompt',
  'after Ctrl-Z',
  'after +CMGS, before the answer',
  'while it started',
] as const;
type Stage = (typeof stages)[number];

/** How long these last is the machine's affair: milliseconds, so that a run may miss them. */
const rareStages: ReadonlySet<Stage> = new Set(['after the prompt', 'while it started']);

/** A run this long meets every other moment and reaches every cap. */
const sendsForCoverage = 200;
const leastSuccess = 0.2;
/**
 * More messages without a row than this share, and the machine was too slow for the run to prove
 * much.
 */
const mostWithoutRow = 0.02;

/** What is wrong with the run as a whole: not with the daemon, but with what the run can prove. */
export function shortcomings({ plan, cases, lives, entries, journal }: Judged): string[] {
  const found: string[] = [];
  const sends = plan.messages.length;
  const sent = cases.filter(({ accepted }) => accepted.length > 0).length;
  if (sent < leastSuccess * sends) found.push(`only ${sent} of ${sends} messages were sent`);
  if (journal.withoutRow.length > mostWithoutRow * sends)
    found.push(
      `${journal.withoutRow.length} messages were started without a row: the machine is too slow`,
    );
  if (sends < sendsForCoverage) return found;
  const killed = tally(
    lives.flatMap((life) => (life.killedNs === undefined ? [] : [stageOf(life, cases, entries)])),
  );
  for (const stage of stages)
    if (!rareStages.has(stage) && !killed.has(stage)) found.push(`no daemon was killed: ${stage}`);
  const reached = capsTold(cases);
  for (const cap of ['per_day', 'recipients_per_month', 'per_recipient'])
    if (!reached.has(cap)) found.push(`${cap} was never reached`);
  if (journal.failedPromises === 0) found.push('no promise waited when a daemon was killed');
  if (journal.closedRows === 0) found.push('no row was open when a daemon was killed');
  return found;
}

/** The run in a few lines. */
export function summary(judged: Judged): string {
  const { plan, lives, cases, entries, looks, journal, violations } = judged;
  const { limits } = plan;
  const { segments, recipients, mostPerRecipient } = usedOf(cases);
  const tries = cases.flatMap(({ story }) => story.tries);
  const killed = lives.filter(({ killedNs }) => killedNs !== undefined);
  const promised = tries
    .filter(isAnswered)
    .filter(({ outcome }) => outcome.status === 202)
    .map(({ reading }) => reading?.state ?? 'not asked');
  const broken = tally(violations.map(({ property }) => property));
  return [
    `messages         ${cases.length}, asked for ${tries.length} times`,
    ...table(tally(tries.map(nameOf))),
    `kills            ${killed.length}, by what was on its way`,
    ...table(tally(killed.map((life) => stageOf(life, cases, entries)))),
    `accepted         ${cases.filter(({ accepted }) => accepted.length > 0).length} messages`,
    `caps             ${segments} of ${limits.segments} segments, ${recipients} of ${limits.recipients} recipients, ` +
      `${mostPerRecipient} of ${limits.perRecipient} messages to one`,
    ...table(capsTold(cases)),
    `journal          opened ${looks} times, ${journal.closedRows} open rows became unknown, ` +
      `${journal.withoutRow.length} messages started without a row in time`,
    `promised         ${promised.length}, which read: ${[...tally(promised)].map(([state, n]) => `${state} ${n}`).join(', ')}; ` +
      `${journal.failedPromises} were waiting when their daemon was killed`,
    `told as unknown  ${cases.filter(({ story }) => isToldLess(story)).length} after they had been answered 200`,
    `violations       ${promises.map((property) => `${property} ${broken.get(property) ?? 0}`).join(', ')}`,
  ].join('\n');
}

const promises: readonly Violation['property'][] = [
  'I1',
  'I2',
  'I3',
  'I4',
  'I5',
  'I6',
  'cap',
  'journal',
  'contract',
];

function stageOf(life: Life, cases: readonly Case[], entries: readonly RecordEntry[]): Stage {
  const killedNs = life.killedNs ?? 0n;
  if (!life.wasUp) return 'while it started';
  const before = entries.filter((entry) => {
    const atNs = BigInt(entry.at_ns);
    return atNs >= life.fromNs && atNs <= killedNs;
  });
  const last = before.findLast(
    (entry) =>
      ['prompt', 'ctrl_z', 'reply', 'refused', 'escape'].includes(entry.kind) ||
      (entry.kind === 'command' && entry.line.startsWith('AT+CMGS=')),
  );
  if (last?.kind === 'command') return 'after AT+CMGS';
  if (last?.kind === 'prompt') return 'after the prompt';
  if (last?.kind === 'ctrl_z') return 'after Ctrl-Z';
  const open = cases.filter(({ story }) =>
    story.tries.some(
      ({ sentNs, outcome }) =>
        sentNs < killedNs && outcome.atNs > killedNs && outcome.kind === 'broken',
    ),
  );
  if (open.length === 0) return 'no message on its way';
  const isTaken = open.some(({ accepted }) =>
    accepted.some(({ atNs }) => atNs >= life.fromNs && atNs <= killedNs),
  );
  return isTaken ? 'after +CMGS, before the answer' : 'before AT+CMGS';
}

/** How often callers were told of each limit. */
function capsTold(cases: readonly Case[]): Map<string, number> {
  const details = cases
    .flatMap(({ story }) => story.tries.filter(isAnswered))
    .map(({ outcome }) => outcome.body);
  return tally(
    details.flatMap(({ code, detail }) => {
      if (code !== 'sim_cap_reached' && code !== 'rate_limited') return [];
      return /per_day|recipients_per_month|per_recipient/.exec(String(detail)) ?? [String(detail)];
    }),
  );
}

function isToldLess({ tries }: KeyedStory): boolean {
  const statuses = tries.filter(isAnswered).map(({ outcome }) => outcome.status);
  return statuses.includes(200) && statuses.lastIndexOf(504) > statuses.indexOf(200);
}

function nameOf({ outcome }: KeyedStory['tries'][number]): string {
  if (outcome.kind !== 'answered')
    return outcome.kind === 'broken' ? 'connection broken (kill)' : outcome.kind;
  const { code } = outcome.body;
  return typeof code === 'string' ? `${outcome.status} ${code}` : String(outcome.status);
}

function tally<Name extends string>(names: readonly Name[]): Map<Name, number> {
  const counts = new Map<Name, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function table(counts: ReadonlyMap<string, number>): string[] {
  return [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, n]) => `  ${String(n).padStart(5)}  ${name}`);
}

const mostLines = 40;
const aroundNs = 500_000_000n;

/**
 * A violation with what it takes to understand it: the requests, the kills and the record around
 * them.
 */
export function describe({ property, what, story }: Violation, { lives, entries }: Judged): string {
  if (story === undefined) return `${property}: ${what}`;
  const { message, tries } = story;
  const zero = tries[0]?.sentNs ?? 0n;
  const until = (tries.at(-1)?.outcome.atNs ?? zero) + aroundNs;
  const lines: [bigint, string][] = [
    ...tries.map(({ sentNs }): [bigint, string] => [sentNs, 'request']),
    ...tries.map((each): [bigint, string] => {
      const { outcome } = each;
      const body = outcome.kind === 'answered' ? JSON.stringify(outcome.body) : '';
      return [outcome.atNs, `${nameOf(each)} ${body}`];
    }),
    ...lives.flatMap(({ fromNs, killedNs }): [bigint, string][] => [
      [fromNs, 'the daemon is started'],
      ...(killedNs === undefined ? [] : [[killedNs, 'the daemon is killed'] as [bigint, string]]),
    ]),
    ...entries.map(({ at_ns: atNs, ...entry }): [bigint, string] => [
      BigInt(atNs),
      `  modem: ${JSON.stringify(entry).slice(0, 160)}`,
    ]),
  ];
  const near = lines.filter(([atNs]) => atNs >= zero - aroundNs && atNs <= until);
  near.sort(([a], [b]) => Number(a - b));
  return [
    `${property}: message ${message.number} ${what}`,
    `  marker ${message.marker}, ${message.segments} segments, fault ${message.submitFault ?? 'none'}; milliseconds from its first request:`,
    ...near
      .slice(0, mostLines)
      .map(([atNs, line]) => `  ${String((atNs - zero) / 1_000_000n).padStart(6)} ${line}`),
  ].join('\n');
}
