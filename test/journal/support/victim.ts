/**
 * A process with a journal at `argv[2]`, which starts messages until it is killed, and prints each
 * id once `started` has resolved. With `argv[3]` it says instead how its journal is, whenever that
 * changes.
 */
import { openJournal } from '../../../src/journal/journal.js';
import { createLog } from '../../../src/log.js';

// Where a file may not grow, write(2) sends it before it fails with EFBIG; its default is to end
// the process.
process.on('SIGXFSZ', () => undefined);
const [, , file = '', mode] = process.argv;
const log = createLog({ level: 'info', format: 'json', stream: process.stderr });
const journal = await openJournal({ file, retentionDays: 30, log, clock: Date.now, retryMs: 20 });
let told: boolean | undefined;
for (let number = 0; ; number += 1) {
  const id = `${process.pid}-${number}`;
  await journal.started({
    id,
    atMs: Date.now(),
    caller: 'urn:Auth0',
    recipientMasked: '+49…67',
    recipientHmac: 'a'.repeat(32),
    blockHmac: 'b'.repeat(32),
    segments: 1,
    modem: 'main',
  });
  const { isOk, pending } = journal.state();
  if (mode === undefined) process.stdout.write(`${id}\n`);
  else if (isOk !== told && (!isOk || pending === 0))
    process.stdout.write(`${JSON.stringify(journal.state())}\n`);
  told = isOk;
  if (!isOk) await new Promise((resolve) => setTimeout(resolve, 20));
}
