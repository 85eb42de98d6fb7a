/** `<stat>` of a stored message in PDU mode (3GPP TS 27.005 3.1). */
export const messageStatus = { unread: 0, read: 1, unsent: 2, sent: 3 } as const;
export type MessageStatus = (typeof messageStatus)[keyof typeof messageStatus];

/** A message as a modem keeps or shows it: the TPDU, and its parts for text mode. */
export type HeldMessage =
  | {
      kind: 'deliver';
      tpdu: Uint8Array;
      from: string;
      text: string;
      at: Date;
      /** The `seq` of its text in the record, and its part of it. */
      of?: { inbound: number; part: number };
    }
  | { kind: 'report'; tpdu: Uint8Array; mr: number; recipient: string; status: number; at: Date }
  | { kind: 'submit'; tpdu: Uint8Array; recipient: string; text: string };

export interface Slot {
  status: MessageStatus;
  message: HeldMessage;
}

/** One message storage (27.005 3.2.2) with a fixed number of slots. */
export class MessageStore {
  readonly capacity: number;
  readonly firstSlot: number;
  readonly #slots = new Map<number, Slot>();

  constructor(capacity: number, firstSlot: number) {
    this.capacity = capacity;
    this.firstSlot = firstSlot;
  }

  get used(): number {
    return this.#slots.size;
  }

  /** The index of the lowest free slot, now taken; undefined when full. */
  add(slot: Slot): number | undefined {
    for (let index = this.firstSlot; index < this.firstSlot + this.capacity; index++) {
      if (this.#slots.has(index)) continue;
      this.#slots.set(index, slot);
      return index;
    }
    return undefined;
  }

  get(index: number): Slot | undefined {
    return this.#slots.get(index);
  }

  holds(index: number): boolean {
    return index >= this.firstSlot && index < this.firstSlot + this.capacity;
  }

  delete(index: number): void {
    this.#slots.delete(index);
  }

  entries(): [number, Slot][] {
    return [...this.#slots].sort(([a], [b]) => a - b);
  }
}
