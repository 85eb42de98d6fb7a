import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { AlertFile, readAlertFile, type SavedAlerts } from '../../src/alerts/alert-file.js';
import { notice } from './support.js';

function file(): string {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-alerts-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'alerts.json');
}

const onFault = (error: unknown): never => {
  throw error;
};

const low = { subject: 'main', what: 'it is low', remedy: 'pay', isTold: true, raises: [1] };
const known: SavedAlerts = {
  alerts: [{ kind: 'credit_low', ...low, raisedAtMs: 1, overAtMs: 2 }],
  ways: [{ name: 'mail', queue: [notice()], deliveredAtMs: 3 }],
  release: { version: '1.0.0', sinceMs: 4, hasSent: true },
};

it('finds what was written, in a file that is its own', async () => {
  const path = file();
  const alerts = new AlertFile(path, () => known, onFault);
  alerts.save();
  await alerts.settled();
  expect(await readAlertFile(path, onFault)).toEqual(known);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('leaves out what another version knew, and keeps all else', async () => {
  const path = file();
  const [way] = known.ways;
  const more = {
    ...known,
    alerts: [{ kind: 'martian_away', ...low }, ...known.alerts],
    ways: [{ ...way, queue: [notice({ kind: 'martian_away' as never }), notice()] }],
  };
  writeFileSync(path, JSON.stringify({ version: 1, ...more }));
  expect(await readAlertFile(path, onFault)).toEqual(known);
});
