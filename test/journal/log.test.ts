import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  localIso,
  logHeading,
  logLine,
  parseSince,
  type ShowLogOptions,
  showLog,
} from '../../src/cli/log.js';
import { openControlSocket } from '../../src/control/server.js';
import { OperatorError } from '../../src/errors.js';
import { openHmacKey } from '../../src/journal/hmac-key.js';
import type { Journal } from '../../src/journal/journal.js';
import { openJournalFile } from '../../src/journal/journal-file.js';
import { createLogCommand } from '../../src/journal/log-command.js';
import { createLog } from '../../src/log.js';
import { ended, folder, noonMs, open, refused, started } from './support/rig.js';

const number = '+4915112345667';

/** A journal behind a real control socket, and what the command prints. */
async function desk() {
  const state = folder();
  const hmac = await openHmacKey(join(state, 'hmac.key'));
  const rig = await open({ file: join(state, 'journal.db') });
  const socket = join(state, 'control.sock');
  const stream = new PassThrough().resume();
  const control = await openControlSocket({
    path: socket,
    commands: {
      status: async function* status() {
        yield { pid: process.pid };
      },
      log: createLogCommand({ journal: rig.journal, hmac, everyMs: 10 }),
    },
    log: createLog({ level: 'error', format: 'json', stream }),
  });
  onTestFinished(() => control?.close());
  const out: string[] = [];
  const notes: string[] = [];
  const into = (lines: string[]) =>
    new PassThrough({ encoding: 'utf8' }).on('data', (text: string) =>
      lines.push(...text.split('\n').slice(0, -1)),
    );
  const show = (options: Omit<ShowLogOptions, 'socket'>, signal?: AbortSignal) =>
    showLog({ socket, ...options }, into(out), into(notes), signal);
  return { ...rig, hmac, socket, show, out, notes };
}

const written = (journal: Journal) => vi.waitFor(() => expect(journal.state().pending).toBe(0));

test('a number is looked for by its HMAC, and the rows come oldest first', async () => {
  const { journal, hmac, show, out } = await desk();
  journal.ended(ended('a', { recipientHmac: hmac('recipient', number) }));
  journal.ended(refused('b', { recipientHmac: hmac('recipient', number), atMs: noonMs + 1 }));
  journal.ended(ended('c'));
  await written(journal);
  await show({ to: number, json: true });
  const rows = out.map((line) => JSON.parse(line) as object);
  expect(rows).toEqual([
    {
      at: '2026-11-15T12:00:00.000Z',
      id: 'a',
      caller: 'urn:Auth0',
      recipient: '+49…67',
      segments: 1,
      modem: 'main',
      state: 'ended',
      status: 200,
      submitted: 'yes',
      references: [7],
      waited_ms: 13,
      took_ms: 3400,
    },
    expect.objectContaining({ id: 'b', status: 429, code: 'rate_limited', submitted: 'no' }),
  ]);
  expect(out.join('')).not.toContain(number.slice(3, -2));
});

test('a number is found in every spelling that reaches the same phone, and with the words of an earlier version masked', async () => {
  const { journal, hmac, show, out } = await desk();
  const outcome = {
    status: 502,
    code: 'network_refused',
    causeCode: 'CMS barred +4915112345678',
    submitted: 'no',
  } as const;
  journal.ended(ended('a', { recipientHmac: hmac('recipient', '+525512345678'), outcome }));
  await written(journal);
  for (const to of ['+52 55 1234 5678', '+52 1 55 1234 5678']) await show({ to, json: true });
  expect(out.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ id: 'a', cause_code: 'CMS barred +49…78' }),
    expect.objectContaining({ id: 'a' }),
  ]);
});

test('status, code, time and caller choose', async () => {
  const { journal, show, out } = await desk();
  journal.ended(ended('a', { atMs: noonMs - 10_000 }));
  journal.ended(ended('b'));
  journal.ended(refused('c'));
  await written(journal);
  const ids = async (options: Omit<ShowLogOptions, 'socket'>) => {
    out.length = 0;
    await show({ ...options, json: true });
    return out.map((line) => (JSON.parse(line) as { id: string }).id);
  };
  expect(await ids({ status: 200 })).toEqual(['a', 'b']);
  expect(await ids({ status: 200, sinceMs: noonMs - 1 })).toEqual(['b']);
  expect(await ids({ code: 'rate_limited' })).toEqual(['c']);
  journal.ended(ended('d', { caller: 'staging' }));
  await written(journal);
  expect(await ids({ caller: 'staging' })).toEqual(['d']);
  expect(await ids({ caller: 'nobody' })).toEqual([]);
});

test('it is said when there are older rows, or none', async () => {
  const { journal, show, out, notes } = await desk();
  await show({});
  expect(notes).toEqual([expect.stringMatching(/^no message/)]);
  for (const id of ['a', 'b', 'c']) journal.ended(ended(id));
  await written(journal);
  notes.length = 0;
  await show({ limit: 3 });
  expect(notes).toEqual([]);
  await show({ limit: 2 });
  expect(notes).toEqual([expect.stringMatching(/^older messages are not shown/)]);
  expect(out.filter((line) => line === logHeading)).toHaveLength(3);
});

