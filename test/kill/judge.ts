/**
 * I1–I4 (DESIGN §2) of messages whose callers repeat their request with the same `Idempotency-Key`
 * while the daemon is killed, and the caps and limits. The network's record says what was sent;
 * nothing that the daemon says of itself counts.
 */
import type { Outcome } from '../faults/caller.js';
import { type Acceptance, findSightings, type ModemRecord } from '../faults/sightings.js';
import { deadlineMs, type KeyedStory, lateDeadlineMs, type Try } from './caller.js';
import type { Life } from './daemon.js';
import type { Limits } from './plan.js';

export interface Violation {
  property: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'cap' | 'journal' | 'contract';
  what: string;
  story?: KeyedStory;
}

/** A message with all that the network knows of it. */
export interface Case {
  story: KeyedStory;
  accepted: readonly Acceptance[];
  /** Stamps of the Ctrl-Z behind its first segment, one for each time that it was started. */
  starts: readonly bigint[];
}

type Answered = Extract<Outcome, { kind: 'answered' }>;
type AnsweredTry = Try & { outcome: Answered };

/** How long a Ctrl-Z may be on its way from the daemon's decision to the simulator's stamp. */
const underwayNs = 250_000_000n;

/** The stories beside the record, and what was accepted that nobody sent. */
export function casesOf(
  stories: readonly KeyedStory[],
  records: readonly ModemRecord[],
): { cases: Case[]; strays: Violation[] } {
  const { acceptances, commits, foreign } = findSightings(
    records,
    stories.map(({ message }) => message),
  );
  const cases = stories.map((story) => {
    const isOf = (seen: { message: { number: number } }) =>
      seen.message.number === story.message.number;
    const starts = commits.filter((commit) => isOf(commit) && commit.sequence === 1);
    return { story, accepted: acceptances.filter(isOf), starts: starts.map(({ atNs }) => atNs) };
  });
  const strays = foreign.map(({ entry }): Violation => {
    return { property: 'I4', what: `entry ${entry.seq} of the record was sent by nobody` };
  });
  return { cases, strays };
}

/** Everything that was broken; empty when all is well. */
export function judge(cases: readonly Case[], lives: readonly Life[], limits: Limits): Violation[] {
  return [...cases.flatMap((subject) => judgeCase(subject, lives)), ...judgeCaps(cases, limits)];
}

function judgeCase(subject: Case, lives: readonly Life[]): Violation[] {
  const { story } = subject;
  const broken: [Violation['property'], string | undefined][] = [
    ['I4', acceptedTwice(subject)],
    ['I4', mixedUp(subject)],
    ['I3', startedUnasked(subject, lives)],
    ['I5', unended(story)],
    ...story.tries.flatMap((each): [Violation['property'], string | undefined][] => [
      ['I5', brokenWithoutKill(each, lives)],
      ...(isAnswered(each) ? judgeAnswer(subject, each, lives) : []),
    ]),
    ['contract', toldOtherwise(story, lives)],
  ];
  return broken.flatMap(([property, what]) =>
    what === undefined ? [] : [{ property, what, story }],
  );
}

function judgeAnswer(
  subject: Case,
  answer: AnsweredTry,
  lives: readonly Life[],
): [Violation['property'], string | undefined][] {
  if (answer.outcome.status === 202) return judgePromise(subject, answer, lives);
  return [
    ['contract', unknownAnswer(answer.outcome)],
    answer.outcome.status === 200
      ? ['I1', falseSuccess(subject, answer.outcome)]
      : ['I2', falseFailure(subject, answer, lives)],
  ];
}

/** A promise is judged by what its caller could read of it at last. */
function judgePromise(
  subject: Case,
  { sentNs, outcome, reading }: AnsweredTry,
  lives: readonly Life[],
): [Violation['property'], string | undefined][] {
  if (subject.story.message.caller !== 'hasty') return [['contract', 'was answered 202']];
  if (reading === undefined) return [];
  const { state, submitted, references, atNs } = reading;
  const { segments } = subject.story.message;
  const read = { ...outcome, atNs, body: { ...reading, segments, references } };
  switch (state) {
    case 'sent':
    case 'delivered':
      return [['I1', falseSuccess(subject, read)]];
    case 'failed':
      return [
        ['I2', falseFailure(subject, { sentNs, outcome: { ...read, body: { submitted } } }, lives)],
      ];
    case 'unknown':
      return [];
    case 'waiting':
    case 'sending':
    case 'none':
      return [['contract', `was promised, and reads ${state} at last`]];
  }
}

