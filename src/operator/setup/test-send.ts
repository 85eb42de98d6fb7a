import { error, type Finding } from '../../doctor/finding.js';
import { sendDirectly } from '../../doctor/test-message.js';
import { askToSend } from '../../doctor/through-daemon.js';
import { OperatorError } from '../../errors.js';
import { toE164 } from '../../number/e164.js';
import type { SetupEnvironment } from './environment.js';
import type { Interview, Reading } from './interview.js';
import type { RunningDaemon } from './modem-search.js';
import type { ModemChoice } from './modem-step.js';

/** Reads a number in E.164; an empty answer means that no message is to be sent. */
function readNumber(answer: string): Reading<string | undefined> {
  if (answer === '') return { value: undefined };
  const number = toE164(answer);
  return number === undefined
    ? { objection: 'must be + and 7 to 15 digits, as +4915112345678' }
    : { value: number };
}

/** The number to send a test message to; undefined when there is to be none. */
export function askForRecipient(
  given: string | undefined,
  interview: Interview,
): Promise<string | undefined> {
  return interview.ask({
    what: 'a number to send a test message to',
    hint: 'as +4915112345678; Enter alone: none',
    flag: '--send',
    given,
    present: '',
    read: readNumber,
  });
}

/**
 * Why no test message would get through now, in the words that it would end with; undefined when
 * one may.
 */
export function whyNoTest(
  choice: ModemChoice | undefined,
  daemon: RunningDaemon | undefined,
): Finding | undefined {
  if (daemon !== undefined) return whyNotThrough(daemon);
  const { answered, report } = choice?.inspected ?? {};
  if (answered === undefined) return error('send', 'no modem answers here', afterStart);
  if (report?.facts?.sim === 'pin')
    return error('send', 'the SIM waits for its PIN, which only the daemon enters', afterStart);
  const wrong = report?.findings.find(({ level }) => level === 'error');
  return wrong && error('send', wrong.what, wrong.remedy);
}

const afterStart = 'start the daemon, then `simgate doctor --send`';

/** Undefined when one of its modems is well, and when nothing is known of any. */
function whyNotThrough({ reports }: RunningDaemon): Finding | undefined {
  const wrong = reports.map(({ findings }) => findings.find(({ level }) => level === 'error'));
  const [first] = wrong;
  if (first === undefined || wrong.includes(undefined)) return undefined;
  return error('send', first.what, first.remedy);
}

/**
 * Sends doctor's test message: through the daemon that has the modems, else through the one that
 * was looked at.
 */
export async function sendTest(
  recipient: string,
  choice: ModemChoice | undefined,
  daemon: RunningDaemon | undefined,
  { log }: SetupEnvironment,
): Promise<Finding> {
  const obstacle = whyNoTest(choice, daemon);
  if (obstacle !== undefined)
    return { ...obstacle, what: `the test message was not sent: ${obstacle.what}` };
  if (daemon !== undefined) return throughDaemon(daemon, recipient);
  const { candidate, target } = choice!.inspected.answered!;
  return sendDirectly(candidate.tty, { ...target, name: choice!.name }, recipient, log);
}

async function throughDaemon({ socket }: RunningDaemon, recipient: string): Promise<Finding> {
  try {
    return await askToSend(socket, recipient);
  } catch (thrown) {
    if (!(thrown instanceof OperatorError)) throw thrown;
    return error('send', `the running daemon did not send the test message: ${thrown.message}`);
  }
}
