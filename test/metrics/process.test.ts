import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ownProcess } from '../../src/metrics/process.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('an open file is counted while it is open', () => {
  const figures = ownProcess();
  const before = figures().openFds;
  const fd = openSync('/dev/null', 'r');
  expect(figures().openFds).toBe(before! + 1);
  closeSync(fd);
  expect(figures().openFds).toBe(before);
});

it('figures are there when no file can be opened any more', () => {
  const module = new URL('../../src/metrics/process.ts', import.meta.url).href;
  const program = `
    import { openSync } from 'node:fs';
    const figures = (await import('${module}')).ownProcess();
    figures();
    let why;
    for (; why === undefined; ) try { openSync('/dev/null'); } catch (error) { why = error.code; }
    const { openFds = 90 } = figures();
    console.log(why, openFds);`;
  const limited = ['-c', 'ulimit -n 90 && exec "$0" --import tsx --input-type=module -e "$1"'];
  const said = execFileSync('bash', [...limited, process.execPath, program], { encoding: 'utf8' });
  // What a test runner leaves open to its children may stand above the limit.
  const [why, openFds] = said.trim().split(' ');
  expect(why).toBe('EMFILE');
  expect(Number(openFds)).toBeGreaterThanOrEqual(90);
});

it('CPU time is in seconds, and memory in octets', () => {
  const figures = ownProcess();
  const before = figures();
  const usedBefore = process.cpuUsage();
  createHash('sha256')
    .update(Buffer.alloc(32 * 1024 * 1024))
    .digest();
  const { user, system } = process.cpuUsage(usedBefore);
  expect(figures().cpuSeconds - before.cpuSeconds).toBeGreaterThanOrEqual((user + system) / 1e6);
  expect(before.cpuSeconds).toBeLessThan(24 * 3600);
  expect(before.residentMemoryBytes!).toBeGreaterThan(16 * 1024 * 1024);
});

it('the start time stands still while the clocks jitter, and follows the clock when it is set', () => {
  const figures = ownProcess();
  const bootMs = 1_000_000_000;
  vi.setSystemTime(bootMs);
  const first = figures().startTimeSeconds;
  expect(first).toBeLessThanOrEqual(bootMs / 1000);
  vi.setSystemTime(bootMs + 2_000);
  expect(figures().startTimeSeconds).toBe(first);
  const ntpMs = 1_700_000_000_000;
  vi.setSystemTime(ntpMs);
  expect(figures().startTimeSeconds).toBeGreaterThan(ntpMs / 1000 - 3600);
});
