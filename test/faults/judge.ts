/**
 * The promises of DESIGN §2 as properties: what callers saw against what the network's record says.
 * Nothing that the daemon says of itself counts, and only stamps that prove something: the
 * network's at its acceptance, the caller's at its answer.
 */
import type { Outcome, Reading, Story } from './caller.js';
import type { Restart } from './gateway.js';
import type { CallerName, PlannedMessage } from './plan.js';
import { type Acceptance, findSightings, type ModemRecord, type Sightings } from './sightings.js';

export interface Violation {
  property: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'contract';
  what: string;
  story?: Story;
}

/** All that is known of one text to one number: each caller that asked for it has a message. */
interface Case {
  message: PlannedMessage;
  /** Each request, in the order of their answers. */
  stories: readonly Story[];
  /** How many callers asked. */
  askers: number;
  accepted: readonly Acceptance[];
  /** Stamps of the Ctrl-Z behind its first segment, each attempt of it. */
  starts: readonly bigint[];
}

type Answered = Extract<Outcome, { kind: 'answered' }>;

const msInNs = 1_000_000n;
/**
 * How long a Ctrl-Z may be on its way from the daemon's decision to the simulator's stamp, or news
 * of a hang-up to the daemon.
 */
const underwayMs = 250n;
/** What an answer may take beyond its deadline. */
const lateAnswerMs = 1000n;

/** Everything that was broken; empty when all is well. */
export function judge(
  stories: readonly Story[],
  records: readonly ModemRecord[],
  restarts: readonly Restart[],
): Violation[] {
  const sightings = findSightings(
    records,
    stories.map(({ message }) => message),
  );
  const strays = sightings.foreign.map(({ modem, entry }): Violation => {
    const what = `${modem} submitted what nobody sent: entry ${entry.seq} to ${entry.recipient}`;
    return { property: 'I4', what };
  });
  return [
    ...strays,
    ...casesOf(stories, sightings).flatMap((subject) => judgeCase(subject, stories, restarts)),
  ];
}

function casesOf(stories: readonly Story[], { acceptances, commits }: Sightings): Case[] {
  const accepted = byMessage(acceptances);
  const starts = byMessage(commits.filter(({ sequence }) => sequence === 1));
  return [...byMessage(stories)].map(([number, those]) => ({
    message: those[0]!.message,
    stories: those,
    askers: new Set(those.map(({ message }) => message.caller)).size,
    accepted: accepted.get(number) ?? [],
    starts: (starts.get(number) ?? []).map(({ atNs }) => atNs),
  }));
}

/** By the message's number: a long run has too many to search them all for each. */
function byMessage<Seen extends { message: { number: number } }>(
  seen: readonly Seen[],
): Map<number, Seen[]> {
  const found = new Map<number, Seen[]>();
  for (const each of seen) {
    const { number } = each.message;
    const same = found.get(number);
    if (same === undefined) found.set(number, [each]);
    else same.push(each);
  }
  return found;
}

function judgeCase(
  subject: Case,
  stories: readonly Story[],
  restarts: readonly Restart[],
): Violation[] {
  const [story] = subject.stories;
  const ofAll: [Violation['property'], string | undefined][] = [
    ['I4', acceptedTooOften(subject)],
    ['I4', toldOfAnothers(subject)],
    ['I4', mixedUp(subject)],
    ['I3', startedTooLate(subject, restarts)],
  ];
  return [
    ...named(ofAll, story!),
    ...subject.stories.flatMap((each) => judgeStory(each, subject, stories, restarts)),
  ];
}

function judgeStory(
  story: Story,
  subject: Case,
  stories: readonly Story[],
  restarts: readonly Restart[],
): Violation[] {
  const { outcome, reading } = story;
  const broken: [Violation['property'], string | undefined][] = [
    ['I5', outcome.kind === 'unanswered' ? 'was never answered' : undefined],
    ['I5', brokenOutsideRestart(story, restarts)],
  ];
  if (outcome.kind === 'answered') {
    const { status } = outcome;
    broken.push(
      ['I5', answeredLate(story, outcome)],
      ['contract', unknownAnswer(story, outcome)],
      ['contract', supersededByNone(story, outcome, stories)],
      ['I1', status === 200 ? falseSuccess(subject, outcome) : undefined],
      [
        'I2',
        status === 200 || status === 202
          ? undefined
          : falseFailure(subject, story, outcome, restarts),
      ],
    );
  }
  if (reading !== undefined) broken.push(...misread(subject, story, reading));
  return named(broken, story);
}

