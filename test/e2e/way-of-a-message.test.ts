import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { VirtualModem } from '../faults/virtual-modem.js';
import { type LogLine, Rig } from './rig.js';

/**
 * Holds docs/way-of-a-message.md to what really happens: each block of it that is marked as
 * captured is captured anew, from the whole daemon at virtual modems on real ttys. `vitest -u`
 * writes the page anew.
 */
const page = resolve(import.meta.dirname, '../../docs/way-of-a-message.md');

/** A captured block: its mark, which no reader sees, and the fence behind it. */
const marked = /(<!-- captured: ([\w-]+) -->\n```\w*\n)[\s\S]*?(\n```)/g;

/**
 * Milliseconds of silence after which the settings of a modem are confirmed anew, and a bit: so the
 * dialogue of each message is whole, and nobody else's command is in it.
 */
const restMs = 1_100;

/** What the log has for people to follow one message by. */
const shownEvents = ['at', 'message', 'late_result', 'fail_over', 'segment_retry', 'modem'];
/** Fields that are other ones in each run, or said by the line itself. */
const hiddenFields = [
  'timestamp',
  'level',
  'message',
  'event',
  'id',
  'waited_ms',
  'took_ms',
  'caller_left',
];

const rigs: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0).reverse()) await rig.stop();
});

async function rigOf(extraConfig = ''): Promise<Rig> {
  const rig = await Rig.start([], extraConfig);
  rigs.push(rig);
  return rig;
}

async function rested(rig: Rig): Promise<void> {
  const idleMs = () => Date.now() - Date.parse(String(rig.log.at(-1)?.timestamp));
  await expect.poll(idleMs, { timeout: 10_000 }).toBeGreaterThan(restMs);
}

interface Exchange {
  request: string;
  answer: string;
  /** The AT dialogue and the log, in the order in which they came. */
  dialogue: string;
}

/** One request over a socket of its own; the exchange ends with the line of the log that `ends`. */
async function exchange(
  rig: Rig,
  { text = 'Your code is 417093', headers = '', ends = 'message', modems = [rig.modem] } = {},
): Promise<Exchange> {
  await rested(rig);
  const from = rig.log.length;
  const sentBefore = modems.map((modem) => payloadsOf(modem).length);
  const body = JSON.stringify({ recipient: '+49 151 12345678', body: text });
  const request = [
    'POST /sms HTTP/1.1',
    'Host: 127.0.0.1',
    `Authorization: Bearer ${rig.token}`,
    ...(headers === '' ? [] : [headers]),
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
  const socket = connect(rig.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString();
  });
  socket.write(request);
  await once(socket, 'close');
  await rig.until(({ event }) => event === ends, from);
  const payloads = modems.flatMap((modem, index) => payloadsOf(modem).slice(sentBefore[index]));
  return {
    request: shown(request),
    answer: shown(answer.trimEnd()),
    dialogue: rig.log
      .slice(from)
      .filter(({ event }) => shownEvents.includes(String(event)))
      .map((line) => shownLine(line, payloads))
      .join('\n'),
  };
}

/** What came before each Ctrl-Z, as the modem got it. */
const payloadsOf = (modem: VirtualModem): string[] =>
  modem.record().flatMap((entry) => (entry.kind === 'ctrl_z' ? [entry.data] : []));

/** The PDU, of which the log has only the length, is the modem's own record of it. */
function shownLine(line: LogLine, payloads: string[]): string {
  const message = String(line.message);
  if (line.event === 'at') {
    return message.replace(/<\d+ octets>\\u001a/, () => `${shortened(payloads.shift())}<Ctrl-Z>`);
  }
  const fields = Object.entries(line).filter(([key]) => !hiddenFields.includes(key));
  return `log: ${message} ${JSON.stringify(Object.fromEntries(fields))}`;
}

/** The reference of a concatenated message (23.040 9.2.3.24.1) begins at random. */
function shortened(pdu = 'none'): string {
  if (pdu.length <= 80) return pdu;
  return `${pdu.slice(0, 46)}…${pdu.slice(-12)}`.replace(/(?<=050003)../, '··');
}

/** As it went over the wire, but for what is another in each run. */
function shown(http: string): string {
  return http
    .replaceAll('\r\n', '\n')
    .replace(/Bearer (.{20})[\w.-]+/, 'Bearer $1…')
    .replace(/^Date: .*$/m, 'Date: …')
    .replace(/^Content-Length: .*$/m, 'Content-Length: …')
    .replace(/"id":"[^"]+"/, '"id":"…"')
    .replace(/"took_ms":\d+/, '"took_ms":…');
}

/** What the network took last, without stamp and place. */
function accepted(modem: VirtualModem): string {
  const last = modem.record().findLast((entry) => entry.kind === 'accepted');
  if (last?.kind !== 'accepted') throw new Error('the network took nothing');
  const { tpdu, mr, recipient, dcs, validity_period, status_report_requested, text } = last;
  const fields = { tpdu, mr, recipient, dcs, validity_period, status_report_requested, text };
  return JSON.stringify(fields, undefined, 2);
}

test('the page on the way of a message shows what really happens', async () => {
  const blocks = { ...(await capturedAtOne()), ...(await capturedAtTwo()) };
  const used = new Set<string>();
  const fresh = readFileSync(page, 'utf8').replace(
    marked,
    (_, open: string, name: string, close: string) => {
      used.add(name);
      return `${open}${blocks[name] ?? 'nothing of this name is captured'}${close}`;
    },
  );
  expect([...used].sort()).toEqual(Object.keys(blocks).sort());
  await expect(fresh).toMatchFileSnapshot(page);
}, 60_000);

async function capturedAtOne(): Promise<Record<string, string>> {
  const rig = await rigOf();
  const sent = await exchange(rig);
  const network = accepted(rig.modem);
  const long = await exchange(rig, { text: `${'Your code is 417093. '.repeat(8)}Tell nobody.` });
  await rig.modem.control({ fault: 'cms:21' });
  const refused = await exchange(rig);
  await rig.modem.control({ fault: 'late:5000' });
  const late = await exchange(rig, { headers: 'Prefer: wait=2', ends: 'late_result' });
  return {
    request: sent.request,
    dialogue: sent.dialogue,
    answer: sent.answer,
    network,
    'dialogue-of-two-segments': long.dialogue,
    'dialogue-refused': refused.dialogue,
    'answer-refused': refused.answer,
    'dialogue-unknown': late.dialogue,
    'answer-unknown': late.answer,
  };
}

async function capturedAtTwo(): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-e2e-spare-'));
  const spare = await VirtualModem.start(folder, 'spare', ['--seed', '2']);
  rigs.push({
    async stop() {
      await spare.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  });
  const device = join(folder, 'spare.tty');
  const rig = await rigOf(`[[modem]]\nname = "spare"\ndevice = "${device}"\nguard_ms = 0\n`);
  await rig.until(({ phase, modem }) => phase === 'ready' && modem === 'spare');
  await rig.modem.control({ fault: 'cms:38' });
  const moved = await exchange(rig, { modems: [rig.modem, spare] });
  return { 'dialogue-failed-over': moved.dialogue, 'answer-failed-over': moved.answer };
}
