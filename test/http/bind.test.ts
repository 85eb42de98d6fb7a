import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createAdminApp } from '../../src/http/app.js';
import { createServer } from '../../src/http/server.js';
import { LogRecord } from './support/gateway.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-bind-'));
});
afterEach(() => {
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true, force: true });
});

function adminAt(path: string) {
  const { log } = new LogRecord();
  const handler = createAdminApp({
    isReady: () => true,
    snapshot: () => ({ version: '1' }),
    guard: (_, next) => next(),
    log,
  });
  const server = createServer({ handler, listen: { path }, log });
  onTestFinished(() => server.close(0));
  return server;
}

/** The status of `GET /status.json` through the socket. */
function ask(socketPath: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/status.json', headers: { host } }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    })
      .once('error', reject)
      .end();
  });
}

test('a socket is for its user and group, answers to every Host, and is gone with the listener', async () => {
  const path = join(folder, 'admin.sock');
  const server = adminAt(path);
  expect(await server.listen()).toEqual({ path });
  expect(statSync(path).mode & 0o777).toBe(0o660);
  expect(await ask(path, 'sms.example.com')).toBe(200);
  await server.close(0);
  expect(readdirSync(folder)).toEqual([]);
});

test('the group is that of a folder with the set-group-ID bit', async () => {
  const path = join(folder, 'admin.sock');
  chmodSync(folder, 0o2750);
  await adminAt(path).listen();
  expect(statSync(path).gid).toBe(statSync(folder).gid);
});

test('a socket that a killed process left is replaced', async () => {
  const path = join(folder, 'admin.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await promisify(execFile)(process.execPath, ['-e', script]).catch(() => undefined);
  expect(statSync(path).isSocket()).toBe(true);
  await adminAt(path).listen();
  expect(await ask(path, 'localhost')).toBe(200);
});

test('that of a live process is left to it', async () => {
  const path = join(folder, 'admin.sock');
  const other = createNetServer().listen(path);
  onTestFinished(() => void other.close());
  await expect(adminAt(path).listen()).rejects.toThrow(
    `unix:${path} is taken: does another simgate run?`,
  );
  expect(statSync(path).isSocket()).toBe(true);
});

test('a file at its place is not touched', async () => {
  const path = join(folder, 'admin.sock');
  writeFileSync(path, 'mine');
  await expect(adminAt(path).listen()).rejects.toThrow('is there and no socket');
  expect(readdirSync(folder)).toEqual(['admin.sock']);
});

test('a folder that is missing, or is none, is named with the way out', async () => {
  await expect(adminAt(join(folder, 'none', 'admin.sock')).listen()).rejects.toThrow(
    `its folder ${join(folder, 'none')} is not there. RuntimeDirectory= of the unit makes /run/simgate`,
  );
  writeFileSync(join(folder, 'file'), '');
  await expect(adminAt(join(folder, 'file', 'admin.sock')).listen()).rejects.toThrow(
    `${join(folder, 'file')} is no folder`,
  );
});
