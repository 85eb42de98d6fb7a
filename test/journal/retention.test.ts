import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { dayMs, ended, folder, look, noonMs, open, refused, rowsOf } from './support/rig.js';

const sim = { masked: '8949…12', hmac: 'c'.repeat(32) };

const holdsOf = (file: string) =>
  look(file, (db) => db.prepare('SELECT * FROM holds').all()) as Record<string, unknown>[];

test('what is older than the retention goes; of what a SIM took stays what its caps need', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  const old = { atMs: noonMs - 30.5 * dayMs };
  first.journal.ended(refused('refused-old', { ...old, ipHmac: 'd'.repeat(32) }));
  first.journal.ended(
    ended('sent-old', { ...old, sim, ipHmac: 'd'.repeat(32), keyHmac: 'k', country: 'DE' }),
  );
  first.journal.ended(ended('sent-before', { atMs: noonMs - 32 * dayMs, sim }));
  first.journal.ended(ended('sent-lately', { atMs: noonMs - 29 * dayMs, sim }));
  await first.journal.close();
  expect(rowsOf(file)).toHaveLength(4);

  const { journal } = await open({ file });
  await vi.waitFor(() => expect(rowsOf(file)).toHaveLength(2));
  const [stripped, kept] = rowsOf(file);
  expect(stripped).toMatchObject({
    id: 'sent-old',
    state: 'counted',
    caller: 'urn:Auth0',
    sim_hmac: sim.hmac,
    segments: 1,
    submitted: 'yes',
  });
  for (const column of [
    'recipient_masked',
    'block_hmac',
    'ip_hmac',
    'country',
    'key_hmac',
    'sim_masked',
    'references',
  ])
    expect(stripped).toHaveProperty(column, null);
  expect(kept).toMatchObject({ id: 'sent-lately', state: 'ended', caller: 'urn:Auth0' });
  expect((await journal.query({ limit: 10 })).rows.map(({ id }) => id)).toEqual(['sent-lately']);
  const recent = await journal.recent({ messagesSinceMs: 0, simUsesSinceMs: noonMs - 62 * dayMs });
  expect(recent.messages.map(({ id }) => id)).toEqual(['sent-lately']);
  expect(recent.simUses.map(({ hours }) => [...hours.values()])).toEqual([[1, 1]]);
});

test('what alerts have used of a cap stays as long as the cap needs it, whatever the retention', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file, retentionDays: 1 });
  const atMs = noonMs - 20 * dayMs;
  const sent = (id: string, caller: string, segments: number) =>
    first.journal.ended(ended(id, { atMs, sim, caller, segments, recipientHmac: `to ${id}` }));
  sent('login', 'urn:Auth0', 1);
  sent('alert', 'monitoring', 2);
  await first.journal.close();
  const { journal } = await open({ file, retentionDays: 1 });
  await vi.waitFor(() =>
    expect(rowsOf(file)).toMatchObject([{ state: 'counted' }, { state: 'counted' }]),
  );
  const { simUses } = await journal.recent({
    messagesSinceMs: 0,
    simUsesSinceMs: noonMs - 31 * dayMs,
    ofThisRunToo: true,
    isAlert: (caller) => caller === 'monitoring',
  });
  expect(simUses).toMatchObject([
    {
      hours: new Map([[atMs, 3]]),
      ofAlerts: { hours: new Map([[atMs, 2]]), recipients: new Map([['to alert', atMs]]) },
    },
  ]);
  expect((await journal.query({ limit: 10 })).rows).toEqual([]);
});

test('even what the caps need goes after 31 days', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file, retentionDays: 1 });
  first.journal.ended(ended('a', { atMs: noonMs - 2 * dayMs, sim }));
  await first.journal.close();
  const second = await open({ file, retentionDays: 1 });
  await vi.waitFor(() => expect(rowsOf(file)).toMatchObject([{ id: 'a', state: 'counted' }]));
  await second.journal.close();
  await open({ file, retentionDays: 1, clock: () => noonMs + 30 * dayMs });
  await vi.waitFor(() => expect(rowsOf(file)).toEqual([]));
});

