/**
 * What came in, and what became of what went out, against the network's record: no text that was
 * handed to a modem is lost, none is told twice under two ids, none is made up; and no delivery is
 * told that was none.
 */
import type { RecordEntry } from '../../src/simulator/record.js';
import type { Story } from './caller.js';
import type { Violation } from './judge.js';
import { type Acceptance, findSightings, type ModemRecord } from './sightings.js';

/** A call to the receiver. */
export interface Call {
  id: string;
  text: string | null;
  wasTaken: boolean;
}

type Inbound = Extract<RecordEntry, { kind: 'inbound' }>;

/** Everything that is wrong with what the receiver was told. */
export function judgeTexts(records: readonly ModemRecord[], calls: readonly Call[]): Violation[] {
  const sent = records.flatMap(({ entries }) => entries.filter(isInbound));
  const surelyStored = records.flatMap(({ entries }) => storedOf(entries));
  const texts = new Map<string, string[]>();
  for (const { text } of sent) texts.set(text, []);
  const found: string[] = [];
  for (const { id, text } of calls) {
    const ids = text === null ? undefined : texts.get(text);
    if (ids === undefined) found.push(`the receiver was told what nobody sent: ${String(text)}`);
    else if (!ids.includes(id)) ids.push(id);
  }
  for (const [text, ids] of texts) {
    const times = sent.filter((entry) => entry.text === text).length;
    if (ids.length > times) found.push(`a text has ${ids.length} ids, and was sent ${times} times`);
  }
  const taken = new Set(calls.filter(({ wasTaken }) => wasTaken).map(({ text }) => text));
  for (const { text, seq } of surelyStored)
    if (!taken.has(text)) found.push(`inbound text ${seq} was in the modem and is lost: ${text}`);
  return found.map((what) => ({ property: 'inbound', what }));
}

const isInbound = (entry: RecordEntry): entry is Inbound => entry.kind === 'inbound';

/** Texts all of whose parts were once in a slot; what was said as `+CMT` had no copy. */
function storedOf(entries: readonly RecordEntry[]): Inbound[] {
  const stored = new Set(
    entries.flatMap((entry) =>
      entry.kind === 'stored' && 'inbound' in entry ? [`${entry.inbound} ${entry.part}`] : [],
    ),
  );
  return entries.filter(isInbound).filter(({ seq, parts, missing, broken }) => {
    const all = Array.from({ length: parts }, (_, index) => `${seq} ${index + 1}`);
    return broken !== true && missing === undefined && all.every((part) => stored.has(part));
  });
}

/** Last words of a network on a message, by what the caller reads (23.040 9.2.3.15). */
const lastWords: Readonly<Record<string, (status: number) => boolean>> = {
  delivered: (status) => status === 0x00,
  expired: (status) => status === 0x46,
};

/** How many messages are said to have come to an end, and how many did by the record. */
export interface ReportCount {
  told: number;
  ended: number;
}

/** Everything that is wrong with what callers read of their deliveries. */
export function judgeReports(
  stories: readonly Story[],
  records: readonly ModemRecord[],
): { violations: Violation[]; count: ReportCount } {
  const messages = stories.map(({ message }) => message);
  const { acceptances } = findSightings(records, messages);
  const reports = reportsOf(records);
  const violations: Violation[] = [];
  const count: ReportCount = { told: 0, ended: 0 };
  for (const story of stories) {
    const { message, reading } = story;
    const accepted = acceptances.filter((each) => each.message.number === message.number);
    // What several asked for was sent more than once, and whose is whose nobody can tell here.
    if (reading === undefined || accepted.length !== message.segments) continue;
    const said = accepted.map((segment) => reports.get(keyOf(segment)) ?? []);
    if (said.every((statuses) => statuses.includes(0x00))) count.ended += 1;
    const { state = 'none' } = reading.delivery ?? {};
    const fits = lastWords[state];
    if (fits === undefined) continue;
    count.told += 1;
    const isTrue =
      state === 'delivered'
        ? said.every((statuses) => statuses.some(fits))
        : said.some((statuses) => statuses.some(fits));
    if (!isTrue) {
      const what = `reads ${state}, and the network reported ${JSON.stringify(said)}`;
      violations.push({ property: 'reports', what, story });
    }
  }
  return { violations, count };
}

const keyOf = ({ modem, entry }: Acceptance): string => `${modem} ${entry.seq}`;

/** TP-ST of what was reported on each segment, by modem and acceptance. */
function reportsOf(records: readonly ModemRecord[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { modem, entries } of records)
    for (const entry of entries) {
      if (entry.kind !== 'status_report') continue;
      const key = `${modem} ${entry.of}`;
      found.set(key, [...(found.get(key) ?? []), entry.status]);
    }
  return found;
}
