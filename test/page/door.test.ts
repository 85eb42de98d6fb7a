import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createAdminApp } from '../../src/http/app.js';
import { createServer } from '../../src/http/server.js';
import { LimitedLog } from '../../src/log.js';
import { Door, type DoorOptions } from '../../src/page/door.js';
import type { PageContext } from '../../src/page/page-answers.js';
import { Sessions } from '../../src/page/sessions.js';
import { Tries } from '../../src/page/tries.js';
import { hashPassword, type PasswordHash, parsePasswordHash } from '../../src/secret/password.js';
import { LogRecord } from '../http/support/gateway.js';

const password = 'correct horse battery';
let hash: PasswordHash;
beforeAll(async () => {
  hash = parsePasswordHash(await hashPassword(password))!;
});

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** A listener behind a door, which tells in its body whether who asks may search. */
async function start(
  options: Partial<DoorOptions> = {},
  onLetIn: (ctx: PageContext) => void = () => undefined,
) {
  const record = new LogRecord();
  const { log } = record;
  const door = new Door({
    place: 'network',
    address: '192.0.2.1 8081',
    password: undefined,
    userHeader: undefined,
    trustedProxies: [],
    refusals: new LimitedLog(log),
    ...options,
  });
  const handler = createAdminApp({
    isReady: () => true,
    snapshot: () => ({}),
    metrics: (ctx) => {
      ctx.body = 'metrics';
    },
    guard: door.guard,
    addRoutes: (router) => {
      door.addRoutes(router);
      router.get('/', (ctx) => {
        onLetIn(ctx);
        ctx.body = JSON.stringify(door.visitorOf(ctx));
      });
    },
    log,
  });
  const folder = mkdtempSync(join(tmpdir(), 'simgate-door-'));
  const path = join(folder, 's');
  // A socket where the place is one; as the listener of the network, the loopback will do.
  const server = createServer({
    handler,
    listen: options.place === 'socket' ? { path } : { host: '127.0.0.1', port: 0 },
    log,
  });
  const bound = await server.listen();
  onTestFinished(async () => {
    await server.close(0);
    rmSync(folder, { recursive: true, force: true });
  });
  const ask = (at: string, headers: Record<string, string> = {}, body?: string) =>
    new Promise<Answer>((resolve, reject) => {
      const where = 'path' in bound ? { socketPath: bound.path } : { port: bound.port };
      request(
        { ...where, path: at, method: body === undefined ? 'GET' : 'POST', headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.once('end', () =>
            resolve({ status: response.statusCode!, headers: response.headers, body: text }),
          );
        },
      )
        .once('error', reject)
        .end(body);
    });
  const signIn = (typed: string, headers: Record<string, string> = {}) =>
    ask('/login', headers, new URLSearchParams({ username: 'admin', password: typed }).toString());
  return { ask, signIn, door, record };
}

const basic = (typed: string) => ({
  authorization: `Basic ${Buffer.from(`prometheus:${typed}`).toString('base64')}`,
});
const cookieIn = ({ headers }: Answer) => String(headers['set-cookie']?.[0]).split(';')[0]!;
const asBrowser = { accept: 'text/html' };

describe('on a loopback address without a password', () => {
  test('all may look, and nobody may look a number up', async () => {
    const { ask } = await start({ place: 'loopback' });
    const { status, body } = await ask('/');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      hasSession: false,
      noSearch: expect.stringContaining('simgate log --to'),
    });
    expect((await ask('/', { host: 'evil.example' })).status).toBe(400);
    expect((await ask('/login')).status).toBe(200);
  });

  test('a header that names a user is believed of nobody', async () => {
    const { ask } = await start({ place: 'loopback' });
    const { body } = await ask('/', { 'remote-user': 'eve' });
    expect(JSON.parse(body)).toHaveProperty('noSearch', expect.any(String));
  });
});

test('another page may lead here, and ask for nothing else', async () => {
  const { ask } = await start({ place: 'loopback' });
  const status = async (site: string, mode: string) =>
    (await ask('/', { 'sec-fetch-site': site, 'sec-fetch-mode': mode })).status;
  expect(await status('cross-site', 'no-cors')).toBe(400);
  expect(await status('same-site', 'cors')).toBe(400);
  expect(await status('cross-site', 'navigate')).toBe(200);
  expect(await status('same-origin', 'cors')).toBe(200);
  expect(await status('none', 'navigate')).toBe(200);
});

