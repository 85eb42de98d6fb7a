import { integer, parameters } from '../command-line.js';
import { decodeSubmit, TpduMalformed } from '../decode-submit.js';
import type { Answer, CommandHandler, Settle } from '../handler.js';
import {
  type MessageStatus,
  type MessageStore,
  messageStatus,
  type Slot,
} from '../message-store.js';
import { CommandRefused } from '../result-codes.js';
import type { ModemPort } from '../state.js';
import { encodeText, stampText } from '../text-mode.js';
import { pduOf } from './message-indications.js';
import { readerFor } from './sms.js';

const statusTexts = ['REC UNREAD', 'REC READ', 'STO UNSENT', 'STO SENT'] as const;
const allStatuses = 4;

function storeFor(modem: ModemPort, role: 0 | 1 | 2): MessageStore {
  const store = modem.stores.get(modem.settings.cpms[role]);
  if (store === undefined) throw new CommandRefused('CMS', 321);
  return store;
}

/**
 * The lines of one message: its header behind `+CMGR: ` or `+CMGL: n,`, and its body (27.005 3.4.2,
 * 3.4.3, 4.1, 4.2).
 */
function messageLines(modem: ModemPort, slot: Slot, lead: string): string[] {
  const { message, status } = slot;
  const { cmgf, cscs } = modem.settings;
  if (cmgf === 0) return [`${lead}${status},,${message.tpdu.length}`, pduOf(modem, message)];
  const state = `${lead}"${statusTexts[status]}"`;
  if (message.kind === 'report') {
    const stamp = stampText(message.at);
    return [
      `${state},6,${message.mr},"${message.recipient}",145,"${stamp}","${stamp}",${message.status}`,
    ];
  }
  const address = encodeText(message.kind === 'deliver' ? message.from : message.recipient, cscs);
  const stamp = message.kind === 'deliver' ? `,"${stampText(message.at)}"` : '';
  return [`${state},"${address}",${stamp}`, encodeText(message.text, cscs)];
}

function markRead(slot: Slot): void {
  if (slot.status === messageStatus.unread) slot.status = messageStatus.read;
}

function readMessage(modem: ModemPort, value: string): readonly string[] {
  const store = storeFor(modem, 0);
  const index = integer(parameters(value)[0], 0, 999);
  const slot = index === undefined ? undefined : store.get(index);
  const { freeSlotLine } = modem.vendor;
  if (slot === undefined && store.holds(index ?? -1) && freeSlotLine !== undefined)
    return [freeSlotLine];
  if (slot === undefined) throw new CommandRefused('CMS', 321);
  const lines = messageLines(modem, slot, '+CMGR: ');
  markRead(slot);
  return lines;
}

function listMessages(modem: ModemPort, value: string): readonly string[] {
  const [wanted = ''] = parameters(value);
  const status =
    modem.settings.cmgf === 0
      ? integer(wanted === '' ? '0' : wanted, 0, allStatuses)
      : [...statusTexts, 'ALL'].indexOf(wanted === '' ? 'REC UNREAD' : wanted);
  if (status === undefined || status < 0) throw new CommandRefused('CMS', 302);
  const matching = storeFor(modem, 0)
    .entries()
    .filter(([, slot]) => status === allStatuses || slot.status === status);
  const lines = matching.flatMap(([index, slot]) => messageLines(modem, slot, `+CMGL: ${index},`));
  for (const [, slot] of matching) markRead(slot);
  return lines;
}

function erase(modem: ModemPort, index: number): void {
  const store = storeFor(modem, 0);
  const storage = modem.settings.cpms[0];
  if (store.get(index) !== undefined) modem.record.write({ kind: 'deleted', storage, index });
  store.delete(index);
}

