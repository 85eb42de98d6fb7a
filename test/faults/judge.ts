/**
 * The promises of DESIGN §2 as properties: what callers saw against what the network's record says.
 * Nothing that the daemon says of itself counts, and only stamps that prove something: the
 * network's at its acceptance, the caller's at its answer.
 */
import { falseFailure, falseSuccess, misread } from './answers.js';
import type { Story } from './caller.js';
import {
  type Answered,
  type Case,
  endOf,
  isSurelyUnsent,
  ms,
  msInNs,
  startedTooLate,
} from './case.js';
import type { Restart } from './gateway.js';
import type { CallerName } from './plan.js';
import { type Acceptance, findSightings, type ModemRecord, type Sightings } from './sightings.js';

export interface Violation {
  property:
    | 'I1'
    | 'I2'
    | 'I3'
    | 'I4'
    | 'I5'
    | 'I6'
    | 'I7'
    | 'I8'
    | 'contract'
    | 'inbound'
    | 'reports';
  what: string;
  story?: Story;
}

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
