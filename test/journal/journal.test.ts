import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { ended, folder, look, noonMs, open, refused, rowsOf, started } from './support/rig.js';

test('a started message is in the file once the promise resolves', async () => {
  const { journal, file } = await open();
  await journal.started(started('a', { sim: { masked: '8949…12', hmac: 'c'.repeat(32) } }));
  expect(rowsOf(file)).toMatchObject([
    {
      id: 'a',
      state: 'started',
      at: noonMs,
      modem: 'main',
      sim_masked: '8949…12',
      status: null,
      submitted: null,
    },
  ]);
});

test('its outcome goes into the same row, in whole milliseconds', async () => {
  const { journal, file } = await open();
  await journal.started(started('a'));
  journal.ended(ended('a'));
  await journal.close();
  expect(rowsOf(file)).toMatchObject([
    {
      id: 'a',
      state: 'ended',
      status: 200,
      code: null,
      submitted: 'yes',
      references: '[7]',
      waited_ms: 13,
      took_ms: 3400,
    },
  ]);
});

test('of a message that went over to another modem, the journal knows that one, whichever entry is written twice', async () => {
  const first = await open();
  const sim = (digit: string) => ({ masked: `…${digit}`, hmac: digit.repeat(32) });
  const one = started('a', { modem: 'one', sim: sim('1') });
  const two = started('a', { modem: 'two', segments: 2 });
  for (const entry of [one, two, two]) await first.journal.started(entry);
  for (const entry of [one, { ...one, modem: 'two', sim: sim('2') }])
    await first.journal.started({ ...entry, id: 'b' });
  await first.journal.started(started('c', { modem: 'one', sim: sim('1') }));
  first.journal.ended(ended('c', { modem: 'two', sim: sim('2') }));
  await first.journal.started(started('c', { modem: 'one', sim: sim('1') }));
  await first.journal.close();
  expect(rowsOf(first.file)).toMatchObject([
    { id: 'a', modem: 'two', sim_masked: null, sim_hmac: null, state: 'started' },
    { id: 'b', modem: 'two', sim_masked: '…2', sim_hmac: sim('2').hmac, state: 'started' },
    {
      id: 'c',
      modem: 'two',
      sim_masked: '…2',
      sim_hmac: sim('2').hmac,
      state: 'ended',
      status: 200,
    },
  ]);
  const { journal } = await open({ file: first.file });
  const { simUses } = await journal.recent({ messagesSinceMs: 0, simUsesSinceMs: 0 });
  expect(new Set(simUses.map((use) => use.sim))).toEqual(
    new Set([{ modem: 'two' }, { simHmac: sim('2').hmac }]),
  );
});

test('an outcome that does not know the modem or SIM keeps what the start said', async () => {
  const { journal, file } = await open();
  await journal.started(started('a', { sim: { masked: '8949…12', hmac: 'c'.repeat(32) } }));
  journal.ended(ended('a', { modem: undefined, sim: undefined }));
  await journal.close();
  expect(rowsOf(file)).toMatchObject([{ modem: 'main', sim_masked: '8949…12', state: 'ended' }]);
});

test('a late outcome stands beside the one that was told', async () => {
  const { journal } = await open();
  await journal.started(started('a'));
  const told = { status: 504, code: 'outcome_unknown', submitted: 'unknown' } as const;
  journal.ended(ended('a', { outcome: told }));
  journal.late('a', { atMs: noonMs + 40_000, status: 200, submitted: 'yes', references: [9] });
  await vi.waitFor(() => expect(journal.state().pending).toBe(0));
  const { rows } = await journal.query({ limit: 10 });
  expect(rows).toMatchObject([
    {
      id: 'a',
      outcome: told,
      late: { atMs: noonMs + 40_000, status: 200, submitted: 'yes', references: [9] },
    },
  ]);
});

