/** The SIM as a modem tells of it: what it wants, what it is called, and its PIN. */

import { AtCommandError, AtTimeout } from '../at/errors.js';
import type { FinalError } from '../at/lines.js';
import { type Dialogue, longestNeededMuteMs, quickMs, simMs } from './dialogue.js';
import { codeOf } from './verdict.js';

/**
 * `AT+CPIN?` (27.007 8.3). `unknown`: the modem does not tell, so the registration has to.
 * `failed`: it cannot be read; the registration decides too, for some say so of a SIM that works.
 */
export type SimState = 'ready' | 'pin' | 'puk' | 'absent' | 'busy' | 'failed' | 'other' | 'unknown';

/** What the line `+CPIN: …` says. */
function readSimState(line: string | undefined): SimState {
  const state = /^\+CPIN: *"?([A-Z0-9 -]+)/i
    .exec(line ?? '')?.[1]
    ?.trim()
    .toUpperCase();
  // PIN2 guards what is none of an SMS: fixed dialling numbers and call charges.
  if (state === 'READY' || state === 'SIM PIN2' || state === 'SIM PUK2') return 'ready';
  if (state === 'SIM PIN') return 'pin';
  if (state === 'SIM PUK') return 'puk';
  if (state === 'NOT INSERTED' || state === 'SIM REMOVED') return 'absent';
  if (state === 'NOT READY') return 'busy';
  if (state === 'SIM FAILURE' || state === 'SIM WRONG') return 'failed';
  // PH-SIM PIN, PH-NET PIN and their kin: the equipment's own locks.
  return state?.startsWith('PH-') === true ? 'other' : 'unknown';
}

/** What `+CME ERROR` says of the SIM (27.007 9.2.1). */
const statesByCode: Readonly<Record<number, SimState>> = {
  5: 'other',
  6: 'other',
  7: 'other',
  10: 'absent',
  11: 'pin',
  12: 'puk',
  13: 'failed',
  14: 'busy',
  15: 'failed',
  17: 'ready',
  18: 'ready',
  515: 'busy',
};

/**
 * What an error to `AT+CPIN?` says; the SIM7600 says it in words whatever `+CMEE` is. Some have no
 * other answer for a SIM that asks for its PIN.
 */
function simStateOfError(error: FinalError): SimState {
  if (error.kind !== 'CME') return 'unknown';
  const told = statesByCode[codeOf(error) ?? -1];
  if (told !== undefined) return told;
  if (/not inserted/i.test(error.text)) return 'absent';
  return /busy/i.test(error.text) ? 'busy' : 'unknown';
}

/** What a person should know, and do, about a SIM that is not ready. */
export const simReasons: Readonly<Record<SimState, string>> = {
  ready: 'the SIM is ready',
  pin: 'the SIM asks for its PIN',
  puk: 'the SIM is blocked and asks for its PUK: enter it with a phone; simgate never does',
  absent: 'there is no SIM in the modem',
  busy: 'the SIM is not ready yet',
  failed: 'the modem says that it cannot read its SIM',
  other:
    'the SIM is not usable in this modem, which is locked to another network or SIM: AT+CPIN? in the debug log says to which',
  unknown: 'the modem does not tell the state of its SIM',
};

/**
 * The SIM's serial number as a modem's line tells it (ITU-T E.118; EF_ICCID of TS 102.221 13.2
 * holds up to 20 half-octets, filled up with F). The prefix need not be the command's, or be there
 * at all. Some issuers number in hexadecimal digits.
 */
const iccidLine = /^[^0-9]{0,14}([0-9][0-9A-F]{17,21})"?F?"?$/i;

/**
 * The ICCID without its filling, in capitals: one SIM has one spelling, whichever modem reads it.
 * It begins with 89 (E.118 4.1); some Huawei modems give the octets as they lie in the SIM,
 * half-octets swapped. Undefined when the line has none.
 */
