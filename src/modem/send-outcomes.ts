import { AtCommandError, AtNoResult, AtTimeout } from '../at/errors.js';
import type { FinalError } from '../at/lines.js';
import { SendError } from '../errors.js';
import type { IdleProbe } from './idle-probe.js';
import type { InFlightSubmits } from './in-flight-submits.js';
import type { LifeChange } from './life.js';
import type { Recovery } from './recovery.js';
import { isPromptless, ResultInDoubt } from './submit-failure.js';
import { codeOf } from './verdict.js';

/** What an error says about the modem that gave it, beside its message. */
type Suspicion =
  /** Its SIM does not serve now. */
  | 'sim'
  /** It is in no network now. */
  | 'network'
  /**
   * It may be the recipient's own fault; of three different ones in a row it is not likely to be.
   */
  | 'if_repeated';

/**
 * 27.005 3.2.5: 310–318 are the SIM's, 331 is no network service; 30, 38 and 500 are also said of a
 * telephone that is switched off. Any other error of the equipment (300 and more, or `+CME ERROR`)
 * is the modem's, as 302 of one whose radio is off. The first match wins.
 */
const suspicions: readonly (readonly [kind: 'CMS' | 'CME', from: number, to: number, Suspicion])[] =
  [
    ['CMS', 310, 318, 'sim'],
    ['CMS', 331, 331, 'network'],
    ['CMS', 30, 30, 'if_repeated'],
    ['CMS', 38, 38, 'if_repeated'],
    ['CMS', 300, 65_535, 'if_repeated'],
    // 27.007 9.2.1.
    ['CME', 10, 15, 'sim'],
    ['CME', 30, 30, 'network'],
    ['CME', 0, 65_535, 'if_repeated'],
  ];
/**
 * So many recipients in a row have to meet such an error: nobody may have our modem brought up
 * anew, let alone reset, by being switched off.
 */
const recipientsBeforeRefresh = 3;
/**
 * So many different recipients in a row, and none accepted in between, are no accident of theirs.
 */
const recipientsToNotice = 3;

/**
 * Causes that lie with the message or its recipient (24.011 8.2.5.4, 23.040 9.2.3.22), or that are
 * told of by themselves (330, 331).
 */
const ofTheirOwn = new Set([
  1, 21, 27, 30, 81, 95, 96, 97, 98, 99, 111, 195, 196, 304, 305, 330, 331,
]);

/** Whether a modem that is registered gets no message out: each fails, whoever it is for. */
class FailingSends {
  /** At most {@link recipientsToNotice}; never shown. */
  readonly #recipients = new Set<string>();
  #lastCause: string | undefined;

  /** The last cause, as a phrase, when every send fails; else undefined. */
  get cause(): string | undefined {
    return this.#recipients.size >= recipientsToNotice ? this.#lastCause : undefined;
  }

  accepted(): void {
    this.#recipients.clear();
  }

  failed(error: SendError, recipient: string): void {
    if (error.code !== 'network_refused' && error.code !== 'outcome_unknown') return;
    if (!isOfNetwork(error.cause)) return;
    const code = /^CMS (\d+)/.exec(error.causeCode ?? '')?.[1];
    if (code !== undefined && ofTheirOwn.has(Number(code))) return;
    if (this.#recipients.size < recipientsToNotice) this.#recipients.add(recipient);
    this.#lastCause = error.causeCode ?? 'no answer';
  }
}

/**
 * A refusal, or silence: what a setting of the modem may bring about. One that took it, or whose
 * answer was not to be understood, has another fault.
 */
function isOfNetwork(cause: unknown): boolean {
  if (cause instanceof AtCommandError) return cause.lines.length === 0;
  return cause instanceof AtTimeout && cause.stage === 'result';
}

const owesResult =
  'it owes the result of a message, and nothing would tell that from the result of the next one';

/** What it owes of earlier results. */
type Owed = Pick<InFlightSubmits, 'isWorthRestart' | 'isBeyondNetwork'>;

/** The message is over, and the modem is as it was. */
const asBefore: LifeChange = { event: 'submitted' };

/** What the ends of messages say of the modem that had them. */
export class SendOutcomes {
  readonly #recovery: Recovery;
  readonly #idleProbe: IdleProbe;
  readonly #inFlight: Owed;
  readonly #failing = new FailingSends();
  /** In a row, of errors that only count when they are repeated; never shown. */
  readonly #suspectRecipients = new Set<string>();
  /** It was, for such errors, and has sent nothing since. */
  #wasBroughtUp = false;

