/**
 * Which modem entry uses which stick, within this process: two sessions on one modem, even on
 * different ttys of it, would mix up their answers. Another process is kept off by the tty's own
 * lock. Keys are those of `Stick.key` and `Candidate.stickKey`.
 */
export class StickLocks {
  readonly #owners = new Map<string, string>();

  /** Takes the stick for `owner`; false when another one has it. Taking one's own again is fine. */
  claim(stickKey: string, owner: string): boolean {
    const holder = this.#owners.get(stickKey) ?? owner;
    if (holder !== owner) return false;
    this.#owners.set(stickKey, owner);
    return true;
  }

  /**
   * Gives the stick back; throws when `owner` does not have it, for then somebody talks to a modem
   * that is not theirs.
   */
  release(stickKey: string, owner: string): void {
    if (this.#owners.get(stickKey) !== owner)
      throw new Error(`${owner} gives back the stick ${stickKey} without having it`);
    this.#owners.delete(stickKey);
  }

  /** Who has the stick; undefined when nobody has. */
  holder(stickKey: string): string | undefined {
    return this.#owners.get(stickKey);
  }
}
