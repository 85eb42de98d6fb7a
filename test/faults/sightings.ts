import { decodeSubmit, TpduMalformed } from '../../src/simulator/decode-submit.js';
import type { AcceptedEntry, RecordEntry } from '../../src/simulator/record.js';
import type { PlannedMessage } from './plan.js';
import { findMarker } from './texts.js';

/** One modem's record. */
export interface ModemRecord {
  modem: string;
  entries: readonly RecordEntry[];
}

interface Sighting {
  message: PlannedMessage;
  atNs: bigint;
  modem: string;
  /** 1-based; 1 of 1 for a message in one segment. */
  sequence: number;
  total: number;
}

/** A segment that the network took. */
export interface Acceptance extends Sighting {
  entry: AcceptedEntry;
  /**
   * The simulator spoilt the PDU as the modem received it: what is in the record is not what was
   * written.
   */
  isSpoilt: boolean;
}

/** What the record says of the messages, found again by their markers. */
export interface Sightings {
  acceptances: Acceptance[];
  /** Each Ctrl-Z that the modem got behind a segment. */
  commits: Sighting[];
  /** Accepted, but of no message that was sent. */
  foreign: { modem: string; entry: AcceptedEntry }[];
}

export function findSightings(
  records: readonly ModemRecord[],
  messages: readonly PlannedMessage[],
): Sightings {
  const byMarker = new Map(messages.map((message) => [message.marker, message]));
  const found: Sightings = { acceptances: [], commits: [], foreign: [] };
  for (const { modem, entries } of records) {
    for (const entry of entries) {
      if (entry.kind === 'accepted') {
        const seen = recognise(entry.tpdu, byMarker);
        const isSpoilt = entry.faults?.some((fault) => fault.startsWith('garble-rx')) === true;
        const where = { modem, atNs: BigInt(entry.at_ns) };
        if (seen === undefined) found.foreign.push({ modem, entry });
        else found.acceptances.push({ ...seen, ...where, entry, isSpoilt });
      } else if (entry.kind === 'ctrl_z') {
        const seen = recognise(afterServiceCentre(entry.data), byMarker);
        if (seen !== undefined) found.commits.push({ ...seen, modem, atNs: BigInt(entry.at_ns) });
      }
    }
  }
  return found;
}

/** The SMSC stands before: length and address, or zero for that of the SIM (27.005 4.3). */
function afterServiceCentre(pdu: string): string {
  const octets = Number.parseInt(pdu.slice(0, 2), 16);
  return pdu.slice((1 + octets) * 2);
}

type Recognised = Pick<Sighting, 'message' | 'sequence' | 'total'>;

/**
 * First octets of an SMS-SUBMIT with relative TP-VP, with and without TP-UDHI (3GPP TS 23.040
 * 9.2.2.2).
 */
const firstOctets = ['51', '11'];
/** TP-MR, and TP-DA of 12 digits; as every recipient of a run is written, whatever the digits. */
const anyAddress = '000C91000000000000';
/** Octets up to TP-PID. */
const headOctets = 10;

/**
 * Whose segment a TPDU is. A bit error falls within its first nine octets only, so a spoilt one is
 * read again with a sound head in their place.
 */
function recognise(
  tpdu: string,
  byMarker: ReadonlyMap<string, PlannedMessage>,
): Recognised | undefined {
  const heads = firstOctets.map((octet) => octet + anyAddress);
  const repaired = heads.map((head) => head + tpdu.slice(headOctets * 2));
  for (const candidate of [tpdu, ...repaired]) {
    const decoded = decode(candidate);
    const message = byMarker.get(findMarker(decoded?.text ?? '') ?? '');
    if (decoded?.text === undefined || message?.text.includes(decoded.text) !== true) continue;
    const { sequence, total } = decoded.concatenation ?? { sequence: 1, total: 1 };
    return { message, sequence, total };
  }
  return undefined;
}

function decode(tpdu: string): ReturnType<typeof decodeSubmit> | undefined {
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(tpdu)) return undefined;
  try {
    return decodeSubmit(Buffer.from(tpdu, 'hex'));
  } catch (error) {
    if (error instanceof TpduMalformed || error instanceof RangeError) return undefined;
    throw error;
  }
}
