import { CommandRefused } from '../answer.js';
import { integer, parameters } from '../command-line.js';
import type { CommandHandler } from '../executor.js';
import type { Modem } from '../modem.js';

/** `+CNMI` (3GPP TS 27.005 3.4.1); a value the vendor does not take is refused as a whole. */
function setIndications(modem: Modem, value: string): readonly string[] {
  const { indications } = modem.vendor;
  const given = parameters(value).map((part) => (part === '' ? undefined : Number(part)));
  const [mode, mt, bm, ds, bfr] = modem.settings.cnmi.map((old, index) => given[index] ?? old);
  const chosen: typeof modem.settings.cnmi = [mode ?? 0, mt ?? 0, bm ?? 0, ds ?? 0, bfr ?? 0];
  const allowed = [
    indications.mode,
    indications.mt,
    indications.bm,
    indications.ds,
    indications.bfr,
  ];
  const isTaken = (index: number): boolean =>
    given[index] === undefined || allowed[index]!.includes(chosen[index]!);
  if (![0, 1, 2, 3, 4].every(isTaken)) throw new CommandRefused('CMS', 303);
  modem.settings.cnmi = chosen;
  modem.indications.modeChanged();
  return [];
}

function selectService(modem: Modem, value: string): readonly string[] {
  const service = integer(parameters(value)[0], 0, 1);
  if (service === undefined) throw new CommandRefused('CMS', 303);
  modem.settings.csms = service;
  return ['+CSMS: 1,1,1'];
}

function acknowledge(modem: Modem): readonly string[] {
  if (!modem.indications.acknowledge()) throw new CommandRefused('CMS', 340);
  return [];
}

/** Unsolicited messages and their acknowledgement: 27.005 3.2.1, 3.4.1 and 3.4.4. */
export const indicationCommands: Record<string, CommandHandler> = {
  '+CNMI': {
    read: ({ settings }) => [`+CNMI: ${settings.cnmi.join(',')}`],
    test: ({ vendor: { indications } }) => {
      const { mode, mt, bm, ds, bfr } = indications;
      return [
        `+CNMI: ${[mode, mt, bm, ds, bfr].map((values) => `(${values.join(',')})`).join(',')}`,
      ];
    },
    set: setIndications,
    needsSim: 'SMS',
  },
  '+CSMS': {
    read: ({ settings, vendor }) => [vendor.csmsLine ?? `+CSMS: ${settings.csms},1,1,1`],
    test: () => ['+CSMS: (0,1)'],
    set: selectService,
    needsSim: 'SMS',
  },
  '+CNMA': {
    execute: acknowledge,
    set: acknowledge,
    test: () => ['+CNMA: (0-2)'],
    needsSim: 'SMS',
  },
};
