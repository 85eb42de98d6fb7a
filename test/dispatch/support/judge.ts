/**
 * Judges a journal by the promises of DESIGN §2 and §4, knowing nothing of how dispatch keeps them.
 */

import type { Event, Journal, Verdict } from './scripted-modem.js';

type EventOf<K extends Event['kind']> = Extract<Event, { kind: K }>;

interface HandOverRecord {
  modem: string;
  handed: Event;
  started: Event | undefined;
  settled: EventOf<'settled'> | undefined;
}

/** One message's share of the journal. */
interface Story {
  id: string;
  sent: EventOf<'sent'>;
  left: Event | undefined;
  answered: EventOf<'answered'> | undefined;
  handOvers: HandOverRecord[];
}

const mayBeOnTheAir: readonly (Verdict | undefined)[] = [
  'accepted',
  'partly',
  'unknown',
  undefined,
];

/** What was broken, in words; empty when all is well. */
export function judge(journal: Journal, lateIds: readonly string[]): string[] {
  const stories = tell(journal);
  return [
    ...judgeModems(journal),
    ...stories.flatMap((story) => [
      ...judgeAnswer(story),
      ...judgeHandOvers(story),
      ...judgeSuperseded(story, stories),
    ]),
    ...judgeLateResults(stories, lateIds),
  ];
}

function tell({ events }: Journal): Story[] {
  const stories = new Map<string, Story>();
  for (const event of events) {
    if (event.kind === 'sent') {
      const story = {
        id: event.id,
        sent: event,
        left: undefined,
        answered: undefined,
        handOvers: [],
      };
      stories.set(event.id, story);
    }
    const story = stories.get(event.id)!;
    if (event.kind === 'left') story.left = event;
    if (event.kind === 'answered') story.answered = event;
    if (event.kind === 'handed') {
      story.handOvers.push({
        modem: event.modem,
        handed: event,
        started: undefined,
        settled: undefined,
      });
    }
    if (event.kind === 'started') story.handOvers.at(-1)!.started = event;
    if (event.kind === 'settled') story.handOvers.at(-1)!.settled = event;
  }
  return [...stories.values()];
}

/** One message at a time at each modem, from hand-over to its true end. */
function judgeModems({ events }: Journal): string[] {
  const faults: string[] = [];
  const busy = new Map<string, string>();
  for (const event of events) {
    if (event.kind === 'handed') {
      const other = busy.get(event.modem);
      if (other !== undefined) faults.push(`${event.modem} got ${event.id} while it had ${other}`);
      busy.set(event.modem, event.id);
    } else if (event.kind === 'settled') busy.delete(event.modem);
  }
  return faults;
}

/** In time, and true (I1, I2). */
function judgeAnswer({ id, sent, answered, handOvers }: Story): string[] {
  if (answered === undefined) return [`${id} was never answered`];
  const faults: string[] = [];
  if (answered.at > sent.deadlineAt)
    faults.push(`${id} was answered ${answered.at - sent.deadlineAt} ms late`);
  const onTheAir = handOvers.filter(
    ({ started, settled }) => started && mayBeOnTheAir.includes(settled?.verdict),
  );
  if (answered.submitted === 'no' && onTheAir.length > 0)
    faults.push(`${id} was answered no, but may be sent`);
  const accepted = handOvers.filter(({ settled }) => settled?.verdict === 'accepted');
  if (answered.code === 'sent' && accepted.length !== 1)
    faults.push(`${id}: ${accepted.length} acceptances`);
  const startedInTime = handOvers.some(({ started }) => started && started.seq < answered.seq);
  if (answered.code === 'outcome_unknown' && !startedInTime)
    faults.push(`${id} is unknown, but was not started`);
  return faults;
}

/**
 * Never started when it must not be (I3), never twice unless surely unsent (I4), one modem at a
 * time.
 */
function judgeHandOvers({ id, sent, left, answered, handOvers }: Story): string[] {
  const faults: string[] = [];
  const modems = handOvers.map(({ modem }) => modem);
  if (new Set(modems).size < modems.length)
    faults.push(`${id} went twice to a modem: ${modems.join(', ')}`);
  handOvers.forEach(({ handed, started }, i) => {
    const before = handOvers[i - 1]?.settled;
    if (i > 0 && before?.verdict !== 'surely unsent')
      faults.push(`${id} was handed on after ${before?.verdict}`);
    if (before && before.seq > handed.seq) faults.push(`${id} was at two modems at once`);
    for (const event of started === undefined ? [handed] : [handed, started]) {
      if (event.at >= sent.deadlineAt)
        faults.push(`${id} was ${event.kind} at or after its deadline`);
      if (left && event.seq > left.seq)
        faults.push(`${id} was ${event.kind} after its caller left`);
      if (answered && event.seq > answered.seq)
        faults.push(`${id} was ${event.kind} after its answer`);
    }
  });
  return faults;
}

/**
 * Superseded only by a newer one; and no message is handed over while a newer one of its key waits.
 */
function judgeSuperseded(
  { id, sent, answered, handOvers }: Story,
  stories: readonly Story[],
): string[] {
  const newer = stories.filter((other) => other.sent.key === sent.key && other.sent.seq > sent.seq);
  const faults: string[] = [];
  if (answered?.code === 'superseded' && !newer.some((one) => one.sent.seq < answered.seq)) {
    faults.push(`${id} was superseded by none`);
  }
  for (const { handed } of handOvers) {
    const waiting = newer.find((one) => waits(one, handed));
    if (waiting) faults.push(`${id} was handed over while the newer ${waiting.id} waited`);
  }
  return faults;
}

function waits({ sent, answered, handOvers }: Story, at: Event): boolean {
  // An answer is seen a microtask after it was given, so one of the same millisecond may have come
  // before.
  if (sent.seq > at.seq || (answered && answered.at <= at.at)) return false;
  const last = handOvers.filter(({ handed }) => handed.seq < at.seq).at(-1);
  return (
    last === undefined || (last.settled?.verdict === 'surely unsent' && last.settled.at < at.at)
  );
}

/** One line for each truth that came after the answer, and no other. */
function judgeLateResults(stories: readonly Story[], lateIds: readonly string[]): string[] {
  const expected = stories.filter(({ answered, handOvers }) => {
    const last = handOvers.at(-1);
    if (answered === undefined || last?.settled === undefined || last.settled.seq < answered.seq)
      return false;
    return last.started !== undefined || last.settled.verdict === 'unknown';
  });
  const [want, got] = [expected.map(({ id }) => id).sort(), [...lateIds].sort()];
  return want.join() === got.join()
    ? []
    : [`late results of ${want.join()}, but logged ${got.join()}`];
}