function named(
  broken: readonly [Violation['property'], string | undefined][],
  story: Story,
): Violation[] {
  return broken.flatMap(([property, what]) =>
    what === undefined ? [] : [{ property, what, story }],
  );
}

/**
 * Each caller that asked may have had its own message accepted once, unless it was told that it was
 * not. However often a caller repeats its request, that is one message.
 */
function acceptedTooOften({ accepted, stories, askers }: Case): string | undefined {
  const callers = [...byCaller(stories).values()];
  const most = callers.filter((those) => !those.every(isSurelyUnsent)).length;
  const { sequence, count } = countsOf(accepted).at(-1) ?? { sequence: 0, count: 0 };
  // With one caller, that it was refused and sent nevertheless is told of its answer.
  if (count <= (askers === 1 ? 1 : most)) return undefined;
  if (askers === 1) return `segment ${sequence} was accepted more than once`;
  return `segment ${sequence} was accepted ${count} times, and ${most} of ${askers} callers may have had it`;
}

/** No caller is told of another's message. */
function toldOfAnothers({ accepted, stories, message }: Case): string | undefined {
  const told = [...byCaller(stories).values()].filter((those) => those.some(isSaidToBeSent)).length;
  const counts = countsOf(accepted);
  const whole = counts.length < message.segments ? 0 : counts[0]!.count;
  if (told < 2 || whole >= told) return undefined;
  return `was sent, as ${told} callers were told, but the network had it ${whole} times`;
}

/** How often each segment was accepted, the seldomest first. */
function countsOf(accepted: readonly Acceptance[]): { sequence: number; count: number }[] {
  const counts = new Map<number, number>();
  for (const { sequence } of accepted) counts.set(sequence, (counts.get(sequence) ?? 0) + 1);
  return [...counts]
    .map(([sequence, count]) => ({ sequence, count }))
    .sort((a, b) => a.count - b.count);
}

function byCaller(stories: readonly Story[]): Map<CallerName, Story[]> {
  const found = new Map<CallerName, Story[]>();
  for (const story of stories) {
    const { caller } = story.message;
    found.set(caller, [...(found.get(caller) ?? []), story]);
  }
  return found;
}

/** Its caller was told so, at once or when it asked. */
function isSurelyUnsent({ outcome, reading }: Story): boolean {
  if (outcome.kind !== 'answered') return false;
  if (outcome.status === 202) return reading?.state === 'failed' && reading.submitted === 'no';
  return outcome.body.submitted === 'no';
}

function isSaidToBeSent({ outcome, reading }: Story): boolean {
  return (
    (outcome.kind === 'answered' && outcome.status === 200) ||
    reading?.state === 'sent' ||
    reading?.state === 'delivered'
  );
}

/**
 * A handset can join the segments: from one SIM, with one reference and the right total (23.040
 * 9.2.3.24.1).
 */
function mixedUp({ message, askers, accepted }: Case): string | undefined {
  const sound = accepted.filter(({ isSpoilt }) => !isSpoilt);
  const sets = new Set(
    sound.map(({ modem, entry, total }) => `${modem} ${entry.concat_reference} ${total}`),
  );
  if (sets.size > askers) return `its segments do not belong together: ${[...sets].join(', ')}`;
  const wrong = sound.find(({ entry }) => entry.recipient !== message.recipient);
  return wrong === undefined ? undefined : `went to ${wrong.entry.recipient}`;
}

/** Each start falls into the time of one of the requests. */
function startedTooLate(
  { stories, starts }: Case,
  restarts: readonly Restart[],
): string | undefined {
  for (const start of starts) {
    const objections = stories.map((story) => whyNotStart(start, story, restarts));
    if (!objections.includes(undefined)) return objections.at(-1);
  }
  return undefined;
}

/** Undefined when the message may be started then for this request. */
function whyNotStart(
  start: bigint,
  story: Story,
  restarts: readonly Restart[],
): string | undefined {
  const { outcome, sentNs, deadlineMs, lateMs } = story;
  if (start < sentNs) return `was started ${ms(sentNs - start)} before it was asked for`;
  const tellAfter = (overNs: bigint, what: string) =>
    start > overNs + underwayMs * msInNs
      ? `was started ${ms(start - overNs)} after ${what}`
      : undefined;
  const goesOn = mayBePromised(story);
  const overNs = sentNs + BigInt((goesOn ? lateMs : deadlineMs) ?? deadlineMs) * msInNs;
  const process = restarts.find(({ endedNs }) => endedNs > sentNs);
  const isAnswered = outcome.kind !== 'broken' && !goesOn;
  return (
    tellAfter(overNs, 'its deadline') ??
    (process && tellAfter(process.endedNs, 'its daemon had ended')) ??
    (isAnswered ? tellAfter(outcome.atNs, `it was ${outcome.kind}`) : undefined)
  );
}

