/** Dispatch with fake modems, faked time, and a log that can be read. */

import { getEventListeners } from 'node:events';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { createLogger, format, type Logger, transports } from 'winston';
import { createDispatch, type Dispatch, type DispatchLimits } from '../../../src/dispatch/dispatch.js';
import type { Message, SendResult } from '../../../src/dispatch/message.js';
import { SendError } from '../../../src/errors.js';
import type { SmsModem } from '../../../src/modem/sms-modem.js';
import type { FakeModem } from './fake-modem.js';

/** Fakes all clocks for each test of the file, and fails a test that leaves a timer behind. */
export function fakeTime(): void {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    const left = vi.getTimerCount();
    vi.useRealTimers();
    expect(left, 'timers left behind').toBe(0);
  });
}

/** Lets promises settle and time pass (milliseconds, 0 for just the promises). */
export async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** Lets the network accept whatever is and comes to these modems, until they have nothing more to do. */
export async function finish(...modems: readonly FakeModem[]): Promise<void> {
  await pass();
  while (modems.some(({ isBusy }) => isBusy)) {
    for (const { current } of modems.filter(({ isBusy }) => isBusy)) {
      if (current.isStarted || current.prompt()) current.accept();
    }
    await pass();
  }
}

/** A send as its caller sees it. */
export class Caller {
  readonly #hangUp = new AbortController();
  readonly deadlineAt: number;
  result: SendResult | undefined;
  error: SendError | undefined;
  /** `performance.now()` milliseconds of the answer. */
  answeredAt: number | undefined;

  constructor(dispatch: Dispatch, message: Message, deadlineMs: number) {
    this.deadlineAt = performance.now() + deadlineMs;
    void dispatch.send(message, { deadlineAt: this.deadlineAt, callerLeft: this.#hangUp.signal }).then(
      (result) => {
        this.result = result;
        this.answeredAt = performance.now();
      },
      (error: unknown) => {
        if (!(error instanceof SendError)) throw error;
        this.error = error;
        this.answeredAt = performance.now();
      },
    );
  }

  get isAnswered(): boolean {
    return this.answeredAt !== undefined;
  }

  get code(): string {
    if (!this.isAnswered) return 'waiting';
    return this.error?.code ?? 'sent';
  }

  get abortListeners(): number {
    return getEventListeners(this.#hangUp.signal, 'abort').length;
  }

  hangUp(): void {
    this.#hangUp.abort();
  }
}

export interface Rig {
  dispatch: Dispatch;
  /** Parsed lines of the log. */
  log: Record<string, unknown>[];
  /** Sends, by default each to its own recipient, with 25 s until the deadline. */
  send: (text: string, options?: Partial<Message> & { deadlineMs?: number }) => Caller;
}

export function rig(modems: readonly SmsModem[], limits: Partial<DispatchLimits> = {}): Rig {
  const { logger, lines } = readableLog();
  const dispatch = createDispatch({
    modems,
    limits: { maxSegments: 3, maxWaiting: 50, validityMs: 300_000, ...limits },
    log: logger,
  });
  let sent = 0;
  return {
    dispatch,
    log: lines,
    send: (text, { deadlineMs = 25_000, ...message } = {}) => {
      sent += 1;
      const recipient = `+4915100000${String(sent).padStart(3, '0')}`;
      return new Caller(
        dispatch,
        { id: `id-${sent}`, caller: 'urn:Auth0', recipient, text, ...message },
        deadlineMs,
      );
    },
  };
}

function readableLog(): { logger: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const logger = createLogger({
    level: 'debug',
    format: format.json(),
    transports: [new transports.Stream({ stream })],
  });
  return { logger, lines };
}
