/** What log, counters and pages hear of what comes in; never a text (I6). */

import type { Logger } from 'winston';
import { maskNumber } from '../number/mask.js';
import { counted } from '../words/counted.js';
import type { WholeText } from './long-texts.js';

/** What is worth counting; none of it may throw. */
export interface InboundListener {
  /** What became of a text, or of a try to hand it over. */
  inboundText(end: { outcome: InboundOutcome }): void;
}

export type InboundOutcome =
  | 'delivered'
  | 'failed_try'
  /** Kept for as long as it may be, and given up. */
  | 'expired'
  /** Handed over without the parts that did not come. */
  | 'incomplete'
  /** No room on the disk: left on the SIM. */
  | 'left_on_sim'
  /** The modem handed it over and kept no copy, and there was no room for it anywhere. */
  | 'lost';

/** Since the start. */
export interface InboundCounts {
  delivered: number;
  failedTries: number;
  /** Given up. */
  expired: number;
  /** There was no room for them anywhere. */
  lost: number;
}

export class InboundNews {
  readonly counts: InboundCounts = { delivered: 0, failedTries: 0, expired: 0, lost: 0 };
  readonly #listener: InboundListener;
  readonly #log: Logger;

  constructor(listener: InboundListener, log: Logger) {
    this.#listener = listener;
    this.#log = log;
  }

  /** What an earlier run left that is not taken up. */
  opened(folder: string, unreadable: number, fault: Error | undefined): void {
    if (fault !== undefined)
      this.#log.error(
        `${folder} cannot be used: what waits in it is not handed over, and what comes in stays on the SIM; give it to the user of simgate, and restart`,
        { event: 'state_fault', error: fault },
      );
    if (unreadable > 0)
      this.#log.warn(
        `the inbound spool has ${counted(unreadable, 'file')} that hold no SMS or cannot be read: they stay as they are`,
        { event: 'inbound' },
      );
  }

  /** The receiver has it. */
  taken({ id, modem }: WholeText): void {
    this.counts.delivered += 1;
    this.#listener.inboundText({ outcome: 'delivered' });
    this.#log.info('an SMS that came in was handed over', {
      event: 'inbound_delivered',
      id,
      modem,
    });
  }

  /** It was kept for as long as it may be. */
  givenUp({ id, modem }: WholeText): void {
    this.counts.expired += 1;
    this.#listener.inboundText({ outcome: 'expired' });
    this.#log.error(
      'an SMS that came in was given up: nobody took it for its days (inbound.keep_days)',
      { event: 'inbound', id, modem },
    );
  }

  /** @param failures tries that failed in a row; the first of them is told */
  failedTry(why: string, failures: number): void {
    this.counts.failedTries += 1;
    this.#listener.inboundText({ outcome: 'failed_try' });
    if (failures === 1)
      this.#log.warn(`the receiver of inbound SMS does not take them: ${why}; it is tried again`, {
        event: 'inbound_receiver',
      });
  }

  /** @param failures tries that had failed */
  receiverIsBack(failures: number): void {
    this.#log.info(
      `the receiver of inbound SMS takes them again, after ${counted(failures, 'try')}`,
      { event: 'inbound_receiver' },
    );
  }

  /** One was left on the SIM. @param isFirst since there was room */
  left(why: string, isFirst: boolean): void {
    this.#listener.inboundText({ outcome: 'left_on_sim' });
    if (isFirst)
      this.#log.warn(`SMS that come in are left on the SIM: ${why}`, { event: 'inbound_full' });
  }

  lost(modem: string): void {
    this.counts.lost += 1;
    this.#listener.inboundText({ outcome: 'lost' });
    this.#log.error('an SMS that came in is lost: the modem keeps no copy, and the spool is full', {
      event: 'inbound',
      modem,
    });
  }

  /** What is there of a long one goes on without the rest. */
  incomplete({ modem, from, missing }: WholeText): void {
    this.#listener.inboundText({ outcome: 'incomplete' });
    const lacks = `${counted(missing.length, 'part')} of a long SMS`;
    this.#log.warn(`${lacks} never came: what is there goes on without`, {
      event: 'inbound',
      modem,
      from: maskNumber(from),
    });
  }

  carrierHasWritten(modem: string, kind: string): void {
    this.#log.warn(`the carrier of modem ${modem} has written: ${kind}`, {
      event: 'carrier_message',
      modem,
      kind,
    });
  }

  /** `[inbound]` was switched off while texts waited. */
  leftOver({ sentence, remedy }: { sentence: string; remedy: string }): void {
    this.#log.warn(`${sentence}: ${remedy}`, { event: 'inbound' });
  }

  /** The disk did not take one. */
  notWritten(error: unknown): void {
    this.#log.error('an SMS that came in cannot be written to the disk', {
      event: 'inbound',
      error,
    });
  }

  /** A file cannot be removed: it is found at the next start, and its SMS delivered once more. */
  notRemoved(error: unknown): void {
    this.#log.error('the inbound spool cannot be written', { event: 'state_fault', error });
  }
}
