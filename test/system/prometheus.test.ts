import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { someMetrics } from '../metrics/support/samples.js';

const rules = join(import.meta.dirname, '../../config/prometheus');
const golden = join(import.meta.dirname, '../metrics/metrics.golden.txt');

/** Runs Prometheus' own checker (Debian: prometheus); what it says, and how it ends. */
function promtool(args: string[], input = ''): { said: string; status: number | null } {
  const { stdout, stderr, status, error } = spawnSync('promtool', args, {
    cwd: rules,
    input,
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (error) throw error;
  return { said: stdout + stderr, status };
}

test('Prometheus takes the alert rules', () => {
  const { said, status } = promtool([
    'check',
    'rules',
    '--lint=all',
    '--lint-fatal',
    'simgate.rules.yml',
  ]);
  expect(status, said).toBe(0);
  expect(said).toMatch(/SUCCESS: \d\d rules found/);
});

test('each alert fires when it should, and not when it nearly should', () => {
  const { said, status } = promtool(['test', 'rules', 'simgate.rules.test.yml']);
  expect(status, said).toBe(0);
});

test('the metrics keep to the conventions, used and unused', async () => {
  for (const text of [readFileSync(golden, 'utf8'), await someMetrics().text()]) {
    const { said, status } = promtool(['check', 'metrics'], text);
    expect(said).toBe('');
    expect(status).toBe(0);
  }
});

test('the checker does find what breaks the conventions', () => {
  const { said, status } = promtool(
    ['check', 'metrics'],
    '# TYPE simgate_sent counter\nsimgate_sent 1\n',
  );
  expect(said).toContain('counter metrics should have "_total" suffix');
  expect(status).not.toBe(0);
});
