import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, expect, it, vi } from 'vitest';
import type { RecordEntry } from '../../src/simulator/record.js';
import { Receiver, webhookSecret } from '../inbound/receiver.js';
import { Rig } from './rig.js';

const run = promisify(execFile);
const cli = resolve(import.meta.dirname, '../../dist/cli.js');

let rig: Rig;
const receiver = new Receiver();
afterEach(async () => {
  await rig.stop();
  await receiver.stop();
});

/** What the network's record says became of a segment. */
function truthOf(record: readonly RecordEntry[], seq: number): string | undefined {
  const said = record.flatMap((entry) =>
    entry.kind === 'status_report' && entry.of === seq ? [entry.status] : [],
  );
  if (said.includes(0x00)) return 'delivered';
  if (said.includes(0x46)) return 'expired';
  return said.length > 0 ? 'pending' : undefined;
}

/** Received messages that are still in a slot. */
function stored(record: readonly RecordEntry[]): number {
  const slots = new Set<string>();
  for (const entry of record) {
    if (entry.kind === 'stored') slots.add(`${entry.storage} ${entry.index}`);
    if (entry.kind === 'deleted') slots.delete(`${entry.storage} ${entry.index}`);
  }
  return slots.size;
}

interface Row {
  id: string;
  state: string;
  status?: number;
  references?: number[];
  delivery?: { state: string };
}

it('a SIM of twenty slots that is written to faster than it is read loses nothing, while codes go out, over a SIGKILL with a message in flight and a receiver that comes and goes', {
  timeout: 240_000,
}, async () => {
  await receiver.listen();
  const { port } = receiver;
  rig = await Rig.start(
    [
      '--storage-slots',
      '20',
      '--submit-latency',
      '300',
      '--status-reports',
      '--status-report-delay',
      '200',
      '--report-habits',
      'statuses=30-00|00|46,spread=4000,copies=2,spelling=international|national|bare',
    ],
    `status_report = true
[inbound]
url = "http://127.0.0.1:${port}/"
secret_file = "inbound-secret"
`,
    { files: { 'inbound-secret': webhookSecret } },
  );

  // Codes without a pause, and texts of one to four parts that come five times a second.
  let isOver = false;
  const sent: { id: string; recipient: string }[] = [];
  const codes = (async () => {
    for (let n = 0; !isOver; n += 1) {
      const recipient = `+4917612${String(10_000 + n)}`;
      const answer = await rig.post({ recipient, body: `code ${n}` }).catch(() => undefined);
      if (answer?.status === 200) sent.push({ id: String(answer.body.id), recipient });
      if (answer === undefined) await sleep(100);
    }
  })();
  const texts: string[] = [];
  const writes = (async () => {
    for (let n = 0; n < 150; n += 1) {
      const text = `${n} `.padEnd(n % 5 === 0 ? 40 + 60 * (n % 9) : 30, 'lorem ipsum ');
      texts.push(text);
      const order = n % 2 === 0 ? 'shuffled' : 'reversed';
      await rig.modem.control({ inbound: { from: '+491790000001', text, order } });
      await sleep(150);
    }
  })();
  await sleep(4_000);
  receiver.mood = 'refuses';
  await sleep(3_000);
  receiver.mood = 'takes';
  await receiver.stop();
  await sleep(3_000);
  // Killed with a message in flight whose result may come for minutes.
  const { signal } = new AbortController();
  await rig.modem.playNext('silence:5000', signal);
  await rig.modem.untilPlayed(signal);
  await sleep(500);
  await rig.daemon.end('SIGKILL');
  await receiver.listen(port);
  receiver.mood = 'breaks';
  await rig.startDaemon();
  await sleep(3_000);
  receiver.mood = 'hangs';
  await sleep(1_000);
  receiver.mood = 'takes';
  await writes;
  isOver = true;
  await codes;

  // All that was written has come, each as one text, within a minute.
  await vi.waitFor(() => expect(new Set(receiver.texts).size).toBe(texts.length), {
    timeout: 60_000,
    interval: 250,
  });
  expect(new Set(receiver.texts)).toEqual(new Set(texts));
  expect(receiver.unproven).toEqual([]);
  for (const text of texts) {
    const ids = receiver.calls.filter((call) => call.text === text).map(({ id }) => id);
    expect(new Set(ids).size, text).toBe(1);
  }
  await vi.waitFor(
    async () => expect(await rig.modem.control({ stats: true })).toMatchObject({ undelivered: 0 }),
    { timeout: 60_000, interval: 250 },
  );
  await vi.waitFor(() => expect(stored(rig.modem.record())).toBe(0), 60_000);
  // The receiver has each a moment before its file is gone.
  await vi.waitFor(async () => {
    const status = await fetch(`http://127.0.0.1:${rig.adminPort}/status.json`);
    const { inbound } = (await status.json()) as { inbound: object };
    expect(inbound).toMatchObject({ spooled: 0, full: false });
  }, 10_000);
  expect(rig.raw).not.toContain('lorem');

  // What is said of deliveries is what the network's record says.
  const { stdout } = await run(process.execPath, [
    cli,
    'log',
    '--json',
    '--limit',
    '999',
    '--config',
    rig.configFile,
  ]);
  const rows = new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Row)
      .map((row) => [row.id, row]),
  );
  const record = rig.modem.record();
  const seqs = new Map(
    record.flatMap((entry) => (entry.kind === 'accepted' ? [[entry.recipient, entry.seq]] : [])),
  );
  const compared = sent.map(({ id, recipient }) => ({
    told: rows.get(id)?.delivery?.state,
    truth: truthOf(record, Number(seqs.get(recipient))),
  }));
  const wrong = compared.filter(
    ({ told, truth }) => (told === 'delivered' || told === 'expired') && told !== truth,
  );
  expect(wrong).toEqual([]);
  const right = compared.filter(({ told, truth }) => told === truth);
  expect(sent.length).toBeGreaterThan(20);
  // Reports that waited for their message when the process ended are gone.
  expect(right.length / sent.length).toBeGreaterThan(0.9);
});
