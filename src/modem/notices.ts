/**
 * What is wrong with a modem that works all the same, or fails at each send: told in the log once,
 * and shown as long as it is so.
 */

/**
 * `smsc`: the SIM holds no number of one · `init`: a line of the configuration was refused ·
 * `sends`: every message fails.
 */
export type NoticeKind = 'smsc' | 'init' | 'sends';

/** A sentence for people, with the way out. */
export interface Notice {
  kind: NoticeKind;
  sentence: string;
}

/**
 * What is to be said of one modem now. Outlives its sessions, so that a modem that comes and goes
 * is not told of anew each time.
 */
export class Notices {
  readonly #sentences = new Map<NoticeKind, string>();
  readonly #onNew: (kind: NoticeKind, sentence: string) => void;

  /** `onNew` hears each sentence once, until another one or none takes its place. */
  constructor(onNew: (kind: NoticeKind, sentence: string) => void = () => undefined) {
    this.#onNew = onNew;
  }

  /** A sentence for people, with the way out; undefined when there is nothing to say any more. */
  note(kind: NoticeKind, sentence: string | undefined): void {
    if (sentence === undefined) {
      this.#sentences.delete(kind);
    } else if (this.#sentences.get(kind) !== sentence) {
      this.#sentences.set(kind, sentence);
      this.#onNew(kind, sentence);
    }
  }

  /** By kind, in the order in which they came. */
  current(): Notice[] {
    return [...this.#sentences].map(([kind, sentence]) => ({ kind, sentence }));
  }
}
