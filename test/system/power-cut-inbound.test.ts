/**
 * The power is cut while SMS come in: the whole daemon is traced (Debian: strace) as it reads them,
 * and no `AT+CMGD` may be written before the text it deletes from the SIM is on the disk, under its
 * name, in a folder that is itself on the disk.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import type { RecordEntry } from '../../src/simulator/record.js';
import { writeDaemonConfig } from '../faults/daemon-config.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import { Receiver, webhookSecret } from '../inbound/receiver.js';
import { readCalls, type SystemCall } from './pin-strace-calls.js';
import { isFlush, pathOf, writtenBy } from './power-cut-disk.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');
const traced = 'write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat';
const texts = Array.from({ length: 12 }, (_, number) => `text ${number} for the disk`);

/** The paths that a call names, which strace shows in hex. */
const pathsIn = ({ args }: SystemCall): string[] =>
  [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = '']) =>
    Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString(),
  );

const isDone = ({ result }: SystemCall): boolean => Number(result) >= 0;

/** What of the way to the disk is missing for `text` at `before`; undefined when nothing is. */
function missingOnDisk(
  calls: readonly SystemCall[],
  spool: string,
  text: string,
  before: number,
): string | undefined {
  const done = calls.filter((call) => isDone(call) && call.endedAt < before);
  const behind = (since: SystemCall, is: (call: SystemCall) => boolean) =>
    done.find((call) => call.beganAt > since.endedAt && is(call));
  const made = done.find((call) => call.name.startsWith('mkdir') && pathsIn(call).includes(spool));
  if (made === undefined) return 'no folder was made';
  const state = join(spool, '..');
  if (!behind(made, (call) => isFlush(call) && pathOf(call) === state))
    return 'the state directory was not flushed after the folder was made in it';
  const written = done.find(
    (call) => pathOf(call)?.startsWith(spool) === true && writtenBy(call).includes(text),
  );
  if (written === undefined) return 'it was not written';
  const draft = pathOf(written);
  const flushed = behind(written, (call) => isFlush(call) && pathOf(call) === draft);
  if (flushed === undefined) return 'it was not flushed';
  const named = behind(
    flushed,
    (call) => call.name.startsWith('rename') && pathsIn(call)[0] === draft,
  );
  if (named === undefined) return 'it was not given its name';
  const isKept = behind(named, (call) => isFlush(call) && pathOf(call) === spool);
  return isKept === undefined ? 'its folder was not flushed' : undefined;
}

/** Runs the daemon under strace until the SIM has no text any more. */
async function traceReceiving(
  folder: string,
): Promise<{ calls: SystemCall[]; record: RecordEntry[] }> {
  const receiver = new Receiver();
  await receiver.listen();
  onTestFinished(() => receiver.stop());
  const secretFile = join(folder, 'inbound-secret');
  writeFileSync(secretFile, webhookSecret, { mode: 0o600 });
  const modem = await VirtualModem.start(folder, 'modem', []);
  const inbound = `[inbound]\nurl = "http://127.0.0.1:${receiver.port}/"\nsecret_file = "${secretFile}"`;
  const configured = { name: 'main', link: modem.link, number: '+4916000000', pinFile: undefined };
  const config = writeDaemonConfig(
    folder,
    'the-secret-of-this-test-run-0123456789abcdef',
    [configured],
    { deadlineS: 25, statusReport: false },
    inbound,
  );
  const trace = join(folder, 'trace');
  const strace = ['-f', '--seccomp-bpf', '-y', '-xx', '-s', '4096', '-o', trace];
  const daemon = spawn(
    'strace',
    [...strace, '-e', `trace=${traced}`, process.execPath, cli, 'serve', '--config', config],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      // What goes through a ring is no system call of its own.
      env: { ...process.env, UV_USE_IO_URING: '0' },
    },
  );
  const ended = once(daemon, 'exit');
  try {
    await new Promise<void>((resolve, reject) => {
      const lines = createInterface({ input: daemon.stdout });
      lines.once('close', () => reject(new Error('the daemon ended before its modem was ready')));
      lines.on('line', (line) => {
        if (line.includes('"event":"modem"') && line.includes('"phase":"ready"')) resolve();
      });
    });
    for (const text of texts) await modem.control({ inbound: { from: '+491790000001', text } });
    await expect
      .poll(() => modem.record().filter(({ kind }) => kind === 'deleted').length, {
        timeout: 60_000,
        interval: 100,
      })
      .toBe(texts.length);
    // Of a program that it started itself strace blocks the signals that would end it.
    const child = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').trim();
    process.kill(Number(child), 'SIGKILL');
    await ended;
  } finally {
    daemon.kill('SIGKILL');
    await modem.stop();
  }
  return { calls: readCalls(readFileSync(trace, 'utf8')), record: modem.record() };
}

/** In which order the slots were emptied: what was in each. */
function deletedTexts(record: readonly RecordEntry[]): string[] {
  const sent = new Map<number, string>();
  const slots = new Map<number, string>();
  const deleted: string[] = [];
  for (const entry of record) {
    if (entry.kind === 'inbound') sent.set(entry.seq, entry.text);
    if (entry.kind === 'stored' && 'inbound' in entry)
      slots.set(entry.index, sent.get(entry.inbound)!);
    if (entry.kind === 'deleted') deleted.push(slots.get(entry.index)!);
  }
  return deleted;
}

test('a text is on the disk, and its folder too, before its SIM is told to delete it', {
  timeout: 180_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-power-inbound-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { calls, record } = await traceReceiving(folder);
  const deletions = calls.filter(
    (call) =>
      call.name === 'write' &&
      pathOf(call)?.startsWith('/dev/pts/') === true &&
      writtenBy(call).toString('latin1').startsWith('AT+CMGD='),
  );
  const deleted = deletedTexts(record);
  expect(deleted).toHaveLength(texts.length);
  expect(deletions).toHaveLength(texts.length);
  const spool = join(folder, 'state', 'inbound');
  for (const [number, text] of deleted.entries()) {
    const { beganAt } = deletions[number]!;
    expect(missingOnDisk(calls, spool, text, beganAt), text).toBeUndefined();
  }
  // The proof can fail: before it was written, there was nothing.
  expect(missingOnDisk(calls, spool, texts[0]!, 1)).toBe('no folder was made');
});
