import type Database from 'libsql';
import { JournalFault } from './faults.js';

/**
 * The tables, one step per version (`PRAGMA user_version`). A step that was released is never
 * changed: a new one is put behind it.
 *
 * `messages.state`: `waiting` (promised to its caller), `started` (given to a modem, no outcome
 * yet), `ended`, `counted` (older than the retention: nothing is left but what the caps of its SIM
 * need).
 * `change_id` grows with each write, so that who follows the journal sees outcomes too. `by_kind`
 * serves what a restart needs and the bound on refusals; `by_code` has only what did not end well.
 */
const migrations: readonly string[] = [
  `
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
  `,
  // A state and a column more; a CHECK cannot be changed in place.
  `
  CREATE TABLE messages_with_promises (
    row_id INTEGER PRIMARY KEY,
    change_id INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'started', 'ended', 'counted')),
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
    key_for_ms INTEGER,
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
  INSERT INTO messages_with_promises (
    row_id, change_id, id, at, state, was_started, caller, recipient_masked,
    recipient_hmac, block_hmac, ip_hmac, country, segments, key_hmac, request_hmac, modem,
    sim_masked, sim_hmac, status, code, cause_code, submitted, "references", waited_ms,
    took_ms, late_at, late_status, late_code, late_cause_code, late_submitted,
    late_references
  ) SELECT
    row_id, change_id, id, at, state, was_started, caller, recipient_masked,
    recipient_hmac, block_hmac, ip_hmac, country, segments, key_hmac, request_hmac, modem,
    sim_masked, sim_hmac, status, code, cause_code, submitted, "references", waited_ms,
    took_ms, late_at, late_status, late_code, late_cause_code, late_submitted,
    late_references
  FROM messages;
  DROP TABLE messages;
  ALTER TABLE messages_with_promises RENAME TO messages;
  CREATE INDEX by_change ON messages (change_id);
  CREATE INDEX by_at ON messages (at) WHERE state <> 'counted';
  CREATE INDEX by_kind ON messages (was_started, at);
  CREATE INDEX by_recipient ON messages (recipient_hmac, at);
  CREATE INDEX by_status ON messages (status, at);
  CREATE INDEX by_code ON messages (code, at) WHERE code IS NOT NULL;
  CREATE INDEX open_rows ON messages (row_id) WHERE state IN ('waiting', 'started');
  CREATE INDEX counted_rows ON messages (at) WHERE state = 'counted';
  `,
  // Why, and what was refused before it was a message: by minute, and once it is a day old by hour.
  `
  ALTER TABLE messages ADD COLUMN detail TEXT;
  CREATE TABLE refused (
    began_at INTEGER NOT NULL,
    span_ms INTEGER NOT NULL,
    code TEXT NOT NULL,
    caller TEXT NOT NULL,
    run INTEGER NOT NULL,
    status INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (began_at, span_ms, code, caller, run)
  ) STRICT, WITHOUT ROWID;
  `,
  // What status reports are matched by, and what they said.
  `
  ALTER TABLE messages ADD COLUMN tail_hmac TEXT;
  ALTER TABLE messages ADD COLUMN reports_until INTEGER;
  ALTER TABLE messages ADD COLUMN delivery TEXT;
  ALTER TABLE messages ADD COLUMN delivery_status INTEGER;
  ALTER TABLE messages ADD COLUMN delivery_at INTEGER;
  ALTER TABLE messages ADD COLUMN delivery_took_ms INTEGER;
  ALTER TABLE messages ADD COLUMN delivery_segments TEXT;
  CREATE INDEX by_report ON messages (at) WHERE reports_until IS NOT NULL;
  `,
  // Why a late outcome is none.
  'ALTER TABLE messages ADD COLUMN late_detail TEXT',
];

/** The version of a file that this simgate has written. */
export const newestVersion = migrations.length;

/** Brings the tables up to date. Throws `JournalFault` when the file is of a later version. */
export function migrate(db: Database.Database): void {
  const row = db.prepare('PRAGMA user_version').get() as { user_version: number };
  const version = row.user_version;
  if (version > migrations.length) {
    const message = `its version is ${version}, this simgate knows up to ${migrations.length}`;
    throw new JournalFault({ kind: 'newer', message });
  }
  for (const [index, step] of migrations.entries()) {
    if (index >= version)
      db.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}