/** Whoever was answered 202, or did not wait for the answer that was on its way. */
function mayBePromised({ outcome, sentNs, deadlineMs, lateMs }: Story): boolean {
  if (lateMs === undefined) return false;
  if (outcome.kind === 'answered') return outcome.status === 202;
  return outcome.atNs > sentNs + BigInt(deadlineMs) * msInNs - underwayMs * msInNs;
}

/** Until then a message may wait, be at a modem or be sent. */
function endOf(story: Story): bigint {
  const { sentNs, lateMs = 0, outcome } = story;
  return mayBePromised(story) ? sentNs + BigInt(lateMs) * msInNs : outcome.atNs;
}

function answeredLate({ sentNs, deadlineMs }: Story, { atNs }: Answered): string | undefined {
  const tookNs = atNs - sentNs;
  if (tookNs <= (BigInt(deadlineMs) + lateAnswerMs) * msInNs) return undefined;
  return `was answered after ${ms(tookNs)}, its deadline is ${deadlineMs} ms`;
}

function brokenOutsideRestart(
  { outcome, sentNs }: Story,
  restarts: readonly Restart[],
): string | undefined {
  if (outcome.kind !== 'broken') return undefined;
  const excused = restarts.some(({ fromNs, toNs }) => outcome.atNs >= fromNs && sentNs <= toNs);
  return excused ? undefined : `lost its connection without a restart: ${outcome.error}`;
}

/** Codes that a right request may meet (DESIGN §4), and what each may say of the submission. */
const knownAnswers: Readonly<Record<string, string>> = {
  '409 superseded': 'no',
  '502 network_refused': 'no',
  '502 partly_submitted': 'partly',
  '503 no_modem_ready': 'no',
  '503 queue_full': 'no',
  '503 deadline_unreachable': 'no',
  '503 shutting_down': 'no',
  '504 outcome_unknown': 'unknown',
};

function unknownAnswer({ lateMs }: Story, { status, body }: Answered): string | undefined {
  const { code, submitted } = body;
  if (status === 200 || (status === 202 && lateMs !== undefined)) return undefined;
  const known = knownAnswers[`${status} ${String(code)}`];
  if (known !== undefined && known === submitted) return undefined;
  return `was answered ${status} ${String(code)}, submitted: ${String(submitted)}`;
}

function supersededByNone(
  { message }: Story,
  { status, atNs }: Answered,
  stories: readonly Story[],
): string | undefined {
  if (status !== 409) return undefined;
  const isOfSameCaller = (other: Story): boolean => other.message.caller === message.caller;
  const isTwin = (other: Story): boolean =>
    isOfSameCaller(other) &&
    other.message.recipient === message.recipient &&
    other.message.messageType === message.messageType;
  // A repeat is as old as the first request.
  const [first] = stories
    .filter((other) => isOfSameCaller(other) && other.message.number === message.number)
    .map(({ sentNs }) => sentNs)
    .sort((a, b) => Number(a - b));
  // Of two requests under way at once either can have reached the daemon first.
  const newer = stories.some(
    (other) =>
      other.message.number !== message.number &&
      isTwin(other) &&
      other.sentNs < atNs &&
      endOf(other) > first!,
  );
  return newer ? undefined : 'was superseded, but by no other message';
}

function falseSuccess(subject: Case, { body, atNs }: Answered): string | undefined {
  const before = subject.accepted.filter((acceptance) => acceptance.atNs <= atNs);
  const wrong = notAccepted(subject, before, body.references);
  if (wrong !== undefined) return `was answered 200, but ${wrong}`;
  if (body.segments !== subject.message.segments)
    return `was answered ${String(body.segments)} segments`;
  return wrongReferences(partsOf(before, body.references), body.references);
}

