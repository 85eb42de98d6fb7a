import type { DeliveryState } from '../sms/delivery.js';
import { deliveryState } from '../sms/delivery.js';
import { TpduError } from '../sms/errors.js';
import { decodeTpdu, splitSmsc, type Tpdu } from '../sms/tpdu.js';
import { simMs } from './dialogue.js';
import type { Modem } from './modem.js';

/**
 * Something that came in over the air. Texts and alphanumeric senders are whoever's who sent them:
 * untrusted.
 */
export type InboundEvent =
  | {
      kind: 'sms';
      from: string;
      /** Undefined: it has no text, but data. */
      text: string | undefined;
      sentAt: string | undefined;
      /** Of a longer text. */
      part: { reference: number; total: number; index: number } | undefined;
      /** As the modem had it: two that differ are two messages. */
      pdu: string;
    }
  /**
   * A received message that is no whole TPDU; it was deleted. `octets` is its length, as the modem
   * gave it.
   */
  | { kind: 'unreadable'; octets: number }
  | {
      kind: 'status_report';
      /** As the report spells it. */
      recipient: string;
      /** TP-MR, 0–255. */
      reference: number;
      state: DeliveryState;
      /** TP-ST, 0–255. */
      status: number;
      /** TP-SCTS, when the network took the message; ISO 8601, undefined where it is no date. */
      takenAt: string | undefined;
      /** TP-DT, when it was delivered or last tried; the same. */
      at: string | undefined;
    };

/**
 * A PDU as modems hand it over (SMSC address and TPDU); undefined when it is neither SMS-DELIVER
 * nor SMS-STATUS-REPORT.
 */
export function readInbound(pdu: string): InboundEvent | undefined {
  let tpdu: Tpdu;
  try {
    tpdu = decodeTpdu(splitSmsc(pdu).tpdu, 'mobile-terminated');
  } catch (error) {
    if (error instanceof TpduError) return undefined;
    throw error;
  }
  if (tpdu.type === 'DELIVER') {
    const { originator, serviceCentreTimestamp: sentAt, userData } = tpdu;
    const text = 'text' in userData ? userData.text : undefined;
    const { concatenation } = userData;
    // Two texts may have one number in the two ways of counting (9.2.3.24.1, 9.2.3.24.8).
    const part = concatenation && {
      reference: concatenation.reference + (concatenation.referenceBits === 16 ? 1 << 16 : 0),
      total: concatenation.total,
      index: concatenation.index,
    };
    return { kind: 'sms', from: originator.value, text, sentAt, part, pdu };
  }
  if (tpdu.type !== 'STATUS-REPORT') return undefined;
  const { status } = tpdu;
  return {
    kind: 'status_report',
    recipient: tpdu.recipient.value,
    reference: tpdu.messageReference,
    state: deliveryState(status),
    status,
    takenAt: tpdu.serviceCentreTimestamp,
    at: tpdu.dischargeTime,
  };
}

/**
 * The storages that received messages can land in (27.005 3.2.2): SIM, equipment, both as one;
 * status reports have one of their own.
 */
const storages = ['SM', 'ME', 'MT', 'SR'] as const;
type StorageName = (typeof storages)[number];
/**
 * Slots looked at in one sweep; SIMs have some 10–50, equipment up to 255, and Huawei's begin at 0.
 */
const mostSlots = 256;
/** Messages that could not be deleted and are therefore met again. */
const mostReported = 64;

/**
 * Lines that tell of something stored, or of a storage that has no room any more: those of 27.005
 * 3.4.1, Huawei's, Quectel's, in words, and the indicators of 27.007 8.9 where they are named: each
 * maker numbers them otherwise.
 */
