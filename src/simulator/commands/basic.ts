import { type CommandHandler, numberSetting } from '../handler.js';
import { freshSettings, type ModemPort } from '../state.js';

const ignored = numberSetting(255, 0, () => {});

function backToFactory(modem: ModemPort): readonly string[] {
  modem.settings = freshSettings(modem.options, modem.vendor);
  return [];
}

const sRegisters = Object.fromEntries(
  [0, 2, 3, 4, 5, 6, 7, 8, 10, 12].map((register): [string, CommandHandler] => [
    `S${register}`,
    {
      read: (modem) => [String(modem.settings.registers.get(register) ?? 0).padStart(3, '0')],
      ...numberSetting(255, 0, (modem, value) => {
        modem.settings.registers.set(register, value);
      }),
    },
  ]),
);

/**
 * The basic commands of ITU-T V.250 6. S-registers are kept, but CR, LF and BS stay what they are.
 */
export const basicCommands: Record<string, CommandHandler> = {
  ...sRegisters,
  E: numberSetting(1, 1, (modem, value) => {
    modem.settings.echo = value === 1;
  }),
  V: numberSetting(1, 1, (modem, value) => {
    modem.settings.verbose = value === 1;
  }),
  Q: numberSetting(1, 0, (modem, value) => {
    modem.settings.quiet = value === 1;
  }),
  Z: { execute: backToFactory, set: backToFactory },
  '&F': { execute: backToFactory, set: backToFactory },
  '&W': ignored,
  '&C': ignored,
  '&D': ignored,
  '&K': ignored,
  '&S': ignored,
  H: ignored,
  L: ignored,
  M: ignored,
  X: ignored,
  O: ignored,
  '+IPR': { read: (modem) => [`+IPR: ${modem.options.baud}`], set: () => [] },
  '+IFC': { read: () => ['+IFC: 0,0'], set: () => [] },
  '+ICF': { read: () => ['+ICF: 3,3'], set: () => [] },
};
