import {
  type Limit,
  type LimitName,
  limitNames,
  longestWindowMs,
  maxCount,
} from '../config/policy.js';

/**
 * Messages in the order of their times. Adding, and forgetting the oldest, take constant time on
 * the average however long it is: the head moves on, and what lies before it is cut off once it is
 * more than the rest.
 */
export class Track<Entry extends { readonly at: number }> {
  #entries: Entry[] = [];
  #head = 0;

  get length(): number {
    return this.#entries.length - this.#head;
  }

  get oldest(): Entry | undefined {
    return this.#entries[this.#head];
  }

  /**
   * The newest but `count - 1`, so that `newest(1)` is the newest; `undefined` if there are fewer
   * than `count`, which is 1 or more.
   */
  newest(count: number): Entry | undefined {
    return count > this.length ? undefined : this.#entries[this.#entries.length - count];
  }

  /** How many are after `since` (wall milliseconds). Takes time for each of them. */
  countAfter(since: number): number {
    let count = 0;
    while ((this.newest(count + 1)?.at ?? since) > since) count += 1;
    return count;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
  }

  /**
   * Takes out `entry`, if it is there: at once if it is the oldest, else in the time it takes to
   * find it from the newest on.
   */
  remove(entry: Entry): void {
    if (this.oldest === entry) this.#head += 1;
    else {
      const index = this.#entries.lastIndexOf(entry);
      if (index >= this.#head) this.#entries.splice(index, 1);
    }
    if (this.#head > this.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.#entries.slice(this.#head).values();
  }
}

/**
 * What a message is counted by; a name that is left out is not counted by. `total` needs no key.
 */
export type LimitKeys = Readonly<Partial<Record<LimitName, string>>>;

/** A message that was let in and not given back. */
export interface CountedMessage {
  /** Wall milliseconds. */
  readonly at: number;
  /** Changed by {@link SlidingWindows.forget} only. */
  keys: LimitKeys;
  /** True once it surely counts; until then it may be given back. */
  isKept: boolean;
}

/** How full one window is. */
export interface Fill {
  name: LimitName;
  limit: Limit;
  used: number;
  /** Wall milliseconds from which there is room for one more; `undefined`: there is. */
  freeAt: number | undefined;
}

/**
 * The messages of the last 24 hours, counted in sliding windows. Every message is remembered for
 * that long whatever the limits are now, so that limits can be changed at run time and hold at
 * once.
 *
 * The memory is bounded by `capacity` messages, about 600 octets each. When it is full, the oldest
 * message is forgotten if it is older than every window; if not, {@link makeRoom} says no and the
 * message has to be refused. So nobody's window is ever emptied by others.
 */
export class SlidingWindows {
  /** In the order of their times. */
  #entries = new Track<CountedMessage>();
  readonly #tracks = new Map<LimitName, Map<string, Track<CountedMessage>>>(
    limitNames.map((name) => [name, new Map()]),
  );
  readonly #capacity: number;

  constructor(capacity = maxCount) {
    this.#capacity = capacity;
  }

  /** How many messages are remembered, and under how many keys. */
  get size(): { messages: number; keys: number } {
    const keys = [...this.#tracks.values()].reduce((sum, byKey) => sum + byKey.size, 0);
    return { messages: this.#entries.length, keys };
  }

  /**
   * Forgets what is over. False while the memory is full of messages that a window of `longestMs`
   * still has to count; `freeAt` tells until when.
   */
  makeRoom(now: number, longestMs: number): { hasRoom: boolean; freeAt: number } {
    while (this.#isOver(this.#entries.oldest, now)) this.#forgetOldest();
    const { oldest } = this.#entries;
    if (!oldest || this.#entries.length < this.#capacity) return { hasRoom: true, freeAt: now };
    return { hasRoom: oldest.at + longestMs <= now, freeAt: oldest.at + longestMs };
  }

  /**
   * How full the window of `limit` is for who has `keys`; `undefined` if they have no key of that
   * name.
   */
  fill(name: LimitName, limit: Limit, keys: LimitKeys, now: number): Fill | undefined {
    const track = this.#track(name, keys);
    if (!track) return undefined;
    const used = track.countAfter(now - limit.windowMs);
    return { name, limit, used, freeAt: this.freeAt(name, limit, keys, now) };
  }

  /**
   * When the window of `limit` has room again for who has `keys`; `undefined`: it has. Takes
   * constant time.
   */
  freeAt(name: LimitName, limit: Limit, keys: LimitKeys, now: number): number | undefined {
    // The newest `count` messages fill the window until the first of them falls out of it.
    const first = this.#track(name, keys)?.newest(limit.count);
    return first && first.at + limit.windowMs > now ? first.at + limit.windowMs : undefined;
  }

  /**
   * Whether at least `count` messages (1 or more) are in the last `windowMs` for who has `keys`.
   * Takes constant time.
   */
  hasAtLeast(
    count: number,
    name: LimitName,
    windowMs: number,
    keys: LimitKeys,
    now: number,
  ): boolean {
    return this.freeAt(name, { count, windowMs }, keys, now) !== undefined;
  }

  /** Everything that messages are counted by under that name. */
  keysOf(name: LimitName): string[] {
    return [...(this.#tracks.get(name)?.keys() ?? [])];
  }

  /** The `most` keys of that name under which most messages are remembered, the fullest first. */
  fullest(name: LimitName, most: number): string[] {
    const tracks = [...(this.#tracks.get(name) ?? [])];
    return tracks
      .sort(([, a], [, b]) => b.length - a.length)
      .slice(0, most)
      .map(([key]) => key);
  }

  /** The newest message under a key. */
  newest(name: LimitName, keys: LimitKeys): CountedMessage | undefined {
    return this.#track(name, keys)?.newest(1);
  }

  /** Counts a message. `now` must not be before that of an earlier call. */
  add(keys: LimitKeys, now: number): CountedMessage {
    if (this.#entries.length >= this.#capacity) this.#forgetOldest();
    const entry: CountedMessage = {
      at: Math.max(now, this.#entries.newest(1)?.at ?? now),
      keys,
      isKept: false,
    };
    this.#push(entry);
    return entry;
  }

  /**
   * Counts messages of before, in any order, beside those that are counted already. If all are too
   * many, the oldest are left out.
   */
  merge(earlier: readonly CountedMessage[]): void {
    const all = [...this.#entries, ...earlier].sort((a, b) => a.at - b.at);
    this.#entries = new Track<CountedMessage>();
    for (const byKey of this.#tracks.values()) byKey.clear();
    for (const entry of all.slice(-this.#capacity)) this.#push(entry);
  }

  /** Takes a message back out of every window. */
  remove(entry: CountedMessage): void {
    this.#entries.remove(entry);
    for (const [name, byKey] of this.#tracks) {
      const key = entry.keys[name];
      const track = key === undefined ? undefined : byKey.get(key);
      if (key === undefined || !track) continue;
      track.remove(entry);
      if (track.length === 0) byKey.delete(key);
    }
  }

  /** Under this key nothing was counted; under its other keys each message still is. */
  forget(name: LimitName, key: string): void {
    const byKey = this.#tracks.get(name);
    for (const entry of byKey?.get(key) ?? []) {
      const { [name]: _, ...others } = entry.keys;
      entry.keys = others;
    }
    byKey?.delete(key);
  }

  #track(name: LimitName, keys: LimitKeys): Track<CountedMessage> | undefined {
    if (name === 'total') return this.#entries;
    const key = keys[name];
    return key === undefined
      ? undefined
      : (this.#tracks.get(name)?.get(key) ?? new Track<CountedMessage>());
  }

  #push(entry: CountedMessage): void {
    this.#entries.push(entry);
    for (const [name, byKey] of this.#tracks) {
      const key = entry.keys[name];
      if (name === 'total' || key === undefined) continue;
      const track = byKey.get(key) ?? new Track<CountedMessage>();
      track.push(entry);
      byKey.set(key, track);
    }
  }

  #isOver(entry: CountedMessage | undefined, now: number): boolean {
    return entry !== undefined && entry.at + longestWindowMs <= now;
  }

  #forgetOldest(): void {
    const { oldest } = this.#entries;
    if (oldest) this.remove(oldest);
  }
}