const storageNews =
  /^(?:\+(?:CMTI|CDSI):|\^SMMEMFULL\b|\+CIEV: *"?(?:MESSAGE|SMSFULL)"? *,|[+^#*]?[A-Z]*:? *"?(?:SMS?|SIM|MEM(?:ORY)?) ?(?:MEMORY|STORAGE)? ?FULL\b)/im;

/** Whether an unsolicited line, or one within its text, says that a look at the storages is due. */
export const tellsOfStorage = (urc: string): boolean => storageNews.test(urc);

/**
 * How a sweep ended: all was seen; `emptied`: and something was taken, so that the network may hold
 * more, or something more be there that nobody tells of; it was told to stop; or replies did not
 * fit their questions, and nothing more was touched.
 */
export type SweepEnd = 'done' | 'emptied' | 'interrupted' | 'unsure';

/** For how long a sweep has the line. What it was kept from is where the next one begins. */
export interface SweepLeave {
  /** Asked before each storage and slot; `taken`: messages that this sweep has found so far. */
  mayLook(taken: number): boolean;
  /** Milliseconds for each command: {@link simMs}, or less where a message waits for its end. */
  timeoutMs: number;
  /** Asked before a message is deleted whose keeping may have taken a while. */
  mayDelete(): boolean;
}

/** What one slot came to. `kept`: not ours to delete, or not to be deleted now. */
type SlotEnd = 'empty' | 'kept' | 'deleted' | 'interrupted' | 'unsure';

/** A slot as `+CMGR` shows it in PDU mode (27.005 4.2). */
interface Slot {
  /**
   * 0 and 1 are received messages, unread and read; 2 and 3 such that somebody stored to send
   * (27.005 3.1); −1 is {@link unknownSlot}.
   */
  stat: number;
  /** Octets of the TPDU, as the modem says. */
  octets: number;
  pdu: string;
}

/** Lines that are not those of one slot in PDU mode. */
const unknownSlot = { stat: -1, octets: 0 };

/** Who keeps SMS that are read from a storage, before their copies there are deleted. */
export interface InboundKeeper {
  /** Resolves with false where the copy has to stay for now. Must not reject. */
  keep(sms: StoredSms): Promise<boolean>;
  /** The modem has handed it over as `+CMT`, and has no copy. Must not reject. */
  keepOnly(sms: StoredSms): Promise<void>;
  /** The copy is gone. Must not throw. */
  deleted(sms: StoredSms): void;
}

export type StoredSms = Extract<InboundEvent, { kind: 'sms' }>;

/**
 * Reads and clears what landed in the storages, so that none fills up (a full one stops inbound SMS
 * and reports for good). Slots are read one by one: listing them (`+CMGL`) hangs some Huawei
 * sticks.
 *
 * What may be deleted is a received message that was surely read from that very slot, decodable or
 * not: anybody can send one that is not, and twenty of them fill a SIM. What somebody stored to
 * send stays. `+CMGR` does not name the slot it answers for, so before anything is deleted the next
 * question, which is answered by another name, must have been answered in turn.
 */
export class Storage {
  readonly #modem: Modem;
  readonly #onEvent: (event: InboundEvent) => void;
  readonly #keeper: InboundKeeper | undefined;
  /** What was handed on and is still there, `STORAGE PDU`: not to be handed on again. */
  readonly #reported = new Set<string>();
  /** How many messages of each storage stay; as many then are no news. */
  readonly #kept = new Map<StorageName, number>();
  /** The first slot that the next sweep looks at. */
  #resumeAt = { place: 0, index: 0 };
  /** Messages that the sweep under way has found. */
  #taken = 0;
  #timeoutMs = simMs;

  /** @param keeper undefined: what was read is deleted at once */
  constructor(modem: Modem, onEvent: (event: InboundEvent) => void, keeper?: InboundKeeper) {
    this.#modem = modem;
    this.#onEvent = onEvent;
    this.#keeper = keeper;
  }

  /** True when any storage holds something. */
  async holdsAny(): Promise<boolean> {
    for (const storage of storages) {
      if (((await this.#select(storage))?.used ?? 0) > 0) return true;
    }
    return false;
  }

  /**
   * Empties every storage that holds something, from where the last sweep was kept from going on.
   * Without `news` what was left behind last time is not read again.
   */
  async sweep(leave: SweepLeave, news = true): Promise<SweepEnd> {
    this.#taken = 0;
    this.#timeoutMs = leave.timeoutMs;
    let isPduMode = false;
    let wasTaken = false;
    const { place: first } = this.#resumeAt;
    for (const [place, storage] of inTurn(storages, first)) {
      if (place !== this.#resumeAt.place) this.#resumeAt = { place, index: 0 };
      if (!leave.mayLook(this.#taken)) return 'interrupted';
      const fill = await this.#select(storage);
      if (fill === undefined || fill.used === 0) continue;
      if (!news && fill.used === this.#kept.get(storage)) continue;
      isPduMode ||= (await this.#modem.ask('AT+CMGF=0', undefined, this.#timeoutMs)) !== undefined;
      if (!isPduMode) return 'unsure';
      const end = await this.#empty(storage, fill, leave);
      if (end === 'interrupted' || end === 'unsure') return end;
      wasTaken ||= end === 'emptied';
    }
    this.#resumeAt = { place: 0, index: 0 };
    return wasTaken ? 'emptied' : 'done';
  }

  async #empty(
    storage: StorageName,
    { used, total }: { used: number; total: number },
    leave: SweepLeave,
  ): Promise<SweepEnd> {
    const slots = Math.min(total, mostSlots) + 1;
    const from = this.#resumeAt.index;
    let left = used;
    let kept = 0;
    for (let offset = 0; left > 0 && offset < slots; offset += 1) {
      const index = (from + offset) % slots;
      this.#resumeAt.index = index;
      if (!leave.mayLook(this.#taken)) return 'interrupted';
      const end = await this.#take(storage, index, leave);
      if (end === 'interrupted') return end;
      if (end === 'unsure') {
        // One that is never read twice alike must not stand before all others.
        this.#resumeAt.index = (index + 1) % slots;
        return end;
      }
      if (end === 'kept') kept += 1;
      if (end === 'empty') continue;
      this.#taken += 1;
      left -= 1;
    }
    this.#kept.set(storage, kept + left);
    return kept + left < used ? 'emptied' : 'done';
  }

  /** `+CPMS` (27.005 3.2.2): makes `storage` the one that is read and deleted from. */
  async #select(storage: StorageName): Promise<{ used: number; total: number } | undefined> {
    const lines = await this.#modem.ask(`AT+CPMS="${storage}"`, /^\+CPMS:/, this.#timeoutMs, true);
    const match = /^\+CPMS: *\(?(\d+) *, *(\d+)/.exec(lines?.[0] ?? '');
    return match ? { used: Number(match[1]), total: Number(match[2]) } : undefined;
  }

  /**
   * Slot by slot, whatever `+CMTI` and `+CDSI` say: some Quectel firmwares name another message's.
   */
  async #take(storage: StorageName, index: number, leave: SweepLeave): Promise<SlotEnd> {
    const outOfStepBefore = this.#modem.outOfStepCount;
    const slot = await this.#read(index);
    if (slot === undefined) return 'empty';
    const event = slot.stat === 0 || slot.stat === 1 ? readStored(slot) : undefined;
    if (event === undefined && slot.stat !== unknownSlot.stat) return 'kept';
    // What looks broken may only have lost octets on its way over the tty: then a second look shows
    // something else.
    const isSound = event !== undefined && event.kind !== 'unreadable' && hasLength(slot);
    if (!isSound && !isSame(await this.#read(index), slot)) return 'unsure';
    if (!(await this.#isInStep(storage)) || this.#modem.outOfStepCount !== outOfStepBefore) {
      await this.#modem.synchronise(2);
      return 'unsure';
    }
    if (event === undefined) return 'kept';
    const key = `${storage} ${slot.pdu}`;
    const isNews = !this.#reported.has(key);
    const keeper = event.kind === 'sms' ? this.#keeper : undefined;
    if (isNews && event.kind === 'sms' && (await keeper?.keep(event)) === false) return 'kept';
    if (isNews) this.#onEvent(event);
    if (this.#reported.size < mostReported) this.#reported.add(key);
    // A message that came meanwhile goes first; this one is known when it is read again.
    if (keeper !== undefined && !leave.mayDelete()) return 'interrupted';
    const isDeleted =
      (await this.#modem.ask(`AT+CMGD=${index}`, undefined, this.#timeoutMs)) !== undefined;
    if (isDeleted) this.#reported.delete(key);
    if (isDeleted && event.kind === 'sms') keeper?.deleted(event);
    return isDeleted ? 'deleted' : 'kept';
  }

  /** Undefined when the slot is empty. */
  async #read(index: number): Promise<Slot | undefined> {
    const lines = await this.#modem.ask(
      `AT+CMGR=${index}`,
      /^\+CMGR:|^(?:[0-9A-Fa-f]{2}){2,}$/,
      this.#timeoutMs,
    );
    if (lines === undefined || lines.length === 0) return undefined;
    const [head = '', pdu = '', ...more] = lines;
    const match = /^\+CMGR: *(\d) *,(?:.*,)? *(\d{1,3})$/.exec(head);
    if (match === null || pdu.startsWith('+') || more.length > 0)
      return { ...unknownSlot, pdu: lines.join(' ') };
    // Siemens and Cinterion tell of a free slot as of a message of no octets: `+CMGR: 0,,0`.
    if (pdu === '' && Number(match[2]) === 0) return undefined;
    return { stat: Number(match[1]), octets: Number(match[2]), pdu };
  }

  /**
   * Whether the reply before was the last question's: this one is answered by a name of its own,
   * and tells that it is still `storage` that is read from, whoever else uses the modem.
   */
  async #isInStep(storage: StorageName): Promise<boolean> {
    const chosen = await this.#modem.ask('AT+CPMS?', /^\+CPMS:/, this.#timeoutMs, true);
    const name = /^\+CPMS: *"?([A-Z]{2})"? *,/.exec(chosen?.[0] ?? '')?.[1];
    if (name !== undefined) return name === storage;
    const format = await this.#modem.ask('AT+CMGF?', /^\+CMGF:/, this.#timeoutMs, true);
    return /^\+CMGF: *0\b/.test(format?.[0] ?? '');
  }
}

/** All of them with their places, from `first` on and round. */
function inTurn<T>(items: readonly T[], first: number): [number, T][] {
  const placed = [...items.entries()];
  return [...placed.slice(first), ...placed.slice(0, first)];
}

/**
 * A stored message that is marked as received; undefined when it is none all the same, but one that
 * somebody stored to send.
 */
function readStored({ octets, pdu }: Slot): InboundEvent | undefined {
  const event = readInbound(pdu);
  if (event !== undefined) return event;
  return isToSend(pdu) ? undefined : { kind: 'unreadable', octets };
}

function isToSend(pdu: string): boolean {
  try {
    // TP-MTI 01 (23.040 9.2.3.1): what the network sends under it is never stored.
    return (Number.parseInt(splitSmsc(pdu).tpdu.slice(0, 2), 16) & 3) === 1;
  } catch (error) {
    if (error instanceof TpduError) return false;
    throw error;
  }
}

/** Whether the TPDU is as long as the modem says. */
function hasLength({ pdu, octets }: Slot): boolean {
  const serviceCentreOctets = Number.parseInt(pdu.slice(0, 2), 16);
  return pdu.length / 2 - 1 - serviceCentreOctets === octets;
}

const isSame = (one: Slot | undefined, other: Slot): boolean =>
  one?.pdu === other.pdu && one.octets === other.octets;
