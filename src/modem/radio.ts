import { type Dialogue, longestNeededMuteMs, quickMs, simMs } from './dialogue.js';
import type { ModemProfile } from './profiles.js';
import { askRegistration, type Registration, radioIsOff } from './registration.js';

/** With which network a modem is, as `AT+COPS?` says (3GPP TS 27.007 7.3). */
export interface Network {
  /** Its name; untrusted. */
  operator: string | undefined;
  /** The access technology in the words of people; undefined when it is not told. */
  technology: string | undefined;
}

/** Switching the radio takes as long as its leave of the network (Quectel's manuals: 15 s). */
const radioMs = 30_000;
/** Milliseconds that the radio stays off for a registration to begin anew. */
const radioPauseMs = 2_000;

/** The radio of one modem, for one session: whether it is on, with which network, how it hears. */
export class Radio {
  readonly #dialogue: Dialogue;
  readonly #profile: () => ModemProfile;
  #tellsRegistration = true;

  constructor(dialogue: Dialogue, profile: () => ModemProfile) {
    this.#dialogue = dialogue;
    this.#profile = profile;
  }

  /** `<fun>` of `+CFUN` (27.007 8.2): 1 is full functionality, 0 and 4 have the radio off. */
  async functionality(): Promise<number | undefined> {
    const level = await this.#dialogue.readValue('AT+CFUN?', /^\+CFUN:/, /^\+CFUN: *(\d{1,3})\b/);
    return level === undefined ? undefined : Number(level);
  }

  /**
   * Switches the radio on where it is off; a modem without `+CFUN` has it on. Undefined when it is
   * on or was switched on, else what stands in the way, for people.
   */
  async switchOn(): Promise<string | undefined> {
    const level = await this.functionality();
    if (level === undefined || level === 1) return undefined;
    const done = await this.#dialogue.attemptOptional({ text: 'AT+CFUN=1', timeoutMs: radioMs });
    return done
      ? undefined
      : `${radioIsOff} (+CFUN: ${level}), and the modem does not take AT+CFUN=1`;
  }

  /**
   * Radio off and on again (27.007 8.2), for a registration that comes by nothing else. Settles
   * whatever the modem makes of it.
   */
  async cycle(): Promise<void> {
    await this.#dialogue.attemptOptional({
      text: `AT+CFUN=${this.#profile().radioOff}`,
      timeoutMs: radioMs,
    });
    await new Promise((resolve) => setTimeout(resolve, radioPauseMs));
    await this.#dialogue.attemptOptional({ text: 'AT+CFUN=1', timeoutMs: radioMs });
  }

  /**
   * Restarts the modem (27.007 8.2), as a last resort: its settings and whatever it was doing are
   * lost. Written even to one that does not answer; settles when it has answered or stayed silent,
   * and rejects for neither.
   */
  async restart(): Promise<void> {
    try {
      await this.#dialogue.run({ text: 'AT+CFUN=1,1', timeoutMs: quickMs }, { outOfStep: true });
    } catch (error) {
      // Silence, an ERROR, or the tty's going away: the next opening shows what it has done.
      if (!(error instanceof Error)) throw error;
    }
  }

  /**
   * What all the registrations come to; `none` where it {@link tellsRegistration} not. One that is
   * not answered is left alone for a while.
   */
  async registration(): Promise<Registration> {
    const told = await askRegistration((text, response) =>
      this.#dialogue.attemptUnlessMuted(
        { text, response, timeoutMs: quickMs },
        longestNeededMuteMs,
      ),
    );
    this.#tellsRegistration = told !== undefined;
    return told ?? 'none';
  }

  /** Whether it had any answer when it was asked last. */
  get tellsRegistration(): boolean {
    return this.#tellsRegistration;
  }

  /** `AT+CSQ` (27.007 8.5) in dBm; undefined when unknown. */
  async signalDbm(): Promise<number | undefined> {
    const rssi = Number(
      (await this.#dialogue.readValue('AT+CSQ', /^\+CSQ:/, /^\+CSQ: *(\d+)/)) ?? 99,
    );
    return rssi <= 31 ? -113 + 2 * rssi : undefined;
  }

  /** The operator's name; untrusted. */
  async operator(): Promise<string | undefined> {
    return (await this.network()).operator;
  }

  /** With which network it is, and how (27.007 7.3). */
  async network(): Promise<Network> {
    return readNetwork(
      await this.#dialogue.readValue('AT+COPS?', /^\+COPS:/, /^\+COPS: *(.*)$/, simMs),
    );
  }
}

/** By `<AcT>`. */
const technologies: readonly string[] = [
  '2G',
  '2G compact',
  '3G',
  '2G (EDGE)',
  '3G (HSDPA)',
  '3G (HSUPA)',
  '3G (HSPA)',
  'LTE',
  'EC-GSM-IoT',
  'NB-IoT',
  'LTE on a 5G core',
  '5G',
  '5G',
  '5G beside LTE',
];

/** What stands behind `+COPS:`; a modem that is with no network says its mode alone. */
export function readNetwork(told: string | undefined): Network {
  const [, operator, act] = /"([^"]*)"(?: *, *(\d{1,2}))?/.exec(told ?? '') ?? [];
  return { operator, technology: act === undefined ? undefined : technologies[Number(act)] };
}
