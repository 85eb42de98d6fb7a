import type { RecordEntry } from '../../src/simulator/record.js';
import type { Case } from './judge.js';

/**
 * How long after its turn began the modem was committed to each message, in nanoseconds: from its
 * request, or from the end of the message before, to its Ctrl-Z; one for each time that it was
 * started. By message number.
 */
export function turnsOf(
  entries: readonly RecordEntry[],
  cases: readonly Case[],
): Map<number, readonly bigint[]> {
  const ends: bigint[] = [];
  const commands: bigint[] = [];
  for (const entry of entries) {
    const atNs = BigInt(entry.at_ns);
    if (entry.kind === 'reply' || entry.kind === 'refused') ends.push(atNs);
    else if (entry.kind === 'command' && entry.line.startsWith('AT+CMGS=')) commands.push(atNs);
  }
  return new Map(
    cases.map(({ story, starts }) => {
      const waited = starts.map((startNs) => {
        const commandNs = commands.findLast((ns) => ns <= startNs) ?? startNs;
        const sentNs =
          story.tries.findLast((each) => each.sentNs <= commandNs)?.sentNs ?? commandNs;
        const endNs = ends.findLast((ns) => ns <= commandNs) ?? 0n;
        return startNs - (endNs > sentNs ? endNs : sentNs);
      });
      return [story.message.number, waited];
    }),
  );
}
