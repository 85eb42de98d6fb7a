import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from './caller.js';
import { type Figure, judged, median, shown } from './figures.js';
import { monotonicMs } from './monotonic.js';
import { Rig, type Sent } from './rig.js';
import { type Submit, sentBetween, submitsOf } from './submits.js';

const submitLatencyMs = 500;
const slow = ['--submit-latency', `${submitLatencyMs}`];
/**
 * One whose message is at the modem, and two that wait: no modem is idle while an answer is on its
 * way to its caller.
 */
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

/** All at once, at modems of which the daemon knows nothing yet. */
const messagesAtOnce = 96;
/** Seconds for a segment, and how long the three are kept at work. */
const mixedSpeedsS = [1, 2, 4];
const saturatedMs = 40_000;

/**
 * Eight modems against one, cold and warm; three of different speeds; then three of which one dies
 * in the middle of the work.
 */
export async function severalModems(): Promise<Figure[]> {
  const byOne = await sentBy(1);
  const byEight = await sentBy(modemsAtMost);
  return [
    judged('8 modems, over 8 times one modem', byEight / (modemsAtMost * byOne), '', {
      atLeast: 0.97,
    }),
    shown('sent in 10 s by one modem', byOne, ''),
    shown('sent in 10 s by 8 modems', byEight, ''),
    ...(await coldFleet(byOne)),
    ...(await mixedFleet()),
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

/**
 * 96 messages in one instant, by 8 modems that were never used, against what one sends in the
 * window.
 */
async function coldFleet(byOne: number): Promise<Figure[]> {
  const all = Array.from({ length: modemsAtMost }, () => slow);
  await using rig = await Rig.startWith(all, { maxWaiting: 1_000, deadlineS: 60 });
  const callers = await rig.connectMany(messagesAtOnce);
  const sent = await Promise.all(callers.map((caller) => rig.send(caller)));
  const submits = submitsOfAll(rig);
  const firstMs = Math.min(...submits.map(({ ctrlZAtMs }) => ctrlZAtMs));
  const lastMs = Math.max(...submits.map(({ replyAtMs }) => replyAtMs));
  const ratio = submits.length / (lastMs - firstMs) / ((modemsAtMost * byOne) / windowMs);
  const byEach = rig.modems.map((modem) => submitsOf(modem.entriesSince(0)).length);
  return [
    judged('8 cold modems, 96 at once, over 8 times one modem', ratio, '', { atLeast: 0.97 }),
    judged(
      '8 cold modems: not answered 200',
      sent.filter(({ status }) => status !== 200).length,
      '',
      {
        exactly: 0,
      },
    ),
    shown('8 cold modems: fewest sent by one', Math.min(...byEach), ''),
    shown('8 cold modems: most sent by one', Math.max(...byEach), ''),
  ];
}

/** Sends until it is let in. */
async function untilSent(rig: Rig, caller: Caller): Promise<Sent> {
  for (;;) {
    const sent = await rig.send(caller);
    if (sent.status !== 503) return sent;
    await pause(500);
  }
}

/**
 * What each of three modems of different speeds sends while all have enough to do, over what each
 * could.
 */
async function mixedFleet(): Promise<Figure[]> {
  await using rig = await Rig.startWith(
    mixedSpeedsS.map((seconds) => ['--submit-latency', `${seconds * 1000}`]),
    { maxWaiting: 1_000 },
  );
  const perSecond = mixedSpeedsS.reduce((sum, seconds) => sum + 1 / seconds, 0);
  // Enough that none is idle, few enough that each is done within its deadline.
  const callers = await rig.connectMany(24);
  const until = monotonicMs() + saturatedMs + 8_000;
  const work = callers.map(async (caller) => {
    while (monotonicMs() < until) await untilSent(rig, caller);
  });
  await Promise.all(work);
  const submits = submitsOfAll(rig);
  const fromMs = Math.min(...submits.map(({ replyAtMs }) => replyAtMs));
  const sent = sentBetween(submits, fromMs, fromMs + saturatedMs);
  return [
    judged(
      'modems of 1, 2 and 4 s, 40 s long, over the sum of their rates',
      sent / (perSecond * 40),
      '',
      {
        atLeast: 0.95,
      },
    ),
  ];
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
    judged(`${label} it died`, dying.filter(({ kind }) => kind === 'fault').length, '', {
      exactly: 1,
    }),
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
  return sent.filter(
    ({ recipient }) => accepted.filter((other) => other === recipient).length !== 1,
  ).length;
}

/** Of all modems, each by its own record. */
function submitsOfAll(rig: Rig): Submit[] {
  return rig.modems.flatMap((modem) => submitsOf(modem.entriesSince(0)));
}
