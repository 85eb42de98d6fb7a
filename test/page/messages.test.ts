import { expect, test, vi } from 'vitest';
import { sendErrorCodes } from '../../src/errors.js';
import type { LogFilter } from '../../src/journal/entries.js';
import { JournalFault } from '../../src/journal/faults.js';
import type { Journal } from '../../src/journal/journal.js';
import { cell } from '../../src/page/csv.js';
import { remedies } from '../../src/page/meanings.js';
import { queryString, readQuery } from '../../src/page/message-query.js';
import { rowOf, startPage } from './support/page.js';

const search = (url: string, to: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/messages`, { method: 'POST', body: new URLSearchParams({ to }), headers });

test('a row says what its code means, and what to do', async () => {
  const { url, look } = await startPage();
  const outcome = { status: 502, code: 'network_refused', causeCode: 'CMS 38', submitted: 'no' };
  look.rows = [rowOf(1, { outcome: outcome as never })];
  const html = await (await fetch(`${url}/messages`)).text();
  expect(html).toContain('502 network_refused (CMS 38)');
  expect(html).toContain('The network or the modem refused the message');
  expect(html).toContain(remedies.network_refused);
  expect(Object.keys(remedies).sort()).toEqual([...sendErrorCodes].sort());
});

test('what the network reports stands beside its verdict', async () => {
  const { url, look } = await startPage();
  const delivery = { state: 'delivered', status: 0, atMs: 0, tookMs: 4_200, segments: [] } as const;
  look.rows = [
    rowOf(1, { isReportAsked: true }),
    rowOf(2, { isReportAsked: true, delivery }),
    rowOf(3, { isReportAsked: true, delivery: { ...delivery, state: 'expired', status: 0x46 } }),
  ];
  const html = (await (await fetch(`${url}/messages`)).text()).replace(/<[^>]*>/g, '');
  expect(html).toContain('no report yet');
  expect(html).toContain('● delivered in 4.2 s');
  expect(html).toContain('✖ expired (TP-ST 46)');
  const csv = (await (await fetch(`${url}/messages.csv`)).text()).split('\r\n').slice(1, 4);
  expect(csv.map((line) => line.split(',').slice(-2))).toEqual([
    ['none', ''],
    ['delivered', '4200'],
    ['expired', '4200'],
  ]);
});

test('the filter is in the address, and is what the journal is asked for', async () => {
  const { url, asked } = await startPage();
  const filter = 'status=504&code=outcome_unknown&modem=main&caller=auth0&country=DE';
  await fetch(`${url}/messages?${filter}&from=2026-11-30T01:00&until=2026-11-30T02:00`);
  expect(asked[0]).toEqual({
    status: 504,
    code: 'outcome_unknown',
    modem: 'main',
    caller: 'auth0',
    country: 'DE',
    sinceMs: Date.UTC(2026, 10, 30, 1),
    untilMs: Date.UTC(2026, 10, 30, 2),
    before: undefined,
    limit: 101,
  });
});

test('what is no filter asks for nothing, and what is one survives its address', () => {
  const nonsense = 'status=9&code=x&modem=%3Cb%3E&country=de&from=yesterday&before=1';
  expect(Object.values(readQuery(new URLSearchParams(nonsense)))).toEqual(Array(8).fill(undefined));
  const query = readQuery(new URLSearchParams(`status=200&before=17.${rowOf(1).id}&modem=a.b`));
  expect(query).toMatchObject({ status: 200, modem: 'a.b', before: { atMs: 17 } });
  expect(readQuery(new URLSearchParams(queryString(query)))).toEqual(query);
});

test('older ones are behind a link that goes on where the page ended', async () => {
  const { url, look } = await startPage();
  look.rows = Array.from({ length: 101 }, (_, index) => rowOf(index + 1));
  const html = await (await fetch(`${url}/messages?status=200`)).text();
  const { atMs, id } = rowOf(100);
  expect(html).toContain(`href="messages?status=200&amp;before=${atMs}.${id}"`);
  look.rows = look.rows.slice(1);
  expect(await (await fetch(`${url}/messages`)).text()).not.toContain('before=');
});

test('a whole number is looked up by its HMAC, and stands nowhere afterwards', async () => {
  const { url, look, asked } = await startPage();
  look.rows = [rowOf(1)];
  const response = await search(url, '+49 151 12345667');
  expect(response.status).toBe(200);
  const html = await response.text();
  expect(asked).toEqual([{ recipientHmac: 'hmac(recipient,+4915112345667)', limit: 100 }]);
  expect(html).toContain('+49…67');
  expect(html).not.toContain('12345667');
});

test('it is asked by this page only', async () => {
  const { url, asked } = await startPage();
  const status = async (headers: Record<string, string>) =>
    (await search(url, '+4915112345667', headers)).status;
  expect(await status({ origin: 'https://evil.example' })).toBe(400);
  expect(await status({ origin: 'null' })).toBe(400);
  expect(await status({ 'sec-fetch-site': 'cross-site' })).toBe(400);
  expect(await status({ 'sec-fetch-site': 'same-site' })).toBe(400);
  expect(asked).toEqual([]);
  expect(await status({ origin: url })).toBe(200);
  // Behind a proxy the Host may be another.
  expect(await status({ 'sec-fetch-site': 'same-origin', origin: 'https://sms.example' })).toBe(
    200,
  );
});

test('it is asked so often and no more', async () => {
  const { url, asked } = await startPage();
  for (let count = 0; count < 12; count += 1) await search(url, '+4915112345667');
  expect(asked).toHaveLength(10);
  expect(await (await search(url, '+4915112345667')).text()).toContain('Too many searches');
});

test('where any user of the machine could ask, nobody may', async () => {
  const { url, look, asked } = await startPage();
  look.noSearch = 'not here';
  const html = await (await search(url, '+4915112345667')).text();
  expect(html).toContain('not here');
  expect(html).not.toContain('type="tel"');
  expect(asked).toEqual([]);
});

test('what is no number is told without it', async () => {
  const { url, asked } = await startPage();
  const html = await (await search(url, '0151 1234567')).text();
  expect(html).toMatch(/The number .*E\.164/);
  expect(html).not.toContain('1234567');
  expect(asked).toEqual([]);
});

test('the CSV has a line for each row, and no formula', async () => {
  const { url, look } = await startPage();
  look.rows = [rowOf(1), rowOf(2, { outcome: undefined } as never)];
  const response = await fetch(`${url}/messages.csv?status=200`);
  expect(response.headers.get('content-type')).toContain('text/csv');
  expect(response.headers.get('content-disposition')).toContain('attachment');
  const [head, first, second, end] = (await response.text()).split('\r\n');
  expect(head).toMatch(/^time,id,caller,to,/);
  expect(first).toBe(
    `2026-11-30T02:59:59.000Z,${rowOf(1).id},auth0,"'+49…67",DE,main,1,ended,200,,,yes,12,3100,,,,,`,
  );
  expect(second).toContain(',sending,');
  expect(end).toBe('');
});

test('one CSV is made at a time, in pieces', async () => {
  const all = Array.from({ length: 10_250 }, (_, index) => rowOf(index + 1));
  let refused = 0;
  const asked: LogFilter[] = [];
  const query: Journal['query'] = async (filter) => {
    asked.push(filter);
    // So that the other one comes meanwhile.
    if (asked.length === 2) await vi.waitFor(() => expect(refused).toBe(1));
    const from = all.findIndex(({ id }) => id === filter.before?.id) + 1;
    return { rows: all.slice(from, from + (filter.limit ?? 0)), lastChange: 1 };
  };
  const { url } = await startPage({ journal: { query } });
  const both = await Promise.all(
    [1, 2].map(async () => {
      const response = await fetch(`${url}/messages.csv`);
      if (response.status === 503) refused += 1;
      return response;
    }),
  );
  expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 503]);
  const whole = await both.find(({ status }) => status === 200)!.text();
  expect(whole.split('\r\n'), 'all there is').toHaveLength(10_252);
  expect(asked[1]?.before).toEqual({ atMs: rowOf(100).atMs, id: rowOf(100).id });
  expect((await fetch(`${url}/messages.csv`)).status).toBe(200);
});

test('who leaves while the journal is read keeps nobody from the next CSV', async () => {
  let answer: () => void = () => undefined;
  const asks = { count: 0 };
  const query: Journal['query'] = async () => {
    asks.count += 1;
    if (asks.count === 2) await new Promise<void>((resolve) => (answer = resolve));
    return { rows: Array.from({ length: 100 }, (_, index) => rowOf(index + 1)), lastChange: 100 };
  };
  const { url } = await startPage({ journal: { query } });
  const leaving = new AbortController();
  await fetch(`${url}/messages.csv`, { signal: leaving.signal });
  await vi.waitFor(() => expect(asks.count).toBe(2));
  leaving.abort();
  // Time for the server to see it, in a loop that a request and its answer went through.
  for (let count = 0; count < 3; count += 1) await (await fetch(`${url}/livez`)).text();
  answer();
  const statusOfNext = async () => {
    const next = await fetch(`${url}/messages.csv`);
    await next.body?.cancel();
    return next.status;
  };
  await expect.poll(statusOfNext, { timeout: 10_000 }).toBe(200);
});

test('a CSV that the journal breaks off does not look like a whole one', async () => {
  let asks = 0;
  const query: Journal['query'] = async () => {
    asks += 1;
    if (asks === 2) throw new JournalFault({ kind: 'io', message: 'disk I/O error' });
    return { rows: Array.from({ length: 100 }, (_, index) => rowOf(index + 1)), lastChange: 100 };
  };
  const { url } = await startPage({ journal: { query } });
  await expect(fetch(`${url}/messages.csv`).then((broken) => broken.text())).rejects.toThrow();
});

test.each([
  ['=1+1', `"'=1+1"`],
  ['+49…67', `"'+49…67"`],
  ['-2', `"'-2"`],
  ['@SUM(A1)', `"'@SUM(A1)"`],
  [' \t=cmd|x', `"' \\u0009=cmd|x"`],
  ['＝1', `"'＝1"`],
  ['a "b", c', '"a ""b"", c"'],
  ['plain', 'plain'],
  ['+4915112345667', `"'+49…67"`],
])('the cell %j is %s', (value, shown) => {
  expect(cell(value)).toBe(shown);
});

test('the way to older ones keeps the seconds of the filter', async () => {
  const { url, look, asked } = await startPage();
  look.rows = Array.from({ length: 101 }, (_, index) => rowOf(index + 1));
  const html = await (await fetch(`${url}/messages?until=2026-11-30T03:15:27`)).text();
  const older = /href="(messages\?[^"]*before[^"]*)">Older/.exec(html)?.[1] ?? '';
  await fetch(`${url}/${older.replaceAll('&amp;', '&')}`);
  expect(asked.map(({ untilMs }) => untilMs)).toEqual(
    Array(2).fill(Date.parse('2026-11-30T03:15:27Z')),
  );
});
