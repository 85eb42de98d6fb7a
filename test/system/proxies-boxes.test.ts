import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { RecordEntry } from '../../src/simulator/record.js';
import { Rig } from '../e2e/rig.js';
import { type Answer, type ProxyKind, ReverseProxy } from './proxies-rig.js';

/**
 * Two boxes behind each proxy, as docs/proxy.md has it. Judged by what the network of both took: no
 * message twice, and each 200 once.
 */
const kinds: readonly ProxyKind[] = ['haproxy', 'nginx', 'caddy'];

let boxes: Rig[] = [];
let proxy: ReverseProxy;
let bearer: { authorization: string };
let sent = 0;

async function start(kind: ProxyKind): Promise<void> {
  boxes = [await Rig.start(), await Rig.start()];
  proxy = await ReverseProxy.start(
    kind,
    boxes.map(({ port }) => port),
  );
  bearer = { authorization: `Bearer ${boxes[0]!.token}` };
  // What nothing was measured of is taken to need 4 s a message, and soon refuses.
  await Promise.all(
    boxes.map((box) => box.post({ body: 'the first', recipient: '+4915199999999' })),
  );
}

afterEach(async () => {
  await proxy.stop();
  for (const box of boxes) await box.stop();
});

interface Told extends Answer {
  text: string;
}

/** One message to a number and with a text of its own. */
async function post(pad = ''): Promise<Told> {
  sent += 1;
  const text = `Your code is ${100_000 + sent}`;
  const recipient = `+4915${String(sent).padStart(9, '0')}`;
  const body = JSON.stringify({ recipient, body: text, pad });
  const answer = await proxy.call({ headers: bearer, body });
  return { ...answer, text };
}

/** How often the networks of both boxes have taken this text. */
const taken = (text: string): number =>
  boxes.flatMap((box) => box.texts()).filter((each) => each === text).length;

function judge(answers: readonly Told[]): void {
  for (const { status, text } of answers) {
    const times = taken(text);
    if (status === 200) expect(times, text).toBe(1);
    else if (status === 594 || status === 504) expect(times, text).toBeLessThanOrEqual(1);
    else expect(times, `${status} ${text}`).toBe(0);
  }
}

/** Messages at an even pace for a while. */
async function stream(count: number, everyMs: number): Promise<Told[]> {
  const asked: Promise<Told>[] = [];
  for (let index = 0; index < count; index += 1) {
    asked.push(post());
    await pause(everyMs);
  }
  return Promise.all(asked);
}

const statuses = (answers: readonly Answer[]): number[] =>
  [...new Set(answers.map(({ status }) => status))].sort((a, b) => a - b);

const hasBegun = {
  prompt: (entry: RecordEntry) => entry.kind === 'command' && entry.line.startsWith('AT+CMGS='),
  ctrl_z: (entry: RecordEntry) => entry.kind === 'ctrl_z',
};

/** Posts a message, and kills the box that has it when its modem has come so far. */
async function killAt(stage: keyof typeof hasBegun): Promise<Told> {
  const counts = () => boxes.map((box) => box.modem.record().filter(hasBegun[stage]).length);
  const before = counts();
  const answer = post();
  const which = () => counts().findIndex((count, index) => count > before[index]!);
  await expect.poll(which, { timeout: 20_000 }).toBeGreaterThanOrEqual(0);
  await boxes[which()]!.daemon.end('SIGKILL');
  return answer;
}

describe.each(kinds)('two boxes behind %s', (kind) => {
  test('share what comes at once, each message once', async () => {
    await start(kind);
    const answers = await Promise.all(Array.from({ length: 10 }, () => post()));
    expect(statuses(answers)).toEqual([200]);
    judge(answers);
    for (const box of boxes) expect(box.texts().length).toBeGreaterThanOrEqual(3);
  });

  test('of which one is dead: the other has what comes', async () => {
    await start(kind);
    await boxes[0]!.daemon.end('SIGKILL');
    const answers = await stream(8, 100);
    // Caddy cannot pass one on, and marks the box with it.
    const lost = answers.filter(({ status }) => kind === 'caddy' && status === 591);
    expect(lost.length).toBeLessThanOrEqual(2);
    expect(statuses(answers.filter((answer) => !lost.includes(answer)))).toEqual([200]);
    judge(answers);
    expect(boxes[1]!.texts()).toHaveLength(9 - lost.length);
  });

  test('of which one dies before its Ctrl-Z: unknown, and never passed on', async () => {
    await start(kind);
    for (const box of boxes) await box.modem.control({ fault: 'prompt-late:5000', submits: 1 });
    const told = await killAt('prompt');
    expect([told.status, JSON.parse(told.body)]).toMatchObject([
      594,
      { code: 'gateway_silent', status: 594, submitted: 'unknown' },
    ]);
    judge([told]);
    expect(taken(told.text)).toBe(0);
  });

  test('of which one dies after its Ctrl-Z: unknown, sent once, and never passed on', async () => {
    await start(kind);
    for (const box of boxes) await box.modem.control({ fault: 'late:4000', submits: 1 });
    const told = await killAt('ctrl_z');
    expect(told.status).toBe(594);
    await expect.poll(() => taken(told.text), { timeout: 20_000 }).toBe(1);
    judge([told]);
  });

  test('of which one is stopped as systemctl does: what it has it ends, and what comes goes to the other', async () => {
    await start(kind);
    for (const box of boxes) await box.modem.control({ fault: 'late:600', submits: 1 });
    const answers = stream(20, 200);
    await pause(1_000);
    await boxes[0]!.daemon.end('SIGTERM');
    const told = await answers;
    // Only HAProxy gives to the other what a box that is stopping refuses.
    // One that Caddy could not connect, it passes on to nobody.
    const others = told.filter(
      ({ status }) =>
        !(kind !== 'haproxy' && status === 503) && !(kind === 'caddy' && status === 591),
    );
    expect(others.filter(({ status }) => status !== 200)).toEqual([]);
    judge(told);
    expect(boxes[0]!.texts().length).toBeGreaterThan(0);
  });

  test('which are both dead: 591, surely not sent', async () => {
    await start(kind);
    for (const box of boxes) await box.daemon.end('SIGKILL');
    const told = await post();
    expect([told.status, JSON.parse(told.body)]).toMatchObject([
      591,
      { code: 'gateway_unreachable', status: 591, submitted: 'no' },
    ]);
    expect(told.headers['content-type']).toBe('application/problem+json');
  });
});

