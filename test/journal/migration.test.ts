/** A journal that an earlier version left. */

import { join } from 'node:path';
import Database from 'libsql';
import { expect, test } from 'vitest';
import { dayMs, folder, look, noonMs, open, rowsOf } from './support/rig.js';

/** As 0.1.0 made them, `PRAGMA user_version = 1`. */
const tablesOfVersion1 = `
  CREATE TABLE messages (
    row_id INTEGER PRIMARY KEY,
    change_id INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('started', 'ended', 'counted')),
    was_started INTEGER NOT NULL CHECK (was_started IN (0, 1)),
    caller TEXT,
    recipient_masked TEXT,
    recipient_hmac TEXT NOT NULL,
    block_hmac TEXT,
    ip_hmac TEXT,
    country TEXT,
    segments INTEGER,
    key_hmac TEXT,
    request_hmac TEXT,
    modem TEXT,
    sim_masked TEXT,
    sim_hmac TEXT,
    status INTEGER,
    code TEXT,
    cause_code TEXT,
    submitted TEXT,
    "references" TEXT,
    waited_ms INTEGER,
    took_ms INTEGER,
    late_at INTEGER,
    late_status INTEGER,
    late_code TEXT,
    late_cause_code TEXT,
    late_submitted TEXT,
    late_references TEXT
  ) STRICT;
  CREATE INDEX by_change ON messages (change_id);
  CREATE INDEX by_at ON messages (at) WHERE state <> 'counted';
  CREATE INDEX by_kind ON messages (was_started, at);
  CREATE INDEX by_recipient ON messages (recipient_hmac, at);
  CREATE INDEX by_status ON messages (status, at);
  CREATE INDEX by_code ON messages (code, at) WHERE code IS NOT NULL;
  CREATE INDEX open_rows ON messages (row_id) WHERE state = 'started';
  CREATE INDEX counted_rows ON messages (at) WHERE state = 'counted';
  CREATE TABLE holds (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    strikes INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE openings (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
`;

const common = {
  at: noonMs,
  caller: 'auth0',
  recipient_masked: '+49…67',
  recipient_hmac: 'a'.repeat(32),
  block_hmac: 'b'.repeat(32),
  ip_hmac: 'c'.repeat(32),
  country: 'DE',
  segments: 2,
};
const taken = { was_started: 1, modem: 'main', sim_masked: '8949…12', sim_hmac: 'd'.repeat(32) };
const told = { status: 200, submitted: 'yes', references: '[7,8]', waited_ms: 12, took_ms: 3_400 };
const late = {
  late_at: noonMs + 1,
  late_status: 200,
  late_submitted: 'yes',
  late_references: '[9]',
};
const keyed = (key: string) => ({ key_hmac: key.repeat(32), request_hmac: 'f'.repeat(32) });

/** One of each state, and of each way there. */
const rows: Record<string, string | number>[] = [
  { ...common, ...taken, ...told, ...keyed('1'), id: 'sent', state: 'ended' },
  {
    ...common,
    ...taken,
    ...late,
    id: 'late',
    state: 'ended',
    status: 504,
    code: 'outcome_unknown',
    submitted: 'unknown',
  },
  {
    ...common,
    ...keyed('2'),
    id: 'superseded',
    state: 'ended',
    was_started: 0,
    status: 409,
    code: 'superseded',
    submitted: 'no',
  },
  { ...common, ...taken, ...keyed('3'), id: 'open', state: 'started' },
  {
    id: 'counted',
    at: noonMs - 30.5 * dayMs,
    state: 'counted',
    was_started: 1,
    recipient_hmac: 'e'.repeat(32),
    segments: 1,
    sim_hmac: 'd'.repeat(32),
    status: 200,
    submitted: 'yes',
  },
];

function journalOfVersion1(): string {
  const file = join(folder(), 'journal.db');
  const db = new Database(file);
  db.exec(`${tablesOfVersion1}; PRAGMA user_version = 1`);
  for (const [index, row] of rows.entries()) {
    const whole = { change_id: index + 1, ...row };
    const names = Object.keys(whole).map((name) => `"${name}"`);
    const marks = names.map(() => '?').join(', ');
    db.prepare(`INSERT INTO messages (${names.join(', ')}) VALUES (${marks})`).run(
      ...Object.values(whole),
    );
  }
  db.prepare('INSERT INTO holds VALUES (?, ?, ?, ?)').run('lock_out', 'h', 2, noonMs + 60_000);
  db.prepare('INSERT INTO openings VALUES (1, ?)').run(noonMs - 1_000);
  db.close();
  return file;
}

const schemaOf = (file: string) =>
  look(file, (db) =>
    db.prepare("SELECT type, name, sql FROM sqlite_master WHERE sql <> '' ORDER BY name").all(),
  ).map((entry) => JSON.stringify(entry).replaceAll(String.raw`\"messages\"`, 'messages'));

test('a journal of version 1 opens with every row as it was, but for what was open', async () => {
  const file = journalOfVersion1();
  const { journal, logged } = await open({ file });
  expect(journal.state()).toMatchObject({ isOk: true });
  const closed = { state: 'ended', status: 504, code: 'outcome_unknown', submitted: 'unknown' };
  expect(rowsOf(file)).toMatchObject(
    rows.map((row) => ({ ...row, key_for_ms: null, ...(row.id === 'open' && closed) })),
  );
  expect(logged.map(({ message }) => message)).toEqual([
    expect.stringMatching(/ended while 1 message was with a modem/),
  ]);
  const { messages, holds, simUses } = await journal.recent({
    messagesSinceMs: noonMs - 1_000,
    simUsesSinceMs: 0,
  });
  const outcomes = messages.map(({ id, outcome, late: truth }) => [id, (truth ?? outcome)?.status]);
  expect(Object.fromEntries(outcomes)).toEqual({
    sent: 200,
    late: 200,
    superseded: 409,
    open: 504,
  });
  expect(messages.find(({ id }) => id === 'sent')).toMatchObject({ keyHmac: '1'.repeat(32) });
  expect(messages.some((message) => 'keyForMs' in message)).toBe(false);
  expect([
    holds,
    simUses.map(({ hours }) => [...hours.values()].toSorted((a, b) => a - b)),
  ]).toEqual([[{ kind: 'lock_out', key: 'h', strikes: 2, untilMs: noonMs + 60_000 }], [[1, 6]]]);
});

test('its tables and indexes are then those of a new one, and it takes what a new one takes', async () => {
  const file = journalOfVersion1();
  const { journal } = await open({ file });
  const fresh = await open();
  expect(schemaOf(file)).toEqual(schemaOf(fresh.file));
  const waiting = {
    id: 'new',
    atMs: noonMs,
    caller: 'auth0',
    recipientMasked: '+49…67',
    recipientHmac: 'a'.repeat(32),
    blockHmac: 'b'.repeat(32),
    segments: 1,
    keyHmac: '4'.repeat(32),
    requestHmac: 'f'.repeat(32),
    keyForMs: 300_000,
  };
  expect(await journal.promised(waiting)).toBe(true);
  const { rows: found, lastChange } = await journal.query({ limit: 10 });
  expect(found.map(({ id }) => id).sort()).toEqual(['late', 'new', 'open', 'sent', 'superseded']);
  expect(lastChange).toBeGreaterThan(rows.length);
});
