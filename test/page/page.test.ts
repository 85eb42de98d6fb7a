import { expect, test } from 'vitest';
import { goodModem, goodState, readUntil, rowOf, startPage } from './support/page.js';

const text = async (url: string, headers: Record<string, string> = {}) =>
  (await fetch(url, { headers })).text();

/** As a reader without markup sees it. */
const words = (html: string) => html.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');

test('one sentence says that codes go out, and a card how each modem is', async () => {
  const { url } = await startPage();
  const page = words(await text(`${url}/`));
  expect(page).toContain('Ready: 1 of 1 modem.');
  expect(page).toContain('Last code 40 s ago, accepted in 3.1 s.');
  expect(page).toMatch(/main ● ready for 60 min|main ● ready for 1 h 0 min/);
  expect(page).toContain('Signal -71 dBm, strong');
  expect(page).toContain('Segments in 24 h 40 of 50');
});

test('what stops codes stands first, with its remedy, and in the title', async () => {
  const { url, look } = await startPage();
  const gone = {
    check: 'sim',
    level: 'error',
    what: 'modem main is unlocking: no SIM',
    remedy: 'put one in',
  } as const;
  const modem = { ...goodModem, isAble: false, phase: 'unlocking', obstacles: [gone] };
  look.state = { ...goodState, health: { grade: 'down', obstacles: [gone] }, modems: [modem] };
  const html = await text(`${url}/`);
  expect(words(html)).toContain('NOT ready: Modem main is unlocking: no SIM. Put one in.');
  expect(html).toContain('<title>Now · simgate: NOT ready</title>');
  // Said once above, and in the modem's card; what else there is follows.
  expect(words(html).match(/Modem main is unlocking: no SIM/g)).toHaveLength(2);
  expect(words(html)).toContain('None but what stands above.');
  expect(words(html)).toContain('main ✖ unlocking not ready for');
});

test('open alerts are in the headline of each view', async () => {
  const { url, look } = await startPage();
  const alerts = ['credit is low', 'a cap is nearly full'].map((what) => ({ what, sinceMs: 0 }));
  look.state = { ...goodState, alerts };
  for (const view of ['', 'messages', 'history', 'policy', 'callers'])
    expect(words(await text(`${url}/${view}`))).toContain('Ready: 1 of 1 modem. 2 open alerts .');
});

test('an empty page says so', async () => {
  const { url } = await startPage();
  expect(words(await text(`${url}/messages`))).toContain('No message yet.');
  expect(words(await text(`${url}/messages?status=200`))).toContain(
    'No message in the journal is like that.',
  );
  expect(words(await text(`${url}/history`))).toContain('seven days: 0; in the fullest hour 0.');
});

test('it says whom alerts reach, and whom not', async () => {
  const { url, look } = await startPage();
  look.state = { ...goodState, ways: [] };
  expect(words(await text(`${url}/`))).toContain('Nobody is told of alerts');
  const alerts = [
    { what: 'credit is low', remedy: 'top it up', sinceMs: goodState.nowMs - 60_000 },
  ];
  const ways = [{ name: 'mail' }, { name: 'hook', failing: 'no answer' }];
  look.state = { ...goodState, alerts, ways };
  const page = words(await text(`${url}/`));
  expect(page).toContain('Alert, for 60 s : Credit is low. Top it up.');
  const inbound = {
    spooled: 2,
    delivered: 7,
    expired: 1,
    lost: 3,
    isFull: true,
    lastFailure: '503',
  };
  look.state = { ...goodState, inbound };
  expect(words(await text(`${url}/`))).toContain(
    'Received SMS: 7 passed on, 2 wait, 1 given up, 3 lost. The spool is full: what comes is left on the SIM. The receiver did not take the last one: 503.',
  );
  expect(page).toContain('Told by: mail, hook (NOT REACHED: no answer).');
});

test('it is HTML for browsers and curl, JSON for who asks for it, and both under the same rules', async () => {
  const { url } = await startPage();
  for (const accept of ['text/html,*/*;q=0.8', '*/*'])
    expect(await text(`${url}/`, { accept })).toMatch(/^<!doctype html>/);
  expect(JSON.parse(await text(`${url}/`, { accept: 'application/json' }))).toEqual({
    version: '0.1.0',
  });
  expect(JSON.parse(await text(`${url}/status.json`))).toEqual({ version: '0.1.0' });
  const { headers } = await fetch(`${url}/`);
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(headers.get('content-security-policy')).not.toContain('unsafe');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('referrer-policy')).toBe('same-origin');
});

