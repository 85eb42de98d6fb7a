/** A day in the life of a modem with which something is wrong, in faked time. */
import { vi } from 'vitest';
import type { PinOutcome, SimNames } from '../../src/modem/pin-memory.js';
import { type Supervised, send, supervise } from '../modem/supervised.js';
import { VirtualDevice } from '../modem/virtual-link.js';
import { type ExitCase, shown, troubleOf } from './cases.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** Between two messages; between two looks at what the daemon says. */
const messageEveryMs = hourMs;
/**
 * What the longest gap between two acts of the daemon, and their effect, may take once all is well.
 */
const recoveredWithinMs = 20 * minuteMs;

const pin = '4711';

/** The memory of PINs without a disk, which has no part in faked time. */
function memoryOfADay() {
  const outcomes = new Map<string, PinOutcome>();
  const key = (sim: string, generation: string) => `${sim} ${generation}`;
  return {
    last: ({ known }: SimNames, generation: string) =>
      known
        .map((sim) => outcomes.get(key(sim, generation)))
        .find((outcome) => outcome !== undefined),
    note: ({ noted }: SimNames, generation: string, outcome: PinOutcome) => {
      for (const sim of noted) outcomes.set(key(sim, generation), outcome);
      return Promise.resolve();
    },
  };
}

/** What was done about a modem, and when, in milliseconds from the beginning. */
export interface Act {
  rung: string;
  atMs: number;
}

/** What came of a day. */
export interface Day {
  /**
   * Each hour: the phase at its end, and what the daemon said was missing while it was not ready,
   * minute by minute.
   */
  hours: { phase: string; reasons: readonly string[] }[];
  acts: Act[];
  /** Command lines that were written. */
  commands: number;
  /** `AT+CPIN=` among them. */
  pinsEntered: number;
  /** The longest time without any byte to the modem, milliseconds. */
  longestPauseMs: number;
  /** Whether the daemon's loop counted as wedged at any time. */
  wedgedBy: string | undefined;
  /**
   * When all was well again: milliseconds until it was ready; undefined when it was not in time.
   */
  recoveredInMs: number | undefined;
  /** What the first message then came to. */
  firstMessage: readonly number[] | string | undefined;
}

/**
 * Every command that the daemon writes to a virtual modem on a day on which all is well, without
 * arguments.
 */
export async function commandsOf(): Promise<string[]> {
  const device = new VirtualDevice({ pin });
  const supervised = start({ withPin: true, treated: [] }, device, []);
  await vi.advanceTimersByTimeAsync(minuteMs);
  device.network.sendInbound({ from: '+491700000001', text: 'text' });
  await send(supervised, 'x'.repeat(400));
  await vi.advanceTimersByTimeAsync(10 * minuteMs);
  const commands = device.commands().map((line) => /^AT([A-Z+^#]*[=?]?)/i.exec(line)?.[1] || 'AT');
  return [...new Set(commands.map((command) => (command === 'E' ? 'E0' : command)))].sort();
}

/** Plays `subject`: the trouble begins when the modem is well, or with the start of the daemon. */
export async function playDay(subject: ExitCase, fromStart: boolean): Promise<Day> {
  const device = new VirtualDevice(subject.withPin ? { pin } : {});
  const acts: Act[] = [];
  const begin = () => {
    for (const { command, treatment } of subject.treated)
      device.begin(troubleOf(command, treatment, dayMs));
  };
  if (fromStart) begin();
  const supervised = start(subject, device, acts);
  if (!fromStart) {
    await vi.advanceTimersByTimeAsync(minuteMs);
    begin();
  }
  const day = await watch(device, supervised);
  return { ...day, acts, ...(await partInPeace(device, supervised)) };
}

function start(subject: ExitCase, device: VirtualDevice, acts: Act[]): Supervised {
  const begun = performance.now();
  return supervise(
    device,
    {},
    {
      ...(subject.withPin ? { readPin: () => Promise.resolve({ pin, generation: 'g1' }) } : {}),
      pinMemory: memoryOfADay(),
      callHook: () => Promise.resolve(),
      onRecovery: (rung) => {
        if (rung !== 'reopen') acts.push({ rung, atMs: performance.now() - begun });
      },
    },
  );
}

async function watch(
  device: VirtualDevice,
  supervised: Supervised,
): Promise<Pick<Day, 'hours' | 'commands' | 'pinsEntered' | 'longestPauseMs' | 'wedgedBy'>> {
  const hours: Day['hours'] = [];
  let wedgedBy: string | undefined;
  for (let hour = 0; hour < dayMs / hourMs; hour += 1) {
    const reasons = new Set<string>();
    for (let minute = 0; minute < hourMs / minuteMs - 1; minute += 1) {
      await vi.advanceTimersByTimeAsync(minuteMs);
      const { phase, reason } = supervised.supervisor.snapshot();
      if (phase !== 'ready') reasons.add(reason ?? '');
      wedgedBy ??= supervised.supervisor.wedgedBy();
    }
    hours.push({ phase: supervised.supervisor.snapshot().phase, reasons: [...reasons] });
    await send(supervised, hour % 4 === 0 ? 'x'.repeat(200) : `code ${hour}`, undefined, minuteMs);
  }
  const stamps = device.entries.flatMap(({ kind, at_ns }) =>
    kind === 'command' ? [Number(at_ns) / 1e6] : [],
  );
  const pauses = stamps.slice(1).map((at, index) => at - stamps[index]!);
  return {
    hours,
    commands: device.commands().length,
    pinsEntered: device.commands().filter((line) => line.startsWith('AT+CPIN=')).length,
    longestPauseMs: pauses.reduce((longest, pause) => Math.max(longest, pause), 0),
    wedgedBy,
  };
}

async function partInPeace(
  device: VirtualDevice,
  supervised: Supervised,
): Promise<Pick<Day, 'recoveredInMs' | 'firstMessage'>> {
  const { supervisor } = supervised;
  let waitedMs = 0;
  // The troubles end a day after they began; a message on its way may take a while longer.
  for (; waitedMs < recoveredWithinMs && supervisor.snapshot().phase !== 'ready'; waitedMs += 1_000)
    await vi.advanceTimersByTimeAsync(1_000);
  const before = device.accepted().length;
  if (supervisor.snapshot().phase !== 'ready')
    return { recoveredInMs: undefined, firstMessage: undefined };
  const firstMessage = await send(supervised, 'at last');
  return {
    recoveredInMs: waitedMs,
    firstMessage: device.accepted().length > before ? firstMessage : 'not accepted',
  };
}

export { dayMs, hourMs, messageEveryMs, minuteMs, recoveredWithinMs, shown };
