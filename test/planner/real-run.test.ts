import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { measuredSegmentMs } from '../../src/planner/measured.js';
import { arrivalsOf, playRush, type Rush } from '../../src/planner/planner.js';
import { seededRandom } from '../../src/simulator/random.js';
import { Rig } from '../e2e/rig.js';
import { VirtualModem } from '../faults/virtual-modem.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');

/** More than three modems can do: what the queue refuses, and when, makes the difference. */
const rush: Rush = {
  logins: 75,
  withinMs: 15_000,
  segmentMs: [],
  segments: 1,
  modems: 3,
  boxes: 1,
  deadlineMs: 5_000,
  maxWaiting: 50,
  runs: 1,
  seed: 7,
};

test('the plan says within 10 % what a real daemon does with three modems on real ttys', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-real-run-'));
  const flags = ['--submit-latency', '900'];
  const others = await Promise.all(
    ['second', 'third'].map((name) => VirtualModem.start(folder, name, flags)),
  );
  const rig = await Rig.start(
    flags,
    [
      ...others.map(
        ({ name, link }) => `[[modem]]\nname = "${name}"\ndevice = "${link}"\nguard_ms = 0`,
      ),
      `[message]\ndeadline_s = ${rush.deadlineMs / 1000}`,
    ].join('\n'),
  );
  onTestFinished(async () => {
    await rig.stop();
    for (const modem of others) await modem.stop();
    rmSync(folder, { recursive: true });
  });
  for (const { name } of others)
    await rig.until(
      (line) => line.event === 'modem' && line.modem === name && line.phase === 'ready',
    );

  const answers = await Promise.all(
    arrivalsOf(rush, seededRandom(rush.seed * 1000)).map(async (at, index) => {
      await pause(at);
      const from = performance.now();
      const { status } = await rig.post({ recipient: `+4915${String(index).padStart(9, '0')}` });
      return { status, tookMs: performance.now() - from };
    }),
  );
  const { stdout } = await promisify(execFile)(process.execPath, [
    cli,
    'log',
    '--json',
    '--limit',
    '999',
    '--config',
    rig.configFile,
  ]);
  const file = join(folder, 'log.jsonl');
  writeFileSync(file, stdout);

  const planned = await playRush({ ...rush, segmentMs: measuredSegmentMs(file) });
  const sent = answers.filter(({ status }) => status === 200);
  const inTime = sent.length / rush.logins;
  const times = sent.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  const p50 = times[Math.ceil(times.length / 2) - 1]!;
  console.log(
    `in time: real ${inTime.toFixed(3)}, planned ${planned.inTime.toFixed(3)}; ` +
      `answer p50: real ${p50.toFixed(0)} ms, planned ${planned.answerMs!.p50.toFixed(0)} ms`,
  );
  // It is a rush: some are served, and some are not.
  expect(inTime).toBeGreaterThan(0.5);
  expect(inTime).toBeLessThan(0.98);
  expect(Math.abs(planned.inTime / inTime - 1)).toBeLessThan(0.1);
  expect(Math.abs(planned.answerMs!.p50 / p50 - 1)).toBeLessThan(0.1);
  // The virtual networks took what was answered 200, and no more than may be unknown beside it.
  const taken = [rig.modem, ...others].reduce((sum, modem) => sum + acceptedBy(modem), 0);
  const unknown = answers.filter(({ status }) => status === 504).length;
  expect(taken - sent.length).toBeGreaterThanOrEqual(0);
  expect(taken - sent.length).toBeLessThanOrEqual(unknown);
}, 90_000);

const acceptedBy = (modem: VirtualModem): number =>
  modem.record().filter(({ kind }) => kind === 'accepted').length;
