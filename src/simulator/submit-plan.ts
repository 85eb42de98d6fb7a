import type { AirText } from './air-texts.js';
import type { CommandRefused } from './result-codes.js';
import type { Distortion } from './uart.js';

/**
 * The modem says that it knows no SMSC (CMS 330) until `+CSCA` was written, as Huawei's E220; or
 * unless the PDU names one.
 */
export type ServiceCentreTrouble = 'unwritten' | 'not_in_pdu';

/** Points of a submit at which the modem can go away. */
export type BreakPoint = 'before-prompt' | 'during-pdu' | 'after-ctrl-z' | 'after-reply';

export interface Break {
  at: BreakPoint;
  /**
   * `reboot`: it restarts. `unplug`: tty and power go. `glitch`: the tty goes, the modem lives and
   * works on.
   */
  how: 'reboot' | 'unplug' | 'glitch';
  /** Milliseconds until the tty is back; of no use to a reboot. */
  downMs: number;
  /** Milliseconds from the break point to the break, so that bytes already said can be read. */
  delayMs: number;
}

/**
 * What is to happen in one submit, from its AT+CMGS to its last reply. Faults change the fields.
 */
export interface SubmitPlan {
  /** 1-based, counted over the life of the simulator, refused submits included. */
  readonly submit: number;
  /** The faults at work, as they were written. */
  readonly faults: string[];
  promptDelayMs: number;
  /** How often the prompt is printed; 1 is right. */
  prompts: number;
  /** With no prompt: how long the modem stays deaf before it takes commands again. */
  promptlessMs: number;
  break?: Break;
  garblesReceived?: true;
  /** Whether the network takes the TPDU, when nothing else stands against it. */
  accepts: boolean;
  /** The network takes it at Ctrl-Z, not when the reply is due. */
  acceptsAtOnce?: boolean;
  /** The network's or the modem's no. */
  refusal?: CommandRefused;
  /** Said instead of `+CMGS`, of what the network has taken. */
  refusalThoughAccepted?: CommandRefused;
  /** Said behind `+CMGS` instead of OK. */
  refusalBehindCmgs?: CommandRefused;
  /** Added to the time from Ctrl-Z to the reply. */
  replyDelayMs: number;
  /** No reply ever; the modem takes commands again after this time. */
  silenceMs?: number;
  /** OK and nothing else, as that time is over. */
  saysOkAtLast?: true;
  registrationLostMs?: number;
  /** Begins with this submit. */
  serviceCentreTrouble?: ServiceCentreTrouble;
  /** OK at Ctrl-Z, and none behind `+CMGS`. */
  saysOkEarly?: true;
  /** What any other command is answered with until the reply, as it goes over the wire. */
  answerToOthers?: string;
  /**
   * A payload that comes sooner than so many milliseconds after the prompt makes it keep its reply
   * back until the next command.
   */
  heldUnlessPauseMs?: number;
  /** What AT+CMGS is answered with instead of a prompt. */
  refusesPrompt?: CommandRefused;
  omitsOk?: true;
  omitsCmgs?: true;
  /** Noise lines between Ctrl-Z and the reply. */
  burstLines: number;
  /** What comes over the air between Ctrl-Z and the reply. */
  airText?: AirText;
  /** Octets without a newline before the reply. */
  floodOctets: number;
  /** Of the reply. */
  distortion?: Distortion;
}

export function faultlessPlan(submit: number): SubmitPlan {
  return {
    submit,
    faults: [],
    promptDelayMs: 0,
    prompts: 1,
    promptlessMs: 0,
    accepts: true,
    replyDelayMs: 0,
    burstLines: 0,
    floodOctets: 0,
  };
}
