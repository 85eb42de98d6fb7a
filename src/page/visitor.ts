/** Who asks, as far as it matters to what they are shown. */
export interface Visitor {
  /** Signed in with the password, so that there is a session to be ended. */
  hasSession: boolean;
  /**
   * Why who asks may not look a number up; undefined: they may. It tells who logs in, and on a
   * loopback address without a password any user of this machine could ask.
   */
  noSearch: string | undefined;
}