test('nothing goes by its age while the time is not believed, and the oldest refusals go nevertheless', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  first.journal.ended(ended('sent', { atMs: noonMs - dayMs, sim }));
  for (let number = 0; number < 12; number += 1)
    first.journal.ended(refused(`r${number}`, { atMs: noonMs + number }));
  first.journal.saveHold({ kind: 'lock_out', key: 'x', strikes: 1, untilMs: noonMs });
  await first.journal.close();
  const wallClock = () => noonMs + 400 * dayMs;
  const second = await open({
    file,
    clock: wallClock,
    wallClock,
    settleMs: 60_000,
    maxRefusals: 10,
  });
  await vi.waitFor(() => expect(rowsOf(file)).toHaveLength(11));
  expect(rowsOf(file)[0]).toMatchObject({ id: 'sent', state: 'ended' });
  expect(holdsOf(file)).toHaveLength(1);
  await second.journal.close();
  await open({ file, wallClock, settleMs: 0 });
  await vi.waitFor(() => expect(rowsOf(file)).toEqual([]));
});

test('rows and holds of a clock that was in the future are brought back once the time is sure, and age from then on', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  first.journal.ended(ended('future', { atMs: noonMs + 400 * dayMs, sim }));
  first.journal.ended(ended('now', { sim }));
  first.journal.saveHold({ kind: 'lock_out', key: 'x', strikes: 1, untilMs: noonMs + 400 * dayMs });
  await first.journal.close();
  const doubtful = await open({ file, isClockSet: () => false });
  await doubtful.journal.query({ limit: 1 });
  await doubtful.journal.close();
  expect(rowsOf(file)[0]).toMatchObject({ id: 'future', at: noonMs + 400 * dayMs });
  const sure = await open({ file });
  await vi.waitFor(() =>
    expect(rowsOf(file)[0]).toMatchObject({ id: 'future', at: noonMs + 3_600_000 }),
  );
  expect(rowsOf(file)[1]).toMatchObject({ id: 'now', at: noonMs });
  expect(holdsOf(file)).toMatchObject([{ until: noonMs + 3_600_000 }]);
  await sure.journal.close();
  await open({ file, clock: () => noonMs + 32 * dayMs });
  await vi.waitFor(() => expect([...rowsOf(file), ...holdsOf(file)]).toEqual([]));
});

test('holds go a day after they were over, and the oldest when there are too many', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  const hold = { kind: 'lock_out', strikes: 1 };
  first.journal.saveHold({ ...hold, key: 'over', untilMs: noonMs - dayMs - 1 });
  first.journal.saveHold({ ...hold, key: 'counts', untilMs: noonMs - dayMs });
  await first.journal.close();
  const second = await open({ file });
  await vi.waitFor(() => expect(holdsOf(file)).toMatchObject([{ key: 'counts' }]));
  await second.journal.close();
  look(file, (db) =>
    db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10050)
      INSERT INTO holds SELECT 'lock_out', 'n' || i, 1, ${noonMs} + i FROM n`),
  );
  await open({ file });
  await vi.waitFor(() => expect(holdsOf(file)).toHaveLength(10_000));
  const untils = holdsOf(file).map(({ until }) => until as number);
  expect(Math.min(...untils)).toBe(noonMs + 51);
});

test('the oldest refusals go when there are too many, and no message that a modem took', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  first.journal.ended(ended('sent', { atMs: noonMs - 1_000 }));
  for (let number = 0; number < 60; number += 1)
    first.journal.ended(refused(`r${number}`, { atMs: noonMs + number }));
  await first.journal.close();
  await open({ file, maxRefusals: 10 });
  const left = Array.from({ length: 10 }, (_, number) => `r${number + 50}`);
  await vi.waitFor(() => expect(rowsOf(file).map(({ id }) => id)).toEqual(['sent', ...left]));
});

test('rows that go before their time are told', async () => {
  const file = join(folder(), 'journal.db');
  const first = await open({ file });
  for (let number = 0; number < 300; number += 1)
    first.journal.ended(ended(`m${number}`, { atMs: noonMs - 1_000 + number }));
  await first.journal.close();
  const { logged } = await open({ file, maxStarted: 20 });
  await vi.waitFor(() => expect(rowsOf(file)).toHaveLength(20));
  expect(rowsOf(file).at(0)).toMatchObject({ id: 'm280' });
  expect(logged.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/has its most rows/),
  );
});
