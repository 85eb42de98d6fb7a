/**
 * What a person at the terminal asks the daemon: how it is, on one screen, and to send one message.
 */

import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import type { Logger } from 'winston';
import { inTime } from '../clock/within.js';
import type { ControlCommand } from '../control/server.js';
import type { Send } from '../dispatch/message.js';
import { simKey } from '../dispatch/sim-key.js';
import {
  failureWords,
  OperatorError,
  type SendError,
  type SendErrorCode,
  toSendError,
} from '../errors.js';
import { problems } from '../http/problem.js';
import { type LogRow, maxLogRows } from '../journal/entries.js';
import { JournalFault } from '../journal/faults.js';
import type { Journal } from '../journal/journal.js';
import { maskNumber } from '../number/mask.js';
import { readRecipient } from '../number/recipient.js';
import { isBlank } from '../words/blank.js';
import { capsOf, type DaemonParts, snapshotOf } from './snapshot.js';

const hourMs = 3_600_000;
/** Milliseconds for the journal to tell of the last hour: a disk may be silent. */
const journalMs = 2_000;

/**
 * The control command `overview`: yields what the admin listener shows, and the callers, the SIMs'
 * caps and the verdicts of the last hour.
 */
export function createOverview(parts: DaemonParts): ControlCommand {
  const startedAt = performance.now();
  return async function* overview() {
    const { config, modems, remembered } = parts;
    const { callers, file } = config();
    yield {
      pid: process.pid,
      uptime_s: Math.round((performance.now() - startedAt) / 1000),
      config_file: file,
      now: new Date().toISOString(),
      ...snapshotOf(parts),
      callers: callers.map(({ name, kind, path }) => ({ name, kind, path })),
      sims: modems.map((modem) => {
        const { dayCount, monthCount } = remembered.simCaps.used(simKey(modem, remembered.hmac));
        const { perDay, perMonth } = capsOf(config(), modem.name);
        return {
          modem: modem.name,
          day: dayCount,
          per_day: perDay,
          month: monthCount,
          per_month: perMonth,
        };
      }),
      last_hour: await lastHour(remembered.journal, remembered.date() - hourMs),
    };
  };
}

/** How many messages of each verdict; undefined while the journal cannot tell. */
async function lastHour(
  journal: Pick<Journal, 'query' | 'refusedCounts'>,
  sinceMs: number,
): Promise<{ verdicts: Record<string, number>; is_all: boolean } | undefined> {
  try {
    const found = Promise.all([
      journal.query({ sinceMs, limit: maxLogRows }),
      journal.refusedCounts({ sinceMs, limit: maxLogRows }),
    ]);
    // Nobody waits for it any more should it fail late.
    found.catch(() => undefined);
    const answer = await inTime(journalMs, found);
    if (answer === undefined) return undefined;
    const [{ rows }, counts] = answer;
    const verdicts: Record<string, number> = {};
    const add = (verdict: string, count: number) => {
      verdicts[verdict] = (verdicts[verdict] ?? 0) + count;
    };
    for (const row of rows) add(verdictOf(row), 1);
    for (const { status, code, count } of counts) add(`${status} ${code}`, count);
    return { verdicts, is_all: rows.length < maxLogRows };
  } catch (error) {
    if (!(error instanceof JournalFault)) throw error;
    return undefined;
  }
}

/** The newest that is known: `200`, `502 network_refused`, `no verdict yet`. */
function verdictOf({ outcome, late }: LogRow): string {
  const last = late ?? outcome;
  if (last === undefined) return 'no verdict yet';
  return [String(last.status), ...(last.code === undefined ? [] : [last.code])].join(' ');
}

/** Who the message is from, in log, journal and limits; no caller's name has a space. */
const consoleCaller = 'simgate send';
/** Characters; ten segments of the longest alphabet, and far more than `max_segments` allows. */
const longestText = 1_600;

const messageRequest = v.object({
  recipient: v.string('the request needs "recipient", a text'),
  text: v.pipe(
    v.string('the request needs "text", a text'),
    v.check((text) => !isBlank(text), 'the text is empty, or blank'),
    v.maxLength(longestText, `the text has more than ${longestText} characters`),
  ),
});

export interface MessageCommandParts {
  send: Send;
  /** Milliseconds within which the queue answers, as the configuration in force has it. */
  deadlineMs: () => number;
  log: Logger;
}

/**
 * The control command `message`: sends one message as a caller's, under the policy and through the
 * queue, and yields its verdict. It is never started once who asked has left (I3).
 */
export function createMessageCommand({
  send,
  deadlineMs,
  log,
}: MessageCommandParts): ControlCommand {
  return async function* message(request, callerLeft) {
    const parsed = v.safeParse(messageRequest, request);
    if (!parsed.success) throw new OperatorError(parsed.issues[0].message);
    const { recipient: written, text } = parsed.output;
    const { number: recipient, objection } = readRecipient(written);
    if (recipient === undefined) throw new OperatorError(`the recipient ${objection}`);
    const id = randomUUID();
    const to = maskNumber(recipient);
    const deadlineAt = performance.now() + deadlineMs();
    const told = { event: 'message', id, caller: consoleCaller, recipient: to };
    try {
      const result = await send(
        { id, caller: consoleCaller, recipient, text },
        { deadlineAt, callerLeft },
      );
      const { segments, modem, references, tookMs } = result;
      const took_ms = Math.round(tookMs);
      log.info('message sent', {
        ...told,
        status: 200,
        submitted: 'yes',
        segments,
        modem,
        took_ms,
      });
      yield {
        id,
        recipient: to,
        status: 200,
        submitted: 'yes',
        segments,
        modem,
        references,
        took_ms,
      };
    } catch (error) {
      const failure = toSendError(error);
      const verdict = { status: statusOf(failure.code), ...refusalOf(failure) };
      log.warn(failureWords[failure.submitted], {
        ...told,
        ...verdict,
        ...(failure.code === 'internal' && { error: failure.cause }),
      });
      yield { id, recipient: to, ...verdict };
    }
  };
}

const statusOf = (code: SendErrorCode) => problems[code].status;

const refusalOf = ({ code, submitted, detail, causeCode }: SendError) => ({
  code,
  submitted,
  detail,
  cause_code: causeCode,
});
