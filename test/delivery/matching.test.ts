import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Random, seededRandom } from '../../src/simulator/random.js';
import { plainHabits, type ReportHabits, spellings } from '../../src/simulator/report-habits.js';
import { Desk, pick, type Sent, Sim } from './air.js';

beforeEach(() => vi.useFakeTimers({ now: Date.UTC(2026, 10, 30, 12) }));
afterEach(() => vi.useRealTimers());

const pass = (ms: number) => void vi.advanceTimersByTime(ms);

/** Few numbers, so that a reference often comes again for one of them. */
const recipients = [
  ...Array.from({ length: 12 }, (_, n) => `+4915112345${String(600 + n)}`),
  '+436601234567',
  '+12125550123',
  '+390612345678',
];

/** What its network's own record says of a message, by code of its own. */
function truthOf({ seqs }: Sent, reports: ReadonlyMap<number, number[]>): string | undefined {
  const said = seqs.map((seq) => (seq === undefined ? [] : (reports.get(seq) ?? [])));
  const ends = said.map((all) => {
    if (all.includes(0x00)) return 'delivered';
    if (all.includes(0x46)) return 'expired';
    if (all.some((status) => status >= 0x40)) return 'failed';
    return all.length > 0 ? 'pending' : undefined;
  });
  for (const worst of ['failed', 'expired', 'pending'] as const)
    if (ends.includes(worst))
      return worst === 'failed' && ends.indexOf('expired') >= 0 ? undefined : worst;
  if (ends.every((end) => end === 'delivered')) return 'delivered';
  return ends.some((end) => end !== undefined) ? 'partly' : undefined;
}

function habitsOf(random: Random): ReportHabits {
  return {
    ...plainHabits,
    statuses: [[0x00], [0x00], [0x30, 0x00], [0x21, 0x30, 0x00], [0x46], [0x30, 0x41]],
    spreadMs: pick(random, [0, 3_000, 60_000, 280_000]),
    copies: 1 + random.below(2),
    spellings,
    isEarly: random.below(4) === 0,
    silentPercent: 5,
  };
}

/** Sends one message, segment by segment; now and then the modem never says what became of one. */
function sendOne(desk: Desk, sim: Sim, random: Random): void {
  const sent = desk.begin(sim, pick(random, recipients), pick(random, [1, 1, 1, 2, 3]));
  const references: number[] = [];
  for (const index of sent.seqs.keys()) {
    const at = performance.now();
    desk.tell(sent, index, { outcome: 'sending', reference: undefined }, at);
    const fate = random.below(100);
    const isTaken = fate >= 2;
    pass(random.below(1_500));
    const taken = isTaken ? sim.accept(sent.recipient) : undefined;
    pass(random.below(2_500));
    sent.seqs[index] = taken?.seq;
    // A result that is lost: 2 of 100 were taken, 2 were not.
    if (taken === undefined || fate < 4) {
      desk.tell(sent, index, { outcome: 'unknown', reference: undefined }, at);
      return;
    }
    references.push(taken.reference);
    desk.tell(sent, index, { outcome: 'accepted', reference: taken.reference }, at);
  }
  sent.awaited = { ...sent.awaited, references, untilMs: desk.date() };
}

const seeds = (process.env.MATCHING_SEEDS ?? '1,2').split(',').map(Number);
/**
 * What service centres and modems are like: all as they should be; or one that stamps its local
 * time as UTC, one that stamps nothing, and a modem with one reference for all.
 */
const customs = [
  { what: 'as they should be', stampings: ['right', 'right', 'right'], references: 'accepted' },
  { what: 'odd', stampings: ['zoneless', 'blank', 'right'], references: 'constant' },
] as const;
const runs = seeds.flatMap((seed) => customs.map((custom) => ({ seed, ...custom })));

it.each(runs)(
  'ten thousand reports in random order are never matched to another message (seed $seed, networks $what)',
  { timeout: 480_000 },
  ({ seed, what, stampings, references }) => {
    const random = seededRandom(seed);
    const desk = new Desk();
    let reports = 0;
    let lost = 0;
    const onReport = (report: Parameters<Desk['deliveries']['reported']>[0]) => {
      reports += 1;
      desk.deliveries.reported(report);
    };
    const sims = ['a', 'b', 'c'].map(
      (name, n) =>
        new Sim(name, `8949${n}`, seed * 8 + n, onReport, n === 2 ? references : 'accepted'),
    );
    const stampingOf = new Map(sims.map((sim, n) => [sim, stampings[n] ?? 'right']));
    for (let count = 0; reports < 10_000; count += 1) {
      const sim = pick(random, sims);
      sim.network.reportHabits = { ...habitsOf(random), stamping: stampingOf.get(sim)! };
      sendOne(desk, sim, random);
      pass(random.below(4_000));
      // A process that is killed, and a journal that is read a moment later.
      if (count % 700 === 699) {
        // What waited for its message is lost with the process.
        lost += desk.deliveries.figures().held;
        const { finish } = desk.restart();
        pass(random.below(4_000));
        finish();
      }
      // The box's clock leaps two hours, and back.
      if (count === 1_500) desk.offMs = 7_200_000;
      if (count === 2_200) desk.offMs = 0;
    }
    pass(900_000);
    const said = new Map(sims.map((sim) => [sim, sim.said()]));
    const wrong = desk.sent.flatMap((sent) => {
      const told = desk.told.get(sent.id)?.state;
      const truth = truthOf(sent, said.get(sent.sim)!);
      const isBehind = told === 'pending' || told === 'partly' || told === undefined;
      return isBehind || told === truth || truth === undefined
        ? []
        : [`${sent.id}: ${told}, ${truth}`];
    });
    expect(wrong).toEqual([]);
    const invented = desk.sent.flatMap((sent) => {
      const taken = sent.seqs.some((seq) => seq !== undefined);
      return !taken && desk.told.has(sent.id) ? [sent.id] : [];
    });
    expect(invented).toEqual([]);
    // Each is told once, and nearly all are found.
    const shares = new Map<string, number>();
    for (const outcome of desk.outcomes) shares.set(outcome, (shares.get(outcome) ?? 0) + 1);
    expect(desk.outcomes.length + desk.deliveries.figures().held).toBe(reports - lost);
    const found = (shares.get('matched') ?? 0) + (shares.get('repeated') ?? 0);
    // Where two may be meant, it is counted, and nothing is told.
    if (what === 'odd') expect(shares.get('ambiguous')).toBeGreaterThan(100);
    else expect(found / reports).toBeGreaterThan(0.97);
    desk.deliveries.stop();
  },
);