export function isAnswered(each: Try): each is AnsweredTry {
  return each.outcome.kind === 'answered';
}

function acceptedTwice({ accepted, story }: Case): string | undefined {
  const sequences = accepted.map(({ sequence }) => sequence);
  const twice = sequences.find((sequence, index) => sequences.indexOf(sequence) !== index);
  if (twice === undefined) return undefined;
  return `segment ${twice} was accepted more than once with the key ${story.message.key}`;
}

/**
 * A handset can join the segments: of one reference and the right total (3GPP TS 23.040
 * 9.2.3.24.1), at the right number.
 */
function mixedUp({ story, accepted }: Case): string | undefined {
  const sets = new Set(accepted.map(({ entry, total }) => `${entry.concat_reference} of ${total}`));
  if (sets.size > 1) return `its segments do not belong together: ${[...sets].join(', ')}`;
  const wrong = accepted.find(({ entry }) => entry.recipient !== story.message.recipient);
  return wrong === undefined ? undefined : `went to ${wrong.entry.recipient}`;
}

/**
 * Each start falls within a request that somebody waits for, before its deadline and before its
 * daemon was killed.
 */
function startedUnasked({ story, starts }: Case, lives: readonly Life[]): string | undefined {
  const unasked = starts.filter(
    (startNs) => !story.tries.some((each) => isWithin(startNs, each, lives)),
  );
  return unasked.length === 0
    ? undefined
    : `was started ${unasked.length} times while nobody waited for it`;
}

function isWithin(startNs: bigint, { sentNs, outcome }: Try, lives: readonly Life[]): boolean {
  const isPromised = outcome.kind === 'answered' && outcome.status === 202;
  const deadlineNs = sentNs + BigInt(isPromised ? lateDeadlineMs : deadlineMs) * 1_000_000n;
  // A promise is kept by the process that gave it, or by none.
  const endedNs = lives.find(({ endedNs: ns = sentNs }) => ns > sentNs)?.endedNs ?? deadlineNs;
  const overNs = isPromised ? endedNs : outcome.atNs;
  const endNs = overNs < deadlineNs ? overNs : deadlineNs;
  return startNs >= sentNs && startNs <= endNs + underwayNs;
}

function unended({ tries }: KeyedStory): string | undefined {
  const last = tries.at(-1);
  if (last === undefined || last.outcome.kind === 'broken') return 'never had a final answer';
  return last.outcome.kind === 'unanswered' ? 'was not answered' : undefined;
}

function brokenWithoutKill({ sentNs, outcome }: Try, lives: readonly Life[]): string | undefined {
  if (outcome.kind !== 'broken') return undefined;
  // From the signal to the next daemon's start; a connection may still be refused until that
  // listens.
  const isExcused = lives.some(
    ({ killedNs }) =>
      killedNs !== undefined && killedNs >= sentNs - underwayNs && killedNs <= outcome.atNs,
  );
  return isExcused
    ? undefined
    : `lost its connection although the daemon was not killed: ${outcome.error}`;
}

/** What a request of this run may be told (DESIGN §4), and what that says of the submission. */
const knownAnswers: Readonly<Record<string, string>> = {
  '429 rate_limited': 'no',
  '502 network_refused': 'no',
  '502 partly_submitted': 'partly',
  '503 no_modem_ready': 'no',
  '503 deadline_unreachable': 'no',
  '503 sim_cap_reached': 'no',
  '504 outcome_unknown': 'unknown',
};

function unknownAnswer({ status, body }: Answered): string | undefined {
  const { code, submitted } = body;
  if (status === 200 || knownAnswers[`${status} ${String(code)}`] === submitted) return undefined;
  return `was answered ${status} ${String(code)}, submitted: ${String(submitted)}`;
}