test('a late outcome has its own reason, which goes with the text of the row', async () => {
  const { journal, file } = await open();
  await journal.started(started('a'));
  const told = { status: 504, code: 'outcome_unknown', submitted: 'unknown' } as const;
  journal.ended(ended('a', { outcome: { ...told, detail: 'the deadline passed' } }));
  const late = {
    atMs: noonMs + 40_000,
    status: 502,
    code: 'network_refused',
    causeCode: 'CMS 38',
    submitted: 'no',
    detail: 'modem main: the network is out of order',
  } as const;
  journal.late('a', late);
  await vi.waitFor(() => expect(journal.state().pending).toBe(0));
  expect((await journal.query({ limit: 10 })).rows).toMatchObject([{ late }]);
  expect(rowsOf(file)).toMatchObject([{ late_detail: late.detail }]);
});

test('what the process before left open is unknown, and may have been sent', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  await first.journal.started(started('a'));
  first.journal.ended(ended('b'));
  await first.journal.close();
  const { journal, logged } = await open({ file });
  const { rows } = await journal.query({ limit: 10 });
  const outcomes = new Map(rows.map(({ id, outcome }) => [id, outcome]));
  expect(outcomes.get('a')).toEqual({ status: 504, code: 'outcome_unknown', submitted: 'unknown' });
  expect(outcomes.get('b')).toMatchObject({ status: 200, submitted: 'yes' });
  expect(logged).toMatchObject([
    { level: 'warn', message: expect.stringMatching(/ 1 message was with a modem/) },
  ]);
});

test('only its owner may read the files', async () => {
  const { journal, file } = await open();
  await journal.started(started('a'));
  const modes = ['', '-wal', '-shm'].map((suffix) => statSync(file + suffix).mode & 0o777);
  expect(modes).toEqual([0o600, 0o600, 0o600]);
});

test('closing writes what waits', async () => {
  const { journal, file } = await open();
  for (let number = 0; number < 500; number += 1) journal.ended(ended(`m${number}`));
  expect(journal.state().pending).toBeGreaterThan(0);
  await journal.close();
  expect(rowsOf(file).map(({ id }) => id)).toEqual(
    Array.from({ length: 500 }, (_, number) => `m${number}`),
  );
});

test('an entry that the tables do not take is lost and told, and those beside it are not', async () => {
  const { journal, file, logged } = await open();
  journal.ended(ended('a', { segments: 1.5 }));
  await journal.started(started('b'));
  expect(rowsOf(file)).toMatchObject([{ id: 'b' }]);
  expect(journal.state()).toMatchObject({ isOk: true, droppedRows: 1, pending: 0 });
  expect(logged).toMatchObject([
    { level: 'error', message: expect.stringMatching(/^1 entry .* lost/) },
  ]);
});

test('a flood of refusals is bounded, and does not keep out a message', async () => {
  const { journal, file } = await open();
  for (let number = 0; number < 5_000; number += 1) journal.ended(refused(`r${number}`));
  await journal.started(started('a'));
  journal.ended(ended('a'));
  await journal.close();
  const rows = rowsOf(file);
  expect(rows.filter(({ was_started: was }) => was === 0).length).toBe(
    5_000 - journal.state().skippedRefusals,
  );
  expect(journal.state().skippedRefusals).toBeGreaterThan(4_800);
  expect(rows.at(-1)).toMatchObject({ id: 'a', state: 'ended' });
});

test('what was promised and never started has its end in a flood of refusals, too', async () => {
  const { journal, file } = await open();
  const { modem: _, ...promised } = started('promised');
  expect(await journal.promised(promised)).toBe(true);
  for (let number = 0; number < 500; number++) journal.ended(refused(`refused ${number}`));
  journal.ended(refused('promised', { wasPromised: true }));
  await journal.close();
  expect(rowsOf(file).find(({ id }) => id === 'promised')).toMatchObject({
    state: 'ended',
    status: 429,
    submitted: 'no',
  });
});

