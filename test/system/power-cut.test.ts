/**
 * The power is cut at every point of a message's way: the whole daemon is traced (Debian: strace)
 * while it sends, and the disk that each moment would have left, with all that was not flushed
 * lost, kept or torn, is given to a daemon that starts.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import Database from 'libsql';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Hmac, openHmacKey } from '../../src/journal/hmac-key.js';
import { mintToken } from '../../src/secret/token.js';
import { seededRandom } from '../../src/simulator/random.js';
import { Child } from '../faults/child.js';
import { writeDaemonConfig } from '../faults/daemon-config.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import { readCalls, type SystemCall } from './pin-strace-calls.js';
import { isFlush, pathOf, TracedDisk, type Unflushed, writtenBy } from './power-cut-disk.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');
const traced = 'write,writev,pwrite64,pwritev,ftruncate,fallocate,fsync,fdatasync';
const secret = 'the-secret-of-this-test-run-0123456789abcdef';
/** Enough for SQLite to move its WAL into the database at least once (1000 pages). */
const messages = 110;
/** Every third has no key. */
const keyOf = (number: number): string | undefined =>
  number % 3 === 2 ? undefined : `key-${number}`;

let folder: string;
let files: { db: string; wal: string };
let calls: SystemCall[];
let disk: TracedDisk;
let hmac: Hmac;
let token: string;
/** Where in the trace the Ctrl-Z of each message began to be written. */
let ctrlZAt: number[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-power-'));
  const db = join(folder, 'state', 'journal.db');
  files = { db, wal: `${db}-wal` };
  token = await mintToken({
    secret: Buffer.from(secret),
    subject: 'urn:Auth0',
    audience: 'urn:MySmsGateway',
    expiresInS: 3_600,
  });
  calls = await traceSending();
  disk = new TracedDisk(calls, Object.values(files));
  hmac = await openHmacKey(join(folder, 'state', 'hmac.key'));
  ctrlZAt = calls
    .filter((call) => isTty(call) && writtenBy(call).includes(0x1a))
    .map(({ beganAt }) => beganAt);
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isTty = (call: SystemCall) =>
  call.name === 'write' && pathOf(call)?.startsWith('/dev/pts/') === true;

async function traceSending(): Promise<SystemCall[]> {
  const modem = await VirtualModem.start(folder, 'modem', []);
  const configured = { name: 'main', link: modem.link, number: '+4916000000', pinFile: undefined };
  const config = writeDaemonConfig(folder, secret, [configured], {
    deadlineS: 25,
    statusReport: false,
  });
  const trace = join(folder, 'trace');
  const strace = [
    '-f',
    '--seccomp-bpf',
    '-y',
    '-xx',
    '-s',
    '65536',
    '-o',
    trace,
    '-e',
    `trace=${traced}`,
  ];
  const daemon = spawn('strace', [...strace, process.execPath, cli, 'serve', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // What goes through a ring is no system call of its own.
    env: { ...process.env, UV_USE_IO_URING: '0' },
  });
  const ended = once(daemon, 'exit');
  try {
    const port = await untilReady(daemon.stdout);
    for (let number = 0; number < messages; number += 1)
      expect(await send(port, number), `message ${number}`).toMatchObject({ status: 200 });
    // Of a program that it started itself strace blocks the signals that would end it.
    const child = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').trim();
    process.kill(Number(child), 'SIGKILL');
    await ended;
  } finally {
    daemon.kill('SIGKILL');
    await modem.stop();
  }
  return readCalls(readFileSync(trace, 'utf8'));
}

/**
 * The port of the public listener, once the modem is ready. What the daemon says later is left
 * unread.
 */
function untilReady(output: NodeJS.ReadableStream): Promise<number> {
  return new Promise((resolve, reject) => {
    let port = 0;
    const lines = createInterface({ input: output });
    lines.once('close', () => reject(new Error('the daemon ended before its modem was ready')));
    lines.on('line', (line) => {
      port = Number(/"event":"started".*?"port":(\d+)/.exec(line)?.[1] ?? port);
      if (line.includes('"event":"modem"') && line.includes('"phase":"ready"')) resolve(port);
    });
  });
}

async function send(
  port: number,
  number: number,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const key = keyOf(number);
  const response = await fetch(`http://127.0.0.1:${port}/sms`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    body: JSON.stringify({
      recipient: `+49151${String(10_000_000 + number)}`,
      body: `Message ${number}`,
    }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const keyHmacOf = (key: string) => hmac('idempotency_key', JSON.stringify(['auth0', key]));

interface Row {
  key_hmac: string | null;
  state: string;
  status: number | null;
}

/** What a cut at `moment` leaves of the journal, put down at `file`. */
function cut(moment: number, unflushed: Unflushed, random: () => number, file: string): void {
  for (const [from, to] of [
    [files.db, file],
    [files.wal, `${file}-wal`],
  ] as const) {
    rmSync(to, { force: true });
    const content = disk.after(moment, from, unflushed, random);
    if (content !== undefined) writeFileSync(to, content);
  }
  rmSync(`${file}-shm`, { force: true });
}

function look(file: string): { integrity: string; rows: Row[] } {
  const db = new Database(file);
  try {
    // Nobody cuts the power of this copy, of which there are a thousand.
    db.exec('PRAGMA synchronous = OFF');
    const checks = db.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[];
    const hasTable =
      db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'messages'").get() !== undefined;
    const rows = hasTable
      ? (db.prepare('SELECT key_hmac, state, status FROM messages').all() as Row[])
      : [];
    return { integrity: checks.map(({ integrity_check: said }) => said).join('; '), rows };
  } finally {
    db.close();
  }
}

test('the trace is of what it has to be: every Ctrl-Z, the flush before each with a key, and a WAL that was moved', () => {
  expect(ctrlZAt).toHaveLength(messages);
  const flushesOf = (file: string) =>
    calls.filter((call) => isFlush(call) && pathOf(call) === file).length;
  expect(flushesOf(files.db)).toBeGreaterThan(1);
  const keyed = Array.from({ length: messages }, (_, number) => keyOf(number)).filter(
    Boolean,
  ).length;
  expect(flushesOf(files.wal)).toBeGreaterThanOrEqual(keyed);
  // What is not known here would be left out of what a cut leaves.
  const names = calls
    .filter((call) => Object.values(files).includes(pathOf(call) ?? ''))
    .map(({ name }) => name);
  expect(
    [...new Set(names)].filter(
      (name) => !['pwrite64', 'ftruncate', 'fsync', 'fdatasync'].includes(name),
    ),
  ).toEqual([]);
});

test('without a key no flush is waited for', () => {
  const ofJournal = calls.filter((call) => Object.values(files).includes(pathOf(call) ?? ''));
  const flushes = ofJournal.filter(
    (call, index) =>
      isFlush(call) &&
      pathOf(call) === files.wal &&
      // SQLite's own, before it moves the WAL into the database: no message waits for it.
      pathOf(ofJournal[index + 1] ?? call) !== files.db,
  );
  const none = ctrlZAt.filter((at, number) => {
    if (keyOf(number) !== undefined) return false;
    const before = Math.max(...ctrlZAt.filter((other) => other < at));
    // That of the end of the message before, which has a key, is the only one in between.
    return flushes.filter(({ beganAt }) => beganAt > before && beganAt < at).length <= 1;
  });
  expect(none).toHaveLength(
    Array.from({ length: messages }, (_, number) => keyOf(number)).filter(
      (key) => key === undefined,
    ).length,
  );
});

test('wherever the power is cut, the journal is sound and knows every key whose message may have gone out', () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const draws = seededRandom(seed);
  const random = () => draws.next();
  const file = join(folder, 'left.db');
  const firstFlush = calls.find((call) => isFlush(call) && pathOf(call) === files.wal)!;
  const moments = [
    ...disk.moments().filter((at) => at >= firstFlush.endedAt && random() < 0.15),
    ...ctrlZAt,
  ];
  expect(moments.length).toBeGreaterThan(300);
  for (const moment of moments) {
    for (const unflushed of ['lost', 'torn', 'kept'] as const) {
      const about = `SEED=${seed}, line ${moment} of the trace, unflushed ${unflushed}`;
      cut(moment, unflushed, random, file);
      const { integrity, rows } = look(file);
      expect(integrity, about).toBe('ok');
      const known = new Set(rows.map(({ key_hmac }) => key_hmac));
      const forgotten = ctrlZAt.flatMap((at, number) => {
        const key = keyOf(number);
        return at > moment || key === undefined || known.has(keyHmacOf(key)) ? [] : [key];
      });
      expect(forgotten, about).toEqual([]);
    }
  }
}, 600_000);

test('what became of a message with a key is on the disk when the next one with a key goes out', () => {
  const file = join(folder, 'left.db');
  for (const [number, at] of ctrlZAt.entries()) {
    const key = keyOf(number - 1);
    // The flush of its own start takes the end of the one before with it.
    if (key === undefined || keyOf(number) === undefined || number === 0) continue;
    cut(at, 'lost', () => 0, file);
    expect(
      look(file).rows.find(({ key_hmac }) => key_hmac === keyHmacOf(key)),
      key,
    ).toMatchObject({ state: 'ended', status: 200 });
  }
});

/**
 * Starts a daemon after the power came back at `moment`, everything unflushed lost, and asks it
 * once more for a message of before.
 */
async function repeatAfter(
  moment: number,
  number: number,
): Promise<{ answer: Awaited<ReturnType<typeof send>>; said: string; sent: number }> {
  const again = mkdtempSync(join(tmpdir(), 'simgate-power-again-'));
  onTestFinished(() => rmSync(again, { recursive: true, force: true }));
  mkdirSync(join(again, 'state'), { mode: 0o700 });
  copyFileSync(join(folder, 'state', 'hmac.key'), join(again, 'state', 'hmac.key'));
  cut(moment, 'lost', () => 0, join(again, 'state', 'journal.db'));
  expect(existsSync(join(again, 'state', 'journal.db'))).toBe(true);
  const modem = await VirtualModem.start(again, 'modem', []);
  const configured = { name: 'main', link: modem.link, number: '+4916000000', pinFile: undefined };
  const config = writeDaemonConfig(again, secret, [configured], {
    deadlineS: 25,
    statusReport: false,
  });
  let said = '';
  const output = new PassThrough();
  const daemon = new Child(['serve', '--config', config], (line) => {
    said += `${line}\n`;
    output.write(`${line}\n`);
  });
  try {
    const answer = await send(await untilReady(output), number);
    return { answer, said, sent: await modem.accepted() };
  } finally {
    await daemon.end('SIGTERM');
    await modem.stop();
  }
}

test('a message that was with a modem when the power was cut is told as such, and its repeat is not sent', async () => {
  const number = 42;
  const { answer, said, sent } = await repeatAfter(ctrlZAt[number]!, number);
  expect(answer).toMatchObject({
    status: 504,
    body: { code: 'outcome_unknown', submitted: 'unknown' },
  });
  expect(said).toContain('the process before ended while 1 message was with a modem');
  expect(sent).toBe(0);
});

test('a repeat of one that was answered 200 some time before the cut reads 200', async () => {
  const { answer, sent } = await repeatAfter(ctrlZAt[43]!, 42);
  expect(answer).toMatchObject({ status: 200 });
  expect(sent).toBe(0);
});

test('of a message without a key the next start knows what was on the disk, and it is sent again when it is asked for', async () => {
  const number = 44;
  const { answer, sent } = await repeatAfter(ctrlZAt[number]!, number);
  expect(answer).toMatchObject({ status: 200 });
  expect(sent).toBe(1);
});
