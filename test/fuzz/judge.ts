import type { AcceptedEntry } from '../../src/simulator/record.js';
import { type Answer, claimsSent, faultOf, parseAnswers } from './answers.js';
import type { PlannedRequest } from './plan.js';
import { markerPattern } from './requests.js';
import type { Told } from './session.js';

/**
 * What a connection said of its messages, to be compared with the network's record when that is
 * complete.
 */
export interface Claim {
  session: number;
  /** How many answers said that a message was sent, or that nobody knows. */
  sent: number;
  unknown: number;
  isLeft: boolean;
  requests: readonly Pick<PlannedRequest, 'fate' | 'kind' | 'identity'>[];
}

/** What is wrong with a connection by itself. */
export function faultsOf({ session, received, end }: Told): string[] {
  const { answers, rest, fault } = parseAnswers(received);
  const faults = answers.flatMap((answer) => faultOf(answer) ?? []);
  if (fault !== undefined) faults.push(`not HTTP: ${fault}`);
  if (rest > 0 && end === 'closed' && session.ending === 'waits')
    faults.push(`an answer broke off after ${rest} octets`);
  if (end === 'hung') faults.push('neither answered nor closed in time');
  if (end === 'refused') faults.push('a connection was not taken');
  // What was changed at random may have become two requests, the second of them none.
  const isOpen = session.requests.some(({ fate }) => fate === 'open');
  if (answers.length > session.requests.length && !isOpen)
    faults.push(`${answers.length} answers to ${session.requests.length} requests`);
  // What is broken ends the connection, and if more of it comes in then, the answers before it may
  // be lost on the way.
  const isBroken = session.requests.at(-1)?.statuses === undefined;
  const isLost = end === 'reset' && isBroken;
  if (session.ending === 'waits' && !isLost)
    faults.push(...wrongAnswers(session.requests, answers));
  return faults.map((what) => `session ${session.number} (${kindsOf(session.requests)}): ${what}`);
}

/** Answers come in order, so the nth is that to the nth, as long as those before it were whole. */
function wrongAnswers(requests: readonly PlannedRequest[], answers: readonly Answer[]): string[] {
  const faults: string[] = [];
  for (const [index, { statuses, kind }] of requests.entries()) {
    const status = answers[index]?.status;
    if (statuses === undefined) break;
    if (status === undefined || !statuses.includes(status))
      faults.push(`${kind} was answered ${status}`);
    // Its connection ends with it, and nothing behind it is due an answer.
    if (status === 413) break;
  }
  return faults;
}

export function claimOf({ session, received, end }: Told): Claim {
  const { answers } = parseAnswers(received);
  return {
    session: session.number,
    sent: answers.filter(claimsSent).length,
    unknown: answers.filter(({ status }) => status === 504 || status === 500).length,
    isLeft: end === 'left' || end === 'reset' || session.ending !== 'waits',
    requests: session.requests.map(({ fate, kind, identity }) => ({ fate, kind, identity })),
  };
}

/**
 * Compares what callers asked for and were told with what the network accepted: no 200 without an
 * acceptance, no acceptance of what nobody was entitled to ask for, none twice, and none that was
 * denied.
 */
export function judge(claims: readonly Claim[], accepted: readonly AcceptedEntry[]): string[] {
  const faults: string[] = [];
  const byMarker = new Map<string, AcceptedEntry[]>();
  for (const entry of accepted) {
    const marker = markerPattern.exec(entry.text ?? '')?.[1];
    if (marker === undefined)
      faults.push(`the network has a text that nobody sent: ${JSON.stringify(entry.text)}`);
    else byMarker.set(marker, [...(byMarker.get(marker) ?? []), entry]);
  }
  for (const claim of claims) {
    const what = `session ${claim.session} (${kindsOf(claim.requests)})`;
    let count = 0;
    for (const { fate, identity } of claim.requests) {
      const entries = byMarker.get(identity.marker) ?? [];
      byMarker.delete(identity.marker);
      count += entries.length;
      if (entries.length > 1)
        faults.push(`${what}: ${identity.marker} was accepted ${entries.length} times`);
      if (entries.length > 0 && (fate === 'refused' || fate === 'harmless'))
        faults.push(
          `${what}: ${identity.marker} was accepted although nobody was entitled to send it`,
        );
      const isAltered = entries.some(
        ({ text, recipient }) => text !== identity.text || recipient !== identity.recipient,
      );
      if (fate === 'sent' && isAltered) faults.push(`${what}: ${identity.marker} was altered`);
    }
    if (claim.sent > count) faults.push(`${what}: ${claim.sent} answers of 200, ${count} accepted`);
    if (!claim.isLeft && count > claim.sent + claim.unknown)
      faults.push(`${what}: ${count} accepted, but only ${claim.sent} answers of 200`);
  }
  for (const marker of byMarker.keys())
    faults.push(`${marker} was accepted, but belongs to no session`);
  return faults;
}

function kindsOf(requests: readonly { kind: string }[]): string {
  return requests.map(({ kind }) => kind).join(', ');
}
