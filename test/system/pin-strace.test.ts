import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeDaemonConfig } from '../faults/daemon-config.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import { missingBeforePin, readCalls, type SystemCall } from './pin-strace-calls.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');
const traced = 'write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2';
let folder: string;
let stateDir: string;
let calls: SystemCall[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-strace-'));
  stateDir = join(folder, 'state');
  calls = await traceUnlocking();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * The system calls (Debian: strace) of the daemon from its start until it has unlocked the SIM and
 * its modem is ready.
 */
async function traceUnlocking(): Promise<SystemCall[]> {
  const modem = await VirtualModem.start(folder, 'modem', ['--pin', '4711']);
  const pinFile = join(folder, 'pin');
  writeFileSync(pinFile, '4711', { mode: 0o600 });
  mkdirSync(stateDir, { mode: 0o700 });
  const configured = { name: 'main', link: modem.link, number: '+4916000000', pinFile };
  const secret = 'the-secret-of-this-test-run-0123456789abcdef';
  const config = writeDaemonConfig(folder, secret, [configured], {
    deadlineS: 25,
    statusReport: false,
  });
  const trace = join(folder, 'trace');
  const strace = ['-f', '--seccomp-bpf', '-y', '-s', '1024', '-o', trace, '-e', `trace=${traced}`];
  const daemon = spawn('strace', [...strace, process.execPath, cli, 'serve', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // What goes through a ring is no system call of its own.
    env: { ...process.env, UV_USE_IO_URING: '0' },
  });
  const ended = once(daemon, 'exit');
  try {
    await untilReady(daemon.stdout);
    // Of a program that it started itself strace blocks the signals that would end it.
    const child = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').trim();
    process.kill(Number(child), 'SIGTERM');
    await ended;
  } finally {
    daemon.kill('SIGKILL');
    await modem.stop();
  }
  expect(modem.record().filter(({ kind }) => kind === 'pin')).toMatchObject([
    { outcome: 'accepted' },
  ]);
  return readCalls(readFileSync(trace, 'utf8'));
}

async function untilReady(output: NodeJS.ReadableStream): Promise<void> {
  for await (const line of createInterface({ input: output })) {
    if (line.includes('"event":"modem"') && line.includes('"phase":"ready"')) return;
  }
  throw new Error('the daemon ended before its modem was ready');
}

test('that a PIN is about to be tried is on the disk, file and folder, before the modem is given it', () => {
  expect(missingBeforePin(calls, stateDir)).toBeUndefined();
});

test('a PIN that is given to the modem before one of these steps is found', () => {
  const pin = calls.find(({ args }) => args.includes('AT+CPIN=\\"'))!;
  const found = calls
    .filter(({ endedAt }) => endedAt < pin.beganAt)
    .flatMap(
      (step) =>
        missingBeforePin(
          calls.map((call) => (call === pin ? before(pin, step) : call)),
          stateDir,
        ) ?? [],
    );
  expect(new Set(found)).toEqual(
    new Set([
      'the new content written',
      'the new content flushed',
      'the new file in the place of the old',
      'the folder flushed',
    ]),
  );
});

test('a step that has begun, but is not done when the PIN is given to the modem, is found', () => {
  const lines = [
    `7 write(21<${stateDir}/pins.json.new>, "{ \\"outcome\\": \\"unknown\\" }", 24) = 24`,
    `7 fsync(21<${stateDir}/pins.json.new>) = 0`,
    `8 rename("${stateDir}/pins.json.new", "${stateDir}/pins.json") = 0`,
    `8 fsync(21<${stateDir}> <unfinished ...>`,
    `9 write(20</dev/pts/3>, "AT+CPIN=\\"4711\\"\\r", 15) = 15`,
    '8 <... fsync resumed>) = 0',
  ];
  const inOrder = [...lines.slice(0, 4), lines[5], lines[4]];
  expect(missingBeforePin(readCalls(lines.join('\n')), stateDir)).toBe('the folder flushed');
  expect(missingBeforePin(readCalls(inOrder.join('\n')), stateDir)).toBeUndefined();
});

/** The PIN as if it had begun when `step` had not yet ended. */
function before(pin: SystemCall, step: SystemCall): SystemCall {
  return { ...pin, beganAt: step.endedAt };
}
