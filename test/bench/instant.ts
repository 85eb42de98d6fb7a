import { setTimeout as pause } from 'node:timers/promises';
import { type Figure, judged, median, shown } from './figures.js';
import { BareServer } from './floor.js';
import { limits } from './limits.js';
import { Rig, startEach } from './rig.js';

const callersAtOnce = 200;
/** So that but a few of them can be sent in time. */
const submitLatencyMs = 2_000;
/** After so long without an answer, all that are refused have been. */
const silenceMs = 1_000;
/** Each with a process that is as cold as after a quiet night. */
const rounds = 3;
/** What the start left is collected by then. */
const startMs = 6_000;

/**
 * 200 requests in one instant, of which the most are refused; and the same number at a bare server
 * that says yes to all. The answer to each waits for the work on all.
 */
export async function instant(clis: readonly string[]): Promise<Figure[][]> {
  const floor: number[] = [];
  const own: number[][] = clis.map(() => []);
  await using rigs = await startEach(Array.from({ length: rounds }, () => clis).flat(), (cli) =>
    Rig.start(['--submit-latency', `${submitLatencyMs}`], { cli }),
  );
  await pause(startMs);
  for (const [index, rig] of rigs.list.entries()) {
    if (index % clis.length === 0) floor.push(await bareAnswer());
    own[index % clis.length]!.push(await refusal(rig));
  }
  const bareMs = median(floor);
  return own.map((ms) => [
    shown('bare server: request → answer, median', bareMs, 'ms'),
    shown('request → refusal, median', median(ms), 'ms'),
    judged('the same, over the bare server', median(ms) / bareMs, '', limits.instant),
  ]);
}

async function bareAnswer(): Promise<number> {
  await using server = await BareServer.start();
  await server.ask(await server.connect());
  const callers = await server.connectMany(callersAtOnce);
  return median(await Promise.all(callers.map((caller) => server.ask(caller))));
}

/** Of those that were refused, the median. */
async function refusal(rig: Rig): Promise<number> {
  await rig.deliver(await rig.connect()); // the daemon learns how long this modem takes
  const callers = await rig.connectMany(callersAtOnce);
  const waitedMs: number[] = [];
  for (const caller of callers)
    void rig.send(caller).then(({ status, sentAtMs, answeredAtMs }) => {
      if (status === 503) waitedMs.push(answeredAtMs - sentAtMs);
    });
  for (let seen = -1; seen < waitedMs.length; await pause(silenceMs)) seen = waitedMs.length;
  rig.kill(); // with those that were let in: they are never answered
  return median(waitedMs);
}
