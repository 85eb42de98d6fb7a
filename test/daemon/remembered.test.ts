/** What is counted and remembered, over a restart at which the journal cannot be read. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import Database from 'libsql';
import { expect, onTestFinished, test } from 'vitest';
import { Clock } from '../../src/clock/clock.js';
import { loadConfig } from '../../src/config/config.js';
import { openRemembered, type Remembered } from '../../src/daemon/remembered.js';
import type { SendControl, SendResult } from '../../src/dispatch/message.js';
import { type KeyedRequest, longestKeptMs } from '../../src/dispatch/request-keys.js';
import { problems } from '../../src/http/problem.js';
import { createLog } from '../../src/log.js';
import { createMetrics } from '../../src/metrics/metrics.js';

const toml = `[auth0]
subject = "urn:Auth0"
audience = "urn:MySmsGateway"
secret_file = "secret"
[[modem]]
name = "main"
device = "/dev/null"
[policy]
countries = ["*"]
per_recipient = "2 in 10 min"
lock_out_first_s = 0
`;
const recipient = '+4915112345678';
const key: KeyedRequest = {
  keyHmac: 'k',
  requestHmac: 'r',
  keyForMs: longestKeptMs,
};

/** A state directory, and what is remembered in it. */
function setUp(more = '') {
  const path = mkdtempSync(join(tmpdir(), 'simgate-remembered-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  writeFileSync(join(path, 'simgate.toml'), toml + more);
  writeFileSync(join(path, 'secret'), 's'.repeat(40), { mode: 0o600 });
  const config = loadConfig(join(path, 'simgate.toml'), { STATE_DIRECTORY: path });
  const logged: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged.push((JSON.parse(chunk.toString()) as { message: string }).message);
      done();
    },
  });
  const log = createLog({ level: 'info', format: 'json', stream });
  const metrics = createMetrics({ version: '0', modems: ['main'], callers: ['auth0'], problems });
  const open = async (): Promise<Remembered> => {
    const file = join(path, 'clock');
    const clock = await Clock.open({ file, log, isSynchronised: () => Promise.resolve(undefined) });
    onTestFinished(() => clock.close());
    const stateDir = { path, clock, release: async () => undefined };
    const remembered = await openRemembered(config, stateDir, log, metrics);
    onTestFinished(() => remembered.journal.close());
    return remembered;
  };
  return { file: join(path, 'journal.db'), open, logged };
}

/** Sends as dispatch does, to the network's liking; all that counts is told. */
async function send(
  remembered: Remembered,
  id: string,
  request?: KeyedRequest,
): Promise<SendResult> {
  const { policy, simCaps, journal, idempotency } = remembered;
  const message = { recipient, caller: 'urn:Auth0' };
  const attempt = async (): Promise<SendResult> => {
    const subject = policy.subjectOf(message);
    const { country, recipientHmac, blockHmac } = subject;
    policy.admit(subject).keep();
    simCaps.take('modem:main', recipientHmac, 1).keep();
    const row = {
      id,
      atMs: remembered.date(),
      caller: 'urn:Auth0',
      recipientMasked: '+49…78',
      segments: 1,
    };
    const entry = { ...row, country, recipientHmac, blockHmac, ...request, modem: 'main' };
    await journal.started(entry);
    const outcome = { status: 200, submitted: 'yes', references: [1] } as const;
    journal.ended({ ...entry, wasStarted: true, outcome });
    return { id, segments: 1, modem: 'main', references: [1], waitedMs: 0, tookMs: 1 };
  };
  const control: SendControl = {
    deadlineAt: performance.now() + 25_000,
    callerLeft: new AbortController().signal,
  };
  if (request === undefined) return attempt();
  const sent = idempotency.send(request, control, () => ({
    id,
    answer: attempt(),
    promise: () => Promise.resolve(false),
    withdraw: () => false,
  }));
  return sent as Promise<SendResult>; // a patient caller is promised nothing
}

test('limits, caps and keys of before are known when the start is over', async () => {
  const { open, logged } = setUp();
  const first = await open();
  await send(first, 'earlier', key);
  await first.journal.close();
  const second = await open();
  expect(second.isRestored()).toBe(true);
  expect(await send(second, 'repeat', key)).toMatchObject({ id: 'earlier', isReplay: true });
  expect(second.simCaps.used('modem:main')).toEqual({
    dayCount: 1,
    monthCount: 1,
    monthRecipients: 1,
  });
  await send(second, 'new');
  await expect(send(second, 'too-many')).rejects.toMatchObject({ code: 'rate_limited' });
  expect(logged).toEqual([]);
});

test('a recipient that was unlocked counts anew after a restart, too', async () => {
  const { open } = setUp();
  const first = await open();
  for (const id of ['one', 'two']) await send(first, id);
  await expect(send(first, 'too-many')).rejects.toMatchObject({ code: 'rate_limited' });
  first.policy.unlock(recipient);
  await first.journal.close();
  const second = await open();
  expect(second.policy.sharedUses().find(({ name }) => name === 'total')).toMatchObject({
    used: 2,
  });
  await send(second, 'three');
  await second.journal.close();
  const third = await open();
  await send(third, 'four');
  await expect(send(third, 'five')).rejects.toMatchObject({ code: 'rate_limited' });
});

test('a journal that is locked at the start is taken up when it is free; until then no key is guessed at', async () => {
  const { open, file, logged } = setUp();
  const first = await open();
  await send(first, 'earlier', key);
  await first.journal.close();
  const other = new Database(file, { timeout: 5_000 });
  other.exec('BEGIN IMMEDIATE');
  const second = await open();
  expect(second.isRestored()).toBe(false);
  await expect(send(second, 'repeat', key)).rejects.toMatchObject({ code: 'deadline_unreachable' });
  await send(second, 'own');
  other.exec('ROLLBACK');
  await second.whenRestored;
  expect(await send(second, 'repeat', key)).toMatchObject({ id: 'earlier', isReplay: true });
  expect(second.simCaps.used('modem:main')).toEqual({
    dayCount: 2,
    monthCount: 2,
    monthRecipients: 1,
  });
  await expect(send(second, 'too-many')).rejects.toMatchObject({ code: 'rate_limited' });
  expect(logged).toContainEqual(expect.stringMatching(/could not be read within 5 s/));
  expect(logged).toContainEqual(expect.stringMatching(/known again/));
}, 30_000);

test('what holds for one caller holds from the start', async () => {
  const { open } = setUp(`[[caller]]
name = "staging"
kind = "bearer"
secret_file = "secret"
per_caller = "1 in 1 h"
countries = ["DE"]
`);
  const { policy } = await open();
  const caller = 'staging';
  policy.admit(policy.subjectOf({ recipient, caller })).keep();
  const refusals = [recipient, '+43664123456'].map(
    (to) => policy.explain({ recipient: to, caller }).refusal?.reason,
  );
  expect(refusals).toEqual(['per_caller', 'countries']);
  expect(policy.explain({ recipient, caller: 'auth0' }).refusal).toBeUndefined();
});
