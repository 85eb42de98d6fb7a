/** What SIMs have sent, so that their caps follow them from box to box. */

import type { SimHistory } from '../policy/sim-caps.js';
import type { Engine } from './engine.js';
import type { Outbox } from './outbox.js';

export interface SimUsesOptions {
  box: string;
  engine: Pick<Engine, 'tell'>;
  outbox: Pick<Outbox, 'put'>;
  /** Wall clock milliseconds, as the caps of the SIMs have them. */
  date: () => number;
}

/** One message that a SIM has sent, or may have. */
export interface SimCharge {
  /** The HMAC of its ICCID. */
  sim: string;
  recipientHmac: string;
  segments: number;
  messageId: string;
  /** Wall clock milliseconds. */
  atMs: number;
}

const hourMs = 3_600_000;

export class SimUses {
  readonly #options: SimUsesOptions;
  /** The SIMs that were in a modem of this box, and who wants to know of them. */
  readonly #watched = new Map<string, (history: SimHistory) => void>();

  constructor(options: SimUsesOptions) {
    this.#options = options;
  }

  charge({ sim, recipientHmac, segments, messageId, atMs }: SimCharge): void {
    const { box, outbox, date } = this.#options;
    const at = performance.now();
    outbox.put(`use ${messageId} ${sim}`, 'use', () => ({
      id: messageId,
      sim,
      box,
      now: date(),
      hours: [[Math.floor(atMs / hourMs), segments]],
      recipients: [[recipientHmac, Math.round(performance.now() - at)]],
    }));
  }

  /**
   * To be called whenever the SIM comes: `onKnown` is told what other boxes sent with it until
   * then, and again when the engine is back.
   */
  watch(sim: string, onKnown: (history: SimHistory) => void): void {
    this.#watched.set(sim, onKnown);
    void this.#look(sim, onKnown);
  }

  /** Asks for all of them again. */
  refresh(): void {
    for (const [sim, onKnown] of this.#watched) void this.#look(sim, onKnown);
  }

  async #look(sim: string, onKnown: (history: SimHistory) => void): Promise<void> {
    const { box, engine, date } = this.#options;
    const reply = await engine.tell('usedElsewhere', {
      sim,
      box,
      now: date(),
      recipients: true,
    });
    // It is asked for again when the engine is back.
    if (reply === undefined) return;
    const now = date();
    const hours = pairsIn(reply.hours).map(([hour, segments]): [number, number] => [
      Number(hour) * hourMs,
      Number(segments),
    ]);
    const recipients = pairsIn(reply.recipients).map(([hmac, ago]): [string, number] => [
      String(hmac),
      now - Number(ago),
    ]);
    const summed = new Map<number, number>();
    for (const [at, segments] of hours) summed.set(at, (summed.get(at) ?? 0) + segments);
    onKnown({ hours: summed, recipients: new Map(recipients) });
  }
}

function pairsIn(value: unknown): unknown[][] {
  return Array.isArray(value) ? value.filter((pair) => Array.isArray(pair)) : [];
}
