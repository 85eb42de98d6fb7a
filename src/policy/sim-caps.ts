/** What a SIM may send; `undefined`: no cap. */
export interface Caps {
  /** Segments within any 24 hours. */
  perDay: number | undefined;
  /** Segments within any 30 days. */
  perMonth: number | undefined;
  /** Different recipients within any 30 days, {@link maxRecipients} at most. */
  recipientsPerMonth: number | undefined;
}

/**
 * Which cap, by its key in `[[modem]]`, and in how many milliseconds the same message would pass if
 * nothing else were sent.
 */
export interface CapReached {
  cap: 'per_day' | 'per_month' | 'recipients_per_month';
  retryAfterMs: number;
}

/**
 * What was taken of a SIM for one message. Exactly one of `keep` and `giveBack` is called; what
 * comes second does nothing.
 */
export interface Charge {
  /** Some segment was, or may have been, submitted: all of them count. */
  keep(): void;
  /** Nothing was submitted. */
  giveBack(): void;
}

/**
 * What a SIM sent in the last 30 days as the journal knows it, by the hour of the clock; wall
 * milliseconds of when that hour began.
 */
export interface SimHistory {
  /** Segments by hour. */
  hours: ReadonlyMap<number, number>;
  /** The newest hour by recipient. */
  recipients: ReadonlyMap<string, number>;
}

/** What a SIM has sent: segments, and different recipients. */
export interface SimUse {
  dayCount: number;
  monthCount: number;
  monthRecipients: number;
}

/** How many different recipients of 30 days are told apart per SIM; no cap is higher. */
const maxRecipients = 100_000;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The "month" of the caps. How far back {@link SimCaps.restore} needs to know. */
export const capMonthMs = 30 * dayMs;

interface Hour {
  /** Wall milliseconds at which its last message may have been sent. */
  readonly end: number;
  segments: number;
}

interface Recipient {
  keptAt: number | undefined;
  /** Messages to it whose outcome is open. */
  open: number;
}

interface Sim {
  /** In the order of time, 721 at most. */
  hours: Hour[];
  /**
   * In the order in which they were last kept; the new ones among them are where they were taken.
   */
  recipients: Map<string, Recipient>;
  /** What it sent elsewhere; as they are told, each time anew. */
  elsewhere: { hours: readonly Hour[]; recipients: ReadonlyMap<string, number> } | undefined;
}

/**
 * How much each SIM has sent, in segments, since each is billed as one SMS. The caps slide: they
 * hold within any 24 hours and any 30 days, so that neither the day on which the carrier's month
 * begins, nor time zones, nor a restart at midnight matter. Segments are counted by the hour, and
 * an hour counts until its last minute is over, so a cap may hold up to one hour longer than it had
 * to. Memory per SIM: 721 hours and {@link maxRecipients} recipients.
 */
export class SimCaps {
  readonly #sims = new Map<string, Sim>();
  readonly #now: () => number;

  /** `now`: wall milliseconds that never run backwards. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * The cap that keeps `sim` from sending `segments` more to the recipient; of several the one that
   * lasts longest.
   */
  isReached(
    sim: string,
    caps: Caps,
    recipientHmac: string,
    segments: number,
  ): CapReached | undefined {
    const now = this.#now();
    const known = this.#current(sim, now);
    const hours = hoursOf(known);
    const reached: CapReached[] = [];
    const retryDay = waitForSegments(hours, caps.perDay, dayMs, segments, now);
    if (retryDay !== undefined) reached.push({ cap: 'per_day', retryAfterMs: retryDay });
    const retryMonth = waitForSegments(hours, caps.perMonth, capMonthMs, segments, now);
    if (retryMonth !== undefined) reached.push({ cap: 'per_month', retryAfterMs: retryMonth });
    const retryRecipients = waitForRecipient(
      recipientsOf(known),
      caps.recipientsPerMonth,
      recipientHmac,
      now,
    );
    if (retryRecipients !== undefined) {
      reached.push({ cap: 'recipients_per_month', retryAfterMs: retryRecipients });
    }
    return reached.sort((a, b) => b.retryAfterMs - a.retryAfterMs)[0];
  }

  /**
   * Counts a message that is about to be sent. Looks at no cap: {@link isReached} does, in the same
   * turn.
   */
  take(sim: string, recipientHmac: string, segments: number): Charge {
    const now = this.#now();
    const known = this.#current(sim, now);
    const hour = hourOf(known, now);
    hour.segments += segments;
    const recipient = known.recipients.get(recipientHmac) ?? { keptAt: undefined, open: 0 };
    recipient.open += 1;
    if (!known.recipients.has(recipientHmac)) putLast(known.recipients, recipientHmac, recipient);
    let isSettled = false;
    const settle = (how: () => void) => () => {
      if (isSettled) return;
      isSettled = true;
      recipient.open -= 1;
      how();
    };
    return {
      keep: settle(() => {
        recipient.keptAt = this.#now();
        putLast(known.recipients, recipientHmac, recipient);
      }),
      giveBack: settle(() => {
        hour.segments -= segments;
        const isForgettable = recipient.open === 0 && recipient.keptAt === undefined;
        if (isForgettable && known.recipients.get(recipientHmac) === recipient) {
          known.recipients.delete(recipientHmac);
        }
      }),
    };
  }

  /**
   * Takes up what earlier runs sent, at any time but only once; what this run has sent counts
   * beside it. A recipient counts from the end of its hour. A stamp of the future counts as now.
   */
  restore(sim: string, { hours, recipients }: SimHistory): void {
    const now = this.#now();
    const known = this.#current(sim, now);
    for (const [beganAt, segments] of hours) {
      const at = Math.min(beganAt, now);
      if (endOfHour(at) + capMonthMs > now) addToHour(known.hours, at, segments);
    }
    mergeRecipients(known, recipients, now);
  }

