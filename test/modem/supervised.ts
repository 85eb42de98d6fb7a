import { expect, vi } from 'vitest';
import winston from 'winston';
import type { SendError } from '../../src/errors.js';
import type { InFlightState, LeftInFlightState } from '../../src/modem/in-flight-record.js';
import { InFlightSubmits } from '../../src/modem/in-flight-submits.js';
import type { ModemTuning } from '../../src/modem/modem.js';
import { Supervisor, type SupervisorOptions } from '../../src/modem/supervisor.js';
import { segmentText } from '../../src/sms/segments.js';
import { locatorOf, type VirtualDevice } from './virtual-link.js';

const plain: ModemTuning = {
  guardMs: 0,
  submitTimeoutMs: undefined,
  roaming: true,
  statusReport: false,
};
const running: Supervisor[] = [];

/** What must outlive the process goes nowhere: a disk has no part in faked time. */
export const noFile = { note: () => undefined, close: () => Promise.resolve() };
/** No PIN was ever tried, and none is remembered. */
export const noPins = { last: () => undefined, note: () => Promise.resolve() };

/** A supervisor of the virtual modem, in faked time, with what its log was told. */
export interface Supervised {
  supervisor: Supervisor;
  warnings: string[];
  /** As they came. */
  phases: string[];
  /** What it noted of submits in flight, for the next process. */
  notes: InFlightState[];
}

/** @param left what the process before had noted */
export function supervise(
  device: VirtualDevice,
  tuning: Partial<ModemTuning> = {},
  options: Partial<SupervisorOptions> = {},
  left?: LeftInFlightState,
): Supervised {
  const warnings: string[] = [];
  const log = winston.createLogger({ silent: true });
  log.warn = ((message: string) => {
    warnings.push(message);
    return log;
  }) as typeof log.warn;
  const notes: InFlightState[] = [];
  const record = { ...noFile, note: (state: InFlightState) => void notes.push(state) };
  const supervisor = new Supervisor({
    name: 'main',
    number: undefined,
    locator: locatorOf(device.openLink),
    tuning: { ...plain, ...tuning },
    idleProbeMs: 60_000,
    inFlight: new InFlightSubmits(record, left),
    readPin: undefined,
    callHook: undefined,
    onInbound: () => undefined,
    pinMemory: noPins,
    log,
    ...options,
  });
  const phases: string[] = [];
  supervisor.onPhase(({ phase }) => phases.push(phase));
  supervisor.start();
  running.push(supervisor);
  return { supervisor, warnings, phases, notes };
}

export async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((supervisor) => supervisor.stop()));
}

/** Lets up to 50 s pass. */
export async function untilReady({ supervisor }: Supervised): Promise<void> {
  for (let i = 0; i < 100 && supervisor.snapshot().phase !== 'ready'; i += 1)
    await vi.advanceTimersByTimeAsync(500);
  expect(supervisor.snapshot()).toMatchObject({ phase: 'ready' });
}

/** Sends a text and lets `forMs` pass: its references, or the error's code and cause. */
export async function send(
  { supervisor }: Supervised,
  text: string,
  recipient = '+4915112345678',
  forMs = 8_000,
): Promise<readonly number[] | string> {
  const ended = supervisor
    .submit(
      { recipient, ...segmentText(text), validityMs: 300_000 },
      {
        mayCommit: () => true,
        onCommitted: () => undefined,
        retryUntil: performance.now() + 25_000,
      },
    )
    .then(
      ({ references }) => references,
      ({ code, causeCode }: SendError) => `${code} ${causeCode}`,
    );
  await vi.advanceTimersByTimeAsync(forMs);
  return ended;
}