test('every condition of a query holds, and the newest come first', async () => {
  const { journal } = await open();
  const other = 'd'.repeat(32);
  journal.ended(ended('old', { atMs: noonMs - 7_200_000 }));
  journal.ended(ended('other', { atMs: noonMs - 2, recipientHmac: other }));
  journal.ended(refused('refused', { atMs: noonMs - 1 }));
  await journal.started(started('open'));
  const ids = async (filter: object) =>
    (await journal.query({ limit: 10, ...filter })).rows.map(({ id }) => id);
  expect(await ids({})).toEqual(['open', 'refused', 'other', 'old']);
  expect(await ids({ limit: 2 })).toEqual(['open', 'refused']);
  expect(await ids({ sinceMs: noonMs - 2 })).toEqual(['open', 'refused', 'other']);
  expect(await ids({ recipientHmac: other })).toEqual(['other']);
  expect(await ids({ status: 200 })).toEqual(['other', 'old']);
  expect(await ids({ code: 'rate_limited' })).toEqual(['refused']);
  expect(await ids({ status: 200, recipientHmac: 'a'.repeat(32), sinceMs: noonMs })).toEqual([]);
});

test('who goes on after a change sees every row that was written or changed since, once', async () => {
  const { journal } = await open();
  await journal.started(started('a'));
  journal.ended(ended('b'));
  const { lastChange } = await journal.query({ limit: 10 });
  journal.ended(ended('a'));
  journal.ended(ended('c'));
  await vi.waitFor(() => expect(journal.state().pending).toBe(0));
  const after = await journal.query({ limit: 10, afterChange: lastChange });
  expect(after.rows.map(({ id }) => id)).toEqual(['a', 'c']);
  expect((await journal.query({ limit: 10, afterChange: after.lastChange })).rows).toEqual([]);
});

test('a restart finds messages, idempotency keys, SIM uses and holds again, over many pages', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  const sim = { masked: '8949…12', hmac: 'c'.repeat(32) };
  for (let number = 0; number < 1_203; number += 1)
    first.journal.ended(
      ended(`m${number}`, { atMs: noonMs - Math.floor(number / 3), sim, keyHmac: `k${number}` }),
    );
  const superseded = { status: 409, code: 'superseded', submitted: 'no' } as const;
  first.journal.ended(refused('with-key', { outcome: superseded, keyHmac: 'k' }));
  first.journal.ended(refused('without-key', { outcome: superseded }));
  first.journal.ended(refused('limited', { keyHmac: 'l' }));
  first.journal.ended(ended('before', { atMs: noonMs - 5_000 }));
  first.journal.saveHold({ kind: 'lock_out', key: 'x', strikes: 1, untilMs: noonMs });
  first.journal.saveHold({ kind: 'lock_out', key: 'x', strikes: 2, untilMs: noonMs + 5 });
  await first.journal.close();
  const { journal } = await open({ file });
  const recent = await journal.recent({
    messagesSinceMs: noonMs - 1_000,
    simUsesSinceMs: noonMs - 10_000,
  });
  expect(recent.holds).toEqual([{ kind: 'lock_out', key: 'x', strikes: 2, untilMs: noonMs + 5 }]);
  const ids = recent.messages.map(({ id }) => id);
  const expected = [...Array.from({ length: 1_203 }, (_, number) => `m${number}`), 'with-key'];
  expect(ids.toSorted()).toEqual(expected.toSorted());
  expect(recent.messages.map(({ atMs }) => atMs)).toEqual(
    recent.messages.map(({ atMs }) => atMs).toSorted((a, b) => b - a),
  );
  expect(recent.messages.find(({ id }) => id === 'm7')).toMatchObject({
    keyHmac: 'k7',
    wasStarted: true,
    outcome: { status: 200, references: [7] },
  });
  const hmac = 'a'.repeat(32);
  const hourBefore = noonMs - 3_600_000;
  expect(recent.simUses).toEqual([
    {
      sim: { simHmac: sim.hmac },
      hours: new Map([
        [noonMs, 3],
        [hourBefore, 1_200],
      ]),
      recipients: new Map([[hmac, noonMs]]),
      ofAlerts: { hours: new Map(), recipients: new Map() },
    },
    {
      sim: { modem: 'main' },
      hours: new Map([[hourBefore, 1]]),
      recipients: new Map([[hmac, hourBefore]]),
      ofAlerts: { hours: new Map(), recipients: new Map() },
    },
  ]);
});

