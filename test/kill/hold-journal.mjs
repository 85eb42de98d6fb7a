/**
 * Another program that has the journal open: `hold-journal.mjs FILE`, which says `open`, and for
 * each line `MS` on stdin begins a transaction, says `held`, and keeps it for so many milliseconds.
 * It is to be killed: were it to close the file in good order, after the daemon was killed, it
 * would be the one to put the WAL in order, and the daemon's own recovery would never be seen.
 */
import { createInterface } from 'node:readline';
import Database from 'libsql';

const db = new Database(process.argv[2], { timeout: 2_000 });
db.prepare('SELECT count(*) FROM messages').get();
process.stdout.write('open\n');
for await (const line of createInterface({ input: process.stdin })) {
  db.exec('BEGIN IMMEDIATE');
  process.stdout.write('held\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(line));
  db.exec('ROLLBACK');
}