test('all addresses are relative, and nothing stands in line', async () => {
  const { url, look } = await startPage();
  look.rows = [rowOf(1)];
  for (const view of ['', 'messages', 'history', 'policy', 'callers']) {
    const html = await text(`${url}/${view}`);
    const addresses = [...html.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(([, at]) => at!);
    expect(addresses.length).toBeGreaterThan(7);
    expect(addresses.filter((at) => /^\/|:/.test(at))).toEqual([]);
    expect(html).not.toMatch(/style=|<style|<script>|\son\w+=/);
  }
});

test('a browser without script looks again by itself, but not where a form was posted', async () => {
  const { url } = await startPage();
  const refresh = '<noscript><meta http-equiv="refresh" content="10"></noscript>';
  expect(await text(`${url}/`)).toContain(refresh);
  const posted = await fetch(`${url}/messages`, { method: 'POST', body: 'to=%2B4915112345667' });
  expect(await posted.text()).not.toContain('refresh');
});

test('a modem’s words are shown, and run nowhere', async () => {
  const { url, look } = await startPage();
  const operator = '<img src=x onerror=alert(1)>"\'& +49 151 1234567';
  look.state = { ...goodState, modems: [{ ...goodModem, operator, reason: '</p><script>' }] };
  const html = await text(`${url}/`);
  expect(html).not.toContain('<img');
  expect(html).not.toContain('</p><script>');
  expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp; +49…67');
});

test('only what changed is told, and what merely counts up is no change', async () => {
  const { url, look } = await startPage();
  const stream = await fetch(`${url}/events?view=now`);
  expect(stream.headers.get('content-type')).toContain('text/event-stream');
  expect(stream.headers.get('x-accel-buffering')).toBe('no');
  const later = setTimeout(() => {
    const modem = { ...goodModem, phase: 'lost', isAble: false };
    // Its seconds have changed, too.
    look.state = { ...goodState, nowMs: goodState.nowMs + 5_000, modems: [modem] };
  }, 1_300);
  const told = await readUntil(stream, (seen) => seen.includes('lost'));
  clearTimeout(later);
  const ids = [...told.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id);
  expect(ids).toEqual([
    'verdict',
    'last',
    'alerts',
    'queue',
    'modem-main',
    'verdict',
    'modem-main',
  ]);
});

test('a stream outlives the time that a request may take', async () => {
  const { url, look } = await startPage({}, { requestTimeoutMs: 100, headersTimeoutMs: 100 });
  const stream = await fetch(`${url}/events?view=callers`);
  setTimeout(() => {
    look.state = { ...goodState, waiting: 1, health: { grade: 'degraded', obstacles: [] } };
  }, 1_500);
  expect(await readUntil(stream, (seen) => seen.includes('with trouble'))).toContain('verdict');
});

test('new rows are told to those who look at messages', async () => {
  const { url, look } = await startPage();
  look.rows = [rowOf(1)];
  const stream = await fetch(`${url}/events?view=messages`);
  setTimeout(() => {
    look.rows = [rowOf(1), rowOf(2, { modem: 'spare' })];
  }, 1_200);
  const told = await readUntil(stream, (seen) => seen.includes('event: row'));
  expect(told).toContain('data-modem=\\"spare\\"');
  expect(told).not.toContain(rowOf(1).id);
});

test('what came since the page was made, or a stream was lost, is told by the next one', async () => {
  const { url, look } = await startPage();
  look.rows = [rowOf(1)];
  const [, onScreen] = /data-change="(\d+)"/.exec(await text(`${url}/messages`))!;
  look.rows = [rowOf(1), rowOf(2)];
  const isTold = (seen: string) => /id: \d+/.test(seen);
  const first = await fetch(`${url}/events?view=messages&after=${onScreen}`);
  const told = await readUntil(first, isTold);
  expect(told).toContain(rowOf(2).id);
  expect(told).not.toContain(rowOf(1).id);
  look.rows = [rowOf(1), rowOf(2), rowOf(3)];
  // As a browser asks again by itself, at the same address.
  const again = await fetch(`${url}/events?view=messages&after=${onScreen}`, {
    headers: { 'last-event-id': /id: (\d+)/.exec(told)![1]! },
  });
  const more = await readUntil(again, isTold);
  expect(more).toContain(rowOf(3).id);
  expect(more).not.toContain(rowOf(2).id);
});

test('a journal that is begun anew is followed from its beginning', async () => {
  const { url, look } = await startPage();
  look.rows = [rowOf(1)];
  const stream = await fetch(`${url}/events?view=messages&after=5000`);
  setTimeout(() => {
    look.rows = [rowOf(1), rowOf(2)];
  }, 1_200);
  const told = await readUntil(stream, (seen) => seen.includes('event: row'));
  expect(told).toContain(rowOf(2).id);
});

test('sixteen may look on; the next one is refused, and has a place when another goes', async () => {
  const { url } = await startPage();
  const leaving = new AbortController();
  const streams = await Promise.all(
    Array.from({ length: 16 }, (_, index) =>
      fetch(`${url}/events?view=now`, index === 0 ? { signal: leaving.signal } : {}),
    ),
  );
  expect(streams.map(({ status }) => status)).toEqual(Array(16).fill(200));
  const refused = await fetch(`${url}/events?view=now`);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  leaving.abort();
  let status = 503;
  while (status === 503) ({ status } = await fetch(`${url}/events?view=now`));
  expect(status).toBe(200);
});

test('streams end first when the listener stops, which then is quick', async () => {
  const { url, close } = await startPage();
  const stream = await fetch(`${url}/events?view=now`);
  const before = performance.now();
  await close(60_000);
  await stream.text();
  expect(performance.now() - before).toBeLessThan(30_000);
  await expect(fetch(`${url}/`)).rejects.toThrow();
});

test('a view that is none has no stream', async () => {
  const { url } = await startPage();
  expect((await fetch(`${url}/events?view=nothing`)).status).toBe(404);
  expect((await fetch(`${url}/events`)).status).toBe(404);
  expect((await fetch(`${url}/events?view=now`, { method: 'HEAD' })).status).toBe(200);
});