describe('HAProxy alone', () => {
  test('passes on what a box refuses with 503, whole, and once', async () => {
    await start('haproxy');
    await boxes[0]!.modem.control({ hangup: true, power: 'kept', reattach_ms: 60_000 });
    await boxes[0]!.until((line) => line.event === 'modem' && line.phase === 'absent');
    // Before any look at its health: as many as fit into two seconds, and with as much as may be.
    const answers = await Promise.all(Array.from({ length: 4 }, () => post('x'.repeat(65_000))));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    judge(answers);
  });

  test('says 503 as the second box has it, where none can', async () => {
    await start('haproxy');
    for (const box of boxes) {
      await box.modem.control({ hangup: true, power: 'kept', reattach_ms: 60_000 });
      await box.until((line) => line.event === 'modem' && line.phase === 'absent');
    }
    const told = await post();
    // Until their health is looked at they are asked; from then on there is no box.
    expect([503, 591]).toContain(told.status);
    judge([told]);
  });

  test('has each box answer within 13 s, and a caller who wants it sooner is heard', async () => {
    await start('haproxy');
    const asked = async (prefer?: string) => {
      const body = JSON.stringify({ recipient: '+4915112345678', body: 'x' });
      const headers = { ...bearer, ...(prefer !== undefined && { prefer }) };
      return (await proxy.call({ headers, body })).headers['preference-applied'];
    };
    expect(await asked()).toBe('wait=13');
    expect(await asked('wait=5')).toBe('wait=5');
    expect(await asked('wait=25')).toBe('wait=13');
    expect(await asked('respond-async, wait=25')).toBe('wait=13');
  });

  test('answers 594 for a box that hangs, after 14 s, and gives it to no other', async () => {
    await start('haproxy');
    for (const box of boxes) box.daemon.signal('SIGSTOP');
    const told = await post();
    for (const box of boxes) box.daemon.signal('SIGCONT');
    expect(told.status).toBe(594);
    expect(told.tookMs).toBeGreaterThan(13_000);
    expect(told.tookMs).toBeLessThan(20_000);
    // Who asked has left: a box that goes on does not start it.
    await pause(2_000);
    expect(taken(told.text)).toBe(0);
  });

  test('lets through its paths only, no more than 64 KiB, and nothing in the clear', async () => {
    await start('haproxy');
    const call = async (over: Parameters<ReverseProxy['call']>[0]) =>
      (await proxy.call({ headers: bearer, body: '{}', ...over })).status;
    for (const path of ['/readyz', '/livez', '/SMS', '/x/../sms', '/sms/', '/metrics', '/sms%0a'])
      expect(await call({ path }), path).toBe(404);
    expect(await call({ inClearTo: proxy.httpPort })).toBe(404);
    expect(await call({ body: 'x'.repeat(65_537) })).toBe(413);
    expect(await call({ body: ['x'.repeat(40_000), 'x'.repeat(40_000)] })).toBe(413);
    expect(await call({ method: 'OPTIONS' })).toBe(405);
    expect(await call({ path: '/sms?x=1' })).toBe(400);
  });

  test('writes no token, no text and no number into its log', async () => {
    await start('haproxy');
    await post('secret text');
    await proxy.call({ path: '/none?15112345678', headers: bearer, body: 'secret text' });
    await expect.poll(() => proxy.logs()).toContain('/none');
    const logs = proxy.logs();
    expect(logs).toMatch(/"POST \/sms" 200 box=box[12] tries=0/);
    for (const word of [boxes[0]!.token.slice(-40), 'secret text', 'Your code', '15112345'])
      expect(logs).not.toContain(word);
  });
});
