import { CommandRefused } from '../answer.js';
import { integer, parameters } from '../command-line.js';
import type { CommandHandler } from '../executor.js';
import type { Domain } from '../options.js';
import { numberSetting } from './basic.js';

/** `+CREG` and its packet, LTE and 5G twins (3GPP TS 27.007 7.2, 10.1.20, 10.1.22, 10.1.47). */
function registration(name: Domain): CommandHandler {
  return {
    read: (modem) => {
      const { settings, isRegistered } = modem;
      const stat = modem.statIn(name);
      if (stat === undefined) throw new CommandRefused('bare');
      const mode = settings.registrationReports[name];
      const cell = mode === 2 && isRegistered ? ',"00C3","0001A2B3",2' : '';
      return [`+${name}: ${mode},${stat}${cell}`];
    },
    test: () => [`+${name}: (0-2)`],
    ...numberSetting(2, 0, (modem, value) => {
      modem.settings.registrationReports[name] = value;
    }),
  };
}

const operators = [
  { format: 0, name: 'Virtual Network' },
  { format: 1, name: 'Virtual' },
  { format: 2, name: '26201' },
];

/** 27.007 8.5: 21 is −71 dBm. 99 is unknown. */
const signalWhenRegistered = 21;

/** Network registration, operator and signal of 27.007 7 and 8, and USSD of 7.15. */
export const networkCommands: Record<string, CommandHandler> = {
  '+CREG': registration('CREG'),
  '+CGREG': registration('CGREG'),
  '+CEREG': registration('CEREG'),
  '+C5GREG': registration('C5GREG'),
  '+CGSMS': {
    read: ({ settings }) => [`+CGSMS: ${settings.cgsms}`],
    test: () => ['+CGSMS: (0-3)'],
    ...numberSetting(3, 1, (modem, value) => {
      modem.settings.cgsms = value;
    }),
  },
  '+CIREG': {
    read: ({ options }) => [`+CIREG: 0,${options.ims ? 1 : 0}`],
    test: () => ['+CIREG: (0-2)'],
  },
  '+CGATT': {
    read: ({ isRegistered }) => [`+CGATT: ${isRegistered ? 1 : 0}`],
    set: () => [],
    test: () => ['+CGATT: (0,1)'],
  },
  '+COPS': {
    read: ({ settings, isRegistered, vendor }) => {
      const named = operators.find(({ format }) => format === settings.copsFormat);
      const operator = named && {
        ...named,
        name: (named.format === 0 && vendor.operator) || named.name,
      };
      return [
        isRegistered && operator !== undefined
          ? `+COPS: 0,${operator.format},"${operator.name}",7`
          : '+COPS: 0',
      ];
    },
    test: () => ['+COPS: (2,"Virtual Network","Virtual","26201",7),,(0,1,2,3,4),(0,1,2)'],
    set: (modem, value) => {
      const [mode, format] = parameters(value);
      const chosen = integer(format, 0, 2);
      if (mode === '3' && chosen === undefined) throw new CommandRefused('CME', 50);
      if (chosen !== undefined) modem.settings.copsFormat = chosen;
      return [];
    },
    needsSim: 'other',
  },
  '+CSQ': {
    execute: ({ isRegistered }) => [`+CSQ: ${isRegistered ? signalWhenRegistered : 99},99`],
    test: () => ['+CSQ: (0-31,99),(0-7,99)'],
  },
  '+CESQ': { execute: () => ['+CESQ: 99,99,255,255,20,50'], test: () => [] },
  '+CLIP': {
    read: ({ settings }) => [`+CLIP: ${settings.clip},1`],
    test: () => ['+CLIP: (0,1)'],
    ...numberSetting(1, 0, (modem, value) => {
      modem.settings.clip = value;
    }),
  },
  '+CRC': { ...numberSetting(1, 0, () => {}), test: () => ['+CRC: (0,1)'] },
  '+CHUP': { execute: () => [], test: () => [] },
  '+CUSD': {
    read: ({ settings }) => [`+CUSD: ${settings.cusd}`],
    test: () => ['+CUSD: (0-2)'],
    set: (modem, value) => {
      const [mode, request] = parameters(value);
      const chosen = integer(mode, 0, 2);
      if (chosen === undefined) throw new CommandRefused('CME', 50);
      modem.settings.cusd = chosen;
      if (request !== undefined && request !== '') {
        if (!modem.isRegistered) throw new CommandRefused('CME', 30);
        modem.after(1, () => modem.say('+CUSD: 0,"Balance: 10.00 EUR",15'));
      }
      return [];
    },
    needsSim: 'other',
  },
};
