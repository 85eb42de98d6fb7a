import { type Figure, judged, median, shown } from './figures.js';
import { Rig, type Sent } from './rig.js';
import { type Submit, sentBetween, submitsOf } from './submits.js';

const submitLatencyMs = 500;
const slow = ['--submit-latency', `${submitLatencyMs}`];
/** One whose message is at the modem, and two that wait: no modem is idle while an answer is on its way to its caller. */
const callersPerModem = 3;
const modemsAtMost = 8;
/** From the first Ctrl-Z: all modems are at work, and the daemon has learned how long they take. */
const settlingMs = 1_000;
const windowMs = 10_000;
/** More than settling and window take. */
const messagesPerModem = 26;
/** Longer than the run: the modem does not come back. */
const forGoodMs = 3_600_000;
/** Of the modem that dies, counted from its first: by then all three are at work. */
const lastSubmit = 4;
const messagesWithDead = 48;
/** So long nobody waits for a modem that works: it has one message before ours, or two. */
const unusualMs = 5_000;

/** Eight modems against one, then three of which one dies in the middle of the work. */
export async function severalModems(): Promise<Figure[]> {
  const byOne = await sentBy(1);
  const byEight = await sentBy(modemsAtMost);
  return [
    judged('8 modems, over 8 times one modem', byEight / (modemsAtMost * byOne), '', { atLeast: 0.97 }),
    shown('sent in 10 s by one modem', byOne, ''),
    shown('sent in 10 s by 8 modems', byEight, ''),
    ...(await oneOfThreeDies('unplugged', `hangup-before:${forGoodMs}@${lastSubmit}`)),
    ...(await oneOfThreeDies('silent', `no-prompt:${forGoodMs}@${lastSubmit}`)),
  ];
}

/** Messages that `count` modems send in the window. */
async function sentBy(count: number): Promise<number> {
  await using rig = await Rig.startWith(Array.from({ length: count }, () => slow));
  await rig.deliverMany(await rig.connectMany(count * callersPerModem), count * messagesPerModem);
  const submits = submitsOfAll(rig);
  const fromMs = Math.min(...submits.map(({ ctrlZAtMs }) => ctrlZAtMs)) + settlingMs;
  return sentBetween(submits, fromMs, fromMs + windowMs);
}

/** One modem dies by `fault`, before a Ctrl-Z and for good, while all three are busy. */
async function oneOfThreeDies(how: string, fault: string): Promise<Figure[]> {
  await using rig = await Rig.startWith([slow, [...slow, '--fault', fault], slow]);
  const callers = await rig.connectMany(3 * callersPerModem);
  const sent: Sent[] = [];
  let left = messagesWithDead;
  const work = callers.map(async (caller) => {
    while (left-- > 0) sent.push(await rig.send(caller));
  });
  await Promise.all(work);
  const accepted = submitsOfAll(rig).map(({ recipient }) => recipient);
  const dying = rig.modems[1]!.entriesSince(0);
  const waitedMs = sent.map(({ sentAtMs, answeredAtMs }) => answeredAtMs - sentAtMs);
  const label = `one of 3 modems ${how}:`;
  return [
    judged(`${label} it died`, dying.filter(({ kind }) => kind === 'fault').length, '', { exactly: 1 }),
    judged(`${label} not answered 200`, sent.filter(({ status }) => status !== 200).length, '', {
      exactly: 0,
    }),
    judged(`${label} not accepted exactly once`, notOnce(sent, accepted), '', { exactly: 0 }),
    shown(`${label} request → answer, median`, median(waitedMs), 'ms'),
    shown(`${label} waited over 5 s`, waitedMs.filter((ms) => ms > unusualMs).length, ''),
    shown(`${label} request → answer, slowest`, Math.max(...waitedMs), 'ms'),
  ];
}

function notOnce(sent: readonly Sent[], accepted: readonly string[]): number {
  return sent.filter(({ recipient }) => accepted.filter((other) => other === recipient).length !== 1).length;
}

/** Of all modems, each by its own record. */
function submitsOfAll(rig: Rig): Submit[] {
  return rig.modems.flatMap((modem) => submitsOf(modem.entriesSince(0)));
}
