/**
 * What the ratios are held against. Where an aim is a part of what an older build took (2abd866, of
 * November 2026), that build was measured by `--against` in turns with the newer one, and the limit
 * is that part of its ratio to the same floor.
 */
export const limits = {
  /** 0.65 of the older build's 3.17. */
  firstOctet: { atMost: 2.06 },
  /** CPU, over the bare server's and the bare loop's together: 0.65 of the older build's 6.46. */
  cpuPerMessage: { atMost: 4.2 },
  /** Of the messages a second that the bare loop sends; the older build's was 0.20. */
  share: { atLeast: 0.22 },
  /** 1.2 ms where the bare loop takes 0.3; the older build's was 6.1. */
  gap: { atMost: 4 },
  /** CPU, over the bare server's yes: a fifth more than the older build's 1.65 and 4.8. */
  byToken: { atMost: 2 },
  byLimit: { atMost: 5.8 },
  /** Half of the older build's 4.67. */
  byCountry: { atMost: 2.35 },
  /**
   * A third of the older build's 10.4. Both are measured before V8 has optimized much of either,
   * as after a quiet night.
   */
  byFullQueue: { atMost: 3.45 },
  /**
   * 60 ms where the older build took 191: a third of its 5.9, seen on a busy machine. Once the
   * start is over it has 4.3 to 4.7, and the newer one 1.5 to 1.8: the bare server alone takes 0.21
   * of the older build's time, so a third of that is one and a half bare servers.
   */
  instant: { atMost: 1.85 },
  /**
   * 34 MB and 70 MB where the bare server, which has done nothing yet, has 9.1. The older build's
   * idle is 40 MB right after its start, and 32 half a minute later.
   */
  idleMemory: { atMost: 3.7 },
  memory: { atMost: 7.7 },
  /** Ten callers at one path, over one. */
  tenCallers: { atMost: 1.1 },
  /** A box that asks an engine on its own machine before each message, over one that is alone. */
  engine: { atMost: 1.3 },
  /** MB that the page may take with sixteen streams, and what they may cost a message. */
  watchedMemory: { atMost: 15 },
  watchedOctet: { atMost: 1.1 },
  /** Each message reported on, over none. */
  reportedOctet: { atMost: 1.15 },
  reportedGap: { atMost: 1.2 },
  /** 20 MB above 100. */
  malformed: { atMost: 1.2 },
} as const;
