import { integer, parameters } from '../command-line.js';
import { fromHex, toHex } from '../decode-submit.js';
import { encodeTextSubmit } from '../encode.js';
import { type Answer, type CommandHandler, keptNumber, type Prompted } from '../handler.js';
import { CommandRefused } from '../result-codes.js';
import type { ModemPort } from '../state.js';
import type { SubmitPlan } from '../submit-plan.js';
import { decodeText, textUserData } from '../text-mode.js';
import { transmit } from '../transmission.js';

/** The longest TPDU of an SMS-SUBMIT: 24 octets before TP-UD, 140 in it (23.040 9.2.2.2). */
const maxTpduOctets = 164;
/** Far enough into a PDU that the address has been sent, short of any whole one. */
const breakAfterOctets = 20;

/** Reads the data behind a prompt: the TPDU, or why not. */
export type ReadTpdu = (data: string) => Uint8Array | CommandRefused;

/**
 * PDU mode (27.005 4.3): hex with the SMSC address before the TPDU, whose octets were announced.
 */
function pduReader(announced: number): ReadTpdu {
  return (data) => {
    const octets = fromHex(data.replace(/\s/g, ''));
    const serviceCentreOctets = 1 + (octets?.[0] ?? 0);
    if (octets === undefined || octets.length !== serviceCentreOctets + announced)
      return new CommandRefused('CMS', 304);
    return octets.subarray(serviceCentreOctets);
  };
}

/** The SMSC that a PDU names (24.011 8.2.5.1); empty when it leaves that to the modem. */
function serviceCentreIn(pdu: string): string {
  const octets = fromHex(pdu.replace(/\s/g, '')) ?? new Uint8Array();
  const [length = 0, type = 0] = octets;
  if (length === 0) return '';
  const digits = toHex(octets.subarray(2, 1 + length)).replace(/(.)(.)/g, '$2$1');
  return `${(type & 0x70) === 0x10 ? '+' : ''}${digits.replace(/F$/, '')}`;
}

/** Text mode (27.005 3.5.1) under `+CSCS` and `+CSMP`. */
function textReader(modem: ModemPort, address: string): ReadTpdu {
  return (data) => {
    const { csmp, cscs } = modem.settings;
    const [firstOctet, vp, pid, dcs] = csmp;
    const recipient = decodeText(address, cscs === 'UCS2' ? 'UCS2' : 'IRA');
    const text = decodeText(data.replace(/\r/g, '\r\n'), cscs);
    const lengthAndData = text === undefined ? undefined : textUserData(text, dcs);
    if (
      recipient === undefined ||
      !/^\+?\d{1,20}$/.test(recipient) ||
      lengthAndData === undefined
    ) {
      return new CommandRefused('CMS', 305);
    }
    return encodeTextSubmit({ firstOctet, recipient, pid, dcs, vp, lengthAndData });
  };
}

/** The reader for what stands behind `AT+CMGS=` or `AT+CMGW=`. Throws CMS 304 or 305. */
export function readerFor(modem: ModemPort, value: string): ReadTpdu {
  const [first] = parameters(value);
  if (modem.settings.cmgf === 1) {
    if (first === undefined || first === '') throw new CommandRefused('CMS', 305);
    return textReader(modem, first);
  }
  const announced = integer(first, 7, maxTpduOctets);
  if (announced === undefined) throw new CommandRefused('CMS', 304);
  return pduReader(announced);
}

function sendMessage(modem: ModemPort, value: string): Answer {
  const read = readerFor(modem, value);
  const plan = modem.nextSubmit();
  if (plan.break?.at === 'before-prompt') {
    const { break: how } = plan;
    return { later: () => modem.break(how) };
  }
  if (plan.refusesPrompt !== undefined) throw plan.refusesPrompt;
  if (plan.prompts === 0) {
    return {
      later: (settle) =>
        modem.after(plan.promptlessMs, () => settle({ kind: 'unterminated', lines: [] })),
    };
  }
  return { prompted: submitEntry(modem, plan, read) };
}

