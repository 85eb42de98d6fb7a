import { describe, expect, it } from 'vitest';
import type { RecordEntry } from '../../src/simulator/record.js';
import { isMet } from '../bench/figures.js';
import { reportOf } from './report.js';
import type { SoakResult } from './soak.js';
import { type InsideView, isBackTo, type Vitals } from './vitals.js';

const inside: InsideView = {
  heap_octets: 14_000_000,
  code_octets: 4_000_000,
  array_buffer_octets: 300_000,
  resources: { TCPServerWrap: 2, Timeout: 4 },
  reachable: { timers: 15, pollers: 4, emitters: 124, promises: 431, functions: 12_000 },
};
const start: Vitals = { descriptors: 33, threads: 11, residentOctets: 86e6, inside };

function attached(tty: string, at_ns: string): RecordEntry {
  return { kind: 'attached', tty, at_ns };
}

/** One re-plug, after which all is as it was, but for the poller that serialport keeps. */
const result: SoakResult = {
  start,
  end: withInside({
    reachable: { ...inside.reachable, pollers: 5, emitters: 125, functions: 12_001 },
  }),
  stories: [],
  records: [
    { modem: 'modem1', entries: [attached('/dev/pts/1', '1000'), attached('/dev/pts/2', '2000')] },
  ],
  returns: new Map([['modem1', [500_002_000n]]]),
  complaints: [],
};

function withInside(change: Partial<InsideView>): Vitals {
  return { ...start, inside: { ...inside, ...change } };
}

function withReachable(change: Partial<InsideView['reachable']>): Vitals {
  return withInside({ reachable: { ...inside.reachable, ...change } });
}

/** The judged figures that are not met. */
function broken(change: Partial<SoakResult> = {}): string[] {
  const { reports } = reportOf({ ...result, ...change }, { sends: 0, replugs: 1 });
  return reports.flatMap(({ figures }) =>
    figures.filter((f) => f.isJudged && !isMet(f)).map((f) => f.what),
  );
}

describe('the verdict on a soak', () => {
  it('is good when nothing but the pollers of serialport is left behind', () => {
    expect(broken()).toEqual([]);
  });

  it.each<[string, Vitals]>([
    ['file descriptors', { ...start, descriptors: 34 }],
    ['threads', { ...start, threads: 12 }],
    ['active Timeout', withInside({ resources: { TCPServerWrap: 2, Timeout: 5 } })],
    ['active TTYWrap', withInside({ resources: { ...inside.resources, TTYWrap: 1 } })],
    ['timers', withReachable({ timers: 16 })],
    ["event emitters, less serialport's pollers", withReachable({ emitters: 125 })],
    ['promises', withReachable({ promises: 432 })],
    [
      "functions that came in, less serialport's pollers, per re-plug",
      withReachable({ functions: 12_001 }),
    ],
    [
      'heap after GC, over its start',
      withInside({ heap_octets: 15_500_000, code_octets: 5_500_000 }),
    ],
    ['the same without compiled code', withInside({ heap_octets: 14_600_000 })],
  ])('is bad when there are more %s than at the start', (what, end) => {
    expect(broken({ end })).toEqual([what]);
  });

  it('is bad when a modem does not come back', () => {
    expect(broken({ returns: new Map() })).toEqual(['not ready again']);
  });

  it('is bad when a modem comes back under its old name, for then nothing was proved', () => {
    const entries = [attached('/dev/pts/1', '1000'), attached('/dev/pts/1', '2000')];
    expect(broken({ records: [{ modem: 'modem1', entries }] })).toEqual([
      'back under the same name',
    ]);
  });

  it('is bad when the daemon warns', () => {
    expect(broken({ complaints: ['MaxListenersExceededWarning'] })).toEqual(['lines on stderr']);
  });

  it('is bad when a message was answered 200 that the network never had', () => {
    const message = {
      number: 0,
      caller: 'auth0' as const,
      recipient: '+491500000000',
      marker: 'zqx0000',
      text: '#zqx0000#',
      segments: 1,
      messageType: undefined,
      pauseMs: 0,
      waitS: undefined,
      leaveAfterMs: undefined,
      fault: undefined,
    };
    const body = { segments: 1, references: [1] };
    const outcome = { kind: 'answered', atNs: 2n, status: 200, body, retryAfterMs: 0 } as const;
    const stories = [{ message, sentNs: 1n, deadlineMs: 10_000, outcome }];
    expect(broken({ stories })).toEqual(["violations, by the network's record"]);
  });
});

describe('a daemon that comes to rest', () => {
  it('is back when it has no more of anything than before', () => {
    expect(isBackTo(start, { ...start, descriptors: 32 })).toBe(true);
  });

  it('is not back while a connection of a kind that was not there is open', () => {
    expect(isBackTo(start, withInside({ resources: { ...inside.resources, TCPWrap: 1 } }))).toBe(
      false,
    );
  });
});
