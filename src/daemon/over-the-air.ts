/** What came in over the air: to whom it goes, and what the log says of it. */

import type { Logger } from 'winston';
import type { Config } from '../config/config.js';
import { awaitedForMs, Deliveries, type DeliveryListener } from '../delivery/reports.js';
import { iccidHmac, knownIccid } from '../dispatch/sim-key.js';
import { Inbound } from '../inbound/inbound.js';
import type { InboundListener } from '../inbound/news.js';
import type { Hmac } from '../journal/hmac-key.js';
import type { Journal } from '../journal/journal.js';
import type { InboundEvent } from '../modem/inbound-event.js';
import type { SmsModem } from '../modem/sms-modem.js';
import type { InboundKeeper } from '../modem/storage.js';
import { maskNumber } from '../number/mask.js';

/** Days over which it is usual what share of messages to a country arrives. */
const usualMs = 7 * 86_400_000;

/** Whose messages arrive; what earlier runs sent is taken up when the journal can be read. */
export function openDeliveries(options: {
  journal: Pick<Journal, 'delivered' | 'awaited'>;
  hmac: Hmac;
  date: () => number;
  listener: DeliveryListener;
  log: Logger;
}): Deliveries {
  const { journal, date } = options;
  const deliveries = new Deliveries(options);
  const nowMs = date();
  const known = journal.awaited({
    awaitedSinceMs: nowMs - awaitedForMs,
    endsSinceMs: nowMs - usualMs,
    nowMs,
  });
  void known.then(({ messages, ends }) => deliveries.restore(messages, ends));
  return deliveries;
}

/** A status report, as the modem it came by handed it over. */
export function takeReport(
  deliveries: Pick<Deliveries, 'reported'>,
  hmac: Hmac,
  modem: SmsModem,
  report: Extract<InboundEvent, { kind: 'status_report' }>,
): void {
  const { recipient, reference, status, takenAt, at } = report;
  const iccid = knownIccid(modem);
  deliveries.reported({
    modem: modem.name,
    simHmac: iccid === undefined ? undefined : iccidHmac(modem, iccid, hmac),
    recipient,
    reference,
    status,
    takenAtMs: asTime(takenAt),
    endedAtMs: asTime(at),
  });
}

const asTime = (iso: string | undefined): number | undefined =>
  iso === undefined ? undefined : Date.parse(iso);

/** What of the daemon the inbound texts want. */
export interface InboundParts {
  config: () => Config;
  stateDir: { path: string };
  remembered: { hmac: Hmac; date: () => number };
  listener: InboundListener;
  /** The modems that there are. */
  modems: () => readonly { lookAtStorage(): void }[];
  log: Logger;
}

export function openInbound(parts: InboundParts): Promise<Inbound> {
  const { config, stateDir, remembered, listener, modems, log } = parts;
  return Inbound.open({
    stateDir: stateDir.path,
    settings: () => config().inbound,
    carrierRules: () => config().carrierMessage,
    hmac: remembered.hmac,
    date: remembered.date,
    listener,
    onRoom: () => {
      for (const modem of modems()) modem.lookAtStorage();
    },
    log,
  });
}

/** What keeps the SMS that this modem reads. */
export function keeperOf(inbound: Inbound, modem: string): InboundKeeper {
  return {
    keep: ({ from, text, sentAt, part, pdu }) =>
      inbound.take({ modem, from, text, sentAt, part, pdu }),
    keepOnly: ({ from, text, sentAt, part, pdu }) =>
      inbound.takeOnly({ modem, from, text, sentAt, part, pdu }),
    deleted: (sms) => void inbound.deleted(sms),
  };
}

/** Who wrote, and what became of what we wrote; never the text (I6). */
export function logInbound(log: Logger, modem: string, event: InboundEvent): void {
  if (event.kind === 'sms') {
    log.info('an SMS came in', { event: 'inbound', modem, from: maskNumber(event.from) });
    return;
  }
  if (event.kind === 'unreadable') {
    const { octets } = event;
    log.warn('a stored SMS could not be decoded, and was deleted', {
      event: 'inbound',
      modem,
      octets,
    });
    return;
  }
  const { recipient, reference, state } = event;
  log.info('a status report came in', {
    event: 'inbound',
    modem,
    recipient: maskNumber(recipient),
    reference,
    state,
  });
}
