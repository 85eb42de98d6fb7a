/**
 * Which result answers which submit, on a modem that may answer an older one while a newer one is
 * out. A submit whose result did not come is a *debt*: the modem may still pay it, until the debt's
 * term is over. A result of a debt must never pass for the running submit's (a false 200, or a
 * message sent twice); only the message reference tells (23.040 9.2.3.6), and an error has none.
 *
 * Pure, no clock and no timer. test/modem/debts-search.test.ts searches it against every modem that
 * keeps to this: a result comes within its submit's term or never, in any order, said once or
 * twice; references are constant, or given in the order of the submits, where one that was refused
 * or lost may or may not have taken one. Against such a modem nothing is called ours that is not,
 * and no debt outlives its term.
 *
 * What is known, and why it is enough:
 * - The submit that came `since` submits after the one with reference `base` has at most `base +
 *   since`, and an older one has less. So a running submit's result with that very reference is its
 *   own.
 * - As many different references as there are submits out: each has been answered, so the running
 *   one was accepted.
 * - After the last term nothing old can come.
 * - An error decides nothing and pays nothing while any debt is open.
 */
export class Debts {
  #state: DebtsState;

  constructor(state: DebtsState = noDebts) {
    this.#state = state;
  }

  /** What the process before this one left at `now`. */
  static after(left: DebtsNote, now: number): Debts {
    const { open, remainingMs, base, since, areSequential, isSuspicious } = left;
    const isOver = remainingMs <= 0;
    return new Debts({
      ...noDebts,
      open: isOver ? [] : Array.from({ length: open }, () => now + remainingMs),
      base,
      since,
      areSequential,
      isSuspicious: isSuspicious || (isOver && open > 0),
    });
  }

  /** Everything that is known; never changed in place. */
  get state(): DebtsState {
    return this.#state;
  }

  /**
   * What must outlive the process. A submit that is out counts as a debt: all that is known then is
   * that it was begun.
   */
  note(now: number): DebtsNote {
    this.#expire(now);
    const { open, running, base, since, areSequential, isSuspicious } = this.#state;
    const ends = running ? [...open, running.until] : open;
    const remainingMs = Math.max(0, ...ends.map((until) => until - now));
    return { open: ends.length, remainingMs, base, since, areSequential, isSuspicious };
  }

  /** A Ctrl-Z went out, and its result may come until `until`. */
  begin(until: number): void {
    const since = this.#state.since + 1;
    this.#change({ running: { until, received: [], doubt: undefined }, since });
    if (since > mostSince) this.#change({ base: undefined });
  }

  /**
   * A reference came after our Ctrl-Z. @returns ours, once that we were accepted is sure; the
   * submit is then over. Where it is only sure that all who are out were accepted, it is the newest
   * that came
   */
  takeReference(reference: number, now: number): number | undefined {
    this.#expire(now);
    const { running, open, base, since, lastSeen, areSequential } = this.#state;
    if (!running) return undefined;
    if (!running.doubt && open.length === 0 && !this.#isUnexpected(reference)) {
      if (base !== undefined && since === 1)
        this.#change({ areSequential: reference === next(base, 1) });
      return this.#accept(reference);
    }
    const doubt = running.doubt ?? doubtOver(open);
    this.#change({ running: { ...running, doubt } });
    if (reference === lastSeen) return undefined;
    const received = [...running.received, reference];
    this.#change({ lastSeen: reference, running: { ...running, doubt, received } });
    if (base !== undefined && areSequential !== false && reference === this.#expected()) {
      this.#pay(paidBy(running.received, doubt, open));
      return this.#accept(reference);
    }
    if (doubt.because === 'debts' && open.length === 0) return this.#accept(reference);
    if (received.length < doubt.results) return undefined;
    this.#change({ open: [] });
    return this.#accept(newest(received));
  }

  /** An error came after our Ctrl-Z. @returns whether it is surely ours; the submit is then over */
  takeError(now: number): boolean {
    this.#expire(now);
    const { running, open } = this.#state;
    if (!running || running.doubt?.because === 'suspicion') return false;
    if (open.length === 0) this.#change({ running: undefined });
    else this.#change({ running: { ...running, doubt: running.doubt ?? doubtOver(open) } });
    return open.length === 0;
  }

  /** The submit that is out is waited for no longer: until its term is over its result may come. */
  giveUp(now: number): void {
    this.#expire(now);
    const { running, open, base } = this.#state;
    if (!running) return;
    const { doubt, received, until } = running;
    this.#change({ running: undefined });
    if (until > now && doubt?.because !== 'suspicion') {
      // What came answers one of those that are out, nobody knows which: those stay that are
      // possible the longest.
      this.#change({ open: [...open, until].sort((a, b) => a - b) });
      return this.#pay(paidBy(received, doubt, open));
    }
    this.#change({ isSuspicious: true });
    if (received.length === 0) return;
    // Not even the one after the last doubt followed: it does not count any more.
    if (doubt?.because === 'suspicion' && base === undefined)
      this.#change({ areSequential: false });
    this.#change({ hint: newest(received), base: undefined, since: 0 });
  }

  /** A reference came while none of ours is out: it pays a debt. */
  takeLateReference(reference: number, now: number): void {
    this.#expire(now);
    const { lastSeen, open, base, areSequential } = this.#state;
    if (reference === lastSeen) return;
    this.#change({ lastSeen: reference });
    if (open.length === 0) return;
    this.#pay(1);
    const isOfNewest =
      base !== undefined && areSequential !== false && reference === this.#expected();
    if (isOfNewest) this.#change({ base: reference, since: 0 });
  }

