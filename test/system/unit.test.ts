import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const mostExposure = 1.5;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-unit-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Said {
  status: number | null;
  text: string;
}

function run(command: string, args: readonly string[]): Said {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error) throw error;
  return { status, text: stdout + stderr };
}

/** Copies of the units, with a program that is there whether or not simgate is installed. */
function units(): string[] {
  const names = readdirSync(join(root, 'systemd')).filter((name) => /\.(service|path)$/.test(name));
  return names.map((name) => {
    const text = readFileSync(join(root, 'systemd', name), 'utf8').replaceAll(
      '/usr/bin/simgate',
      '/bin/true',
    );
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  });
}

/** The unit's settings; a setting that is given several times has several values. */
function settings(): Map<string, string[]> {
  const all = new Map<string, string[]>();
  const text = readFileSync(join(root, 'systemd/simgate.service'), 'utf8');
  for (const [, key = '', value = ''] of text.matchAll(/^([A-Za-z]+)=(.*)$/gm))
    all.set(key, [...(all.get(key) ?? []), value]);
  return all;
}

test('systemd-analyze verify has nothing to say about the units', () => {
  const said = run('systemd-analyze', ['verify', ...units()]);
  console.log(
    `systemd-analyze verify: exit code ${said.status}, ${said.text === '' ? 'silent' : said.text}`,
  );
  expect(said).toEqual({ status: 0, text: '' });
});

test('systemd-analyze verify speaks when a setting is misspelled', () => {
  const [unit = ''] = units().filter((path) => path.endsWith('/simgate.service'));
  writeFileSync(unit, readFileSync(unit, 'utf8').replace('WatchdogSec=', 'WatchDogSecs='));
  expect(run('systemd-analyze', ['verify', unit]).text).toContain('WatchDogSecs');
});

test(`systemd-analyze security sees an exposure of ${mostExposure} at most`, () => {
  const { text } = run('systemd-analyze', [
    'security',
    '--offline=true',
    join(root, 'systemd/simgate.service'),
  ]);
  const overall = /Overall exposure level for simgate\.service: (\d+\.\d)/.exec(text);
  console.log(overall?.[0] ?? text);
  expect(Number(overall?.[1])).toBeLessThanOrEqual(mostExposure);
});

test('the unit waits longer for the end than the daemon needs, and kills only after several feeds of the watchdog are missed', () => {
  const drainMs = Number(
    /drainMs = ([\d_]+)/
      .exec(readFileSync(join(root, 'src/daemon/daemon.ts'), 'utf8'))?.[1]
      ?.replaceAll('_', ''),
  );
  const unit = settings();
  expect(Number(unit.get('TimeoutStopSec')?.[0]) * 1000).toBeGreaterThan(drainMs + 5_000);
  // A telling that failed is tried again after 5 s, and may itself take 10.
  expect(Number(unit.get('WatchdogSec')?.[0])).toBeGreaterThanOrEqual(60);
});

test('the unit tries again for ever at a bounded rate, but not with a wrong configuration', () => {
  const unit = settings();
  expect(unit.get('Restart')).toEqual(['on-failure']);
  expect(unit.get('StartLimitIntervalSec')).toEqual(['0']);
  expect(Number(unit.get('RestartSec')?.[0])).toBeGreaterThanOrEqual(5);
  const exitCode = /wrongConfiguration = (\d+)/.exec(
    readFileSync(join(root, 'src/cli/cli.ts'), 'utf8'),
  )?.[1];
  expect(unit.get('RestartPreventExitStatus')).toEqual([exitCode]);
});

test('the unit is ordered after the time is known, and does not pull that in', () => {
  const unit = settings();
  expect(unit.get('After')?.[0]?.split(' ')).toContain('time-sync.target');
  // systemd.special(7): who needs the time must not pull it in.
  expect(unit.has('Wants')).toBe(false);
});

test('only serial ports are open to it, and no core file or second privilege', () => {
  const unit = settings();
  expect(unit.get('DevicePolicy')).toEqual(['closed']);
  for (const device of unit.get('DeviceAllow') ?? [])
    expect(device).toMatch(/^char-tty(S|ACM|USB|AMA) rw$/);
  expect(unit.get('DeviceAllow')).toHaveLength(4);
  expect(unit.get('LimitCORE')).toEqual(['0']);
  expect(unit.get('NoNewPrivileges')).toEqual(['yes']);
  expect(unit.get('CapabilityBoundingSet')).toEqual(['']);
  expect(unit.get('User')).toEqual(['simgate']);
});

/**
 * What udev says of rules; a mount namespace of our own shows them to it without installing them.
 */
function udevOn(rules: string): string {
  mkdirSync(join(folder, 'rules.d'));
  writeFileSync(join(folder, 'rules.d/60-simgate.rules'), rules);
  if (run('udevadm', ['verify', '--help']).status === 0)
    return run('udevadm', ['verify', '--resolve-names=never', join(folder, 'rules.d')]).text;
  const script = `mkdir -p /run/udev/rules.d && mount --bind "$1" /run/udev/rules.d && udevadm test /sys/class/net/lo 2>&1`;
  const { text } = run('unshare', ['--mount', 'sh', '-c', script, 'sh', join(folder, 'rules.d')]);
  expect(text).toContain('Reading rules file: /run/udev/rules.d/60-simgate.rules');
  return text
    .split('\n')
    .filter((line) => /60-simgate\.rules:\d/.test(line))
    .join('\n');
}

const rulesFile = join(root, 'udev/60-simgate.rules');

test('udev reads the rules without complaint', () => {
  expect(udevOn(readFileSync(rulesFile, 'utf8'))).not.toMatch(/60-simgate\.rules:\d/);
});

test('udev complains of a rule that is broken', () => {
  expect(udevOn(`${readFileSync(rulesFile, 'utf8')}ENV{X}="1" # a comment here is none\n`)).toMatch(
    /60-simgate\.rules:\d+/,
  );
});
