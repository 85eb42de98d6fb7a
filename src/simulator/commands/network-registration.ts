import { integer, parameters } from '../command-line.js';
import { type Answer, type CommandHandler, keptNumber, numberSetting } from '../handler.js';
import { type Domain, domains } from '../options.js';
import { CommandRefused } from '../result-codes.js';
import type { ModemPort, ModemState } from '../state.js';

/** `+CREG` stat of what the network grants (3GPP TS 27.007 7.2). */
const registrationStat = { none: 0, home: 1, searching: 2, denied: 3, roaming: 5 } as const;

export const isRegistered = ({ volatile: { stat } }: ModemState): boolean =>
  stat === registrationStat.home || stat === registrationStat.roaming;

/** Looks for the network, if the SIM and `+CFUN` let it. */
export function startRegistration(modem: ModemPort): void {
  const { sim, settings, options, volatile } = modem;
  if (settings.cfun !== 1) volatile.isDenied = false;
  if (sim.state !== 'READY' || settings.cfun !== 1) {
    setStat(modem, registrationStat.none);
    return;
  }
  if (options.registrationDelayMs > 0) setStat(modem, registrationStat.searching);
  modem.after(options.registrationDelayMs, () => refreshRegistration(modem));
}

/** Follows what the network grants now, where the modem can have any of it. */
export function refreshRegistration(modem: ModemPort): void {
  const { sim, settings, network, volatile } = modem;
  if (!volatile.isOn || sim.state !== 'READY' || settings.cfun !== 1) return;
  setStat(modem, registrationStat[volatile.isDenied ? 'denied' : network.granted]);
  if (isRegistered(modem)) network.deliverHeld();
}

/** The registration hangs where it is denied, or no longer. */
export function setDenied(modem: ModemPort, isDenied: boolean): void {
  modem.volatile.isDenied = isDenied;
  refreshRegistration(modem);
}

function setStat(modem: ModemPort, stat: number): void {
  if (stat === modem.volatile.stat) return;
  modem.volatile.stat = stat;
  for (const name of domains) {
    const mode = modem.settings.registrationReports[name];
    const told = statIn(modem, name);
    if (told === undefined) continue;
    if (mode === 1) modem.say(`+${name}: ${told}`);
    if (mode === 2) modem.say(`+${name}: ${told}${cell}`);
  }
}

/** What a domain's read command says; undefined when the modem does not know the command. */
function statIn(modem: ModemState, domain: Domain): number | undefined {
  const own = modem.domains[domain] ?? 'network';
  if (own === 'unknown') return undefined;
  return own === 'network' || !isRegistered(modem) ? modem.volatile.stat : own;
}

/**
 * What a read command of registration says without its <n>; undefined where `body` is none, or the
 * modem does not know it.
 */
export function statAlone(modem: ModemState, body: string): string | undefined {
  const name = domains.find((one) => body.toUpperCase() === `+${one}?`);
  const stat = name && statIn(modem, name);
  return stat === undefined ? undefined : `+${name}: ${stat}`;
}

/** `<lac>`, `<ci>` and `<AcT>`, as they are said behind a stat. */
const cell = ',"00C3","0001A2B3",2';

/** `+CREG` and its packet, LTE and 5G twins (3GPP TS 27.007 7.2, 10.1.20, 10.1.22, 10.1.47). */
function registration(name: Domain): CommandHandler {
  return {
    read: (modem) => {
      const stat = statIn(modem, name);
      if (stat === undefined) throw new CommandRefused('bare');
      const mode = modem.settings.registrationReports[name];
      return [`+${name}: ${mode},${stat}${mode === 2 && isRegistered(modem) ? cell : ''}`];
    },
    test: () => [`+${name}: (0-2)`],
    ...numberSetting(2, 0, (modem, value) => {
      modem.settings.registrationReports[name] = value;
    }),
  };
}

/** By `+COPS` format: long, short, numeric. */
const operatorNames = ['Virtual Network', 'Virtual', '26201'];

/** 27.007 8.5: 21 is −71 dBm. 99 is unknown. */
const signalWhenRegistered = 21;

/** The network answers behind the OK, which may take as long. */
function askNetwork(modem: ModemPort): Answer {
  const { network, options, volatile } = modem;
  const answer = (): void => {
    const { ussdLine } = network;
    if (ussdLine !== undefined) modem.after(1, () => modem.say(ussdLine));
  };
  const { ussdHoldMs, ussdAborts } = options;
  if (ussdHoldMs === 0) {
    answer();
    return [];
  }
  return {
    later: (settle) => {
      let isOver = false;
      const end = (isAnswered: boolean) => () => {
        if (isOver) return;
        isOver = true;
        volatile.abort = undefined;
        settle({ kind: 'lines', lines: [] });
        if (isAnswered) answer();
      };
      if (ussdAborts) volatile.abort = end(false);
      modem.after(ussdHoldMs, end(true));
    },
  };
}

/** Network registration, operator and signal of 27.007 7 and 8, and USSD of 7.15. */
export const registrationCommands: Record<string, CommandHandler> = {
  '+CREG': registration('CREG'),
  '+CGREG': registration('CGREG'),
  '+CEREG': registration('CEREG'),
  '+C5GREG': registration('C5GREG'),
  ...keptNumber('+CGSMS', 'cgsms', 3, 1),
  '+CIREG': {
    read: ({ options }) => [`+CIREG: 0,${options.ims ? 1 : 0}`],
    test: () => ['+CIREG: (0-2)'],
  },
  '+CGATT': {
    read: (modem) => [`+CGATT: ${isRegistered(modem) ? 1 : 0}`],
    set: () => [],
    test: () => ['+CGATT: (0,1)'],
  },
  '+COPS': {
    read: (modem) => {
      if (!isRegistered(modem)) return ['+COPS: 0'];
      const format = modem.settings.copsFormat;
      const name = (format === 0 && modem.vendor.operator) || operatorNames[format];
      return [`+COPS: 0,${format},"${name}",7`];
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
    execute: (modem) => [`+CSQ: ${isRegistered(modem) ? signalWhenRegistered : 99},99`],
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
        if (!isRegistered(modem)) throw new CommandRefused('CME', 30);
        modem.record.write({ kind: 'ussd', request });
        return askNetwork(modem);
      }
      return [];
    },
    needsSim: 'other',
  },
};