/** `+CMGD=index[,delflag]` (27.005 3.5.4): flag 1 read, 2 and sent, 3 and unsent, 4 all. */
function deleteMessages(modem: ModemPort, value: string): readonly string[] {
  const [indexText, flagText = '0'] = parameters(value);
  const store = storeFor(modem, 0);
  const index = integer(indexText, 0, 999);
  const flag = integer(flagText, 0, 4);
  if (index === undefined || flag === undefined) throw new CommandRefused('CMS', 321);
  if (flag === 0) {
    if (!store.holds(index)) throw new CommandRefused('CMS', 321);
    erase(modem, index);
  }
  const doomed: MessageStatus[] = [
    messageStatus.read,
    messageStatus.sent,
    messageStatus.unsent,
    messageStatus.unread,
  ];
  for (const [at, slot] of store.entries())
    if (doomed.indexOf(slot.status) < flag) erase(modem, at);
  modem.network.deliverHeld();
  return [];
}

function writeMessage(modem: ModemPort, value: string): Answer {
  const [, statusText] = parameters(value);
  const read = readerFor(modem, value);
  const status =
    statusText === '3' || statusText === 'STO SENT' ? messageStatus.sent : messageStatus.unsent;
  return {
    prompted: {
      onComplete: (data, settle) => storeWritten(modem, read(data), status, settle),
    },
  };
}

function storeWritten(
  modem: ModemPort,
  tpdu: Uint8Array | CommandRefused,
  status: MessageStatus,
  settle: Settle,
): void {
  const refuse = (refusal: CommandRefused): void => settle({ kind: 'refused', refusal });
  if (tpdu instanceof CommandRefused) return refuse(tpdu);
  const message = readSubmit(tpdu);
  if (message === undefined) return refuse(new CommandRefused('CMS', 304));
  const index = storeFor(modem, 1).add({ status, message });
  if (index === undefined) return refuse(new CommandRefused('CMS', 322));
  settle({ kind: 'lines', lines: [`+CMGW: ${index}`] });
}

function readSubmit(tpdu: Uint8Array): Slot['message'] | undefined {
  try {
    const { recipient, text = '' } = decodeSubmit(tpdu);
    return { kind: 'submit', tpdu, recipient, text };
  } catch (error) {
    if (error instanceof TpduMalformed) return undefined;
    throw error;
  }
}

function usage(modem: ModemPort, name: string): string {
  const store = modem.stores.get(name);
  return `${store?.used ?? 0},${store?.capacity ?? 0}`;
}

function selectStorages(modem: ModemPort, value: string): readonly string[] {
  const given = parameters(value);
  const [reading, writing, receiving] = modem.settings.cpms.map((old, role) => given[role] ?? old);
  const chosen: [string, string, string] = [reading ?? 'SM', writing ?? 'SM', receiving ?? 'SM'];
  if (chosen.some((name) => !modem.stores.has(name))) throw new CommandRefused('CMS', 302);
  modem.settings.cpms = chosen;
  return [`+CPMS: ${chosen.map((name) => usage(modem, name)).join(',')}`];
}

/** Stored messages: 3GPP TS 27.005 3.2.2, 3.4.2, 3.4.3, 3.5.3 and 3.5.4. */
export const storageCommands: Record<string, CommandHandler> = {
  '+CPMS': {
    read: (modem) => [
      `+CPMS: ${modem.settings.cpms.map((name) => `"${name}",${usage(modem, name)}`).join(',')}`,
    ],
    test: ({ stores }) => {
      const all = `(${[...stores.keys()].map((name) => `"${name}"`).join(',')})`;
      return [`+CPMS: ${all},${all},${all}`];
    },
    set: selectStorages,
    needsSim: 'SMS',
  },
  '+CMGR': { set: readMessage, test: () => [], needsSim: 'SMS' },
  '+CMGL': {
    execute: (modem) => listMessages(modem, ''),
    set: listMessages,
    test: ({ settings }) => [
      settings.cmgf === 0
        ? '+CMGL: (0-4)'
        : `+CMGL: (${[...statusTexts, 'ALL'].map((text) => `"${text}"`).join(',')})`,
    ],
    needsSim: 'SMS',
  },
  '+CMGD': {
    set: deleteMessages,
    test: (modem) => [
      `+CMGD: (${storeFor(modem, 0)
        .entries()
        .map(([index]) => index)
        .join(',')}),(0-4)`,
    ],
    needsSim: 'SMS',
  },
  '+CMGW': { set: writeMessage, test: () => [], needsSim: 'SMS' },
};
