import type { Caller } from './caller.js';
import { type Figure, judged, shown } from './figures.js';
import { limits } from './limits.js';
import { residentMb } from './proc.js';
import { postOf } from './requests.js';
import { Rig, startEach } from './rig.js';

const requests = 5_000;
const callersAtOnce = 8;
const warmUpMessages = 100;

/** What a stranger sends, and what a caller with a bug does; `isLast`: the connection ends. */
const kinds: readonly ((token: string) => { bytes: Buffer; isLast: boolean })[] = [
  () => ({ bytes: Buffer.from('\x16\x03\x01 no HTTP at all\r\n\r\n'), isLast: true }),
  () => ({
    bytes: Buffer.from('POST /sms HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n'),
    isLast: true,
  }),
  (token) => ({ bytes: postOf(token, '{"recipient": "+4915112345678", "body": '), isLast: false }),
  (token) => ({
    bytes: postOf(token, '{"recipient": "0151 12345678", "body": "x"}'),
    isLast: false,
  }),
  (token) => ({ bytes: postOf(token, `{"body": "${'x'.repeat(4_000)}"}`), isLast: false }),
  () => ({ bytes: postOf('no.token.atall', '{}'), isLast: false }),
];

/** Memory before and after requests that can never work. */
export async function malformed(clis: readonly string[]): Promise<Figure[][]> {
  await using rigs = await startEach(clis, (cli) => Rig.start([], { cli }));
  const figures: Figure[][] = [];
  for (const rig of rigs.list) figures.push(await measure(rig));
  return figures;
}

async function measure(rig: Rig): Promise<Figure[]> {
  await rig.deliverMany([await rig.connect()], warmUpMessages);
  const beforeMb = residentMb(rig.daemonPid);
  let left = requests;
  let others = 0;
  const work = Array.from({ length: callersAtOnce }, async () => {
    let caller: Caller | undefined;
    while (left-- > 0) {
      const { bytes, isLast } = kinds[left % kinds.length]!(rig.token);
      caller ??= await rig.connect();
      const { status } = await caller.exchange(bytes);
      if (status < 400 || status >= 500) others += 1;
      if (isLast) {
        caller.close();
        caller = undefined;
      }
    }
  });
  await Promise.all(work);
  const afterMb = residentMb(rig.daemonPid);
  return [
    judged('answered other than 4xx', others, '', { exactly: 0 }),
    shown('RSS before', beforeMb, 'MB'),
    shown('RSS after − before', afterMb - beforeMb, 'MB', { atMost: 20 }),
    judged('RSS after, over before', afterMb / beforeMb, '', limits.malformed),
  ];
}
