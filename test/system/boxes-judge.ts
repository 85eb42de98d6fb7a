/**
 * The promises over several boxes as properties: what callers saw against what the networks took.
 */

import { decodeSubmit } from '../../src/simulator/decode-submit.js';
import type { RecordEntry } from '../../src/simulator/record.js';

/** One request and its answer; stamps are nanoseconds of CLOCK_MONOTONIC. */
export interface Asked {
  /** The text, which no two messages share. */
  text: string;
  key: string | undefined;
  box: number;
  sentNs: bigint;
  /** Undefined when the connection broke. */
  answer:
    | { atNs: bigint; status: number; code: string | undefined; submitted: unknown }
    | undefined;
  endNs: bigint;
}

/** A time in which the engine did not answer, or did not know what it had known. */
export interface Disturbance {
  fromNs: bigint;
  toNs: bigint;
  what: string;
}

const underwayNs = 300_000_000n;

interface Sent {
  box: number;
  text: string;
  atNs: bigint;
}

/** What each network took, and each Ctrl-Z. */
export function sightingsOf(records: readonly (readonly RecordEntry[])[]): {
  accepted: Sent[];
  started: Sent[];
} {
  const accepted: Sent[] = [];
  const started: Sent[] = [];
  for (const [box, entries] of records.entries())
    for (const entry of entries) {
      if (entry.kind === 'accepted')
        accepted.push({ box, text: entry.text ?? '', atNs: BigInt(entry.at_ns) });
      if (entry.kind === 'ctrl_z') {
        const tpdu = entry.data.slice((1 + Number.parseInt(entry.data.slice(0, 2), 16)) * 2);
        const text = decodeSubmit(Buffer.from(tpdu, 'hex')).text ?? '';
        started.push({ box, text, atNs: BigInt(entry.at_ns) });
      }
    }
  return { accepted, started };
}

/** Everything that was broken; empty when all is well. */
export function judgeBoxes(
  asked: readonly Asked[],
  records: readonly (readonly RecordEntry[])[],
  disturbances: readonly Disturbance[],
): { broken: string[]; duplicates: number; undisturbed: number } {
  const { accepted, started } = sightingsOf(records);
  const broken: string[] = [];
  let [duplicates, undisturbed] = [0, 0];
  const texts = new Set(asked.map(({ text }) => text));
  for (const { text } of accepted)
    if (!texts.has(text)) broken.push(`I4: nobody asked for ${text}`);
  for (const text of texts) {
    const those = asked.filter((one) => one.text === text);
    const taken = accepted.filter((one) => one.text === text);
    const answers = those.flatMap(({ answer }) => answer ?? []);
    if (answers.some(({ status }) => status === 200) && taken.length === 0)
      broken.push(`I1: ${text} was told to be sent, and no network has it`);
    const mayBeSent = those.filter(({ answer }) => answer?.submitted !== 'no').length;
    if (mayBeSent === 0 && taken.length > 0)
      broken.push(`I2: ${text} was told not to be sent, and a network has it`);
    for (const { atNs, box } of started.filter((one) => one.text === text)) {
      const isAskedFor = those.some(
        ({ sentNs, endNs }) => sentNs <= atNs && atNs <= endNs + underwayNs,
      );
      if (!isAskedFor) broken.push(`I3: ${text} was started at box ${box + 1}, and nobody waited`);
    }
    const isDisturbed = isWithin(those, disturbances);
    if (!isDisturbed) undisturbed += 1;
    if (taken.length < 2) continue;
    duplicates += 1;
    const boxes = taken.map(({ box }) => box);
    // At one box its own books hold, whatever the engine does.
    if (new Set(boxes).size < boxes.length) broken.push(`I4: ${text} was sent twice by one box`);
    if (!isDisturbed)
      broken.push(`I4: ${text} was sent ${taken.length} times while the engine was well`);
  }
  return { broken, duplicates, undisturbed };
}

/** Whether some disturbance falls between the first request and the last answer. */
function isWithin(those: readonly Asked[], disturbances: readonly Disturbance[]): boolean {
  return those.some((one) =>
    those.some((other) =>
      disturbances.some(({ fromNs, toNs }) => fromNs <= other.endNs && toNs >= one.sentNs),
    ),
  );
}