test('what was surely not submitted counts for no SIM, and a late outcome is the truth', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  const no = { status: 502, code: 'network_refused', submitted: 'no' } as const;
  const unknown = { status: 504, code: 'outcome_unknown', submitted: 'unknown' } as const;
  first.journal.ended(ended('refused', { segments: 1, recipientHmac: '1', outcome: no }));
  first.journal.ended(ended('unknown', { segments: 2, recipientHmac: '2', outcome: unknown }));
  first.journal.ended(ended('lately-no', { segments: 4, recipientHmac: '3', outcome: unknown }));
  first.journal.late('lately-no', { ...no, atMs: noonMs });
  first.journal.ended(ended('lately-yes', { segments: 8, recipientHmac: '4', outcome: unknown }));
  first.journal.late('lately-yes', { atMs: noonMs, status: 200, submitted: 'yes' });
  await first.journal.started(started('cut', { segments: 16, recipientHmac: '5' }));
  first.journal.ended(refused('never-started', { segments: 32, recipientHmac: '6' }));
  first.journal.ended(ended('long-ago', { segments: 64, recipientHmac: '7', atMs: noonMs - 1 }));
  await first.journal.close();
  const { journal } = await open({ file });
  const { simUses } = await journal.recent({ messagesSinceMs: 0, simUsesSinceMs: noonMs });
  expect(simUses.map(({ hours }) => [...hours])).toEqual([[[noonMs, 2 + 8 + 16]]]);
  expect(simUses.flatMap(({ recipients }) => [...recipients.keys()].sort())).toEqual([
    '2',
    '4',
    '5',
  ]);
});

test('of what a SIM sent it is known what alerts have used', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  const hourBefore = noonMs - 3_600_000;
  for (const [id, caller, segments, atMs] of [
    ['a', 'auth0', 1, noonMs],
    ['b', 'monitoring', 2, noonMs],
    ['c', 'simgate alerts', 4, noonMs],
    ['d', 'monitoring', 8, hourBefore],
    ['e', 'auth0', 16, hourBefore],
  ] as const)
    first.journal.ended(ended(id, { caller, segments, atMs, recipientHmac: `to ${id}` }));
  await first.journal.close();
  const { journal } = await open({ file });
  const { simUses } = await journal.recent({
    messagesSinceMs: 0,
    simUsesSinceMs: 0,
    isAlert: (caller) => caller !== 'auth0',
  });
  expect(simUses).toMatchObject([
    {
      hours: new Map([
        [noonMs, 7],
        [hourBefore, 24],
      ]),
      ofAlerts: {
        hours: new Map([
          [noonMs, 6],
          [hourBefore, 8],
        ]),
        recipients: new Map([
          ['to b', noonMs],
          ['to c', noonMs],
          ['to d', hourBefore],
        ]),
      },
    },
  ]);
  expect([...simUses[0]!.recipients.keys()].sort()).toEqual(
    ['a', 'b', 'c', 'd', 'e'].map((id) => `to ${id}`),
  );
});

test('what this run has written is not among what earlier runs knew, even if the clock was put back', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  await first.journal.started(started('earlier'));
  await first.journal.close();
  const { journal } = await open({ file });
  journal.ended(ended('own', { atMs: noonMs - 5_000, recipientHmac: 'd'.repeat(32) }));
  await journal.started(started('own-too', { atMs: noonMs + 5_000 }));
  const recent = await journal.recent({ messagesSinceMs: 0, simUsesSinceMs: 0 });
  expect(recent.messages.map(({ id }) => id)).toEqual(['earlier']);
  expect(recent.simUses).toMatchObject([
    { hours: new Map([[noonMs, 1]]), recipients: new Map([['a'.repeat(32), noonMs]]) },
  ]);
});

test('the file carries the version of its tables', async () => {
  const { journal, file } = await open();
  await journal.close();
  expect(look(file, (db) => db.prepare('PRAGMA user_version').get())).toMatchObject({
    user_version: 5,
  });
});