test('at a socket, who may connect may search, whatever the Host', async () => {
  const { ask } = await start({ place: 'socket' });
  const { status, body } = await ask('/', { host: 'sms.example.com' });
  expect(status).toBe(200);
  expect(JSON.parse(body)).toEqual({ hasSession: false });
});

describe('with a password', () => {
  test('nothing is shown without it: a browser is led to the form, a program is asked', async () => {
    const { ask } = await start({ password: hash });
    for (const path of [
      '/',
      '/messages',
      '/events?view=now',
      '/status.json',
      '/metrics',
      '/readyz',
    ]) {
      const { status, body } = await ask(path);
      expect(status, path).toBe(401);
      expect(body, path).toBe('sign in first\n');
    }
    const led = await ask('/messages', asBrowser);
    expect(led).toMatchObject({ status: 303, headers: { location: 'login' } });
    const deep = await ask('/no/such/page', asBrowser);
    expect(deep, 'no loop').toMatchObject({ status: 303, headers: { location: '../../login' } });
    expect((await ask('/metrics')).headers['www-authenticate']).toBe('Basic realm="simgate"');
    // A browser would open its own window for it.
    expect((await ask('/events?view=now')).headers['www-authenticate']).not.toContain('Basic');
    expect((await ask('/login', asBrowser)).body).toContain('type="password"');
  });

  test('who signs in is in, until signing out', async () => {
    const { ask, signIn } = await start({ password: hash });
    const answer = await signIn(password);
    expect(answer).toMatchObject({ status: 303, headers: { location: './' } });
    const [set] = answer.headers['set-cookie'] as string[];
    expect(set).toMatch(/^simgate-[0-9a-f]{8}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    const cookie = cookieIn(answer);
    expect(JSON.parse((await ask('/', { cookie: `other=1; ${cookie}` })).body)).toEqual({
      hasSession: true,
    });
    expect((await ask('/', { cookie: `${cookie}x` })).status).toBe(401);
    const out = await ask('/logout', { cookie }, '');
    expect(out.headers['set-cookie']).toEqual([expect.stringContaining('Max-Age=0')]);
    expect((await ask('/', { cookie })).status).toBe(401);
  });

  test('two pages under one host name do not sign each other out', async () => {
    const one = await start({ password: hash });
    const other = await start({ password: hash, address: '192.0.2.1 8082' });
    const cookies = [one, other].map(async ({ signIn }) => cookieIn(await signIn(password)));
    const cookie = (await Promise.all(cookies)).join('; ');
    for (const { ask } of [one, other]) expect((await ask('/', { cookie })).status).toBe(200);
    const names = cookie.split('; ').map((each) => each.split('=')[0]);
    expect(new Set(names).size).toBe(2);
  });

  test('the cookie is for TLS only where the browser came by it, as a trusted proxy says', async () => {
    const https = { 'x-forwarded-proto': 'https' };
    const { signIn } = await start({ password: hash });
    expect((await signIn(password, https)).headers['set-cookie']![0]).not.toContain('Secure');
    const behind = await start({ password: hash, trustedProxies: ['127.0.0.0/8'] });
    const [set] = (await behind.signIn(password, https)).headers['set-cookie']!;
    expect(set).toMatch(/; Secure$/);
  });

  test('another page cannot sign anybody in or out', async () => {
    const { ask, signIn } = await start({ password: hash });
    const foreign = { origin: 'https://evil.example', host: 'gateway:8081' };
    expect((await signIn(password, foreign)).status).toBe(400);
    const cookie = cookieIn(await signIn(password));
    expect((await ask('/logout', { cookie, ...foreign }, '')).status).toBe(400);
    expect((await ask('/', { cookie })).status).toBe(200);
  });

  test('a program has it by Basic, whatever its user is called', async () => {
    const { ask } = await start({ password: hash });
    for (const path of ['/metrics', '/readyz', '/status.json', '/'])
      expect((await ask(path, basic(password))).status, path).toBe(200);
    expect((await ask('/metrics', basic('wrong password'))).status).toBe(401);
    expect((await ask('/metrics', { authorization: 'Basic !' })).status).toBe(401);
  });

  test('after five wrong ones it waits, also for the right one, and says for how long', async () => {
    const { ask, signIn, record } = await start({ password: hash });
    const tries = await Promise.all(Array.from({ length: 7 }, () => signIn('wrong password')));
    expect(tries.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      403, 403, 403, 403, 403, 429, 429,
    ]);
    const late = await signIn(password);
    expect(late.status).toBe(429);
    expect(late.body).toContain('Too many wrong passwords: wait 60 s');
    expect(late.headers['set-cookie']).toBeUndefined();
    const program = await ask('/metrics', basic(password));
    expect(program.status).toBe(429);
    expect(Number(program.headers['retry-after'])).toBeGreaterThan(50);
    expect(record.entries.filter(({ event }) => event === 'admin_refused')[0]).toMatchObject({
      level: 'warn',
      client: '127.0.0.1',
    });
    expect(record.text).not.toContain('wrong password"');
  });

  test('who has to wait cannot guess the one that a scraper sends all the time', async () => {
    const { ask, signIn } = await start({ password: hash, trustedProxies: ['127.0.0.1'] });
    const from = (address: string) => ({ 'x-forwarded-for': address });
    const scrape = async () =>
      (await ask('/metrics', { ...basic(password), ...from('192.0.2.9') })).status;
    expect(await scrape()).toBe(200);
    for (let count = 0; count < 5; count += 1) await signIn('wrong password', from('192.0.2.1'));
    expect((await signIn(password, from('192.0.2.1'))).status).toBe(429);
    expect(await scrape()).toBe(200);
  });

  test('a password that is replaced while it is looked up lets nobody in', async () => {
    const another = parsePasswordHash(await hashPassword('another one 12345'))!;
    // The one before was looked up just now, so theirs is next.
    const warn = () => door.replacePassword(another);
    const { ask, signIn, door } = await start({ password: hash, refusals: { warn } });
    const answers = await Promise.all([
      ask('/', basic('wrong password')),
      ask('/', basic(password)),
      signIn(password),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 403]);
    expect(answers[2].headers['set-cookie']).toBeUndefined();
  });

  test('a stream that a program has opened ends with the password, too', async () => {
    const stillIn: (() => boolean)[] = [];
    const { ask, door } = await start({ password: hash }, (ctx) =>
      stillIn.push(() => door.isStillIn(ctx)),
    );
    expect((await ask('/', basic(password))).status).toBe(200);
    expect(stillIn.map((each) => each())).toEqual([true]);
    door.replacePassword(parsePasswordHash(await hashPassword('another one 12345'))!);
    expect(stillIn.map((each) => each())).toEqual([false]);
  });

  test('who is behind a trusted proxy waits alone', async () => {
    const { signIn } = await start({ password: hash, trustedProxies: ['127.0.0.1'] });
    const from = (address: string) => ({ 'x-forwarded-for': address });
    for (let count = 0; count < 5; count += 1) await signIn('wrong password', from('192.0.2.1'));
    expect((await signIn(password, from('192.0.2.1'))).status).toBe(429);
    expect((await signIn(password, from('192.0.2.2'))).status).toBe(303);
  });

  test('with another password nobody is signed in any more', async () => {
    const { ask, signIn, door } = await start({ password: hash });
    const cookie = cookieIn(await signIn(password));
    door.replacePassword(parsePasswordHash(await hashPassword('another one 12345'))!);
    expect((await ask('/', { cookie })).status).toBe(401);
    expect((await ask('/', basic(password))).status).toBe(401);
    expect((await signIn('another one 12345')).status).toBe(303);
  });

  test('on a loopback address metrics and health need none, the page does', async () => {
    const { ask } = await start({ place: 'loopback', password: hash });
    for (const path of ['/metrics', '/livez', '/readyz'])
      expect((await ask(path)).status, path).toBe(200);
    expect((await ask('/metrics', { host: 'evil.example' })).status).toBe(400);
    expect((await ask('/')).status).toBe(401);
    expect((await ask('/status.json')).status).toBe(401);
  });

  test('at a socket, too, all of it needs the password', async () => {
    const { ask } = await start({ place: 'socket', password: hash });
    expect((await ask('/')).status).toBe(401);
    expect((await ask('/metrics')).status).toBe(401);
    expect((await ask('/metrics', basic(password))).status).toBe(200);
  });
});

