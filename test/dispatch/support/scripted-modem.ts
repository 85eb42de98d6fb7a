/**
 * A modem that plays a script in faked time, and the one record of what happened to all messages,
 * in order.
 */

import { SendError } from '../../../src/errors.js';
import type { OutgoingSms, SubmitControl, SubmitReceipt } from '../../../src/modem/sms-modem.js';
import { FakeModem, type HandOver, surelyNotSent } from './fake-modem.js';

/** What became of a hand-over: only `surely unsent` allows another. */
export type Verdict =
  | 'accepted'
  | 'refused'
  | 'surely unsent'
  | 'left unsent'
  | 'partly'
  | 'unknown';

export type Event = { seq: number; at: number; id: string } & (
  | { kind: 'sent'; key: string; deadlineAt: number }
  | { kind: 'left' }
  | { kind: 'answered'; code: string; submitted: string }
  | { kind: 'handed' | 'started'; modem: string }
  | { kind: 'settled'; modem: string; verdict: Verdict }
);

type Unstamped<E> = E extends Event ? Omit<E, 'seq' | 'at'> : never;

/** Everything in one order, stamped with `performance.now()` milliseconds. */
export class Journal {
  readonly events: Event[] = [];

  note(event: Unstamped<Event>): void {
    this.events.push({ ...event, seq: this.events.length, at: performance.now() } as Event);
  }
}

/** How a modem treats one hand-over. */
export interface Behaviour {
  kind:
    | 'accept'
    | 'refuse'
    | 'no prompt'
    | 'unsent after all'
    | 'partly'
    | 'silence'
    | 'bug'
    | 'lost';
  promptMs: number;
  outcomeMs: number;
}

/** Messages are told apart by the first word of their text. */
export function idOf(sms: OutgoingSms): string {
  return sms.segments[0]?.split(' ', 1)[0] ?? '';
}

export class ScriptedModem extends FakeModem {
  readonly #journal: Journal;
  readonly #script: readonly Behaviour[];
  #played = 0;

  /** @param script is played over and over */
  constructor(name: string, script: readonly Behaviour[], journal: Journal) {
    super(name);
    this.#script = script;
    this.#journal = journal;
  }

  override submit(sms: OutgoingSms, control: SubmitControl): Promise<SubmitReceipt> {
    this.#journal.note({ kind: 'handed', id: idOf(sms), modem: this.name });
    const receipt = super.submit(sms, control);
    const behaviour = this.#script[this.#played % this.#script.length]!;
    this.#played += 1;
    const handOver = this.current;
    setTimeout(() => this.#prompt(handOver, behaviour), behaviour.promptMs);
    return receipt;
  }

  #prompt(handOver: HandOver, { kind, outcomeMs }: Behaviour): void {
    if (kind === 'bug') return this.#settle(handOver, 'unknown', new TypeError('a bug'));
    if (kind === 'lost') this.enter('lost');
    if (kind === 'lost' || kind === 'no prompt')
      return this.#settle(handOver, 'surely unsent', surelyNotSent());
    if (!handOver.control.mayCommit()) {
      return this.#settle(handOver, 'left unsent', new SendError('deadline_unreachable'));
    }
    handOver.isCommitted = true;
    handOver.control.onCommitted();
    this.#journal.note({ kind: 'started', id: idOf(handOver.sms), modem: this.name });
    if (kind === 'silence') this.enter('stalled');
    setTimeout(() => this.#finish(handOver, kind), outcomeMs);
  }

  #finish(
    handOver: HandOver,
    kind: 'accept' | 'refuse' | 'unsent after all' | 'partly' | 'silence',
  ): void {
    switch (kind) {
      case 'accept':
        return this.#settle(handOver, 'accepted');
      case 'refuse':
        return this.#settle(handOver, 'refused', new SendError('network_refused'));
      case 'unsent after all':
        return this.#settle(handOver, 'surely unsent', surelyNotSent());
      case 'partly':
        return this.#settle(
          handOver,
          'partly',
          new SendError('partly_submitted', { submitted: 'partly' }),
        );
      case 'silence':
        this.#settle(
          handOver,
          'unknown',
          new SendError('outcome_unknown', { submitted: 'unknown' }),
        );
        setTimeout(() => this.enter('ready'), 100);
    }
  }

  #settle(handOver: HandOver, verdict: Verdict, error?: Error): void {
    this.#journal.note({ kind: 'settled', id: idOf(handOver.sms), modem: this.name, verdict });
    if (error === undefined) handOver.accept();
    else handOver.fail(error);
  }
}
