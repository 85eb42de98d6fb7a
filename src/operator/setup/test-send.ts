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
 * Sends doctor's test message: through the daemon that has the modems, else through the one that
 * was looked at.
 */
export async function sendTest(
  recipient: string,
  choice: ModemChoice | undefined,
  daemon: RunningDaemon | undefined,
  { log }: SetupEnvironment,
): Promise<Finding> {
  if (daemon !== undefined) return throughDaemon(daemon, recipient);
  const { answered, report } = choice?.inspected ?? {};
  if (choice === undefined || answered === undefined)
    return error(
      'send',
      'the test message was not sent: no modem answers here',
      'start the daemon, then `simgate doctor --send`',
    );
  if (report?.facts?.sim === 'pin')
    return error(
      'send',
      'the test message was not sent: the SIM waits for its PIN, which only the daemon enters',
      'start the daemon, then `simgate doctor --send`',
    );
  const wrong = report?.findings.find(({ level }) => level === 'error');
  if (wrong !== undefined)
    return error('send', `the test message was not sent: ${wrong.what}`, wrong.remedy);
  return sendDirectly(
    answered.candidate.tty,
    { ...answered.target, name: choice.name },
    recipient,
    log,
  );
}

async function throughDaemon({ socket }: RunningDaemon, recipient: string): Promise<Finding> {
  try {
    return await askToSend(socket, recipient);
  } catch (thrown) {
    if (!(thrown instanceof OperatorError)) throw thrown;
    return error('send', `the running daemon did not send the test message: ${thrown.message}`);
  }
}
