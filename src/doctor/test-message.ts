import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'winston';
import type { Send, SendResult } from '../dispatch/message.js';
import { SendError } from '../errors.js';
import { HabitMemory } from '../modem/habits.js';
import { InFlightRecord } from '../modem/in-flight-record.js';
import { InFlightSubmits } from '../modem/in-flight-submits.js';
import type { Modem } from '../modem/modem.js';
import { submitSms } from '../modem/submission.js';
import { maskNumber } from '../number/mask.js';
import { readRecipient } from '../number/recipient.js';
import { segmentText } from '../sms/segments.js';
import { isLost, withModem } from './direct.js';
import { error, type Finding, ok } from './finding.js';
import type { Target } from './targets.js';

/** What a test message says: plain ASCII, one segment, and nothing that looks like a code. */
export const testText = 'This is a test message from simgate. Please ignore it.';

/** Who the test message is from, in logs and in the queue; no token has such a `sub` by chance. */
const testCaller = 'simgate doctor';

/** Sends the test message through the queue, as any other, and says what the network answered. */
export async function sendTestMessage(
  send: Send,
  recipient: string,
  deadlineMs: number,
  callerLeft: AbortSignal,
): Promise<Finding> {
  const message = { id: randomUUID(), caller: testCaller, recipient, text: testText };
  try {
    const result = await send(message, { deadlineAt: performance.now() + deadlineMs, callerLeft });
    return judgeSent(recipient, result);
  } catch (thrown) {
    return judgeNotSent(recipient, thrown);
  }
}

/** The network took it. */
function judgeSent(
  recipient: string,
  {
    segments,
    modem,
    references,
    tookMs,
  }: Pick<SendResult, 'segments' | 'modem' | 'references' | 'tookMs'>,
): Finding {
  const reference = `${segments === 1 ? 'reference' : 'references'} ${references.join(', ')}`;
  const seconds = (tookMs / 1000).toFixed(1);
  return ok(
    'send',
    `the network accepted the test message to ${maskNumber(recipient)} through ${modem} in ${seconds} s (${reference})`,
  );
}

/** It was not sent, or nobody knows. What is no `SendError` is a bug, and thrown on. */
function judgeNotSent(recipient: string, thrown: unknown): Finding {
  if (!(thrown instanceof SendError)) throw thrown;
  const { code, submitted, detail, causeCode } = thrown;
  const why = [detail, detail?.includes(causeCode ?? '') ? undefined : causeCode].filter(
    (part) => part !== undefined,
  );
  const what = `${code}${why.length > 0 ? `: ${why.join(', ')}` : ''}`;
  if (submitted === 'unknown')
    return error(
      'send',
      `the test message to ${maskNumber(recipient)} may or may not arrive: ${what}`,
      'look at the phone before you try again',
    );
  return error(
    'send',
    `the test message to ${maskNumber(recipient)} was not sent: ${what}`,
    'the codes are in the README, "The API"; CMS and CME ones come from the network or the SIM',
  );
}

/** How long the network may try to deliver the test message: TP-VP's least. */
const validityMs = 300_000;
/** Milliseconds in which a test message that was surely not sent may be tried again. */
const retryForMs = 10_000;

/**
 * Sends the test message through a modem that no daemon has. Waits for the network's answer as long
 * as the modem's profile says, 3 minutes at most, for nobody is waiting behind it.
 */
export async function sendDirectly(
  tty: string,
  target: Target,
  recipient: string,
  log: Logger,
): Promise<Finding> {
  const reading = readRecipient(recipient);
  if (reading.objection !== undefined)
    return error('send', `the test message was not sent: the number ${reading.objection}`);
  // What is in the air is noted there for nobody: doctor says itself that the daemon must wait when
  // the outcome is open.
  const folder = await mkdtemp(join(tmpdir(), 'simgate-doctor-'));
  try {
    return await withModem(tty, target, (modem) =>
      submit(modem, folder, target, reading.number, log),
    );
  } catch (thrown) {
    if (!isLost(thrown)) throw thrown;
    return error('send', `the test message was not sent: ${thrown.message}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function submit(
  modem: Modem,
  folder: string,
  target: Target,
  recipient: string,
  log: Logger,
): Promise<Finding> {
  const [record] = await InFlightRecord.open(join(folder, 'flight'), (fault) =>
    log.warn('the note of what is in the air cannot be written', { error: fault }),
  );
  const inFlight = new InFlightSubmits(record, undefined);
  modem.urcListeners.add((line) => void inFlight.takeLine(line));
  const startedAt = performance.now();
  try {
    if (!(await modem.prepareSms()))
      return error('send', 'the modem refuses PDU mode', 'ask again in ten seconds');
    const { references } = await submitSms(
      {
        modem,
        name: target.name,
        inFlight,
        habits: HabitMemory.forgetful().of(target.name, modem.identity, undefined),
        asksForReport: () => false,
        log,
        onInFlight: () => inFlight.note(),
      },
      { recipient, ...segmentText(testText), validityMs },
      { mayCommit: () => true, onCommitted: () => undefined, retryUntil: startedAt + retryForMs },
    );
    const tookMs = performance.now() - startedAt;
    return judgeSent(recipient, {
      segments: references.length,
      modem: target.name,
      references,
      tookMs,
    });
  } catch (thrown) {
    return withWait(judgeNotSent(recipient, thrown), thrown);
  } finally {
    await inFlight.close();
  }
}

/**
 * After an open outcome a late `+CMGS` may still come, which a daemon that starts now could not
 * tell from its own.
 */
function withWait(finding: Finding, thrown: unknown): Finding {
  if (!(thrown instanceof SendError) || thrown.submitted !== 'unknown') return finding;
  const wait =
    'do not start simgate within 3 minutes: a late answer could pass for that of its first message';
  return { ...finding, remedy: `${finding.remedy}; ${wait}` };
}
