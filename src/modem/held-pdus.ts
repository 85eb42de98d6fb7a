/** What comes in while a message is on its way to its Ctrl-Z: that is looked at behind it. */

/** More than come within the moment that a message takes. */
const mostHeld = 64;

export class HeldPdus {
  readonly #take: (pdu: string) => void;
  #held: string[] = [];
  #isHolding = false;

  /** @param take what is done with each; must not throw */
  constructor(take: (pdu: string) => void) {
    this.#take = take;
  }

  add(pdu: string): void {
    this.#held.push(pdu);
    if (!this.#isHolding || this.#held.length > mostHeld) this.#takeAll();
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
        if (!this.#isHolding) this.#takeAll();
      });
  }

  #takeAll(): void {
    const held = this.#held;
    this.#held = [];
    for (const pdu of held) this.#take(pdu);
  }
}