  /**
   * An error that only a submit can give came while none of ours is out: where there is one debt,
   * it pays that.
   */
  takeLateError(now: number): void {
    this.#expire(now);
    if (this.#state.open.length === 1) this.#change({ open: [] });
  }

  /** The modem has started anew: nothing old can come, and it may count from anywhere. */
  restarted(): void {
    this.#state = { ...noDebts, areSequential: this.#state.areSequential };
  }

  /** How many results of earlier submits may still come. */
  outstanding(now: number): number {
    this.#expire(now);
    return this.#state.open.length;
  }

  /** Whether a debt is open, and no reference is known to prove whose a result is. */
  isBlind(now: number): boolean {
    return this.outstanding(now) > 0 && this.#state.areSequential !== true;
  }

  /**
   * For how many milliseconds a debt stays open while not even the reference of the next submit
   * could prove whose a result is; 0 where none is open, or one could.
   */
  provesNothingForMs(now: number): number {
    this.#expire(now);
    const { open, base, areSequential } = this.#state;
    if (base !== undefined && areSequential !== false) return 0;
    return Math.max(0, ...open.map((until) => until - now));
  }

  /**
   * Why the submit that is out is in doubt after what came, until when its own result may come, and
   * whether that one's reference could prove it; undefined while it is in none.
   */
  get doubt(): { because: 'debts' | 'suspicion'; until: number; mayBeProven: boolean } | undefined {
    const { running, base, areSequential } = this.#state;
    if (!running?.doubt) return undefined;
    // Where it is not known yet whether it counts, a first result unlike the last sure one says so.
    const seemsToCount = areSequential ?? running.received.length > 0;
    const mayBeProven = base !== undefined && seemsToCount;
    return { because: running.doubt.because, until: running.until, mayBeProven };
  }

  #accept(reference: number): number {
    this.#change({
      running: undefined,
      base: reference,
      since: 0,
      hint: undefined,
      lastSeen: reference,
      isSuspicious: false,
    });
    return reference;
  }

  /** Of those that may have been paid, the ones with the longest terms stay. */
  #pay(results: number): void {
    this.#change({ open: this.#state.open.slice(results) });
  }

  #expire(now: number): void {
    const open = this.#state.open.filter((until) => until > now);
    if (open.length < this.#state.open.length) this.#change({ open, isSuspicious: true });
  }

  /**
   * Nothing old should come any more; but a modem that counts, and owed a result, may be later than
   * any term.
   */
  #isUnexpected(reference: number): boolean {
    const { isSuspicious, areSequential, base } = this.#state;
    const expected = this.#expected();
    if (!isSuspicious || areSequential !== true || expected === undefined) return false;
    // What came last in a doubt was either the submit's own or the one's before.
    const isNext = base === undefined && reference === next(expected, 1);
    return reference !== expected && !isNext;
  }

  /** The reference of the submit begun last, on a modem that counts each. */
  #expected(): number | undefined {
    const { base, hint, since } = this.#state;
    const from = base ?? hint;
    return from === undefined ? undefined : next(from, since);
  }

  #change(change: Partial<DebtsState>): void {
    this.#state = { ...this.#state, ...change };
  }
}

export interface DebtsState {
  /** `performance.now()` milliseconds at which each debt's term ends, the first to end first. */
  readonly open: readonly number[];
  /** The submit that is out. */
  readonly running: RunningSubmit | undefined;
  /** The newest reference that surely belongs to a submit of ours. */
  readonly base: number | undefined;
  /** Where there is no base: what came last in a doubt, good enough to be suspicious by. */
  readonly hint: number | undefined;
  /** How many submits were begun after that one. */
  readonly since: number;
  /** The reference that came last, whosever it was: said again at once, it is no other result. */
  readonly lastSeen: number | undefined;
  /**
   * Whether the last reference that could be compared followed the one before; undefined while none
   * could.
   */
  readonly areSequential: boolean | undefined;
  /** A debt ended unpaid, and no result has proven itself since. */
  readonly isSuspicious: boolean;
}

interface RunningSubmit {
  readonly until: number;
  /** Different references that came after our Ctrl-Z, none of them surely ours. */
  readonly received: readonly number[];
  /** Why what came was not taken for ours, and how many results there were to come then. */
  readonly doubt: Doubt | undefined;
}

interface Doubt {
  readonly because: 'debts' | 'suspicion';
  readonly results: number;
}

const noDebts: DebtsState = {
  open: [],
  running: undefined,
  base: undefined,
  hint: undefined,
  since: 0,
  lastSeen: undefined,
  areSequential: undefined,
  isSuspicious: false,
};

/** {@link Debts} for the process after this one. */
export interface DebtsNote {
  /** How many results may still come, and for how long. */
  open: number;
  remainingMs: number;
  base: number | undefined;
  since: number;
  areSequential: boolean | undefined;
  isSuspicious: boolean;
}

/**
 * Submits in a row without a reference after which none is known any more: half of an octet's
 * values.
 */
const mostSince = 127;

const doubtOver = (open: readonly number[]): Doubt =>
  open.length > 0
    ? { because: 'debts', results: open.length + 1 }
    : { because: 'suspicion', results: 2 };

/**
 * How many of `open` were surely paid by what was received in a doubt: it may have paid those first
 * whose terms are over by now.
 */
const paidBy = (
  received: readonly number[],
  doubt: Doubt | undefined,
  open: readonly number[],
): number => (doubt ? Math.max(0, received.length - (doubt.results - 1 - open.length)) : 0);

/** References are octets. */
const next = (reference: number, submits: number): number => (reference + submits) % 256;

/** The reference that was given last, of several that came. */
function newest(references: readonly number[]): number {
  const isNewer = (a: number, b: number) => (a - b + 256) % 256 < 128;
  return references.reduce((best, reference) => (isNewer(reference, best) ? reference : best));
}
