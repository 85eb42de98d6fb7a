import type { AirText } from './air.js';
/** How the bytes of one reply are spoilt on their way to the tty. */
export interface Distortion {
  /** Flips one bit in about one octet of eight, at least in one. */
  garble?: boolean;
  /** Loses about one octet of eight, at least one. */
  drop?: boolean;
  /** Sends octet by octet with this pause before each. */
  splitPauseMs?: number;
}

/** The network's or the modem's no to a submit. */
export type Refusal = { cms: number } | { text: string } | { bare: true };

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
  break: Break | undefined;
  garblesReceived: boolean;
  /** Whether the network takes the TPDU, when nothing else stands against it. */
  accepts: boolean;
  /** The network takes it at Ctrl-Z, not when the reply is due. */
  acceptsAtOnce: boolean;
  refusal: Refusal | undefined;
  /** Added to the time from Ctrl-Z to the reply. */
  replyDelayMs: number;
  /** No reply ever; the modem takes commands again after this time. */
  silenceMs: number | undefined;
  registrationLostMs: number | undefined;
  /** Begins with this submit. */
  serviceCentreTrouble: ServiceCentreTrouble | undefined;
  /** OK at Ctrl-Z, and none behind `+CMGS`. */
  saysOkEarly: boolean;
  /** What any other command is answered with until the reply, as it goes over the wire. */
  answerToOthers: string | undefined;
  /**
   * A payload that comes sooner than so many milliseconds after the prompt makes it keep its reply
   * back until the next command.
   */
  heldUnlessPauseMs: number | undefined;
  /** AT+CMGS is answered with ERROR. */
  refusesPrompt: boolean;
  omitsOk: boolean;
  omitsCmgs: boolean;
  /** Noise lines between Ctrl-Z and the reply. */
  burstLines: number;
  /** What comes over the air between Ctrl-Z and the reply. */
  airText: AirText | undefined;
  /** Octets without a newline before the reply. */
  floodOctets: number;
  readonly distortion: Distortion;
}

export function faultlessPlan(submit: number): SubmitPlan {
  return {
    submit,
    faults: [],
    promptDelayMs: 0,
    prompts: 1,
    promptlessMs: 0,
    break: undefined,
    garblesReceived: false,
    accepts: true,
    acceptsAtOnce: false,
    refusal: undefined,
    replyDelayMs: 0,
    silenceMs: undefined,
    registrationLostMs: undefined,
    serviceCentreTrouble: undefined,
    saysOkEarly: false,
    answerToOthers: undefined,
    heldUnlessPauseMs: undefined,
    refusesPrompt: false,
    omitsOk: false,
    omitsCmgs: false,
    burstLines: 0,
    airText: undefined,
    floodOctets: 0,
    distortion: {},
  };
}
