import { type Limit, type LimitName, limitNames, longestWindowMs, maxCount } from '../config/policy.js';

/** What a message is counted by; a name that is left out is not counted by. `total` needs no key. */
export type Keys = Readonly<Partial<Record<LimitName, string>>>;

/** A message that was let in and not given back. */
export interface Entry {
  /** Wall milliseconds. */
  readonly at: number;
  readonly keys: Keys;
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
 * The messages of the last 24 hours, counted in sliding windows. Every message is remembered for that long whatever the limits are now, so
 * that limits can be changed at run time and hold at once.
 *
 * The memory is bounded by `capacity` messages, about 600 octets each. When it is full, the oldest message is forgotten if it is older
 * than every window; if not, {@link makeRoom} says no and the message has to be refused. So nobody's window is ever emptied by others.
 */
export class SlidingWindows {
  /** In the order of their times. */
  readonly #entries: Entry[] = [];
  readonly #tracks = new Map<LimitName, Map<string, Entry[]>>(limitNames.map((name) => [name, new Map()]));
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
   * Forgets what is over. False while the memory is full of messages that a window of `longestMs` still has to count; `freeAt` tells until when.
   */
  makeRoom(now: number, longestMs: number): { hasRoom: boolean; freeAt: number } {
    while (this.#entries[0] && this.#entries[0].at + longestWindowMs <= now) this.#forgetOldest();
    const oldest = this.#entries[0];
    if (!oldest || this.#entries.length < this.#capacity) return { hasRoom: true, freeAt: now };
    return { hasRoom: oldest.at + longestMs <= now, freeAt: oldest.at + longestMs };
  }

  /** How full the window of `limit` is for who has `keys`; `undefined` if they have no key of that name. */
  fill(name: LimitName, limit: Limit, keys: Keys, now: number): Fill | undefined {
    const track = this.#track(name, keys);
    if (!track) return undefined;
    const lastOutside = track.findLastIndex(({ at }) => at + limit.windowMs <= now);
    return {
      name,
      limit,
      used: track.length - 1 - lastOutside,
      freeAt: this.freeAt(name, limit, keys, now),
    };
  }

  /** When the window of `limit` has room again for who has `keys`; `undefined`: it has. Takes constant time. */
  freeAt(name: LimitName, limit: Limit, keys: Keys, now: number): number | undefined {
    const track = this.#track(name, keys);
    // The newest `count` messages fill the window until the first of them falls out of it.
    const first = track?.[track.length - limit.count];
    return first && first.at + limit.windowMs > now ? first.at + limit.windowMs : undefined;
  }

  /** The newest message under a key. */
  newest(name: LimitName, keys: Keys): Entry | undefined {
    return this.#track(name, keys)?.at(-1);
  }

  /** Counts a message. `now` must not be before that of an earlier call. */
  add(keys: Keys, now: number): Entry {
    if (this.#entries.length >= this.#capacity) this.#forgetOldest();
    const entry: Entry = { at: Math.max(now, this.#entries.at(-1)?.at ?? now), keys, isKept: false };
    this.#entries.push(entry);
    for (const [name, byKey] of this.#tracks) {
      const key = keys[name];
      if (name === 'total' || key === undefined) continue;
      const track = byKey.get(key);
      if (track) track.push(entry);
      else byKey.set(key, [entry]);
    }
    return entry;
  }

  /** Takes a message back out of every window. */
  remove(entry: Entry): void {
    removeFrom(this.#entries, entry);
    this.#removeFromTracks(entry);
  }

  #track(name: LimitName, keys: Keys): readonly Entry[] | undefined {
    if (name === 'total') return this.#entries;
    const key = keys[name];
    return key === undefined ? undefined : (this.#tracks.get(name)?.get(key) ?? []);
  }

  #forgetOldest(): void {
    const oldest = this.#entries.shift();
    if (oldest) this.#removeFromTracks(oldest);
  }

  #removeFromTracks(entry: Entry): void {
    for (const [name, byKey] of this.#tracks) {
      const key = entry.keys[name];
      const track = key === undefined ? undefined : byKey.get(key);
      if (key === undefined || !track) continue;
      removeFrom(track, entry);
      if (track.length === 0) byKey.delete(key);
    }
  }
}

/** What expires is first, what is given back is near the end. */
function removeFrom(entries: Entry[], entry: Entry): void {
  if (entries[0] === entry) entries.shift();
  else {
    const index = entries.lastIndexOf(entry);
    if (index !== -1) entries.splice(index, 1);
  }
}
