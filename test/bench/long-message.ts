import { type Figure, judged, shown } from './figures.js';
import { longText } from './requests.js';
import { Rig } from './rig.js';
import { submitsOf } from './submits.js';

const segments = 3;
const linkSetupMs = 1_000;
const submitLatencyMs = 200;

/**
 * A modem whose radio link is dear to set up, and which can hold it (AT+CMMS, 3GPP TS 27.005
 * 3.5.6).
 */
export async function longMessage(): Promise<Figure[]> {
  await using rig = await Rig.start([
    '--link-setup',
    `${linkSetupMs}`,
    '--submit-latency',
    `${submitLatencyMs}`,
  ]);
  const caller = await rig.connect();
  await rig.deliver(caller); // pays its own set-up, and is no part of what is looked at
  const first = await rig.deliver(caller, longText);
  const second = await rig.deliver(caller, longText);
  const entries = rig.modem.entriesSince(first.sentAtMs);
  const submits = submitsOf(entries);
  const commands = entries.flatMap((entry) => (entry.kind === 'command' ? [entry.line] : []));
  const tookMs = submits[segments - 1]!.replyAtMs - submits[0]!.ctrlZAtMs;
  const onceMs = linkSetupMs + segments * submitLatencyMs;
  const secondCommands = submitsOf(rig.modem.entriesSince(second.sentAtMs)).length;
  return [
    judged('segments of two long messages', submits.length, '', { exactly: 2 * segments }),
    judged('set-ups paid by both', entries.filter(({ kind }) => kind === 'link_setup').length, '', {
      exactly: 1,
    }),
    judged('AT+CMMS sent', commands.filter((line) => line.startsWith('AT+CMMS=')).length, '', {
      exactly: 1,
    }),
    judged('AT commands of the second', secondCommands, '', { exactly: segments }),
    judged('time of the first, over one set-up + 3·L', tookMs / onceMs, '', { atMost: 1.05 }),
    shown('first Ctrl-Z → last reply', tookMs, 'ms', { atMost: onceMs * 1.05 }),
  ];
}
