import { type Figure, judged, median, shown } from './figures.js';
import { Rig } from './rig.js';
import { ownTimesMs, type Submit, submitsOf } from './submits.js';

const submitLatencyMs = 500;
const baud = 115_200;
/** Start bit, eight data bits, stop bit. */
const bitsPerOctet = 10;

/** A modem that takes its time: the daemon must not add to it. */
export async function slowModem(): Promise<Figure[]> {
  const messages = 20;
  await using rig = await Rig.start(['--submit-latency', `${submitLatencyMs}`]);
  const { submits, callersMs } = await handOverAtOnce(rig, messages);
  const tookMs = submits.at(-1)!.replyAtMs - submits.at(0)!.ctrlZAtMs;
  const atLeastMs = messages * submitLatencyMs;
  return [
    judged('20 messages at L = 500 ms, over 20·L', tookMs / atLeastMs, '', { atMost: 1.02 }),
    shown('first Ctrl-Z → last reply', tookMs, 'ms', { atMost: atLeastMs * 1.02 }),
    shown('modem’s reply → next Ctrl-Z, median', median(ownTimesMs(submits)), 'ms'),
    shown('first request → last answer', callersMs, 'ms'),
  ];
}

/** The same behind a UART. */
export async function pacedModem(): Promise<Figure[]> {
  const messages = 11;
  await using rig = await Rig.start([
    '--submit-latency',
    `${submitLatencyMs}`,
    '--baud',
    `${baud}`,
  ]);
  const { submits } = await handOverAtOnce(rig, messages);
  const tookMs = submits.at(-1)!.ctrlZAtMs - submits.at(0)!.ctrlZAtMs;
  const wireMs = wireTimeMs(submits);
  const atLeastMs = wireMs + (messages - 1) * submitLatencyMs;
  return [
    judged('10 messages at 115,200 baud, over wire time + 10·L', tookMs / atLeastMs, '', {
      atMost: 1.03,
    }),
    shown('Ctrl-Z of the first → Ctrl-Z of the eleventh', tookMs, 'ms', {
      atMost: atLeastMs * 1.03,
    }),
    shown('of which on the wire', wireMs, 'ms'),
  ];
}

/** All at once, after a first one from which the daemon learns how long this modem takes. */
async function handOverAtOnce(
  rig: Rig,
  messages: number,
): Promise<{ submits: Submit[]; callersMs: number }> {
  await rig.deliver(await rig.connect());
  const callers = await rig.connectMany(messages);
  const sent = await rig.deliverMany(callers, messages);
  const firstMs = Math.min(...sent.map(({ sentAtMs }) => sentAtMs));
  const lastMs = Math.max(...sent.map(({ answeredAtMs }) => answeredAtMs));
  return { submits: submitsOf(rig.modem.entriesSince(firstMs)), callersMs: lastMs - firstMs };
}

/**
 * Between the first Ctrl-Z and the last: each reply, and the command, prompt and data behind it.
 */
function wireTimeMs(submits: readonly Submit[]): number {
  const octets = submits.slice(1).map((next, index) => {
    const reply = `\r\n+CMGS: ${submits[index]!.mr}\r\n\r\nOK\r\n`;
    return `${reply}${next.command}\r\r\n> ${next.data}\x1a`.length;
  });
  return (octets.reduce((sum, count) => sum + count, 0) * bitsPerOctet * 1000) / baud;
}
