/** What callers were told and could read of a message, against what the network accepted. */
import type { Reading, Story } from './caller.js';
import {
  type Answered,
  type Case,
  isSurelyUnsent,
  msInNs,
  underwayMs,
  whyNotStart,
} from './case.js';
import type { Restart } from './gateway.js';
import type { Violation } from './judge.js';
import type { Acceptance } from './sightings.js';

export function falseSuccess(subject: Case, { body, atNs }: Answered): string | undefined {
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

/** Of what several callers asked for, the judge counts who may have had it. */
export function falseFailure(
  { message, stories, askers, accepted, starts }: Case,
  story: Story,
  { status, body, atNs }: Answered,
  restarts: readonly Restart[],
): string | undefined {
  if (askers > 1) return undefined;
  const repeats = stories.filter((other) => other !== story);
  // What was surely not sent is tried again where its caller asks again; what was sent in part is
  // not, so that all of it was sent for this request.
  const isByRepeat = (start: bigint | undefined): boolean =>
    body.submitted === 'no' &&
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
export function misread(
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