export function readIccid(line: string | undefined): string | undefined {
  const told = iccidLine.exec(line ?? '')?.[1]?.toUpperCase();
  if (told === undefined) return undefined;
  const digits = (told.startsWith('98') ? told.replace(/(.)(.)/g, '$2$1') : told).replace(
    /F+$/,
    '',
  );
  return digits.length >= 18 ? digits : undefined;
}

/**
 * Milliseconds for the final result code behind `+CPIN: …`, which comes at once or never; and where
 * it is known not to come.
 */
const endMs = 3_000;
const openEndMs = 1_000;
/**
 * The card computes nothing, but some modems say OK only when they have read it: 12 s were seen.
 */
const enterPinMs = 30_000;

/** The SIM in one modem, for one session. */
export class Sim {
  readonly #dialogue: Dialogue;
  /**
   * Wavecom's `+CPIN?` has no final result code: once that was seen, it is waited for even less.
   */
  #endsOpen = false;
  /** What may tell the ICCID: no standard does. Once one has, only that. */
  #iccidCommands = ['AT+CCID', 'AT+ICCID', 'AT+CICCID', 'AT^ICCID?', 'AT+QCCID', 'AT#CCID'];

  constructor(dialogue: Dialogue) {
    this.#dialogue = dialogue;
  }

  /**
   * Asks what the SIM wants; `unknown` when the modem says an error, is silent, or says what 27.007
   * does not know.
   */
  async state(): Promise<SimState> {
    const command = {
      text: 'AT+CPIN?',
      response: /^\+CPIN:/,
      timeoutMs: simMs,
      endMs: this.#endsOpen ? openEndMs : endMs,
    };
    if (this.#dialogue.mutes.isMute(command.text)) return 'unknown';
    try {
      const lines = await this.#dialogue.run(command);
      this.#dialogue.mutes.spoke(command.text);
      return readSimState(lines[0]);
    } catch (error) {
      if (error instanceof AtTimeout) {
        await this.#dialogue.resynchronise(error);
        if (error.lines.length === 0)
          this.#dialogue.mutes.wasSilent(command.text, longestNeededMuteMs);
        else this.#endsOpen = true;
        return readSimState(error.lines[0]);
      }
      if (!(error instanceof AtCommandError)) throw error;
      return simStateOfError(error.final);
    }
  }

  /**
   * The SIM's serial number (ITU-T E.118), by whichever command the modem knows; many tell it
   * before the PIN.
   */
  async iccid(): Promise<string | undefined> {
    for (const text of this.#iccidCommands) {
      const lines = await this.#dialogue.attemptUnlessMuted({
        text,
        response: iccidLine,
        timeoutMs: quickMs,
      });
      const iccid = readIccid(lines?.[0]);
      if (iccid === undefined) continue;
      this.#iccidCommands = [text];
      return iccid;
    }
    return undefined;
  }

  /**
   * Tries left for the PIN; undefined when the modem cannot tell. `+CPINR` (27.007 8.65), else
   * VERIFY without data (TS 102.221 11.1.9: status 63CX), which spends no try.
   */
  async pinTriesLeft(): Promise<number | undefined> {
    const response = /^\+CPINR: *"?SIM PIN"?,/;
    const lines = await this.#dialogue.attemptOptional({
      text: 'AT+CPINR="SIM PIN"',
      response,
      timeoutMs: simMs,
    });
    const told = /, *(\d+)/.exec(lines?.[0] ?? '')?.[1];
    if (told !== undefined) return Number(told);
    const verify = await this.#dialogue.attemptOptional({
      text: 'AT+CSIM=10,"0020000100"',
      response: /^\+CSIM:/,
      timeoutMs: simMs,
    });
    const status = /63C([0-9A-F])"?$/i.exec(verify?.[0] ?? '')?.[1];
    return status === undefined ? undefined : Number.parseInt(status, 16);
  }

  /**
   * `AT+CPIN=` (27.007 8.3): spends a try when wrong. Rejects with `AtCommandError` when refused,
   * `AtTimeout` when unanswered.
   */
  async enterPin(pin: string): Promise<void> {
    await this.#dialogue.run({ text: `AT+CPIN="${pin}"`, timeoutMs: enterPinMs });
  }
}
