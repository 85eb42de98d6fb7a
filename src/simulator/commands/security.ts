import { parameters } from '../command-line.js';
import type { Answer, CommandHandler, Result, Settle } from '../handler.js';
import type { PinFault } from '../pin-faults.js';
import type { PinEntry } from '../record.js';
import { CommandRefused } from '../result-codes.js';
import type { ModemPort } from '../state.js';
import { startRegistration } from './network-registration.js';

/** What a try came to: the record's word for it, and the modem's no. */
interface Verdict {
  outcome: PinEntry['outcome'];
  refusal: CommandRefused | undefined;
}

/**
 * `AT+CPIN=<pin>[,<newpin>]` (3GPP TS 27.007 8.3), recorded whatever comes of it, with the fault
 * that meets it.
 */
function enterPin(modem: ModemPort, value: string): Answer {
  const [pin = '', newPin] = parameters(value);
  modem.pinAttempts += 1;
  const attempt = modem.pinAttempts;
  const fault = modem.pinFaults.shift();
  if (fault !== undefined) modem.record.write({ kind: 'fault', fault: `pin-${fault.text}` });
  const { state, pinTries: triesBefore, iccid } = modem.sim;
  const { outcome, refusal } = judged(modem, pin, newPin, fault);
  modem.record.write({
    kind: 'pin',
    command: '+CPIN',
    attempt,
    iccid,
    pin,
    state,
    tries_before: triesBefore,
    outcome,
    tries_left: modem.sim.pinTries,
  });
  if (outcome === 'accepted') startRegistration(modem);
  const result: Result =
    refusal === undefined ? { kind: 'lines', lines: [] } : { kind: 'refused', refusal };
  const answer = (settle: Settle): void => {
    modem.record.write({ kind: 'pin_reply', attempt });
    settle(result);
  };
  return { later: (settle) => play(modem, fault, settle, answer) };
}

function judged(
  modem: ModemPort,
  pin: string,
  newPin: string | undefined,
  fault: PinFault | undefined,
): Verdict {
  const { sim } = modem;
  if (fault?.reachesSim === false) {
    return { outcome: fault.refusal === undefined ? 'lost' : 'uncounted', refusal: fault.refusal };
  }
  if (sim.state === 'READY') return { outcome: 'not_asked', refusal: new CommandRefused('CME', 3) };
  if (sim.state === 'SIM PUK' && newPin === undefined) {
    return { outcome: 'not_asked', refusal: new CommandRefused('CME', 12) };
  }
  const isRight = newPin === undefined ? sim.verify(pin) : sim.unblock(pin, newPin);
  return isRight
    ? { outcome: 'accepted', refusal: undefined }
    : { outcome: 'refused', refusal: wrongPin(modem) };
}

/** 27.007 9.2: 16 "incorrect password", or 12 "SIM PUK required" when it was the last try. */
function wrongPin({ sim }: ModemPort): CommandRefused {
  return new CommandRefused('CME', sim.state === 'SIM PUK' ? 12 : 16);
}

function play(
  modem: ModemPort,
  fault: PinFault | undefined,
  settle: Settle,
  answer: (settle: Settle) => void,
): void {
  const fallSilent = (): void => settle({ kind: 'unterminated', lines: [] });
  if (fault?.break !== undefined) {
    // After a glitch the modem goes on: its answer went to a tty that was not there.
    if (fault.break.how === 'glitch') modem.after(fault.break.downMs, fallSilent);
    modem.break(fault.break);
  } else if (fault?.silenceMs !== undefined) modem.after(fault.silenceMs, fallSilent);
  else modem.after(fault?.replyDelayMs ?? 0, () => answer(settle));
}

/** Tells the record what became of a try that is no `AT+CPIN=`, and refuses a wrong one. */
function judge(modem: ModemPort, command: '+CLCK' | '+CPWD', isRight: boolean): readonly string[] {
  const { sim, record } = modem;
  const outcome = isRight ? 'accepted' : 'refused';
  record.write({ kind: 'pin_use', command, outcome, tries_left: sim.pinTries });
  if (isRight) return [];
  throw wrongPin(modem);
}

/**
 * The status words of VERIFY PIN with no data: tries left, or blocked (3GPP TS 31.101 11.1.9,
 * 10.2).
 */
function verifyStatus(modem: ModemPort): string {
  const { sim } = modem;
  if (!sim.isLockEnabled && sim.pinTries > 0) return '6984';
  return sim.pinTries === 0 ? '6983' : `63C${sim.pinTries}`;
}

/** The command APDU that asks for PIN 1's tries without spending one. */
const askPinTries = '0020000100';

const triesLeft = ({ sim }: ModemPort): string[] => [
  `+CPINR: SIM PIN,${sim.pinTries},3`,
  `+CPINR: SIM PUK,${sim.pukTries},10`,
];

/** SIM and locks: 3GPP TS 27.007 7.4, 7.5, 8.3, 8.17, 8.65. */
export const securityCommands: Record<string, CommandHandler> = {
  '+CPIN': {
    read: ({ sim, vendor }) => {
      const lines = [`+CPIN: ${sim.state}`];
      return vendor.cpinWithoutOk ? { unterminated: lines } : lines;
    },
    test: () => [],
    set: enterPin,
  },
  '+CPINR': {
    execute: triesLeft,
    set: (modem, value) => {
      const [name = ''] = parameters(value);
      const line = triesLeft(modem).find((each) => each.startsWith(`+CPINR: ${name},`));
      if (line === undefined) throw new CommandRefused('CME', 50);
      return [line];
    },
    test: () => ['+CPINR: ("SIM PIN","SIM PUK")'],
  },
  '+CSIM': {
    set: (modem, value) => {
      const [length, apdu = ''] = parameters(value);
      if (length !== String(apdu.length)) throw new CommandRefused('CME', 50);
      const words = apdu.toUpperCase() === askPinTries ? verifyStatus(modem) : '6D00';
      return [`+CSIM: ${words.length},"${words}"`];
    },
    test: () => [],
  },
  '+CLCK': {
    test: () => ['+CLCK: ("SC")'],
    set: (modem, value) => {
      const [facility, mode, password = ''] = parameters(value);
      if (facility !== 'SC') throw new CommandRefused('CME', 3);
      if (mode === '2') return [`+CLCK: ${modem.sim.isLockEnabled ? 1 : 0}`];
      if (mode !== '0' && mode !== '1') throw new CommandRefused('CME', 50);
      return judge(modem, '+CLCK', modem.sim.setLock(mode === '1', password));
    },
  },
  '+CPWD': {
    test: () => ['+CPWD: ("SC",8)'],
    set: (modem, value) => {
      const [facility, password = '', newPassword = ''] = parameters(value);
      if (facility !== 'SC' || !/^\d{4,8}$/.test(newPassword)) throw new CommandRefused('CME', 50);
      return judge(modem, '+CPWD', modem.sim.changePin(password, newPassword));
    },
  },
};