describe('with a user that a proxy names', () => {
  const userHeader = 'Remote-User';

  test('who comes by a trusted proxy is in', async () => {
    const { ask } = await start({ userHeader, trustedProxies: ['127.0.0.1'] });
    const { status, body } = await ask('/', { 'remote-user': 'anna' });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ hasSession: false });
    expect((await ask('/', { 'remote-user': '' })).status).toBe(401);
    expect((await ask('/')).body).toBe('the proxy has to name the user\n');
  });

  test('from anywhere else the header is worth nothing', async () => {
    const { ask } = await start({ userHeader, trustedProxies: ['192.0.2.7'] });
    expect((await ask('/', { 'remote-user': 'anna' })).status).toBe(401);
    // What a proxy appends is no connection from it.
    const headers = { 'remote-user': 'anna', 'x-forwarded-for': '192.0.2.7' };
    expect((await ask('/', headers)).status).toBe(401);
    expect((await ask('/metrics', headers)).status).toBe(401);
  });
});

describe('sessions', () => {
  const hour = 3_600_000;

  test('end after twelve hours without a request, and after seven days in any case', () => {
    const sessions = new Sessions();
    const token = sessions.begin(0);
    for (let now = 0; now < 7 * 24 * hour; now += 11 * hour)
      expect(sessions.has(token, now)).toBe(true);
    expect(sessions.has(token, 7 * 24 * hour)).toBe(false);
    const idle = sessions.begin(0);
    expect(sessions.has(idle, 12 * hour)).toBe(false);
  });

  test('are 64 at most; who was here longest ago gives way', () => {
    const sessions = new Sessions();
    const tokens = Array.from({ length: 64 }, () => sessions.begin(0));
    sessions.has(tokens[0]!, 1);
    sessions.begin(2);
    expect(tokens.map((token) => sessions.has(token, 3))).toEqual(
      tokens.map((_, index) => index !== 1),
    );
  });
});

