import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Heartbeat } from '../../src/alerts/heartbeat.js';
import { LogRecord } from '../http/support/gateway.js';
import { alertSettings } from './support.js';

let answers: () => Response = () => new Response(null, { status: 200 });
const called: string[] = [];
beforeEach(() => {
  vi.useFakeTimers();
  called.length = 0;
  // The wire.
  vi.stubGlobal('fetch', (url: string) => {
    called.push(url);
    return Promise.resolve(answers());
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const url = 'https://hc-ping.example/secret-uuid';

it('calls every minute while a code would go out, is silent while none would, and shows who does not hear it', async () => {
  const { log, text } = new LogRecord();
  let isAlive = true;
  const heart = new Heartbeat({
    settings: () => alertSettings({ heartbeatUrl: url }),
    isAlive: () => isAlive,
    date: () => Date.now(),
    log,
  });
  await vi.advanceTimersByTimeAsync(180_000);
  expect(called).toEqual([url, url, url]);
  isAlive = false;
  await vi.advanceTimersByTimeAsync(180_000);
  expect(called).toHaveLength(3);
  expect(heart.state).toMatchObject({ isSilent: true, failing: undefined });
  isAlive = true;
  answers = () => new Response('gone', { status: 404 });
  await vi.advanceTimersByTimeAsync(180_000);
  expect(heart.failing).toMatchObject({ why: 'it answers 404 (gone)', tries: 3 });
  answers = () => new Response(null, { status: 200 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heart.failing).toBeUndefined();
  expect(text).not.toContain('secret-uuid');
  heart.stop();
  await vi.advanceTimersByTimeAsync(180_000);
  expect(called).toHaveLength(7);
});

it('calls nobody where none is configured', async () => {
  const { log } = new LogRecord();
  const settings = () => alertSettings();
  const heart = new Heartbeat({ settings, isAlive: () => true, date: () => 0, log });
  await vi.advanceTimersByTimeAsync(180_000);
  expect([called, heart.state]).toEqual([[], undefined]);
  heart.stop();
});

it('forgets who did not hear it once another is named, or none', async () => {
  const { log } = new LogRecord();
  let heartbeatUrl: string | undefined = url;
  const settings = () => alertSettings({ heartbeatUrl });
  const heart = new Heartbeat({ settings, isAlive: () => true, date: () => Date.now(), log });
  answers = () => new Response('gone', { status: 404 });
  await vi.advanceTimersByTimeAsync(180_000);
  expect(heart.failing).toMatchObject({ tries: 3 });
  heartbeatUrl = `${url}-2`;
  expect(heart.state).toMatchObject({ failing: undefined });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heart.failing).toMatchObject({ tries: 1 });
  heartbeatUrl = undefined;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heart.failing).toBeUndefined();
  heart.stop();
});

it('says what is wrong with an address that cannot be called', async () => {
  const { log } = new LogRecord();
  const folder = mkdtempSync(join(tmpdir(), 'simgate-heartbeat-'));
  const heartbeatUrlFile = join(folder, 'url');
  writeFileSync(heartbeatUrlFile, 'ftp://hc-ping.example/secret-uuid\n');
  const settings = () => alertSettings({ heartbeatUrlFile });
  const heart = new Heartbeat({ settings, isAlive: () => true, date: () => 0, log });
  await expect(heart.call()).rejects.toThrow('none that begins with https:// or http://');
  expect(called).toEqual([]);
  heart.stop();
  rmSync(folder, { recursive: true });
});
