import type { BootSign } from '../at/boot-lines.js';
import { readInbound } from './inbound-event.js';
import { bootSign } from './life.js';
import type { ArrivalParts, ModemConnection } from './modem-connection.js';
import { tellsOfStorage } from './storage.js';

export interface UnsolicitedParts extends ArrivalParts {
  /** Undefined while a tty has yet to prove that it is the modem's, and has said something. */
  connection(): ModemConnection | undefined;
  /** `line` says that the modem has restarted, or that something about its SIM or SMS is new. */
  onSign(sign: BootSign, line: string): void;
}

/** PDUs that are held at most: more than come within the moment that a message takes. */
const mostHeld = 64;

/**
 * What the modem says without being asked: each line goes to whom it concerns. PDUs that come while
 * a message is on its way to its Ctrl-Z are looked at behind it.
 */
export class Unsolicited {
  readonly #parts: UnsolicitedParts;
  #held: string[] = [];
  #isHolding = false;

  constructor(parts: UnsolicitedParts) {
    this.#parts = parts;
  }

  /** `pdu` is the second line of a two-line one. */
  take(line: string, pdu: string | undefined): void {
    const connection = this.#parts.connection();
    for (const listener of connection?.modem.urcListeners ?? []) listener(line, pdu);
    if (this.#parts.inFlight.takeLine(line)) return this.#parts.modemLog.lateResult();
    const sign = bootSign(line);
    if (sign !== undefined) this.#parts.onSign(sign, line);
    if (tellsOfStorage(line)) {
      connection?.storage.noteTold(line);
      connection?.sweeper.soon();
    }
    if (pdu === undefined) return;
    this.#held.push(pdu);
    if (!this.#isHolding || this.#held.length > mostHeld) this.#takeHeld();
  }

  /** A message is about to be written. */
  hold(): void {
    this.#isHolding = true;
  }

  /** It was, or is over: unless another one begins at once, what was held is taken. */
  release(): void {
    this.#isHolding = false;
    if (this.#held.length > 0)
      setImmediate(() => {
        if (!this.#isHolding) this.#takeHeld();
      });
  }

  #takeHeld(): void {
    for (const pdu of this.#held.splice(0)) {
      const inbound = readInbound(pdu);
      if (inbound?.kind === 'status_report') this.#acknowledge();
      // Nobody asked for SMS to be handed over whole.
      if (inbound?.kind === 'sms') void this.#parts.keeper?.keepOnly(inbound);
      if (inbound !== undefined) this.#parts.onInbound(inbound);
    }
  }

  /** Behind the message that is being sent, but not while an older one's answer may come. */
  #acknowledge(): void {
    const indications = this.#parts.connection()?.modem.indications;
    if (indications?.owesAcknowledgements !== true) return;
    this.#parts.run(async () => {
      if (!this.#parts.inFlight.expectsLateResult(performance.now()))
        await indications.acknowledge();
    }, 'the end of an acknowledgement');
  }
}