test('who follows sees each row as it is written and as it changes, until it leaves', async () => {
  const { journal, show, out } = await desk();
  journal.ended(ended('old'));
  await written(journal);
  const leave = new AbortController();
  const following = show({ follow: true, json: true }, leave.signal);
  const seen = () =>
    out
      .map((line) => JSON.parse(line) as { id: string; state: string })
      .map(({ id, state }) => `${id} ${state}`);
  await vi.waitFor(() => expect(seen()).toEqual(['old ended']));
  const { modem: _, ...promised } = started('new');
  await journal.promised(promised);
  await vi.waitFor(() => expect(seen()).toEqual(['old ended', 'new waiting']));
  await journal.started(started('new'));
  await vi.waitFor(() => expect(seen().slice(2)).toEqual(['new sending']));
  journal.ended(ended('new'));
  journal.ended(refused('refused'));
  await vi.waitFor(() => expect(seen().slice(3)).toEqual(['new ended', 'refused ended']));
  leave.abort(new Error('left'));
  await expect(following).rejects.toThrow('left');
});

test('a fifth who follows is refused, and may when another has left', async () => {
  const { journal, show, out } = await desk();
  journal.ended(ended('a'));
  await written(journal);
  const leave = new AbortController();
  const four = Array.from({ length: 4 }, () => show({ follow: true }, leave.signal));
  const ended4 = Promise.allSettled(four);
  await vi.waitFor(() => expect(out.filter((line) => line !== logHeading)).toHaveLength(4));
  await vi.waitFor(() =>
    expect(show({ follow: true })).rejects.toThrow(/4 others follow the journal already/),
  );
  leave.abort(new Error('left'));
  await ended4;
  const again = new AbortController();
  out.length = 0;
  await vi.waitFor(async () => {
    const following = show({ follow: true }, again.signal);
    const first = await Promise.race([
      following.catch((error: Error) => error),
      new Promise((resolve) => setTimeout(resolve, 100)),
    ]);
    expect(first).toBeUndefined();
    again.abort(new Error('left'));
    await following.catch(() => undefined);
  });
});

test.each([
  [
    { to: '+49 00151 12345678' },
    /^to: has 0, the prefix of calls within the country, after \+49: leave it out/,
  ],
  [{ to: '0151 1234' }, /^to: must be \+ and 7 to 15 digits/],
  [{ status: 99 }, /^status: /],
  [{ limit: 5_000 }, /^limit: /],
  [{ sinceMs: 1.5 }, /^since_ms: /],
])('the request %j is refused in words', async (options, words) => {
  const { show } = await desk();
  const refusal = show(options).catch((error: unknown) => error);
  expect(await refusal).toBeInstanceOf(OperatorError);
  expect(((await refusal) as Error).message).toMatch(words);
});

test('a journal that is out of order is said to be', async () => {
  const { journal, show } = await desk();
  await journal.close();
  await expect(show({})).rejects.toThrow(/^the journal is out of order: /);
});

test('the table shows what was told, why, and what became of it', () => {
  const row = {
    at: new Date(noonMs).toISOString(),
    id: 'a',
    caller: 'x',
    recipient: '+49…67',
    state: 'ended',
  } as const;
  const told = {
    ...row,
    modem: 'main',
    segments: 2,
    status: 504,
    code: 'outcome_unknown',
    submitted: 'unknown',
    waited_ms: 40,
    took_ms: 25_000,
  };
  const late = {
    at: new Date(noonMs + 60_000).toISOString(),
    status: 502,
    code: 'network_refused',
    cause_code: 'CMS 38',
    submitted: 'no',
  };
  const time = localIso(new Date(noonMs));
  expect(logLine(told)).toBe(
    `${time}  +49…67      x             504     main        2         0.0 s    25.0 s   ${row.id.padEnd(36)}  outcome_unknown`,
  );
  expect(logLine({ ...told, late: { ...late, status: 504, code: 'outcome_unknown' } })).toMatch(
    / outcome_unknown, for good$/,
  );
  expect(logLine({ ...told, late })).toMatch(
    /outcome_unknown; then at \d\d:01:00 502 network_refused \(CMS 38\)$/,
  );
  expect(
    logLine({ ...told, late: { ...late, detail: 'modem main: CMS 38, network out' } }),
  ).toMatch(
    /outcome_unknown; then at \d\d:01:00 502 network_refused: modem main: CMS 38, network out$/,
  );
  const forGood = { ...late, status: 504, code: 'outcome_unknown', detail: 'silent for 180 s' };
  expect(logLine({ ...told, late: forGood })).toMatch(
    / outcome_unknown, for good: silent for 180 s$/,
  );
  expect(logLine({ ...told, detail: 'modem main had not told' })).toMatch(
    / {2}outcome_unknown: modem main had not told$/,
  );
  const barred = { status: 502, code: 'network_refused', cause_code: 'CMS 8' };
  expect(logLine({ ...told, ...barred, detail: 'it said no' })).toMatch(
    /network_refused \(CMS 8\): it said no$/,
  );
  expect(logLine({ ...told, ...barred, detail: 'it said CMS 8: barred' })).toMatch(
    /network_refused: it said CMS 8: barred$/,
  );
  expect(logLine({ ...row, state: 'sending', modem: 'main', segments: 1 })).toMatch(
    / - .* with the modem$/,
  );
  expect(logLine({ ...row, state: 'waiting', segments: 1 })).toMatch(/ - .* waits for a modem$/);
  expect(logHeading).toMatch(/^TIME {21} {2}TO/);
});

