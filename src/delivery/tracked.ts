/** What was sent and may be reported on, found again by SIM, reference and recipient; bounded. */

/** When the network can have taken a segment. */
export interface TakenWithin {
  fromMs: number;
  untilMs: number;
  /**
   * `monotonic`: `performance.now()` of this run, which no leap of the wall clock moves; `wall`: of
   * an earlier run, as its clock had it.
   */
  clock: 'monotonic' | 'wall';
}

/** A message that was sent, with the segments that were. */
export interface TrackedMessage {
  readonly id: string;
  readonly modem: string;
  /** Undefined where the SIM could not be read. */
  readonly simHmac: string | undefined;
  /** Keyed HMAC of the recipient's last digits (`number/tail.ts`). */
  readonly tailHmac: string;
  readonly country: string | undefined;
  readonly blockHmac: string | undefined;
  /** As {@link TakenWithin.clock} of its segments: from then on no report is to be expected. */
  readonly reportsUntilMs: number;
  readonly clock: TakenWithin['clock'];
  readonly total: number;
  readonly segments: Map<number, TrackedSegment>;
  /** It was counted as one that nobody knows the end of, or as one with a known end. */
  isCounted: boolean;
}

export interface TrackedSegment {
  readonly message: TrackedMessage;
  /** From 0. */
  readonly index: number;
  /** TP-MR; undefined: it may have been taken, and the modem never said. */
  readonly reference: number | undefined;
  readonly within: TakenWithin;
  /** TP-ST that counts so far. */
  status: number | undefined;
  /** TP-SCTS of its reports, in milliseconds; the same in each. */
  takenAtMs: number | undefined;
  /** TP-DT of the report that counts. */
  endedAtMs: number | undefined;
}

/** Segments and messages of one box, oldest out first. */
export class Tracked {
  readonly #mostSegments: number;
  /** In the order in which they came. */
  readonly #messages = new Map<string, TrackedMessage>();
  readonly #byReference = new Map<string, Set<TrackedSegment>>();
  readonly #unsure = new Map<string, Set<TrackedSegment>>();
  /** The last reference of each SIM, and whether it gave the same twice in a row. */
  readonly #references = new Map<string, { last: number; areConstant: boolean }>();
  #segments = 0;

  constructor(mostSegments: number) {
    this.#mostSegments = mostSegments;
  }

  get segments(): number {
    return this.#segments;
  }

  message(id: string): TrackedMessage | undefined {
    return this.#messages.get(id);
  }

  messages(): Iterable<TrackedMessage> {
    return this.#messages.values();
  }

  addMessage(message: TrackedMessage): TrackedMessage {
    const known = this.#messages.get(message.id);
    if (known !== undefined) return known;
    this.#messages.set(message.id, message);
    return message;
  }

  addSegment(segment: TrackedSegment): void {
    const { message, index, reference } = segment;
    const before = message.segments.get(index);
    if (before !== undefined) this.#forgetSegment(before);
    message.segments.set(index, segment);
    this.#segments += 1;
    const [map, key] = this.#placeOf(segment);
    const others = map.get(key);
    if (others === undefined) map.set(key, new Set([segment]));
    else others.add(segment);
    if (reference !== undefined) this.#noteReference(simOf(message), reference);
    while (this.#segments > this.#mostSegments) this.#forgetOldest();
  }

  /** Those with this reference, to a recipient with one of these tails. */
  withReference(reference: number, tailHmacs: readonly string[]): TrackedSegment[] {
    return tailHmacs.flatMap((tail) => [...(this.#byReference.get(`${reference} ${tail}`) ?? [])]);
  }

  /** Those whose reference nobody knows. */
  withoutReference(tailHmacs: readonly string[]): TrackedSegment[] {
    return tailHmacs.flatMap((tail) => [...(this.#unsure.get(tail) ?? [])]);
  }

  /**
   * Whether this SIM's modem gives one reference to messages in a row, against 23.040 9.2.3.6: then
   * a reference that is known of one message says nothing of another's.
   */
  hasConstantReferences(sim: string): boolean {
    return this.#references.get(sim)?.areConstant ?? false;
  }

  forget(message: TrackedMessage): void {
    this.#messages.delete(message.id);
    for (const segment of message.segments.values()) this.#forgetSegment(segment);
  }

  #noteReference(sim: string, reference: number): void {
    const known = this.#references.get(sim);
    this.#references.set(sim, { last: reference, areConstant: known?.last === reference });
    if (this.#references.size <= mostSims) return;
    const [oldest] = this.#references.keys();
    this.#references.delete(oldest!);
  }

  #placeOf(segment: TrackedSegment): [map: Map<string, Set<TrackedSegment>>, key: string] {
    const { reference, message } = segment;
    return reference === undefined
      ? [this.#unsure, message.tailHmac]
      : [this.#byReference, `${reference} ${message.tailHmac}`];
  }

  #forgetOldest(): void {
    const [oldest] = this.#messages.values();
    if (oldest !== undefined) this.forget(oldest);
  }

  #forgetSegment(segment: TrackedSegment): void {
    const [map, key] = this.#placeOf(segment);
    const others = map.get(key);
    if (others?.delete(segment) !== true) return;
    this.#segments -= 1;
    if (others.size === 0) map.delete(key);
  }
}

/** SIMs whose references are remembered. */
const mostSims = 64;

/** By what a SIM is known: itself, else the modem it is in. */
export const simOf = ({ simHmac, modem }: Pick<TrackedMessage, 'simHmac' | 'modem'>): string =>
  simHmac ?? `modem:${modem}`;
