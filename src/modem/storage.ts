import { TpduError } from '../sms/errors.js';
import { splitSmsc } from '../sms/tpdu.js';
import { simMs } from './dialogue.js';
import { type InboundEvent, readInbound } from './inbound-event.js';
import type { Modem } from './modem.js';

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
/** A storage with no more free slots than these, or than this part of its own, is nearly full. */
const fewSlots = 5;
const smallPart = 0.25;
/** Of so many sweeps, one begins with the next storage in turn, whatever the modem has named. */
const toldInTurn = 4;
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

/** How far a sweep has come. */
export interface SweepSoFar {
  /** Commands that it has asked. */
  asked: number;
  /** Messages that it has taken out of the storages. */
  taken: number;
  /** The storage that it is at has hardly any room left: what comes next may find none. */
  isNearlyFull: boolean;
}

/** For how long a sweep has the line. The next one goes on where this one was stopped. */
export interface SweepLeave {
  /** Asked before each storage and slot. */
  mayLook(far: SweepSoFar): boolean;
  /** Milliseconds for each command: {@link simMs}, or less where a message waits for its end. */
  timeoutMs: number;
  /** Asked before a message is deleted whose keeping may have taken a while. */
  mayDelete(): boolean;
}

/**
 * What one slot came to. `kept`: not ours to delete, or not to be deleted now; `stuck`: the modem
 * does not delete it.
 */
