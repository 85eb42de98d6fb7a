/** What `+CPIN?` says (3GPP TS 27.007 8.3). */
export type PinState = 'READY' | 'SIM PIN' | 'SIM PUK';

/** What a person can do to a SIM in a phone: enter its PIN, its PUK, or turn the PIN lock off. */
export const phoneActs = ['enter_pin', 'enter_puk', 'remove_lock'] as const;
export type PhoneAct = (typeof phoneActs)[number];

const pukTriesAtFirst = 10;
const pinTriesAtBest = 3;

/**
 * The SIM: its PIN and PUK with their counters, which outlive the modem's power (3GPP TS 31.101
 * 11.1.9).
 */
export class SimCard {
  readonly imsi = '262010000000001';
  /** As modems tell it. */
  iccid: string;
  /** The service centre's number, kept in EF_SMSP; empty when there is none. */
  serviceCentre: string;
  #pin: string;
  readonly #puk: string;
  isLockEnabled: boolean;
  #isVerified = false;
  pinTries: number;
  pukTries = pukTriesAtFirst;

  /** Without a `pin` the lock is off (and the PIN 0000). */
  constructor(options: {
    pin?: string | undefined;
    puk: string;
    pinTries: number;
    iccid: string;
    serviceCentre: string;
  }) {
    this.iccid = options.iccid;
    this.serviceCentre = options.serviceCentre;
    this.isLockEnabled = options.pin !== undefined;
    this.#pin = options.pin ?? '0000';
    this.#puk = options.puk;
    this.pinTries = options.pinTries;
  }

  get state(): PinState {
    if (this.pinTries === 0) return 'SIM PUK';
    return this.isLockEnabled && !this.#isVerified ? 'SIM PIN' : 'READY';
  }

  /** The card lost its power: a given PIN is forgotten. */
  reset(): void {
    this.#isVerified = false;
  }

  /** False costs a try. With no try left it is always false. */
  verify(pin: string): boolean {
    if (this.pinTries === 0) return false;
    const isRight = pin === this.#pin;
    this.pinTries = isRight ? pinTriesAtBest : this.pinTries - 1;
    this.#isVerified = isRight;
    return isRight;
  }

  unblock(puk: string, newPin: string): boolean {
    if (this.pukTries === 0) return false;
    if (puk !== this.#puk) {
      this.pukTries -= 1;
      return false;
    }
    this.#pin = newPin;
    this.pukTries = pukTriesAtFirst;
    this.pinTries = pinTriesAtBest;
    this.#isVerified = true;
    return true;
  }

  /**
   * Done with the right codes in a phone, which fills the counters; false when the card does not
   * want that now.
   */
  handleInPhone(act: PhoneAct): boolean {
    if (act === 'enter_puk' ? this.pinTries > 0 : this.pinTries === 0) return false;
    this.pinTries = pinTriesAtBest;
    this.pukTries = pukTriesAtFirst;
    if (act === 'remove_lock') this.isLockEnabled = false;
    return true;
  }

  /** Turns the lock on or off; needs the PIN. */
  setLock(isEnabled: boolean, pin: string): boolean {
    if (!this.verify(pin)) return false;
    this.isLockEnabled = isEnabled;
    return true;
  }

  changePin(pin: string, newPin: string): boolean {
    if (!this.verify(pin)) return false;
    this.#pin = newPin;
    return true;
  }
}
