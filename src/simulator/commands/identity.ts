import { integer, parameters } from '../command-line.js';
import { type CommandHandler, keptNumber } from '../handler.js';
import { CommandRefused } from '../result-codes.js';
import { characterSets, stampText } from '../text-mode.js';
import { startRegistration } from './network-registration.js';

const plain = (execute: NonNullable<CommandHandler['execute']>): CommandHandler => ({
  execute,
  test: () => [],
});

/** Identification and general control of ITU-T V.250 6.1 and 3GPP TS 27.007 5, 8 and 9. */
export const identityCommands: Record<string, CommandHandler> = {
  I: {
    execute: ({ vendor }) => [
      `Manufacturer: ${vendor.manufacturer}`,
      `Model: ${vendor.model}`,
      `Revision: ${vendor.revision}`,
      `IMEI: ${vendor.imei}`,
      '+GCAP: +CGSM,+DS,+ES',
    ],
    set: ({ vendor }) => [vendor.model],
  },
  '+GMI': plain(({ vendor }) => [vendor.manufacturer]),
  '+GMM': plain(({ vendor }) => [vendor.model]),
  '+GMR': plain(({ vendor }) => [vendor.revision]),
  '+GSN': plain(({ vendor }) => [vendor.imei]),
  '+CGMI': plain(({ vendor }) => [vendor.manufacturer]),
  '+CGMM': plain(({ vendor }) => [vendor.model]),
  '+CGMR': plain(({ vendor }) => [vendor.revision]),
  '+CGSN': plain(({ vendor }) => [vendor.imei]),
  '+GCAP': plain(() => ['+GCAP: +CGSM,+DS,+ES']),
  '+CIMI': { ...plain(({ sim }) => [sim.imsi]), needsSim: 'other' },
  '+CCID': {
    ...plain(({ sim }) => [`+CCID: ${sim.iccid}`]),
    read: ({ sim }) => [`+CCID: ${sim.iccid}`],
  },
  '+ICCID': plain(({ sim }) => [`+ICCID: ${sim.iccid}`]),
  '+CNUM': { ...plain(({ options }) => [`+CNUM: "","${options.number}",145`]), needsSim: 'other' },
  ...keptNumber('+CMEE', 'cmee', 2, 1),
  '+CSCS': {
    read: ({ settings }) => [`+CSCS: "${settings.cscs}"`],
    test: () => [`+CSCS: (${characterSets.map((name) => `"${name}"`).join(',')})`],
    set: (modem, value) => {
      const [name = ''] = parameters(value);
      const known = characterSets.find((set) => set === name.toUpperCase());
      if (known === undefined) throw new CommandRefused('CME', 50);
      modem.settings.cscs = known;
      return [];
    },
  },
  '+CFUN': {
    read: ({ settings }) => [`+CFUN: ${settings.cfun}`],
    test: () => ['+CFUN: (0,1,4),(0,1)'],
    set: (modem, value) => {
      const [level, restart = '0'] = parameters(value);
      const chosen = integer(level, 0, 4);
      if (chosen === undefined || chosen === 2 || chosen === 3) throw new CommandRefused('CME', 50);
      if (restart === '1') {
        return {
          later: (settle) => {
            settle({ kind: 'lines', lines: [] });
            modem.reboot();
          },
        };
      }
      modem.settings.cfun = chosen;
      startRegistration(modem);
      return [];
    },
  },
  '+CBC': { execute: () => ['+CBC: 0,100'], test: () => ['+CBC: (0-3),(0-100)'] },
  '+CPAS': { execute: () => ['+CPAS: 0'], test: () => ['+CPAS: (0,2-5)'] },
  '+CCLK': {
    read: () => [`+CCLK: "${stampText(new Date())}"`],
    set: () => [],
    test: () => [],
  },
};
