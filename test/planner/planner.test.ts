import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { measuredSegmentMs } from '../../src/planner/measured.js';
import { playRush, type Rush } from '../../src/planner/planner.js';
import { SimulatedTime } from '../../src/planner/simulated-time.js';

const rush: Rush = {
  logins: 200,
  withinMs: 600_000,
  segmentMs: [4000],
  segments: 1,
  modems: 2,
  boxes: 1,
  deadlineMs: 25_000,
  maxWaiting: 50,
  runs: 3,
  seed: 1,
};

describe('simulated time', () => {
  test('runs timers in their order, those set meanwhile too, and takes none of the real one', async () => {
    const said: string[] = [];
    const time = new SimulatedTime();
    const from = process.hrtime.bigint();
    await time.run(() => {
      setTimeout(() => said.push(`late at ${performance.now()}`), 3_600_000);
      const never = setTimeout(() => said.push('cancelled'), 10);
      setTimeout(() => {
        said.push(`first at ${performance.now()}`);
        clearTimeout(never);
        setTimeout(() => said.push(`second at ${performance.now()}`), 7);
      }, 5);
    });
    expect(said).toEqual(['first at 5', 'second at 12', 'late at 3600000']);
    expect(Number(process.hrtime.bigint() - from) / 1e6).toBeLessThan(3_600_000);
  });

  test('gives the clocks back, also after something has thrown', async () => {
    const { setTimeout: before } = globalThis;
    const from = performance.now();
    const broken = new SimulatedTime().run(() => {
      throw new Error('broken');
    });
    await expect(broken).rejects.toThrow('broken');
    expect(globalThis.setTimeout).toBe(before);
    expect(performance.now()).toBeGreaterThanOrEqual(from);
    expect(Object.hasOwn(performance, 'now')).toBe(false);
  });
});

describe('a rush', () => {
  test('is the same with the same seed, and another with another', async () => {
    const first = await playRush(rush);
    expect(await playRush(rush)).toEqual(first);
    expect(await playRush({ ...rush, seed: 2 })).not.toEqual(first);
  });

  test('that one modem cannot serve is served as far as its time goes', async () => {
    const { inTime, refused, unknown, busy, answerMs } = await playRush({ ...rush, modems: 1 });
    // 600 s of 4 s each, and what still waits at the end: 150 to 156 of 200.
    expect(inTime).toBeGreaterThan(0.73);
    expect(inTime).toBeLessThan(0.79);
    expect(inTime + refused + unknown).toBeCloseTo(1);
    expect(busy).toBeGreaterThan(0.98);
    expect(answerMs!.p99).toBeLessThanOrEqual(25_000);
  });

  test('is served better by each modem more, and all by enough', async () => {
    const shares: number[] = [];
    for (const modems of [1, 2, 3, 4]) {
      const { inTime, waitMs } = await playRush({ ...rush, logins: 400, modems });
      shares.push(inTime);
      if (modems === 4) expect(waitMs?.p50).toBe(0);
    }
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares[0]).toBeLessThan(0.45);
    expect(shares[3]).toBe(1);
  });

  test('meets two boxes, of which the second takes what the first refuses', async () => {
    const two = { ...rush, logins: 400, modems: 4, deadlineMs: 13_000 };
    const apart = await playRush({ ...two, boxes: 2 });
    const together = await playRush({ ...two, boxes: 1 });
    // Two queues are never better than one, and not much worse.
    expect(together.inTime - apart.inTime).toBeGreaterThanOrEqual(-0.005);
    expect(together.inTime - apart.inTime).toBeLessThan(0.02);
  });

  test('of long messages needs a modem’s time for each segment', async () => {
    const { answerMs } = await playRush({ ...rush, logins: 20, segments: 3, modems: 6 });
    expect(answerMs?.p50).toBeCloseTo(12_000);
  });
});

describe('the table of docs/scale.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/scale.md'), 'utf8');
  const cell = (modems: number, column: number) =>
    Number(new RegExp(`^\\| ${modems} \\|(.*)\\|$`, 'm').exec(page)?.[1]?.split('|')[column - 1]);

  // The larger ones take minutes.
  test.each([
    [1, 1, 1],
    [2, 1, 1],
    [2, 2, 2],
    [4, 1, 1],
    [4, 4, 3],
  ])('says of %i modems in %i boxes what the plan says', async (modems, boxes, column) => {
    const most = cell(modems, column);
    expect(most).toBeGreaterThan(100);
    const deadlineMs = boxes > 1 ? 13_000 : 25_000;
    const played = (logins: number) => playRush({ ...rush, logins, modems, boxes, deadlineMs });
    expect((await played(most)).inTime).toBeGreaterThan(0.98);
    expect((await played(Math.round(most * 1.15))).inTime).toBeLessThan(0.99);
  });
});

describe('measured times', () => {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-plan-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const written = (rows: readonly object[]) => {
    const file = join(folder, 'rows.jsonl');
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return file;
  };
  const row = { at: '2026-11-23T09:00:00.000Z', id: 'x', status: 200, segments: 1 };

  test('are those of what was sent, for a segment, also where its result came late', () => {
    const rows = [
      ...Array.from({ length: 10 }, () => ({ ...row, waited_ms: 500, took_ms: 4500 })),
      { ...row, segments: 2, waited_ms: 0, took_ms: 6000 },
      {
        ...row,
        status: 504,
        took_ms: 25_000,
        late: { at: '2026-11-23T09:00:40.000Z', status: 200 },
      },
      { ...row, status: 503, took_ms: 1 },
    ];
    expect(measuredSegmentMs(written(rows))).toEqual([...Array(10).fill(4000), 3000, 40_000]);
  });

  test('are refused where they say nothing, with what to give instead', () => {
    expect(() => measuredSegmentMs(written([row]))).toThrow(
      /has 0 messages that were sent, and 10/,
    );
    expect(() => measuredSegmentMs(written([{ no: 'row' }]))).toThrow(
      /line 1 is none of the journal/,
    );
    const journal = join(folder, 'journal.db');
    writeFileSync(journal, 'SQLite format 3\0');
    expect(() => measuredSegmentMs(journal)).toThrow(/is the journal itself.*simgate log --json/);
    expect(() => measuredSegmentMs(join(folder, 'gone'))).toThrow(/cannot be read/);
  });
});