function submitEntry(modem: ModemPort, plan: SubmitPlan, read: ReadTpdu): Prompted {
  const { vendor, record } = modem;
  const { submit } = plan;
  let promptedAt = 0;
  let pauseMs: number | undefined;
  const breaks = plan.break?.at === 'during-pdu' ? breakOnce(modem, plan) : undefined;
  return {
    releases: plan.answerToOthers !== undefined || plan.heldUnlessPauseMs !== undefined,
    delayMs: plan.promptDelayMs,
    prompt: vendor.prompt.repeat(plan.prompts) + (vendor.okBehindPrompt ? '\r\nOK\r\n' : ''),
    onPrompt: () => {
      promptedAt = modem.nowMs;
      record.write({ kind: 'prompt', submit });
    },
    ...(plan.garblesReceived && { receive: garbleOnce(modem) }),
    onProgress: (octets) => {
      pauseMs ??= modem.nowMs - promptedAt;
      breaks?.(octets);
    },
    onComplete: (data, settle) => {
      record.write({ kind: 'ctrl_z', submit, data });
      const tpdu = read(data);
      if (tpdu instanceof CommandRefused) {
        record.write({ kind: 'refused', submit, cause: `${tpdu.message}: unreadable`, tpdu: data });
        settle({ kind: 'refused', refusal: tpdu });
        return;
      }
      const namedServiceCentre = modem.settings.cmgf === 0 ? serviceCentreIn(data) : '';
      const how = { command: '+CMGS', pauseMs: pauseMs ?? 0, namedServiceCentre } as const;
      transmit({ modem, plan, tpdu, settle, ...how });
    },
    onEscape: () => record.write({ kind: 'escape', submit }),
  };
}

/** Flips one bit in one of the first octets received. */
function garbleOnce(modem: ModemPort): (text: string) => string {
  let octetsBefore = modem.random.below(breakAfterOctets);
  return (text) => {
    octetsBefore -= 1;
    if (octetsBefore !== -1) return text;
    return String.fromCharCode(text.charCodeAt(0) ^ (1 << modem.random.below(3)));
  };
}

function breakOnce(modem: ModemPort, plan: SubmitPlan): (octets: number) => void {
  return (octets) => {
    if (octets !== breakAfterOctets || plan.break === undefined) return;
    modem.record.write({ kind: 'lost', submit: plan.submit, phase: 'during-pdu' });
    modem.break(plan.break);
  };
}

function sendStored(modem: ModemPort, value: string): Answer {
  const index = integer(parameters(value)[0], 0, 999);
  const slot =
    index === undefined ? undefined : modem.stores.get(modem.settings.cpms[1])?.get(index);
  if (slot === undefined) throw new CommandRefused('CMS', 321);
  const { tpdu } = slot.message;
  const how = { command: '+CMSS', pauseMs: 0, namedServiceCentre: '' } as const;
  return {
    later: (settle) => transmit({ modem, plan: modem.nextSubmit(), tpdu, settle, ...how }),
  };
}

function setTextParameters(modem: ModemPort, value: string): readonly string[] {
  const given = parameters(value).map((part) => (part === '' ? undefined : integer(part, 0, 255)));
  const [firstOctet, vp, pid, dcs] = modem.settings.csmp.map((old, index) => given[index] ?? old);
  modem.settings.csmp = [firstOctet ?? 17, vp ?? 167, pid ?? 0, dcs ?? 0];
  return [];
}

/** Sending and its parameters: 3GPP TS 27.005 3.2, 3.3 and 3.5. */
export const smsCommands: Record<string, CommandHandler> = {
  '+CMGS': { set: sendMessage, test: () => [], needsSim: 'SMS' },
  '+CMSS': { set: sendStored, test: () => [], needsSim: 'SMS' },
  ...keptNumber('+CMGF', 'cmgf', 1),
  '+CSCA': {
    read: ({ sim }) => [
      `+CSCA: "${sim.serviceCentre}",${sim.serviceCentre.startsWith('+') ? 145 : 129}`,
    ],
    set: (modem, value) => {
      const [address = ''] = parameters(value);
      if (!/^\+?\d{1,20}$/.test(address)) throw new CommandRefused('CMS', 330);
      modem.sim.serviceCentre = address;
      modem.record.write({ kind: 'service_centre', number: address });
      const { volatile } = modem;
      if (volatile.serviceCentreTrouble === 'unwritten') volatile.serviceCentreTrouble = undefined;
      return [];
    },
    test: () => [],
    needsSim: 'SMS',
  },
  '+CSMP': {
    read: ({ settings }) => [`+CSMP: ${settings.csmp.join(',')}`],
    set: setTextParameters,
    test: () => ['+CSMP: (0-255),(0-255),(0-255),(0-255)'],
  },
  ...keptNumber('+CSDH', 'csdh', 1),
  ...keptNumber('+CMMS', 'cmms', 2),
};
