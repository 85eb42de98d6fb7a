import { readdirSync, readFileSync } from 'node:fs';
import { type Figure, judged, shown } from '../bench/figures.js';

/** What the daemon says of its own inside after a full collection; a line of `look-inside.mjs`. */
export interface InsideView {
  heap_octets: number;
  /**
   * Of the heap, compiled code and what belongs to it: V8 compiles what is used much, for many
   * minutes.
   */
  code_octets: number;
  array_buffer_octets: number;
  /** What keeps the event loop alive, by kind: `process.getActiveResourcesInfo()`. */
  resources: Readonly<Record<string, number>>;
  /** Objects that can be reached, by class. */
  reachable: Readonly<Record<Reachable, number>>;
}

/**
 * `pollers`: serialport never frees the native half of a port's poller (`Poller::destroy` in
 * bindings-cpp 13 resets the wrap, and the destructor never runs), and that holds the poller, an
 * emitter, by a function bound to it: one of each for every opening of a tty.
 */
type Reachable = 'timers' | 'pollers' | 'emitters' | 'promises' | 'functions';

/** One look at the daemon, from outside and inside. */
export interface Vitals {
  descriptors: number;
  threads: number;
  residentOctets: number;
  inside: InsideView;
}

/** Reads proc_pid_fd(5) and proc_pid_status(5) of the daemon; throws when it is gone. */
export function vitalsOf(pid: number, inside: InsideView): Vitals {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: statusNumber(status, 'Threads'),
    residentOctets: statusNumber(status, 'VmRSS') * 1024,
    inside,
  };
}

function statusNumber(status: string, key: string): number {
  const value = new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1];
  if (value === undefined) throw new Error(`/proc/PID/status has no ${key}`);
  return Number(value);
}

/** Every count of a look by its name: what must come back to its start. */
function counts({ descriptors, threads, inside }: Vitals): Map<string, number> {
  const { resources, reachable } = inside;
  return new Map([
    ['file descriptors', descriptors],
    ['threads', threads],
    ...Object.entries(resources).map(([kind, count]): [string, number] => [
      `active ${kind}`,
      count,
    ]),
    ['timers', reachable.timers],
    ["event emitters, less serialport's pollers", reachable.emitters - reachable.pollers],
    ['promises', reachable.promises],
  ]);
}

/** Whether nothing is more than it was: what was under way at the look is over. */
export function isBackTo(start: Vitals, now: Vitals): boolean {
  const before = counts(start);
  return [...counts(now)].every(([name, count]) => count <= (before.get(name) ?? 0));
}

/** Compiled code, and tables that grow in steps. */
const heapGrowth = 1.1;
const dataGrowth = 1.05;
/**
 * A listener or another callback that each re-plug leaves behind is one function a re-plug; fewer
 * are code that ran for the first time.
 */
const functionsPerReplug = 0.1;

/**
 * What the daemon rightly remembers of each message for a day, for limits and caps: bounded (I5),
 * and no leak. Measured: 571 octets in the windows, the rest in the caps.
 */
const rememberedOctets = 720;

/** The end of a soak with so many sends and re-plugs, held against its start. */
export function vitalFigures(start: Vitals, end: Vitals, sends: number, replugs: number): Figure[] {
  const [before, after] = [counts(start), counts(end)];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const perReplug = (count: (view: InsideView) => number) =>
    (count(end.inside) - count(start.inside)) / replugs;
  const growth = (octets: (view: InsideView) => number) =>
    (octets(end.inside) - sends * rememberedOctets) / octets(start.inside);
  return [
    ...names.map((name) =>
      judged(name, after.get(name) ?? 0, '', { atMost: before.get(name) ?? 0 }),
    ),
    judged(
      "functions that came in, less serialport's pollers, per re-plug",
      perReplug(({ reachable }) => reachable.functions - reachable.pollers),
      '',
      { atMost: functionsPerReplug },
    ),
    shown(
      "serialport's pollers that came in, per re-plug",
      perReplug(({ reachable }) => reachable.pollers),
      '',
    ),
    judged(
      'heap after GC, over its start',
      growth(({ heap_octets }) => heap_octets),
      '',
      { atMost: heapGrowth },
    ),
    judged(
      'the same without compiled code',
      growth(({ heap_octets, code_octets }) => heap_octets - code_octets),
      '',
      { atMost: dataGrowth },
    ),
    shown('heap after GC', end.inside.heap_octets / 1e6, 'MB'),
    shown('of which compiled code', end.inside.code_octets / 1e6, 'MB'),
    shown('array buffers', end.inside.array_buffer_octets / 1e6, 'MB'),
    shown('RSS at the start', start.residentOctets / 1e6, 'MB'),
    shown('RSS', end.residentOctets / 1e6, 'MB'),
  ];
}
