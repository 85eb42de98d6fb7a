import type { Exchange } from './caller.js';
import { type Figure, judged, median, shown } from './figures.js';
import { BareServer } from './floor.js';
import { limits } from './limits.js';
import { cpuMs } from './proc.js';
import { Rig, startEach } from './rig.js';

const callersAtOnce = 8;
/** Requests of one kind in a round; of the rounds the median counts, the first being warm-up. */
const requestsInRound = 500;
const rounds = 6;
/** Longer than the case: nothing gets through the modem meanwhile. */
const slow = ['--submit-latency', '120000'];
/** Each recipient comes once in so many requests. */
const recipients = 1_000;

/** One way to be refused. */
interface Kind {
  what: string;
  status: number;
  limit: { atMost: number };
  /** The `number`th request of this kind. */
  request: (rig: Rig, number: number) => Buffer;
}

const german = (number: number) => `+49151${String(10_000_000 + (number % recipients))}`;
const french = (number: number) => `+336${String(10_000_000 + (number % recipients))}`;

const byTokenAndPolicy: readonly Kind[] = [
  {
    what: 'a bad token (401)',
    status: 401,
    limit: limits.byToken,
    // Of the right form, so that the signature has to be computed.
    request: (rig, number) => rig.request(german(number), `${rig.token.slice(0, -8)}AAAAAAAA`),
  },
  {
    what: 'the policy, by country (403)',
    status: 403,
    limit: limits.byCountry,
    request: (rig, number) => rig.request(french(number)),
  },
  {
    what: 'a limit (429)',
    status: 429,
    limit: limits.byLimit,
    request: (rig, number) => rig.request(german(number)),
  },
];
const byFullQueue: readonly Kind[] = [
  {
    what: 'a full queue (503)',
    status: 503,
    limit: limits.byFullQueue,
    request: (rig, number) => rig.request(german(number)),
  },
];

/** What it takes the daemon of each of `clis` to say no, beside the bare server's yes. */
export async function refusals(clis: readonly string[]): Promise<Figure[][]> {
  await using server = await BareServer.start();
  await server.warmUp();
  await using open = await startEach(clis, limitedRig);
  const byPolicy = await measured(server, open.list, byTokenAndPolicy);
  await using full = await startEach(clis, fullRig);
  const byQueue = await measured(server, full.list, byFullQueue);
  for (const rig of full.list) rig.kill();
  return clis.map((_, index) => [...byPolicy[index]!, ...byQueue[index]!]);
}

async function limitedRig(cli: string): Promise<Rig> {
  const policy = '[policy]\ncountries = ["DE"]\ntotal = "1 in 24 h"\n';
  const rig = await Rig.start([], { policy, cli });
  await rig.deliver(await rig.connect()); // all that the limit lets in
  return rig;
}

async function fullRig(cli: string): Promise<Rig> {
  const rig = await Rig.start(slow, { maxWaiting: 1, deadlineS: 180, cli });
  // One at the modem and one that waits. They are never answered: the daemon is killed before.
  for (const caller of await rig.connectMany(2)) void rig.send(caller);
  return rig;
}

/** The kinds one after the other, in each round; of each rig its figures. */
async function measured(
  server: BareServer,
  rigs: readonly Rig[],
  kinds: readonly Kind[],
): Promise<Figure[][]> {
  const floor: number[] = [];
  const found = rigs.map(() => kinds.map(() => ({ cpu: [] as number[], others: 0 })));
  for (let round = 0; round < rounds; round += 1) {
    floor.push((await flood(server, server.pid, () => server.request, 200)).cpu);
    for (const [index, rig] of rigs.entries()) {
      for (const [at, { request, status }] of kinds.entries()) {
        const make = (number: number) => request(rig, number);
        const { cpu, others } = await flood(rig, rig.daemonPid, make, status);
        found[index]![at]!.cpu.push(cpu);
        found[index]![at]!.others += others;
      }
    }
  }
  const floorMs = median(floor.slice(1));
  return found.map((ofRig) => [
    shown('bare server: CPU for a request', floorMs, 'ms'),
    ...ofRig.flatMap(({ cpu, others }, at) =>
      figuresOf(kinds[at]!, median(cpu.slice(1)), others, floorMs),
    ),
  ]);
}

function figuresOf({ what, limit }: Kind, cpu: number, others: number, floor: number): Figure[] {
  return [
    shown(`refused by ${what}, CPU each`, cpu, 'ms'),
    judged(`refused by ${what}, over the bare server`, cpu / floor, '', limit),
    judged(`refused by ${what}, answered otherwise`, others, '', { exactly: 0 }),
  ];
}

/** One round: CPU of the process for each request, and how many had another status. */
async function flood(
  callee: Pick<Rig, 'connectMany'>,
  pid: number,
  request: (number: number) => Buffer,
  status: number,
): Promise<{ cpu: number; others: number }> {
  const requests = Array.from({ length: requestsInRound }, (_, number) => request(number));
  const callers = await callee.connectMany(callersAtOnce);
  const answers: Exchange[] = [];
  const before = cpuMs(pid);
  const work = callers.map(async (caller) => {
    for (let next = requests.pop(); next !== undefined; next = requests.pop())
      answers.push(await caller.exchange(next));
  });
  await Promise.all(work);
  return {
    cpu: (cpuMs(pid) - before) / requestsInRound,
    others: answers.filter((answer) => answer.status !== status).length,
  };
}