describe('tries', () => {
  const minute = 60_000;

  test('the wait after five doubles to an hour, and ends with a right one', () => {
    const tries = new Tries();
    const waits: number[] = [];
    for (let count = 0, now = 0; count < 13; count += 1) {
      tries.failed('a', now);
      waits.push(tries.waitMs('a', now) / minute);
      // Long enough for what all addresses share.
      now += 61 * minute;
    }
    expect(waits).toEqual([0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(tries.waitMs('b', 13 * 61 * minute)).toBe(0);
    tries.succeeded('a');
    tries.failed('a', 14 * 61 * minute);
    expect(tries.waitMs('a', 14 * 61 * minute)).toBe(0);
  });

  test('many addresses together have fifty at once, and then one a minute', () => {
    const tries = new Tries();
    for (let count = 0; count < 49; count += 1) tries.failed(`a${count}`, 0);
    expect(tries.waitMs('new', 0)).toBe(0);
    tries.failed('a49', 0);
    expect(tries.waitMs('new', 0)).toBe(minute);
    expect(tries.waitMs('new', minute)).toBe(0);
  });

  test('they do not keep out who had it right before', () => {
    const tries = new Tries();
    tries.succeeded('scraper');
    for (let count = 0; count < 60; count += 1) tries.failed(`a${count}`, 0);
    expect(tries.waitMs('new', 0)).toBeGreaterThan(0);
    expect(tries.waitMs('scraper', 0)).toBe(0);
    for (let count = 0; count < 5; count += 1) tries.failed('scraper', 0);
    expect(tries.waitMs('scraper', 0)).toBe(minute);
    for (let count = 0; count < 16; count += 1) tries.succeeded(`b${count}`);
    tries.succeeded('c');
    expect(tries.waitMs('b0', 0)).toBeGreaterThan(0);
    expect(tries.waitMs('b1', 0)).toBe(0);
  });
});
