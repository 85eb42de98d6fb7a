import type { Caller } from './caller.js';
import { type Figure, judged, shown } from './figures.js';
import { monotonicMs } from './monotonic.js';
import { cpuMs } from './proc.js';
import { Rig, type RigOptions } from './rig.js';

const callersAtOnce = 8;
/**
 * So long each kind is refused, twice; the better counts, for other load on the machine only ever
 * slows.
 */
const windowMs = 1_500;
const rounds = 2;
/** Longer than the case: nothing gets through the modem meanwhile. */
const slow = ['--submit-latency', '12000'];
/**
 * A third of the least that was seen: what a refusal costs is parsing, a token, a line of the log,
 * and little else.
 */
const leastShare = 0.035;

interface Rate {
  perSecond: number;
  cpuMsPerAnswer: number;
  /** Answers with another status than the one that was due. */
  others: number;
}

/** What it takes to say no, beside the least that an answer costs: `/livez` of the same daemon. */
export async function refusals(): Promise<Figure[]> {
  const germanyOnce = 'countries = ["DE"]\ntotal = "1 in 24 h"\n';
  return [
    ...(await byTokenAndPolicy({ policy: `[policy]\n${germanyOnce}` })),
    ...(await byFullQueue({ maxWaiting: 1 })),
  ];
}

async function byTokenAndPolicy(options: RigOptions): Promise<Figure[]> {
  await using rig = await Rig.start([], options);
  await rig.deliver(await rig.connect()); // all that the limit lets in
  // Of the right form, so that the signature has to be computed.
  const forged = `${rig.token.slice(0, -8)}AAAAAAAA`;
  // Awaited here: the rig ends with this function.
  return await measured(rig, [
    ['a bad token (401)', rig.request({ token: forged }), 401],
    ['the policy, by country (403)', rig.request({ recipient: '+33612345678' }), 403],
    ['a limit (429)', rig.request(), 429],
  ]);
}

async function byFullQueue(options: RigOptions): Promise<Figure[]> {
  await using rig = await Rig.start(slow, options);
  // One at the modem and one that waits. Nothing is asked of their answers, which come when the
  // daemon stops.
  for (const caller of await rig.connectMany(2)) void rig.send(caller);
  return await measured(rig, [['a full queue (503)', rig.request(), 503]]);
}

async function measured(
  rig: Rig,
  kinds: readonly (readonly [what: string, request: Buffer, status: number])[],
): Promise<Figure[]> {
  const callers = await rig.connectMany(callersAtOnce);
  const livez = Buffer.from('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const floor = await best(rig, callers, livez, 200);
  const figures: Figure[] = [];
  for (const [what, request, status] of kinds) {
    const rate = await best(rig, callers, request, status);
    figures.push(
      shown(`refused by ${what}`, rate.perSecond, '/s'),
      judged(`refused by ${what}, over answers of /livez`, rate.perSecond / floor.perSecond, '', {
        atLeast: leastShare,
      }),
      shown(`refused by ${what}, CPU each`, rate.cpuMsPerAnswer, 'ms'),
      judged(`refused by ${what}, answered otherwise`, rate.others + floor.others, '', {
        exactly: 0,
      }),
    );
  }
  return [shown('answers of /livez', floor.perSecond, '/s'), ...figures];
}

async function best(
  rig: Rig,
  callers: readonly Caller[],
  request: Buffer,
  status: number,
): Promise<Rate> {
  const found: Rate[] = [];
  for (let round = 0; round < rounds; round += 1)
    found.push(await rateOf(rig, callers, request, status));
  const fastest = found.toSorted((a, b) => b.perSecond - a.perSecond)[0]!;
  return { ...fastest, others: found.reduce((sum, { others }) => sum + others, 0) };
}

/** The same request again and again from all callers at once, for a while. */
async function rateOf(
  rig: Rig,
  callers: readonly Caller[],
  request: Buffer,
  status: number,
): Promise<Rate> {
  const fromMs = monotonicMs();
  const cpuBeforeMs = cpuMs(rig.daemonPid);
  let [answers, others] = [0, 0];
  const work = callers.map(async (caller) => {
    while (monotonicMs() - fromMs < windowMs) {
      const answer = await caller.exchange(request);
      answers += 1;
      if (answer.status !== status) others += 1;
    }
  });
  await Promise.all(work);
  const tookMs = monotonicMs() - fromMs;
  return {
    perSecond: (answers * 1000) / tookMs,
    cpuMsPerAnswer: (cpuMs(rig.daemonPid) - cpuBeforeMs) / answers,
    others,
  };
}