type SlotEnd = 'empty' | 'kept' | 'stuck' | 'deleted' | 'interrupted' | 'unsure';

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
  /** How many of each the modem does not delete. */
  readonly #stuck = new Map<StorageName, number>();
  /** Slots that the modem named, oldest first: what is there is found without a search. */
  readonly #told = new Map<StorageName, Set<number>>();
  /** The storage that the next sweep begins with, and the slot that it begins with in each. */
  #nextPlace = 0;
  #sweeps = 0;
  readonly #nextSlots = new Map<StorageName, number>();
  /** The sweep under way. */
  #far: SweepSoFar = { asked: 0, taken: 0, isNearlyFull: false };
  #timeoutMs = simMs;

  /** @param keeper undefined: what was read is deleted at once */
  constructor(modem: Modem, onEvent: (event: InboundEvent) => void, keeper?: InboundKeeper) {
    this.#modem = modem;
    this.#onEvent = onEvent;
    this.#keeper = keeper;
  }

  /** The modem said where something was stored. A hint only: some firmwares name another slot. */
  noteTold(urc: string): void {
    const [, name, index] = /^\+(?:CMTI|CDSI): *"?([A-Z]{2})"? *, *(\d{1,3})\b/m.exec(urc) ?? [];
    const storage = storages.find((one) => one === name);
    if (storage === undefined) return;
    const told = this.#told.get(storage) ?? new Set();
    if (told.size < mostSlots) this.#told.set(storage, told.add(Number(index)));
  }

  /** Messages that were read, and that the modem does not delete. */
  get undeletable(): number {
    return [...this.#stuck.values()].reduce((sum, count) => sum + count, 0);
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
    this.#far = { asked: 0, taken: 0, isNearlyFull: false };
    this.#timeoutMs = leave.timeoutMs;
    let isPduMode = false;
    let wasTaken = false;
    for (const [place, storage] of inTurn(storages, this.#firstPlace())) {
      this.#nextPlace = place;
      if (!leave.mayLook(this.#far)) return 'interrupted';
      const fill = await this.#select(storage);
      if (fill?.used === 0) this.#stuck.delete(storage);
      if (fill === undefined || fill.used === 0) continue;
      if (!news && fill.used === this.#kept.get(storage)) continue;
      isPduMode ||= (await this.#ask('AT+CMGF=0')) !== undefined;
      if (!isPduMode) return 'unsure';
      this.#far.isNearlyFull = fill.total - fill.used <= Math.max(fewSlots, fill.total * smallPart);
      const end = await this.#empty(storage, fill, leave);
      this.#far.isNearlyFull = false;
      if (end === 'interrupted' || end === 'unsure') {
        // One that never comes to its end must not stand before all others.
        this.#nextPlace = (place + 1) % storages.length;
        return end;
      }
      wasTaken ||= end === 'emptied';
    }
    this.#nextPlace = 0;
    return wasTaken ? 'emptied' : 'done';
  }

  async #empty(
    storage: StorageName,
    { used, total }: { used: number; total: number },
    leave: SweepLeave,
  ): Promise<SweepEnd> {
    const slots = Math.min(total, mostSlots) + 1;
    const seen = new Set<number>();
    let left = used;
    let kept = 0;
    let stuck = 0;
    while (left > 0 && seen.size < slots) {
      if (!leave.mayLook(this.#far)) return 'interrupted';
      const index = this.#nextSlot(storage, slots, seen);
      seen.add(index);
      const end = await this.#take(storage, index, leave);
      if (end === 'interrupted' || end === 'unsure') return end;
      if (end === 'kept' || end === 'stuck') kept += 1;
      if (end === 'stuck') stuck += 1;
      if (end === 'deleted') this.#far.taken += 1;
      if (end !== 'empty') left -= 1;
    }
    this.#nextSlots.delete(storage);
    this.#kept.set(storage, kept + left);
    this.#stuck.set(storage, stuck);
    return kept + left < used ? 'emptied' : 'done';
  }

  /**
   * A storage that the modem has named, mostly; but not always, for another one may fill up without
   * a word.
   */
  #firstPlace(): number {
    this.#sweeps += 1;
    const told = storages.findIndex((storage) => this.#told.has(storage));
    return told < 0 || this.#sweeps % toldInTurn === 0 ? this.#nextPlace : told;
  }

  /** One that the modem has named, else the next in turn. */
  #nextSlot(storage: StorageName, slots: number, seen: ReadonlySet<number>): number {
    const told = this.#told.get(storage);
    for (const index of told ?? []) {
      told?.delete(index);
      if (told?.size === 0) this.#told.delete(storage);
      if (index < slots && !seen.has(index)) return index;
    }
    let index = this.#nextSlots.get(storage) ?? 0;
    while (seen.has(index)) index = (index + 1) % slots;
    this.#nextSlots.set(storage, (index + 1) % slots);
    return index;
  }

  #ask(text: string, response?: RegExp, mayBeMuted = false): Promise<string[] | undefined> {
    this.#far.asked += 1;
    return this.#modem.ask(text, response, this.#timeoutMs, mayBeMuted);
  }

  /** `+CPMS` (27.005 3.2.2): makes `storage` the one that is read and deleted from. */
  async #select(storage: StorageName): Promise<{ used: number; total: number } | undefined> {
    const lines = await this.#ask(`AT+CPMS="${storage}"`, /^\+CPMS:/, true);
    const match = /^\+CPMS: *\(?(\d+) *, *(\d+)/.exec(lines?.[0] ?? '');
    return match ? { used: Number(match[1]), total: Number(match[2]) } : undefined;
  }

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
    const isDeleted = (await this.#ask(`AT+CMGD=${index}`)) !== undefined;
    if (isDeleted) this.#reported.delete(key);
    if (isDeleted && event.kind === 'sms') keeper?.deleted(event);
    return isDeleted ? 'deleted' : 'stuck';
  }

  /** Undefined when the slot is empty. */
  async #read(index: number): Promise<Slot | undefined> {
    const lines = await this.#ask(`AT+CMGR=${index}`, /^\+CMGR:|^(?:[0-9A-Fa-f]{2}){2,}$/);
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
    const chosen = await this.#ask('AT+CPMS?', /^\+CPMS:/, true);
    const name = /^\+CPMS: *"?([A-Z]{2})"? *,/.exec(chosen?.[0] ?? '')?.[1];
    if (name !== undefined) return name === storage;
    const format = await this.#ask('AT+CMGF?', /^\+CMGF:/, true);
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
