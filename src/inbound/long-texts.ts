/** Long messages come in parts (3GPP TS 23.040 9.2.3.24.1), in any order, and not always all. */

/** One SMS, or a part of one. Texts and senders are whoever's: untrusted. */
export interface InboundSms {
  /** The same for the same SMS, however often it is read. */
  id: string;
  modem: string;
  from: string;
  /** Undefined: it has no text, but data. */
  text: string | undefined;
  /** By the network's time stamp; ISO 8601. */
  sentAt: string | undefined;
  /** Wall-clock milliseconds at which it was read. */
  receivedAtMs: number;
  part?: { reference: number; total: number; index: number } | undefined;
}

/** A whole text, and of which SMS it is made. */
export interface WholeText extends Omit<InboundSms, 'part'> {
  /** Of its first part. */
  id: string;
  ids: string[];
  /** Parts that did not come in time, counted from 1. */
  missing: number[];
}

interface Gathered {
  readonly parts: Map<number, InboundSms>;
  readonly total: number;
  /** `performance.now()` milliseconds at which the first came. */
  readonly since: number;
}

/** Texts that may be incomplete at a time; the oldest is given up for another. */
const mostGathered = 64;

export class LongTexts {
  readonly #waitMs: () => number;
  readonly #gathered = new Map<string, Gathered>();

  /** @param waitMs milliseconds for which the parts that lack are waited for */
  constructor(waitMs: () => number) {
    this.#waitMs = waitMs;
  }

  get size(): number {
    return this.#gathered.size;
  }

  /**
   * What is whole with this one, and what was given up for it.
   * @param since `performance.now()` at which it came
   */
  add(sms: InboundSms, since: number): WholeText[] {
    const { part } = sms;
    if (part === undefined || part.total === 1) return [whole([sms], 1)];
    const key = JSON.stringify([sms.modem, sms.from, part.reference, part.total]);
    const done: WholeText[] = [];
    const known = this.#gathered.get(key);
    if (known?.parts.get(part.index)?.id === sms.id) return [];
    // The reference has come round to another text.
    if (known?.parts.has(part.index) === true) done.push(this.#give(key, known));
    const gathered = this.#gathered.get(key) ?? {
      parts: new Map<number, InboundSms>(),
      total: part.total,
      since,
    };
    gathered.parts.set(part.index, sms);
    this.#gathered.set(key, gathered);
    if (gathered.parts.size === part.total) done.push(this.#give(key, gathered));
    const [oldest] = this.#gathered;
    if (this.#gathered.size > mostGathered && oldest) done.push(this.#give(...oldest));
    return done;
  }

  /** Those whose other parts were waited for in vain; `now` is `performance.now()`. */
  takeOverdue(now: number): WholeText[] {
    const overdue = [...this.#gathered].filter(([, { since }]) => now - since >= this.#waitMs());
    return overdue.map((entry) => this.#give(...entry));
  }

  #give(key: string, { parts, total }: Gathered): WholeText {
    this.#gathered.delete(key);
    return whole([...parts.values()], total);
  }
}

function whole(parts: readonly InboundSms[], total: number): WholeText {
  const inOrder = parts.toSorted((a, b) => (a.part?.index ?? 1) - (b.part?.index ?? 1));
  const there = inOrder.map(({ part }) => part?.index ?? 1);
  const [first] = inOrder;
  if (first === undefined) throw new Error('a text without any part');
  const hasText = inOrder.some(({ text }) => text !== undefined);
  return {
    id: first.id,
    ids: inOrder.map(({ id }) => id),
    modem: first.modem,
    from: first.from,
    text: hasText ? inOrder.map(({ text = '' }) => text).join('') : undefined,
    sentAt: first.sentAt,
    receivedAtMs: Math.max(...inOrder.map(({ receivedAtMs }) => receivedAtMs)),
    missing: Array.from({ length: total }, (_, index) => index + 1).filter(
      (index) => !there.includes(index),
    ),
  };
}