/** Why a message that is said to be sent is not. */
function notAccepted(
  { message }: Case,
  accepted: readonly Acceptance[],
  references: unknown,
): string | undefined {
  const parts = partsOf(accepted, references);
  const { segments } = message;
  if (parts.length < segments || parts.some(({ total }) => total !== segments))
    return `of ${segments} segments the network had ${parts.length}`;
  const isSpoilt = parts.some((part) => part.isSpoilt);
  const text = parts.map(({ entry }) => entry.text).join('');
  return isSpoilt || text === message.text ? undefined : `another text was accepted: ${text}`;
}

/** One of each segment, in order: of several that which the answer means. */
function partsOf(accepted: readonly Acceptance[], references: unknown): Acceptance[] {
  const found = new Map<number, Acceptance>();
  for (const part of accepted) {
    const isMeant = Array.isArray(references) && references[part.sequence - 1] === part.entry.mr;
    if (isMeant || !found.has(part.sequence)) found.set(part.sequence, part);
  }
  return [...found.values()].sort((a, b) => a.sequence - b.sequence);
}

/**
 * Line faults may change a digit of a reference; else a foreign one tells of a result that was
 * another message's.
 */
function wrongReferences(parts: readonly Acceptance[], references: unknown): string | undefined {
  const wrong = parts.find(({ entry }, index) => {
    const wasSpoilt = entry.faults?.some((fault) => /^(?:garble|drop-bytes)\b/.test(fault));
    return !wasSpoilt && (!Array.isArray(references) || references[index] !== entry.mr);
  });
  if (wrong === undefined) return undefined;
  return `was answered references ${JSON.stringify(references)}, but segment ${wrong.sequence} has ${wrong.entry.mr}`;
}

/** Of what several callers asked for, {@link acceptedTooOften} counts who may have had it. */
function falseFailure(
  { message, stories, askers, accepted, starts }: Case,
  story: Story,
  { status, body, atNs }: Answered,
  restarts: readonly Restart[],
): string | undefined {
  if (askers > 1) return undefined;
  const repeats = stories.filter((other) => other !== story);
  // What was surely not sent is tried again where its caller asks again.
  const isByRepeat = (start: bigint | undefined): boolean =>
    start !== undefined &&
    start > atNs - underwayMs * msInNs &&
    repeats.some((repeat) => whyNotStart(start, repeat, restarts) === undefined);
  const own = accepted.filter(
    (part) => !isByRepeat(starts.findLast((start) => start <= part.atNs)),
  );
  const count = new Set(own.map(({ sequence }) => sequence)).size;
  const { segments } = message;
  const said = `was answered ${status} ${String(body.code)}, submitted: ${String(body.submitted)}`;
  const had = `but of ${segments} segments the network had ${count}`;
  if (body.submitted === 'no' && count > 0) return `${said}, ${had}`;
  if (body.submitted === 'partly' && (count === 0 || count >= segments)) return `${said}, ${had}`;
  return undefined;
}

/** What its caller reads at the end, when all is over, against the record. */
function misread(
  subject: Case,
  story: Story,
  { state, submitted, references }: Reading,
): [Violation['property'], string | undefined][] {
  const { outcome } = story;
  switch (state) {
    case 'none':
      return [['contract', 'cannot be read at the end']];
    case 'waiting':
    case 'sending':
      return [['contract', `still reads ${state} at the end`]];
    case 'sent':
    case 'delivered': {
      const wrong = notAccepted(subject, subject.accepted, references);
      return [['I1', wrong && `reads ${state}, but ${wrong}`]];
    }
    case 'failed': {
      if (outcome.kind === 'answered' && outcome.status === 200)
        return [['I1', 'was answered 200, and reads failed']];
      const count = new Set(subject.accepted.map(({ sequence }) => sequence)).size;
      const { segments } = subject.message;
      const isFalse = submitted === 'no' ? count > 0 : count === 0 || count >= segments;
      if (!isFalse || mayBeAnothers(subject, story)) return [];
      const had = `of ${segments} segments the network had ${count}`;
      return [['I2', `reads failed, submitted: ${String(submitted)}, but ${had}`]];
    }
    case 'unknown':
      return [];
  }
}

/** Whether what was accepted may be that of another request, with an id of its own. */
function mayBeAnothers({ stories }: Case, story: Story): boolean {
  return stories.some((other) => idOf(other) !== idOf(story) && !isSurelyUnsent(other));
}

function idOf({ outcome }: Story): unknown {
  return outcome.kind === 'answered' ? outcome.body.id : undefined;
}

function ms(ns: bigint): string {
  return `${Number(ns / 1000n) / 1000} ms`;
}
