import { encodeServiceCentreAddress } from '../sms/address.js';
import { toHex } from '../sms/octets.js';
import { simMs } from './dialogue.js';

/**
 * One command of the modem: its information responses, undefined when it said an error or nothing.
 */
export type Ask = (
  text: string,
  response: RegExp | undefined,
  timeoutMs: number,
) => Promise<string[] | undefined>;

/** What a person should know and do about a SIM without an SMSC's number (CMS 330). */
export const smscMissing =
  'the SIM holds no number of an SMSC, so that every send fails (CMS 330): set smsc = "+…" for this modem, as the operator tells it, or ' +
  'set the message centre with a phone';

/** The same where the SIM holds a number, or one is configured, and the modem takes none. */
export const smscNotTaken =
  'the modem says that it knows no SMSC, whatever it is given, so that sends fail (CMS 330): set smsc = "+…" for this modem, as the ' +
  'operator tells it, or set the message centre with a phone';

/** An SMSC's number as `+CSCA` tells it (27.005 3.3.1). */
interface ServiceCentreNumber {
  /** Digits, with `+` when international; empty when the SIM holds none. */
  number: string;
  /** The parameters as they stood there: what is written back. */
  raw: string;
}

/**
 * With `+` when it is international: 145 says so too (24.011 8.2.5.2), for modems that leave the
 * `+` out.
 */
function readServiceCentre(line: string | undefined): ServiceCentreNumber | undefined {
  const match = /^\+CSCA: *("([^"]*)"(?: *, *(\d{1,3}))?)/.exec(line ?? '');
  if (match === null) return undefined;
  const [, raw = '', quoted = '', type] = match;
  // With the character set UCS2 the number is UCS-2 too: four digits for each character.
  const text = /^(?:00[0-9A-F]{2}){4,}$/i.test(quoted)
    ? Buffer.from(quoted, 'hex').swap16().toString('utf16le')
    : quoted;
  const digits = text.replace(/[^0-9]/g, '');
  if (digits === '') return { number: '', raw };
  return { number: text.startsWith('+') || type === '145' ? `+${digits}` : digits, raw };
}

/**
 * The SMSC that a modem's messages go by. Normally the PDU names none, and the modem takes the
 * SIM's. One that is configured stands in each PDU: that changes nothing in the SIM, which may be
 * somebody's, holds one number for everybody, and wears out. Only where a modem then still says
 * that it knows no SMSC is `+CSCA` written.
 */
export class ServiceCentre {
  readonly #ask: Ask;
  readonly #configured: string | undefined;
  #held: ServiceCentreNumber | undefined;
  /** Whether PDUs name it although none is configured, as a modem was found to want it. */
  #isInPdu = false;
  #wasWritten = false;

  /** `configured`: E.164 with `+`, or digits; undefined when the SIM's counts. */
  constructor(ask: Ask, configured: string | undefined) {
    this.#ask = ask;
    this.#configured = configured;
  }

  /** The modem begins anew: what it was given is gone. */
  reset(): void {
    this.#held = undefined;
    this.#isInPdu = false;
    this.#wasWritten = false;
  }

  /** A message went out: should the modem lose the number again, it may be written again. */
  worked(): void {
    this.#wasWritten = false;
  }

  /** What the SIM holds: empty when none; undefined while the modem has not told. */
  get held(): string | undefined {
    return this.#held?.number;
  }

  /** True when no message can go out for want of one. */
  get isMissing(): boolean {
    return this.#configured === undefined && this.held === '';
  }

  /**
   * The address field before a TPDU (27.005 3.1), in hexadecimal: a length of 0 leaves it to the
   * SIM.
   */
  get pduField(): string {
    const number = this.#configured ?? (this.#isInPdu ? this.held : undefined);
    return number === undefined || number === '' ? '00' : toHex(encodeServiceCentreAddress(number));
  }

  /** Asks the modem; it does not always tell, and then what it told before is given. */
  async read(): Promise<string | undefined> {
    const lines = await this.#ask('AT+CSCA?', /^\+CSCA:/, simMs);
    this.#held = readServiceCentre(lines?.[0]) ?? this.#held;
    return this.held;
  }

  /**
   * The modem said that it knows no SMSC (CMS 330). First what the SIM holds (or what is
   * configured) is written to it, which wakes the memory of some (Huawei E220), then it is put into
   * the PDU; each once, until a message has gone out or the modem begins anew. @returns what was
   * done, as a phrase; undefined when nothing is left to try.
   */
  async remedy(): Promise<string | undefined> {
    await this.read();
    const number = this.#configured ?? this.held;
    if (number === undefined || number === '') return undefined;
    if (!this.#wasWritten) {
      this.#wasWritten = true;
      const type = number.startsWith('+') ? 145 : 129;
      const parameters = this.#configured === undefined ? this.#held?.raw : `"${number}",${type}`;
      if (await this.#ask(`AT+CSCA=${parameters}`, undefined, simMs))
        return 'the number of the SMSC was written to it';
    }
    if (this.#isInPdu || this.#configured !== undefined) return undefined;
    this.#isInPdu = true;
    return 'messages name the SMSC from now on';
  }
}
