/** What is known of each message of a run, and when it may be started (I3). */
import type { Outcome, Story } from './caller.js';
import type { Restart } from './gateway.js';
import type { PlannedMessage } from './plan.js';
import type { Acceptance } from './sightings.js';

/** All that is known of one text to one number: each caller that asked for it has a message. */
export interface Case {
  message: PlannedMessage;
  /** Each request, in the order of their answers. */
  stories: readonly Story[];
  /** How many callers asked. */
  askers: number;
  accepted: readonly Acceptance[];
  /** Stamps of the Ctrl-Z behind its first segment, each attempt of it. */
  starts: readonly bigint[];
}

export type Answered = Extract<Outcome, { kind: 'answered' }>;

export const msInNs = 1_000_000n;
/**
 * How long a Ctrl-Z may be on its way from the daemon's decision to the simulator's stamp, or news
 * of a hang-up to the daemon.
 */
export const underwayMs = 250n;

/** Its caller was told so, at once or when it asked. */
export function isSurelyUnsent({ outcome, reading }: Story): boolean {
  if (outcome.kind !== 'answered') return false;
  if (outcome.status === 202) return reading?.state === 'failed' && reading.submitted === 'no';
  return outcome.body.submitted === 'no';
}

/** Each start falls into the time of one of the requests. */
export function startedTooLate(
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
export function whyNotStart(
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
export function endOf(story: Story): bigint {
  const { sentNs, lateMs = 0, outcome } = story;
  return mayBePromised(story) ? sentNs + BigInt(lateMs) * msInNs : outcome.atNs;
}

export function ms(ns: bigint): string {
  return `${Number(ns / 1000n) / 1000} ms`;
}
