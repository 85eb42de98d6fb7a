import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPty, type Pty } from '../../src/simulator/pty.js';
import { configHead, openPolicy } from '../config-text.js';
import { NotifyListener } from './notify-listener.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');
const wedge = pathToFileURL(join(import.meta.dirname, 'notify-wedge.mjs')).href;
const secret = 'the-secret-of-this-test-run-0123456789abcdef';

let folder: string;
let pty: Pty;
let listener: NotifyListener;
let daemon: ChildProcess | undefined;
let log: Record<string, unknown>[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-notify-'));
  // A modem that is silent: its supervisor goes round for ever, which is progress.
  pty = await openPty({ onData: () => undefined, onError: () => undefined });
  log = [];
});
afterEach(async () => {
  if (daemon && daemon.exitCode === null && daemon.signalCode === null) {
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
  }
  daemon = undefined;
  await listener.close();
  await pty.hangUp();
  rmSync(folder, { recursive: true, force: true });
});

function configure(policy = openPolicy, listen = '127.0.0.1:0'): string {
  const file = join(folder, 'simgate.toml');
  writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 });
  writeFileSync(
    file,
    `${configHead({ listen })}${policy}
[log]
format = "json"
[[modem]]
name = "main"
device = "${pty.slavePath}"
`,
  );
  return file;
}

/**
 * Starts `simgate serve` as systemd would, and hears what it says; resolves with the port once it
 * listens, with 0 when it ended instead.
 */
async function serve(
  socket: string,
  watchdogMs: number,
  configFile = configure(),
): Promise<number> {
  listener = await NotifyListener.bind(socket);
  // The shell becomes the daemon, so that WATCHDOG_PID is the daemon's own pid, as systemd sets it.
  const script = 'WATCHDOG_PID=$$ exec "$@"';
  const command = [process.execPath, '--import', wedge, cli, 'serve', '--config', configFile];
  daemon = spawn('/bin/sh', ['-c', script, 'sh', ...command], {
    env: {
      PATH: process.env.PATH,
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: String(watchdogMs * 1000),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve) => {
    daemon!.on('exit', () => resolve(0));
    for (const input of [daemon!.stdout!, daemon!.stderr!])
      createInterface({ input }).on('line', (line) => {
        if (!line.startsWith('{')) return;
        const entry = JSON.parse(line) as Record<string, unknown>;
        log.push(entry);
        if (entry.event === 'started') resolve(Number(entry.port));
      });
  });
}

const monotonicMs = () => Number(process.hrtime.bigint() / 1_000_000n);

test('READY comes when the listener answers, states as STATUS, and STOPPING at the end', async () => {
  const port = await serve(join(folder, 'notify'), 60_000);
  const ready = await listener.until('READY=1');
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
  expect(log.findIndex(({ event }) => event === 'started')).toBeGreaterThanOrEqual(0);
  expect(listener.heard.indexOf(ready)).toBe(0);
  expect(ready.lines.find((line) => line.startsWith('STATUS='))).toBe(
    'STATUS=no code goes out: modem main is absent: not opened yet; 0 of 1 modem ready: main not there',
  );
  const ended = once(daemon!, 'exit');
  daemon!.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  await listener.until('STOPPING=1');
});

test('a daemon whose port is taken never says READY', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  try {
    const file = configure(openPolicy, `127.0.0.1:${port}`);
    expect(await serve(join(folder, 'notify'), 60_000, file)).toBe(0);
    expect(daemon!.exitCode).toBe(1);
    expect(listener.heard).toEqual([]);
  } finally {
    other.close();
  }
});

test('an abstract socket is spoken to as well', async () => {
  await serve(`@simgate-notify-${process.pid}`, 60_000);
  await listener.until('READY=1');
});

test('a reload is told with its monotonic time, and ends with READY also when it is refused', async () => {
  await serve(join(folder, 'notify'), 60_000);
  await listener.until('READY=1');
  const beforeUsec = process.hrtime.bigint() / 1000n;
  let from = listener.heard.length;
  daemon!.kill('SIGHUP');
  const reloading = await listener.until('RELOADING=1', from);
  await listener.until('READY=1', from);
  const usec = BigInt(
    reloading.lines.find((line) => line.startsWith('MONOTONIC_USEC='))!.slice(15),
  );
  expect(usec).toBeGreaterThanOrEqual(beforeUsec);
  expect(usec).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n);
  expect(log.map(({ event }) => event)).toContain('reloaded');

  configure('[policy]\ncountries = ["nowhere"]');
  from = listener.heard.length;
  daemon!.kill('SIGHUP');
  await listener.until('RELOADING=1', from);
  await listener.until('READY=1', from);
  expect(log.map(({ event }) => event)).toContain('reload_refused');
});

test('the watchdog is fed within its time, and no more once the event loop is blocked', async () => {
  const watchdogMs = 2_000;
  await serve(join(folder, 'notify'), watchdogMs);
  await listener.until('READY=1');
  // Three feeds in a row: each in time for systemd not to kill.
  let last = (await listener.until('READY=1')).atMs;
  for (let fed = 0; fed < 3; fed += 1) {
    const { atMs } = await listener.until('WATCHDOG=1', listener.heard.length);
    expect(atMs - last).toBeLessThan(watchdogMs);
    last = atMs;
  }
  daemon!.kill('SIGUSR2');
  await expect.poll(() => stateOf(daemon!.pid!), { timeout: 5_000 }).toMatch(/futex/);
  const wedgedAt = monotonicMs();
  await new Promise((resolve) => setTimeout(resolve, 2 * watchdogMs));
  expect(listener.heard.filter(({ atMs }) => atMs > wedgedAt + 100)).toEqual([]);
  // The process is alive all the while: only the missing feed tells.
  expect(daemon!.exitCode).toBeNull();
});

/** Where the main thread sleeps in the kernel (proc(5), `wchan`). */
const stateOf = (pid: number) => readFileSync(`/proc/${pid}/wchan`, 'utf8');
