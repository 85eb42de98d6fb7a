/**
 * What the ratios are held against. Where an aim is a part of what an older build took (2abd866, of
 * November 2026), that build was measured by `--against` in turns with the newer one, and the limit
 * is that part of its ratio to the same floor.
 */
export const limits = {
  /** 0.65 of the older build's. On a quiet machine: its octet after 2.2 ms, a round trip 0.5 ms. */
  firstOctet: { atMost: 2.9 },
  /** 0.65 of 4.4 to 4.7: CPU, over the bare server's and the bare loop's together. */
  cpuPerMessage: { atMost: 3 },
  /** Of the messages a second that the bare loop sends. */
  share: { atLeast: 0.22 },
  /** 1.2 ms where the bare loop takes 0.3. */
  gap: { atMost: 4 },
  /** CPU, over the bare server's yes: no more than the older build's. */
  byToken: { atMost: 2.4 },
  byLimit: { atMost: 4.1 },
  /** Half of the older build's 4.2. */
  byCountry: { atMost: 2.1 },
  /** A third of the older build's 7.3. */
  byFullQueue: { atMost: 2.45 },
  /** 60 ms where the older build took 191: a third of its 5.9. */
  instant: { atMost: 1.85 },
  /** 34 MB and 70 MB where the bare server, which has done nothing yet, has 7.6. */
  idleMemory: { atMost: 4.5 },
  memory: { atMost: 9.2 },
  /** Ten callers at one path, over one. */
  tenCallers: { atMost: 1.1 },
  /** 20 MB above 100. */
  malformed: { atMost: 1.2 },
} as const;
