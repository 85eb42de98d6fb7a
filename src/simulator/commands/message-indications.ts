import { integer, parameters } from '../command-line.js';
import { toHex } from '../decode-submit.js';
import { encodeServiceCentre } from '../encode.js';
import type { CommandHandler } from '../handler.js';
import { type HeldMessage, messageStatus } from '../message-store.js';
import { CommandRefused } from '../result-codes.js';
import type { ModemPort } from '../state.js';
import { encodeText, stampText } from '../text-mode.js';

const maxHeldIndications = 50;

/**
 * Brings a message from the network to the host as `+CNMI` and `+CSMS` say (3GPP TS 27.005 3.4).
 * False when the storage is full: the network keeps the message.
 */
export function takeDelivery(modem: ModemPort, message: HeldMessage): boolean {
  const [, mt, , ds] = modem.settings.cnmi;
  if (message.kind === 'report') {
    if (ds === 1) return route(modem, message, reportLines(modem, message));
    return ds !== 2 || store(modem, message, 'SR', '+CDSI', modem.vendor.reportStorageNamed);
  }
  if (mt === 2) return route(modem, message, deliverLines(modem, message));
  const storage = modem.settings.cpms[2];
  return store(modem, message, storage, mt === 0 ? undefined : '+CMTI', storage);
}

function route(modem: ModemPort, message: HeldMessage, lines: string): boolean {
  indicate(modem, lines);
  modem.record.write({ kind: 'routed', ...whichOf(message) });
  const { settings, vendor, options, volatile } = modem;
  if (settings.csms === 1) {
    volatile.routed += 1;
    const { routed } = volatile;
    const patienceMs = options.acknowledgeMs ?? vendor.acknowledgeMs;
    if (patienceMs > 0) modem.after(patienceMs, () => giveUpRouting(modem, routed));
  }
  return true;
}

/** @param routed which one should have been acknowledged by now */
function giveUpRouting({ settings, volatile }: ModemPort, routed: number): void {
  if (volatile.acknowledged >= routed) return;
  volatile.acknowledged = volatile.routed;
  const [mode, , bm, , bfr] = settings.cnmi;
  settings.cnmi = [mode, 0, bm, 0, bfr];
}

function store(
  modem: ModemPort,
  message: HeldMessage,
  storage: string,
  indication: string | undefined,
  named: string,
): boolean {
  const { stores, vendor } = modem;
  const place = stores.has(storage) ? storage : modem.settings.cpms[2];
  const index = stores.get(place)?.add({ status: messageStatus.unread, message });
  if (index === undefined) {
    if (vendor.fullLine !== undefined) modem.say(vendor.fullLine);
    return false;
  }
  modem.record.write({ kind: 'stored', storage: place, index, ...whichOf(message) });
  if (indication !== undefined) indicate(modem, `${indication}: "${named}",${index}`);
  return true;
}

/** As the record tells one message from all others. */
function whichOf(message: HeldMessage): object {
  if (message.kind === 'report') return { mr: message.mr };
  return message.kind === 'deliver' ? (message.of ?? {}) : {};
}

function indicate(modem: ModemPort, lines: string): void {
  const { heldIndications } = modem.volatile;
  if (modem.hidesIndications) return;
  if (modem.settings.cnmi[0] !== 0) modem.say(lines);
  else if (heldIndications.length < maxHeldIndications) heldIndications.push(lines);
}

function reportLines(modem: ModemPort, report: Extract<HeldMessage, { kind: 'report' }>): string {
  const { settings, vendor } = modem;
  if (settings.cmgf === 0)
    return `${vendor.reportLine}${report.tpdu.length}\r\n${pduOf(modem, report)}`;
  const stamp = stampText(report.at);
  return `+CDS: 6,${report.mr},"${report.recipient}",145,"${stamp}","${stamp}",${report.status}`;
}

function deliverLines(modem: ModemPort, message: HeldMessage): string {
  const { cmgf, cscs } = modem.settings;
  if (message.kind !== 'deliver' || cmgf === 0)
    return `+CMT: ,${message.tpdu.length}\r\n${pduOf(modem, message)}`;
  const { from, text, at } = message;
  return `+CMT: "${encodeText(from, cscs)}",,"${stampText(at)}"\r\n${encodeText(text, cscs)}`;
}

/**
 * A message in PDU mode: the SMSC's address, and the TPDU (27.005 4.3). One that the host has
 * written names no SMSC.
 */
export function pduOf({ sim }: ModemPort, { kind, tpdu }: HeldMessage): string {
  const serviceCentre = kind === 'submit' ? '' : sim.serviceCentre;
  return toHex(Uint8Array.from([...encodeServiceCentre(serviceCentre), ...tpdu]));
}

/** `+CNMI` (27.005 3.4.1); a value the vendor does not take is refused as a whole. */
function setIndications(modem: ModemPort, value: string): readonly string[] {
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
  // What mode 0 held back is flushed (bfr 0) or forgotten (bfr 1).
  if (chosen[0] !== 0)
    for (const lines of modem.volatile.heldIndications.splice(0))
      if (chosen[4] === 0) modem.say(lines);
  return [];
}

function selectService(modem: ModemPort, value: string): readonly string[] {
  const service = integer(parameters(value)[0], 0, 1);
  if (service === undefined) throw new CommandRefused('CMS', 303);
  if (modem.options.csmsIsFixed && service !== modem.options.csms)
    throw new CommandRefused('CMS', 303);
  modem.settings.csms = service;
  return ['+CSMS: 1,1,1'];
}

function acknowledge({ volatile }: ModemPort): readonly string[] {
  if (volatile.acknowledged >= volatile.routed) throw new CommandRefused('CMS', 340);
  volatile.acknowledged += 1;
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
