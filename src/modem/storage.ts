import type { DeliveryState } from '../sms/delivery.js';
import { deliveryState } from '../sms/delivery.js';
import { TpduError } from '../sms/errors.js';
import { decodeTpdu, splitSmsc, type Tpdu } from '../sms/tpdu.js';
import type { Modem } from './modem.js';

/** Something that came in over the air. Texts and alphanumeric senders are whoever's who sent them: untrusted. */
export type InboundEvent =
  | { kind: 'sms'; from: string; text: string | undefined; sentAt: string | undefined }
  | {
      kind: 'status_report';
      recipient: string;
      reference: number;
      state: DeliveryState;
      at: string | undefined;
    };

/** A PDU as modems hand it over (SMSC address and TPDU); undefined when it is neither SMS-DELIVER nor SMS-STATUS-REPORT. */
export function readInbound(pdu: string): InboundEvent | undefined {
  let tpdu: Tpdu;
  try {
    tpdu = decodeTpdu(splitSmsc(pdu).tpdu, 'mobile-terminated');
  } catch (error) {
    if (error instanceof TpduError) return undefined;
    throw error;
  }
  if (tpdu.type === 'DELIVER') {
    const text = 'text' in tpdu.userData ? tpdu.userData.text : undefined;
    return { kind: 'sms', from: tpdu.originator.value, text, sentAt: tpdu.serviceCentreTimestamp };
  }
  if (tpdu.type !== 'STATUS-REPORT') return undefined;
  return {
    kind: 'status_report',
    recipient: tpdu.recipient.value,
    reference: tpdu.messageReference,
    state: deliveryState(tpdu.status),
    at: tpdu.dischargeTime,
  };
}

/** The storages that received messages can land in (27.005 3.2.2): SIM, equipment, both as one. */
const storages = ['SM', 'ME', 'MT'] as const;
/** Slots looked at in one sweep; SIMs have some 10–50, equipment up to 255, and Huawei's begin at 0. */
const mostSlots = 256;
const simMs = 10_000;

/**
 * Reads and clears what landed in the storages, so that none fills up (a full one stops inbound SMS and reports for good). Slots are
 * read one by one: listing them (`+CMGL`) hangs some Huawei sticks. What is not a received message stays where it is.
 */
export class Storage {
  readonly #modem: Modem;
  readonly #onEvent: (event: InboundEvent) => void;

  constructor(modem: Modem, onEvent: (event: InboundEvent) => void) {
    this.#modem = modem;
    this.#onEvent = onEvent;
  }

  /** True when any storage holds something. */
  async holdsAny(): Promise<boolean> {
    for (const storage of storages) {
      if (((await this.#select(storage))?.used ?? 0) > 0) return true;
    }
    return false;
  }

  /** Empties every storage that holds something. `mayGoOn` is asked before each command; @returns false when it said no. */
  async sweep(mayGoOn: () => boolean): Promise<boolean> {
    for (const storage of storages) {
      if (!mayGoOn()) return false;
      const fill = await this.#select(storage);
      if (fill === undefined) continue;
      let left = fill.used;
      for (let index = 0; left > 0 && index <= Math.min(fill.total, mostSlots); index += 1) {
        if (!mayGoOn()) return false;
        if (await this.#take(index)) left -= 1;
      }
    }
    return true;
  }

  /** `+CPMS` (27.005 3.2.2): makes `storage` the one that is read and deleted from. */
  async #select(storage: string): Promise<{ used: number; total: number } | undefined> {
    const lines = await this.#modem.ask(`AT+CPMS="${storage}"`, /^\+CPMS:/, simMs);
    const match = /^\+CPMS: *\(?(\d+) *, *(\d+)/.exec(lines?.[0] ?? '');
    return match ? { used: Number(match[1]), total: Number(match[2]) } : undefined;
  }

  /**
   * True when the slot held anything. It is deleted only when it was read and is a received message: `+CMTI` and `+CDSI` name the slot of another
   * message on some Quectel firmwares, so they only tell that a look is due.
   */
  async #take(index: number): Promise<boolean> {
    const lines = await this.#modem.ask(`AT+CMGR=${index}`, /^\+CMGR:|^[0-9A-Fa-f]{16,}$/, simMs);
    const pdu = lines?.find((line) => /^[0-9A-Fa-f]{16,}$/.test(line));
    if (pdu === undefined) return false;
    // <stat> 2 and 3 are messages that somebody stored to send (27.005 3.1).
    const isReceived = /^\+CMGR: *[01] *,/.test(lines?.[0] ?? '');
    const event = isReceived ? readInbound(pdu) : undefined;
    if (event === undefined) return true;
    this.#onEvent(event);
    await this.#modem.ask(`AT+CMGD=${index}`, undefined, simMs);
    return true;
  }
}