test('messages that may be reported on are found again with what was told of them', async () => {
  const { journal, file } = await open();
  const report = { tailHmac: 'd'.repeat(32), untilMs: noonMs + 900_000 };
  void journal.started(started('a', { report }));
  journal.ended(ended('a', { report, country: 'DE' }));
  void journal.started(started('b', { report, country: 'DE' }));
  void journal.started(started('c'));
  journal.ended(ended('c'));
  journal.delivered('a', {
    state: 'delivered',
    status: 0,
    atMs: noonMs + 5_000,
    tookMs: 4_000,
    segments: [{ status: 0, takenAtMs: 1_000, endedAtMs: 5_000 }],
  });
  await journal.close();
  const { journal: next } = await open({ file });
  const bounds = { awaitedSinceMs: 0, endsSinceMs: 0, nowMs: noonMs + 1_000_000 };
  const { messages } = await next.awaited(bounds);
  expect(messages.map(({ id }) => id).sort()).toEqual(['a', 'b']);
  const [first, second] = messages.toSorted((one, other) => one.id.localeCompare(other.id));
  expect(first).toMatchObject({
    tailHmac: report.tailHmac,
    references: [7],
    fromMs: noonMs + 13,
    untilMs: noonMs + 3_400,
    delivery: { state: 'delivered', segments: [{ status: 0, takenAtMs: 1_000 }] },
  });
  // Nobody knows whether the process that was killed had it sent.
  expect(second).toMatchObject({ references: undefined, delivery: undefined });
});

test.each(['[7', '{}', '7', '"7"', '["+49"]', ''])(
  'a list of a row that is none any more (%s) costs that list, not the journal',
  async (broken) => {
    const { journal, file } = await open();
    const report = { tailHmac: 'd'.repeat(32), untilMs: noonMs + 900_000 };
    journal.ended(ended('a', { report, keyHmac: 'k' }));
    journal.delivered('a', {
      state: 'delivered',
      status: 0,
      atMs: noonMs + 5_000,
      tookMs: 4_000,
      segments: [{ status: 0, takenAtMs: 1_000, endedAtMs: 5_000 }],
    });
    journal.late('a', { atMs: noonMs, status: 200, submitted: 'yes', references: [7] });
    journal.ended(ended('b'));
    await journal.close();
    look(file, (db) =>
      db
        .prepare(
          `UPDATE messages SET "references" = ?, late_references = ?, delivery_segments = ? WHERE id = 'a'`,
        )
        .run(broken, broken, broken),
    );
    const { journal: next, logged } = await open({ file });
    const { rows } = await next.query({ limit: 10 });
    expect(rows.map(({ id, outcome }) => [id, outcome?.status, outcome?.references])).toEqual([
      ['b', 200, [7]],
      ['a', 200, undefined],
    ]);
    const { messages } = await next.recent({ messagesSinceMs: 0, simUsesSinceMs: 0 });
    expect(messages.map(({ id, keyHmac }) => [id, keyHmac])).toEqual(
      expect.arrayContaining([
        ['a', 'k'],
        ['b', undefined],
      ]),
    );
    const bounds = { awaitedSinceMs: 0, endsSinceMs: 0, nowMs: noonMs + 1_000 };
    const awaited = await next.awaited(bounds);
    expect(awaited.messages).toMatchObject([{ id: 'a', references: undefined }]);
    expect(next.state()).toMatchObject({ isOk: true });
    expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
  },
);

test('what was told before is found, also while something else is being written', async () => {
  const { journal } = await open();
  const isWritten = journal.started(started('a'));
  // Its row is on its way to the file, and no answer has come.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  journal.ended(refused('b'));
  journal.refusedBefore({ status: 401, code: 'token_missing' });
  const [{ rows }, counts, totals] = await Promise.all([
    journal.query({ limit: 9 }),
    journal.refusedCounts({ limit: 9 }),
    journal.summary('day', {}),
  ]);
  await isWritten;
  expect(rows.map(({ id }) => id).sort()).toEqual(['a', 'b']);
  expect(counts).toMatchObject([{ count: 1 }]);
  expect(totals).toMatchObject([{ messages: 2, refusedBefore: 1 }]);
});