  /**
   * What the SIM sent while it was in another box, all of it; counts beside what is counted here.
   */
  sentElsewhere(sim: string, { hours, recipients }: SimHistory): void {
    const now = this.#now();
    const known = this.#current(sim, now);
    known.elsewhere =
      hours.size === 0 && recipients.size === 0
        ? undefined
        : {
            hours: [...hours].map(([at, segments]) => {
              return { end: endOfHour(Math.min(at, now)), segments };
            }),
            recipients,
          };
  }

  /** What counts now. */
  used(sim: string): SimUse {
    const now = this.#now();
    const known = this.#current(sim, now);
    const hours = hoursOf(known);
    return {
      dayCount: segmentsWithin(hours, dayMs, now),
      monthCount: segmentsWithin(hours, capMonthMs, now),
      monthRecipients: recipientsOf(known).size,
    };
  }

  /** The SIM's counts without what is over. */
  #current(name: string, now: number): Sim {
    const sim = this.#sims.get(name) ?? {
      hours: [],
      recipients: new Map(),
      elsewhere: undefined,
    };
    this.#sims.set(name, sim);
    while (sim.hours[0] && sim.hours[0].end + capMonthMs <= now) sim.hours.shift();
    for (const [hmac, { keptAt, open }] of sim.recipients) {
      if (open > 0 || (keptAt !== undefined && keptAt + capMonthMs > now)) break;
      sim.recipients.delete(hmac);
    }
    return sim;
  }
}

/** Wall milliseconds at which the hour of the clock is over that `at` is in. */
function endOfHour(at: number): number {
  return (Math.floor(at / hourMs) + 1) * hourMs;
}

function hourOf(sim: Sim, at: number): Hour {
  const end = endOfHour(at);
  const last = sim.hours.at(-1);
  if (last && last.end >= end) return last;
  const hour = { end, segments: 0 };
  sim.hours.push(hour);
  return hour;
}

/** Here and elsewhere, in the order of time. */
function hoursOf({ hours, elsewhere }: Sim): readonly Hour[] {
  if (elsewhere === undefined) return hours;
  return [...hours, ...elsewhere.hours].sort((a, b) => a.end - b.end);
}

function recipientsOf({ recipients, elsewhere }: Sim): ReadonlyMap<string, Recipient> {
  if (elsewhere === undefined) return recipients;
  const others = [...elsewhere.recipients].flatMap(([hmac, keptAt]): [string, Recipient][] =>
    recipients.has(hmac) ? [] : [[hmac, { keptAt, open: 0 }]],
  );
  return new Map([...others, ...recipients]);
}

/** Charges hold on to the hours that are there: one is added to, never replaced. */
function addToHour(hours: Hour[], at: number, segments: number): void {
  const end = endOfHour(at);
  const index = hours.findLastIndex((hour) => hour.end <= end);
  const hour = hours[index];
  if (hour?.end === end) hour.segments += segments;
  else hours.splice(index + 1, 0, { end, segments });
}

/**
 * Puts those of before in front of those that this run has kept; charges hold on to what is there.
 */
function mergeRecipients(sim: Sim, hours: ReadonlyMap<string, number>, now: number): void {
  const own = sim.recipients;
  sim.recipients = new Map();
  for (const [hmac, beganAt] of [...hours].sort(([, a], [, b]) => a - b)) {
    const keptAt = Math.min(beganAt + hourMs, now);
    const recipient = own.get(hmac) ?? { keptAt: undefined, open: 0 };
    if (recipient.keptAt !== undefined || keptAt + capMonthMs <= now) continue;
    recipient.keptAt = keptAt;
    putLast(sim.recipients, hmac, recipient);
  }
  for (const [hmac, recipient] of own) {
    if (!sim.recipients.has(hmac)) putLast(sim.recipients, hmac, recipient);
  }
}

/**
 * Beyond the most that are told apart the one written to longest ago is forgotten: no cap is that
 * high.
 */
function putLast(recipients: Map<string, Recipient>, hmac: string, recipient: Recipient): void {
  recipients.delete(hmac);
  const [oldest] = recipients.keys();
  if (recipients.size >= maxRecipients && oldest !== undefined) recipients.delete(oldest);
  recipients.set(hmac, recipient);
}

function segmentsWithin(hours: readonly Hour[], windowMs: number, now: number): number {
  return hours.reduce((sum, { end, segments }) => sum + (end + windowMs > now ? segments : 0), 0);
}

/**
 * Milliseconds until `segments` more fit below the cap; the whole window if they never do;
 * `undefined`: they do now.
 */
function waitForSegments(
  hours: readonly Hour[],
  cap: number | undefined,
  windowMs: number,
  segments: number,
  now: number,
): number | undefined {
  if (cap === undefined) return undefined;
  let excess = segmentsWithin(hours, windowMs, now) + segments - cap;
  if (excess <= 0) return undefined;
  for (const { end, segments: sent } of hours) {
    if (end + windowMs <= now) continue;
    excess -= sent;
    if (excess <= 0) return end + windowMs - now;
  }
  return windowMs;
}

function waitForRecipient(
  recipients: ReadonlyMap<string, Recipient>,
  cap: number | undefined,
  hmac: string,
  now: number,
): number | undefined {
  if (cap === undefined || recipients.has(hmac) || recipients.size < cap) return undefined;
  // As many as are over the cap, and one more, have to be forgotten first.
  let excess = recipients.size - cap;
  for (const { keptAt } of recipients.values()) {
    if (excess === 0) return keptAt === undefined ? capMonthMs : keptAt + capMonthMs - now;
    excess -= 1;
  }
  return capMonthMs;
}
