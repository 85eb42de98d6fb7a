/**
 * The promises of DESIGN §2 as properties: what callers saw against what the network's record says.
 * Nothing that the daemon says of itself counts, and only stamps that prove something: the
 * network's at its acceptance, the caller's at its answer.
 */
import type { Outcome, Story } from './caller.js';
import type { Restart } from './gateway.js';
import { type Acceptance, findSightings, type ModemRecord, type Sightings } from './sightings.js';

export interface Violation {
  property: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'contract';
  what: string;
  story?: Story;
}

/** All that is known of one message. */
interface Case {
  story: Story;
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
  return stories.map((story) => {
    const { number } = story.message;
    return {
      story,
      accepted: accepted.get(number) ?? [],
      starts: (starts.get(number) ?? []).map(({ atNs }) => atNs),
    };
  });
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
  const { story } = subject;
  const { outcome } = story;
  const broken: [Violation['property'], string | undefined][] = [
    ['I4', acceptedTwice(subject)],
    ['I4', mixedUp(subject)],
    ['I3', startedTooLate(subject)],
    ['I5', outcome.kind === 'unanswered' ? 'was never answered' : undefined],
    ['I5', brokenOutsideRestart(story, restarts)],
  ];
  if (outcome.kind === 'answered') {
    broken.push(
      ['I5', answeredLate(story, outcome)],
      ['contract', unknownAnswer(outcome)],
      ['contract', supersededByNone(story, outcome, stories)],
      ['I1', outcome.status === 200 ? falseSuccess(subject, outcome) : undefined],
      ['I2', outcome.status === 200 ? undefined : falseFailure(subject, outcome)],
    );
  }
  return broken.flatMap(([property, what]) =>
    what === undefined ? [] : [{ property, what, story }],
  );
}

function acceptedTwice({ accepted }: Case): string | undefined {
  const sequences = accepted.map(({ sequence }) => sequence);
  const twice = sequences.find((sequence, index) => sequences.indexOf(sequence) !== index);
  return twice === undefined ? undefined : `segment ${twice} was accepted more than once`;
}

/**
 * A handset can join the segments: from one SIM, with one reference and the right total (23.040
 * 9.2.3.24.1).
 */
function mixedUp({ story, accepted }: Case): string | undefined {
  const sound = accepted.filter(({ isSpoilt }) => !isSpoilt);
  const sets = new Set(
    sound.map(({ modem, entry, total }) => `${modem} ${entry.concat_reference} ${total}`),
  );
  if (sets.size > 1) return `its segments do not belong together: ${[...sets].join(', ')}`;
  const wrong = sound.find(({ entry }) => entry.recipient !== story.message.recipient);
  return wrong === undefined ? undefined : `went to ${wrong.entry.recipient}`;
}

function startedTooLate({ story, starts }: Case): string | undefined {
  const { outcome, sentNs, deadlineMs } = story;
  const last = starts.at(-1);
  if (last === undefined) return undefined;
  const overNs = sentNs + BigInt(deadlineMs) * msInNs;
  if (last > overNs + underwayMs * msInNs)
    return `was started ${ms(last - overNs)} after its deadline`;
  if (outcome.kind === 'broken' || last <= outcome.atNs + underwayMs * msInNs) return undefined;
  return `was started ${ms(last - outcome.atNs)} after it was ${outcome.kind}`;
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

function unknownAnswer({ status, body }: Answered): string | undefined {
  const { code, submitted } = body;
  if (status === 200) return undefined;
  if (knownAnswers[`${status} ${String(code)}`] === submitted) return undefined;
  return `was answered ${status} ${String(code)}, submitted: ${String(submitted)}`;
}

function supersededByNone(
  { message, sentNs }: Story,
  { status, atNs }: Answered,
  stories: readonly Story[],
): string | undefined {
  if (status !== 409) return undefined;
  const isTwin = (other: Story): boolean =>
    other.message.recipient === message.recipient &&
    other.message.messageType === message.messageType;
  // Of two requests under way at once either can have reached the daemon first.
  const newer = stories.some(
    (other) =>
      other.message !== message &&
      isTwin(other) &&
      other.sentNs < atNs &&
      other.outcome.atNs > sentNs,
  );
  return newer ? undefined : 'was superseded, but by no other message';
}

function falseSuccess({ story, accepted }: Case, { body, atNs }: Answered): string | undefined {
  const { message } = story;
  const inTime = accepted.filter((acceptance) => acceptance.atNs <= atNs);
  const inOrder = [...inTime].sort((a, b) => a.sequence - b.sequence);
  const parts = inOrder.filter(({ sequence }, index) => sequence !== inOrder[index - 1]?.sequence);
  if (parts.length < message.segments || parts.some(({ total }) => total !== message.segments)) {
    return `was answered 200, but of ${message.segments} segments the network had ${parts.length}`;
  }
  if (body.segments !== message.segments) return `was answered ${String(body.segments)} segments`;
  const isSpoilt = parts.some((part) => part.isSpoilt);
  const text = parts.map(({ entry }) => entry.text).join('');
  if (!isSpoilt && text !== message.text)
    return `was answered 200, but another text was accepted: ${text}`;
  return wrongReferences(parts, body.references);
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

function falseFailure({ story, accepted }: Case, { status, body }: Answered): string | undefined {
  const count = new Set(accepted.map(({ sequence }) => sequence)).size;
  const { segments } = story.message;
  const said = `was answered ${status} ${String(body.code)}, submitted: ${String(body.submitted)}`;
  const had = `but of ${segments} segments the network had ${count}`;
  if (body.submitted === 'no' && count > 0) return `${said}, ${had}`;
  if (body.submitted === 'partly' && (count === 0 || count >= segments)) return `${said}, ${had}`;
  return undefined;
}

function ms(ns: bigint): string {
  return `${Number(ns / 1000n) / 1000} ms`;
}