function falseSuccess({ story, accepted }: Case, { body, atNs }: Answered): string | undefined {
  const { message } = story;
  const parts = accepted
    .filter((part) => part.atNs <= atNs)
    .sort((a, b) => a.sequence - b.sequence);
  const sequences = new Set(parts.map(({ sequence }) => sequence));
  if (sequences.size < message.segments) {
    return `was answered 200, but of ${message.segments} segments the network had ${sequences.size}`;
  }
  if (parts.map(({ entry }) => entry.text).join('') !== message.text)
    return 'was answered 200, but another text was accepted';
  const references = JSON.stringify(parts.map(({ entry }) => entry.mr));
  if (JSON.stringify(body.references) === references && body.segments === message.segments)
    return undefined;
  return `was answered references ${JSON.stringify(body.references)}, they are ${references}`;
}

/**
 * What the network took of it by this request or an earlier one, whenever that was: a key stands
 * for one message.
 */
function falseFailure(
  { story, accepted, starts }: Case,
  { sentNs, outcome }: AnsweredTry,
  lives: readonly Life[],
): string | undefined {
  const isLater = (startNs: bigint) =>
    story.tries.some((each) => each.sentNs > sentNs && isWithin(startNs, each, lives));
  const taken = accepted.filter(({ atNs }) => {
    const startNs = starts.findLast((stamp) => stamp <= atNs);
    return startNs === undefined || startNs <= outcome.atNs || !isLater(startNs);
  });
  const count = new Set(taken.map(({ sequence }) => sequence)).size;
  const { status, body } = outcome;
  const isFalse =
    (body.submitted === 'no' && count > 0) ||
    (body.submitted === 'partly' && (count === 0 || count >= story.message.segments));
  if (!isFalse) return undefined;
  const said = `was answered ${status} ${String(body.code)}, submitted: ${String(body.submitted)}`;
  return `${said}, but of ${story.message.segments} segments the network had ${count}`;
}

/**
 * Sent stays sent. After a kill it may be told as unknown, for the end of a message is written
 * behind its answer.
 */
function toldOtherwise({ tries }: KeyedStory, lives: readonly Life[]): string | undefined {
  const answers = tries.filter(isAnswered);
  const first = answers.findIndex(({ outcome }) => outcome.status === 200);
  if (first === -1) return undefined;
  const { outcome } = answers[first]!;
  const other = answers.slice(first + 1).find((each) => {
    if (each.outcome.status === 200)
      return (
        JSON.stringify(each.outcome.body.references) !== JSON.stringify(outcome.body.references)
      );
    const wasKilled = lives.some(
      ({ killedNs = 0n }) => killedNs > outcome.atNs && killedNs < each.outcome.atNs,
    );
    return each.outcome.status !== 504 || !wasKilled;
  });
  if (other === undefined) return undefined;
  return `was answered 200, and ${other.outcome.status} ${String(other.outcome.body.code)} to a repeat`;
}

function judgeCaps(cases: readonly Case[], limits: Limits): Violation[] {
  const { segments, recipients, mostPerRecipient } = usedOf(cases);
  const used: [string, number, number][] = [
    ['per_day', segments, limits.segments],
    ['recipients_per_month', recipients, limits.recipients],
    ['per_recipient', mostPerRecipient, limits.perRecipient],
  ];
  return used.flatMap(([name, count, limit]) =>
    count <= limit
      ? []
      : [{ property: 'cap', what: `${name} is ${limit}, and the network took ${count}` }],
  );
}

/**
 * What the network took: segments, different recipients, and messages to the one who got the most.
 */
export function usedOf(cases: readonly Case[]): {
  segments: number;
  recipients: number;
  mostPerRecipient: number;
} {
  const byRecipient = new Map<string, number>();
  for (const { accepted, story } of cases) {
    const { recipient } = story.message;
    if (accepted.length > 0) byRecipient.set(recipient, (byRecipient.get(recipient) ?? 0) + 1);
  }
  return {
    segments: cases.reduce((sum, { accepted }) => sum + accepted.length, 0),
    recipients: byRecipient.size,
    mostPerRecipient: Math.max(0, ...byRecipient.values()),
  };
}