  constructor(recovery: Recovery, idleProbe: IdleProbe, inFlight: Owed) {
    this.#recovery = recovery;
    this.#idleProbe = idleProbe;
    this.#inFlight = inFlight;
  }

  /** The last cause, as a phrase, when every send fails; else undefined. */
  get whySendsFail(): string | undefined {
    return this.#failing.cause;
  }

  /** The network took it. */
  accepted(): void {
    this.#recovery.sent();
    this.#suspectRecipients.clear();
    this.#wasBroughtUp = false;
    this.#failing.accepted();
  }

  /**
   * It ended in `error`: where that leaves the modem. A second one in a row without any answer, or
   * any prompt, may call for a reset.
   */
  failed(error: unknown, recipient: string): LifeChange {
    if (!(error instanceof SendError)) return asBefore;
    const { cause } = error;
    this.#failing.failed(error, recipient);
    if (isPromptless(error)) {
      const event = this.#recovery.lost('promptless') === 'reopen' ? 'refresh' : 'lost';
      return { event, reason: 'it gave no prompt for a message' };
    }
    if (cause instanceof AtCommandError && cause.stage === 'command')
      return { event: 'refresh', reason: cause.message };
    if (cause instanceof AtCommandError) return this.#refused(cause.final, recipient);
    if (this.#isOwing(cause) && this.#recovery.lost('owing') === 'reset')
      return { event: 'lost', reason: owesResult };
    const isSilence = cause instanceof AtTimeout && cause.stage === 'result';
    if (!isSilence || this.#recovery.lost('wedged') === 'reopen') return asBefore;
    return { event: 'lost', reason: 'it did not answer after Ctrl-Z' };
  }

  /** A restart is the way out, and ends nothing that the network may be about to take. */
  #isOwing(cause: unknown): boolean {
    const { isWorthRestart, isBeyondNetwork } = this.#inFlight;
    const isOver = cause instanceof AtNoResult && isBeyondNetwork;
    return (isOver || cause instanceof ResultInDoubt) && isWorthRestart;
  }

  #refused(error: FinalError, recipient: string): LifeChange {
    const code = codeOf(error);
    const suspicion = suspicions.find(
      ([kind, from, to]) => kind === error.kind && code !== undefined && code >= from && code <= to,
    )?.[3];
    if (suspicion === 'sim')
      return { event: 'refresh', reason: 'the modem says that its SIM does not serve' };
    if (suspicion === 'network')
      return { event: 'unregistered', reason: 'the modem says that it is in no network' };
    // Words alone that no table knows are the equipment's, too.
    if (suspicion === 'if_repeated' || code === undefined)
      return this.#suspectIfRepeated(recipient);
    return asBefore;
  }

  /**
   * What is wrong may be settings that it lost in a restart without a word, as the operator's own
   * lines, or its SIM: it is brought up anew, once, and where that did not help, asked for the SIM.
   */
  #suspectIfRepeated(recipient: string): LifeChange {
    this.#suspectRecipients.add(recipient);
    if (this.#suspectRecipients.size < recipientsBeforeRefresh) return asBefore;
    this.#suspectRecipients.clear();
    if (this.#wasBroughtUp) {
      this.#idleProbe.suspect();
      return asBefore;
    }
    this.#wasBroughtUp = true;
    return { event: 'refresh', reason: 'it gets messages out to none of several recipients' };
  }
}
