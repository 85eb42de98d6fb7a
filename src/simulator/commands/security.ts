import { CommandRefused } from '../answer.js';
import { parameters } from '../command-line.js';
import type { CommandHandler } from '../executor.js';
import type { Modem } from '../modem.js';
import { enterPin, wrongPin } from './pin-entry.js';

/** Tells the record what became of a try that is no `AT+CPIN=`, and refuses a wrong one. */
function judge(modem: Modem, command: '+CLCK' | '+CPWD', isRight: boolean): readonly string[] {
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
function verifyStatus(modem: Modem): string {
  const { sim } = modem;
  if (!sim.isLockEnabled && sim.pinTries > 0) return '6984';
  return sim.pinTries === 0 ? '6983' : `63C${sim.pinTries}`;
}

/** The command APDU that asks for PIN 1's tries without spending one. */
const askPinTries = '0020000100';

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
    execute: ({ sim }) => [
      `+CPINR: SIM PIN,${sim.pinTries},3`,
      `+CPINR: SIM PUK,${sim.pukTries},10`,
    ],
    set: ({ sim }, value) => {
      const [name = ''] = parameters(value);
      if (name === 'SIM PIN') return [`+CPINR: SIM PIN,${sim.pinTries},3`];
      if (name === 'SIM PUK') return [`+CPINR: SIM PUK,${sim.pukTries},10`];
      throw new CommandRefused('CME', 50);
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