test('one message is found by its id', async () => {
  const { journal, show, out } = await desk();
  for (const id of ['a', 'b']) journal.ended(ended(id));
  await written(journal);
  await show({ id: 'b', json: true });
  expect(out.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(['b']);
});

test('what was refused before it was a message stands between the messages, but for who asks for one', async () => {
  const { journal, show, out } = await desk();
  journal.ended(ended('before', { atMs: noonMs - 1 }));
  journal.ended(ended('after', { atMs: noonMs + 1 }));
  journal.refusedBefore({ status: 401, code: 'token_missing' });
  journal.refusedBefore({ status: 401, code: 'token_missing' });
  await written(journal);
  await show({ json: true });
  const shown = out.map((each) => JSON.parse(each) as Record<string, unknown>);
  expect(shown).toMatchObject([
    { id: 'before' },
    {
      at: new Date(noonMs).toISOString(),
      span_s: 60,
      status: 401,
      code: 'token_missing',
      count: 2,
    },
    { id: 'after' },
  ]);
  out.length = 0;
  await show({ status: 401 });
  expect(out[1]).toMatch(
    / 401 .* token_missing: 2 in that minute, refused before a message was read$/,
  );
  out.length = 0;
  await show({ id: 'after', json: true });
  await show({ to: number, json: true });
  expect(out).toHaveLength(1);
});

test('totals are a table, or JSON', async () => {
  const { journal, show, out } = await desk();
  journal.ended(ended('a', { country: 'DE' }));
  journal.refusedBefore({ status: 401, code: 'token_missing' });
  await written(journal);
  await show({ by: 'country' });
  expect(out.map((each) => each.split(/ {2,}/).join(' | '))).toEqual([
    'COUNTRY | MESSAGES | SENT | NOT SENT | PARTLY | UNKNOWN | OPEN | SEGMENTS | REFUSED BEFORE',
    '- | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 1',
    'DE | 1 | 1 | 0 | 0 | 0 | 0 | 1 | 0',
  ]);
  out.length = 0;
  await show({ by: 'code', code: 'sent', json: true });
  expect(out).toEqual([]);
  await show({ by: 'caller', caller: 'urn:Auth0', json: true });
  expect(JSON.parse(out[0]!)).toEqual({
    key: 'urn:Auth0',
    messages: 1,
    sent: 1,
    not_sent: 0,
    partly: 0,
    unknown: 0,
    open: 0,
    segments: 1,
    refused_before: 0,
  });
});

test('where no daemon can tell, the same is read from the file, and that is said', async () => {
  const { journal, hmac, file, show, out, notes } = await desk();
  journal.ended(ended('a', { recipientHmac: hmac('recipient', number) }));
  await written(journal);
  await journal.close();
  const fromFile: ShowLogOptions['fromFile'] = async function* fromFile(request) {
    const source = await openJournalFile(file);
    yield* createLogCommand({ journal: source, hmac })(request, new AbortController().signal);
    await source.close();
  };
  await show({ fromFile, to: number, json: true });
  expect(out.map((each) => (JSON.parse(each) as { id: string }).id)).toEqual(['a']);
  expect(notes).toEqual([
    expect.stringMatching(/^the journal is out of order: .*: read from the file$/),
  ]);
  await expect(show({ fromFile, follow: true })).rejects.toThrow(/^the journal is out of order/);
});

test('local time has its offset', () => {
  const text = localIso(new Date(noonMs));
  expect(text).toMatch(/^2026-11-1[456]T\d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
  expect(Date.parse(text)).toBe(noonMs);
});

test('a time is an age or a date', () => {
  expect(parseSince('90s', noonMs)).toBe(noonMs - 90_000);
  expect(parseSince('30m', noonMs)).toBe(noonMs - 1_800_000);
  expect(parseSince('2h', noonMs)).toBe(noonMs - 7_200_000);
  expect(parseSince('7d', noonMs)).toBe(noonMs - 604_800_000);
  expect(parseSince('2026-11-15T12:00:00Z', 0)).toBe(noonMs);
  expect(parseSince('2026-11-15 13:00+01:00', 0)).toBe(noonMs);
  expect(parseSince('2026-11-15', 0)).toBe(new Date(2026, 10, 15).getTime());
  for (const wrong of ['', '2', 'h', '2w', '-2h', '2026-13-40', 'yesterday'])
    expect(parseSince(wrong, 0)).toBeUndefined();
});
