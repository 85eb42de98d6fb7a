/** Dispatch with fake modems, faked time, and a log that can be read. */

import { createHmac } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { Writable } from 'node:stream';
import * as v from 'valibot';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { createLogger, format, type Logger, transports } from 'winston';
import { policySchema } from '../../../src/config/policy.js';
import {
  createDispatch,
  type Dispatch,
  type DispatchLimits,
} from '../../../src/dispatch/dispatch.js';
import { Idempotency } from '../../../src/dispatch/idempotency.js';
import {
  isPromised,
  type Message,
  type Promised,
  type SendResult,
} from '../../../src/dispatch/message.js';
import { type MessageJournal, Recorder } from '../../../src/dispatch/recorder.js';
import type { SharedTruth } from '../../../src/dispatch/shared-truth.js';
import { createSimBudget } from '../../../src/dispatch/sim-budget.js';
import { SendError } from '../../../src/errors.js';
import { problems } from '../../../src/http/problem.js';
import type {
  EndedEntry,
  LateOutcome,
  PromisedEntry,
  StartedEntry,
} from '../../../src/journal/entries.js';
import type { Hmac } from '../../../src/journal/hmac-key.js';
import type { SmsModem } from '../../../src/modem/sms-modem.js';
import { Policy } from '../../../src/policy/policy.js';
import { type Caps, SimCaps } from '../../../src/policy/sim-caps.js';
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

/**
 * Lets the network accept whatever is and comes to these modems, until they have nothing more to
 * do.
 */
export async function finish(...modems: readonly FakeModem[]): Promise<void> {
  await pass();
  while (modems.some(({ isBusy }) => isBusy)) {
    for (const { current } of modems.filter(({ isBusy }) => isBusy)) {
      if (current.isCommitted || current.prompt()) current.accept();
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
  /** What it was told that it is on its way as. */
  promised: Promised | undefined;
  /** `performance.now()` milliseconds of the answer. */
  answeredAt: number | undefined;

  /** @param answerMs milliseconds for which it can wait; default: until the deadline */
  constructor(dispatch: Dispatch, message: Message, deadlineMs: number, answerMs?: number) {
    this.deadlineAt = performance.now() + deadlineMs;
    const control = { deadlineAt: this.deadlineAt, callerLeft: this.#hangUp.signal };
    const sending: Promise<SendResult | Promised> =
      answerMs === undefined
        ? dispatch.send(message, control)
        : dispatch.sendOrPromise(message, { ...control, answerBy: performance.now() + answerMs });
    void sending.then(
      (answer) => {
        if (isPromised(answer)) {
          this.promised = answer;
          answer.settled.catch(() => undefined); // looked at by the test
        } else this.result = answer;
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
    return this.error?.code ?? (this.promised ? 'promised' : 'sent');
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
  /** What the journal was told, in order. */
  written: Written[];
  /** What the metrics were told, in order. */
  heard: string[];
  /** Sends, by default each to its own recipient, with 25 s until the deadline. */
  send: (
    text: string,
    options?: Partial<Message> & { deadlineMs?: number; answerMs?: number },
  ) => Caller;
}

/** What holds beside the queue's own rules; nothing, unless a test says so. */
export interface Rules {
  policy?: Record<string, unknown>;
  caps?: Partial<Caps>;
  /**
   * Milliseconds that the journal takes to write that a message starts; undefined: it is not waited
   * for.
   */
  startedMs?: number;
  /** Whether a promise can be written; default: always. */
  journalIsWell?: () => boolean | Promise<boolean>;
  /** What other boxes know; default: there are none. */
  shared?: SharedTruth;
}

const off = 'off';
const openPolicy = {
  countries: ['*'],
  per_recipient: off,
  per_block: off,
  per_client_ip: off,
  per_country: off,
  total: off,
  lock_out_first_s: 0,
  cool_down_recipient_s: 0,
  cool_down_block_s: 0,
};
const noCaps: Caps = { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined };

export type Written =
  | { kind: 'promised'; entry: PromisedEntry }
  | { kind: 'started'; entry: StartedEntry }
  | { kind: 'ended'; entry: EndedEntry }
  | { kind: 'late'; id: string; outcome: LateOutcome };

function memoryJournal(
  startedMs = 0,
  isWell: () => boolean | Promise<boolean> = () => true,
): { journal: MessageJournal; written: Written[] } {
  const written: Written[] = [];
  const journal: MessageJournal = {
    // Not awaited where no time is given, so that an idle modem gets its message in the same tick.
    started(entry) {
      const write = () => void written.push({ kind: 'started', entry });
      if (startedMs === 0) {
        write();
        return undefined;
      }
      return new Promise<void>((resolve) => setTimeout(resolve, startedMs)).then(write);
    },
    promised: (entry) => {
      written.push({ kind: 'promised', entry });
      return Promise.resolve(isWell());
    },
    ended: (entry) => void written.push({ kind: 'ended', entry }),
    refused: (toEntry) => written.push({ kind: 'ended', entry: toEntry() }) > 0,
    late: (id, outcome) => void written.push({ kind: 'late', id, outcome }),
  };
  return { journal, written };
}

export function rig(
  modems: readonly SmsModem[],
  limits: Partial<DispatchLimits> = {},
  rules: Rules = {},
): Rig {
  const { logger, lines } = readableLog();
  const now = () => Date.now();
  let orders = 0;
  const heard: string[] = [];
  const nextOrder = () => (orders += 1);
  const { journal, written } = memoryJournal(rules.startedMs, rules.journalIsWell);
  const hmac: Hmac = (domain, text) =>
    createHmac('sha256', 'key').update(`${domain}\0${text}`).digest('hex').slice(0, 32);
  const config = v.parse(policySchema, { ...openPolicy, ...rules.policy });
  const simCaps = new SimCaps(now);
  const dispatch = createDispatch({
    modems,
    shared: rules.shared,
    policy: new Policy({ config, hmac, now }),
    budget: createSimBudget(
      { simCaps, alertCaps: new SimCaps(now) },
      () => ({ ...noCaps, ...rules.caps }),
      () => config.alertShare,
      hmac,
    ),
    idempotency: new Idempotency({ hmac, now, nextOrder }),
    recorder: new Recorder({ journal, hmac, now, statusOf: ({ code }) => problems[code].status }),
    nextOrder,
    listener: {
      submitEnded: ({ modem, submitted }) => heard.push(`${modem} ended: ${submitted}`),
      lateResult: ({ modem, submitted }) => heard.push(`${modem} late: ${submitted}`),
      failedOver: ({ from, to }) => heard.push(`${from} to ${to}`),
    },
    limits: {
      maxSegments: 3,
      maxWaiting: 50,
      maxWaitingAlerts: 10,
      validityMs: 300_000,
      ...limits,
    },
    log: logger,
  });
  let sent = 0;
  return {
    dispatch,
    written,
    heard,
    log: lines,
    send: (text, { deadlineMs = 25_000, answerMs, ...message } = {}) => {
      sent += 1;
      const recipient = `+4915100000${String(sent).padStart(3, '0')}`;
      return new Caller(
        dispatch,
        { id: `id-${sent}`, caller: 'urn:Auth0', recipient, text, ...message },
        deadlineMs,
        answerMs,
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
