/** Lets pass whoever waits, or comes, while it is open. */
export class Latch<T> {
  #open: { value: T } | undefined;
  #waiting: ((value: T) => void)[] = [];

  /** Resolves at once while it is open, else when it is opened next. */
  passed(): Promise<T> {
    if (this.#open !== undefined) return Promise.resolve(this.#open.value);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  open(value: T): void {
    this.#open = { value };
    for (const pass of this.#waiting.splice(0)) pass(value);
  }

  /** Those who wait go on waiting. */
  close(): void {
    this.#open = undefined;
  }
}
