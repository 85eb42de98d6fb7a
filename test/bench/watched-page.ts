import { type ClientRequest, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { type Figure, judged, median, quickest, shown } from './figures.js';
import { limits } from './limits.js';
import { cpuMs, residentMb } from './proc.js';
import { Rig, type Sent } from './rig.js';
import { toFirstOctet } from './steady.js';

/** As many as are let in, on the views that tell most. */
const watched = [...Array(8).fill('now'), ...Array(8).fill('messages')] as string[];
const pages = ['/', '/messages', '/history', '/history.json', '/policy', '/callers', '/page.js'];
const warmUpMessages = 50;
const messages = 250;
/** Between two messages both daemons sleep and both modems are idle. */
const breathMs = 10;
/** Milliseconds for streams to be told of the last message. */
const settleMs = 3_000;

/** A daemon whose page is open and looked at by sixteen, beside one that nobody looks at. */
export async function watchedPage(): Promise<Figure[]> {
  await using alone = await Rig.start();
  await using seen = await Rig.start();
  const rigs = [alone, seen];
  const watch = await Watch.start(seen.adminPort);
  try {
    for (const rig of rigs) await rig.deliverMany([await rig.connect()], warmUpMessages);
    const before = rigs.map(({ daemonPid }) => cpuMs(daemonPid));
    const octetsMs = await singles(rigs);
    const cpu = rigs.map(({ daemonPid }, index) => cpuMs(daemonPid) - before[index]!);
    for (const path of pages) await watch.read(path);
    await pause(settleMs);
    const [aloneMb, seenMb] = rigs.map(({ daemonPid }) => residentMb(daemonPid));
    const [octetAlone, octetSeen] = octetsMs.map(quickest);
    return [
      shown('nobody looks: resident after 300 messages', aloneMb!, 'MB'),
      shown('sixteen streams, every view opened: the same', seenMb!, 'MB'),
      judged('more with the page', seenMb! - aloneMb!, 'MB', limits.watchedMemory),
      judged('streams that were told of every change', watch.lively, '', { exactly: 16 }),
      shown('nobody looks: request → first octet, quickest tenth', octetAlone!, 'ms'),
      shown('sixteen streams: the same', octetSeen!, 'ms'),
      judged('looked at over not', octetSeen! / octetAlone!, '', limits.watchedOctet),
      shown('nobody looks: request → first octet, median', median(octetsMs[0]!), 'ms'),
      shown('sixteen streams: the same', median(octetsMs[1]!), 'ms'),
      shown('nobody looks: CPU for a message, with all that goes on', cpu[0]! / messages, 'ms'),
      shown('sixteen streams: the same', cpu[1]! / messages, 'ms'),
    ];
  } finally {
    watch.end();
  }
}

/** One message at a time, each at an idle modem, in turns. */
async function singles(rigs: readonly Rig[]): Promise<number[][]> {
  const connected = await Promise.all(rigs.map((rig) => rig.connect()));
  const sent: Sent[][] = rigs.map(() => []);
  for (let turn = 0; turn < messages; turn += 1) {
    for (const [index, rig] of rigs.entries()) {
      await pause(breathMs);
      sent[index]!.push(await rig.deliver(connected[index]!));
    }
  }
  return rigs.map((rig, index) => toFirstOctet(rig, sent[index]!));
}

/** Those who look on. */
class Watch {
  readonly #port: number;
  readonly #streams: ClientRequest[] = [];
  readonly #told: number[] = [];

  private constructor(port: number) {
    this.#port = port;
  }

  static async start(port: number): Promise<Watch> {
    const watch = new Watch(port);
    for (const [index, view] of watched.entries()) await watch.#open(index, view);
    return watch;
  }

  /** How many streams were told of more than the first look. */
  get lively(): number {
    return this.#told.filter((events) => events > 10).length;
  }

  #open(index: number, view: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = get({ port: this.#port, path: `/events?view=${view}` }, (response) => {
        if (response.statusCode !== 200)
          return reject(new Error(`a stream was answered ${response.statusCode}`));
        this.#told[index] = 0;
        response.setEncoding('utf8').on('data', (chunk: string) => {
          this.#told[index]! += chunk.split('event: ').length - 1;
        });
        resolve();
      });
      // The daemon ends it, or we do.
      stream.on('error', reject);
      this.#streams.push(stream);
    });
  }

  read(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      get({ port: this.#port, path, headers: { accept: 'text/html' } }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`));
        response.resume().once('end', resolve);
      }).on('error', reject);
    });
  }

  end(): void {
    for (const stream of this.#streams) stream.destroy();
  }
}
