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
