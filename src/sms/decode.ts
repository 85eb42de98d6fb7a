/** TPDUs from hexadecimal (3GPP TS 23.040 9.2.2). */

import { type Address, decodeAddress, decodeServiceCentreAddress } from './address.js';
import { type DataCoding, decodeDataCoding } from './data-coding.js';
import { TpduError } from './errors.js';
import { fromHex, OctetReader, toHex } from './octets.js';
import { decodeTimestamp, timestampOctets } from './timestamp.js';
import { decodeUserData, type UserData } from './user-data.js';
import { decodeValidity, type ValidityPeriod } from './validity.js';

/** SMS-SUBMIT (9.2.2.2): a message on its way to the service centre. */
export interface SubmitTpdu {
  type: 'SUBMIT';
  rejectDuplicates: boolean;
  statusReportRequested: boolean;
  replyPath: boolean;
  /** TP-MR, 0–255. */
  messageReference: number;
  /** TP-DA. */
  destination: Address;
  /** TP-PID, 0–255. */
  protocolIdentifier: number;
  coding: DataCoding;
  validity: ValidityPeriod | undefined;
  userData: UserData;
}

/** SMS-DELIVER (9.2.2.1): a message that came in. */
export interface DeliverTpdu {
  type: 'DELIVER';
  moreMessagesToSend: boolean;
  loopPrevention: boolean;
  statusReportIndicated: boolean;
  replyPath: boolean;
  /** TP-OA. */
  originator: Address;
  /** TP-PID, 0–255. */
  protocolIdentifier: number;
  coding: DataCoding;
  /** TP-SCTS as ISO 8601 with its own offset; `undefined` when it holds no date. */
  serviceCentreTimestamp: string | undefined;
  userData: UserData;
}

/** SMS-STATUS-REPORT (9.2.2.3): what became of a message that was sent. */
export interface StatusReportTpdu {
  type: 'STATUS-REPORT';
  moreMessagesToSend: boolean;
  loopPrevention: boolean;
  /** The report answers an SMS-COMMAND, not an SMS-SUBMIT. */
  answersCommand: boolean;
  /** TP-MR of the message it speaks of, 0–255. */
  messageReference: number;
  /** TP-RA. */
  recipient: Address;
  /**
   * TP-SCTS, when the service centre got the message: ISO 8601, `undefined` when it holds no date.
   */
  serviceCentreTimestamp: string | undefined;
  /** TP-DT, when it was delivered or last tried: ISO 8601, `undefined` when it holds no date. */
  dischargeTime: string | undefined;
  /** TP-ST, 0–255; `deliveryState` has its meaning. */
  status: number;
  /** TP-PID, 0–255, when sent. */
  protocolIdentifier: number | undefined;
  coding: DataCoding | undefined;
  userData: UserData | undefined;
}

export type Tpdu = SubmitTpdu | DeliverTpdu | StatusReportTpdu;

/** Who sent the TPDU: the message type bits mean different things each way (9.2.3.1). */
export type Direction = 'mobile-originated' | 'mobile-terminated';

/** Octets that RP-User-Data can hold (24.011 8.2.5.3): no TPDU is longer. */
const maxTpduOctets = 233;
/** Length and type octet, and 10 of digits (24.011 8.2.5.1). */
const maxServiceCentreOctets = 12;

/**
 * Reads a TPDU (without the service centre address that modems put before it: see {@link
 * splitSmsc}).
 * @throws TpduError when it is no whole TPDU of a known type. Octets behind the end are refused in
 *   a SUBMIT; in what the network sends they are ignored.
 */
export function decodeTpdu(hex: string, direction: Direction): Tpdu {
  const reader = new OctetReader(fromHex(hex, maxTpduOctets));
  const first = reader.octet('TP-MTI');
  const messageType = first & 3;
  if (direction === 'mobile-originated') {
    if (messageType === 0b01) return decodeSubmit(reader, first);
  } else if (messageType === 0b10) {
    return decodeStatusReport(reader, first);
  } else if (messageType !== 0b01) {
    // 9.2.3.1: a handset takes the reserved value 11 for a DELIVER.
    return decodeDeliver(reader, first);
  }
  throw new TpduError('TP-MTI', 0, `message type ${messageType} is not expected ${direction}`);
}

/**
 * Parts a PDU as a modem gives it in `+CMT`, `+CDS`, `+CMGR` and `+CMGL` (27.005 3.1, `<pdu>`) into
 * the service centre address and the TPDU.
 * @throws TpduError when it is not hexadecimal, too long, or ends within the address.
 */
export function splitSmsc(hex: string): { smsc?: string; tpdu: string } {
  const reader = new OctetReader(fromHex(hex, maxServiceCentreOctets + maxTpduOctets));
  const smsc = decodeServiceCentreAddress(reader);
  const tpdu = toHex(reader.take(reader.remaining, 'TPDU'));
  return smsc === undefined ? { tpdu } : { smsc, tpdu };
}

function decodeSubmit(reader: OctetReader, first: number): SubmitTpdu {
  const messageReference = reader.octet('TP-MR');
  const destination = decodeAddress(reader, 'TP-DA');
  const protocolIdentifier = reader.octet('TP-PID');
  const coding = decodeDataCoding(reader.octet('TP-DCS'));
  const validity = decodeValidity(reader, (first >> 3) & 3);
  const userData = decodeUserData(reader, coding, isSet(first, 6));
  if (reader.remaining > 0) throw new TpduError('TP-UD', reader.offset, 'octets behind the end');
  return {
    type: 'SUBMIT',
    rejectDuplicates: isSet(first, 2),
    statusReportRequested: isSet(first, 5),
    replyPath: isSet(first, 7),
    messageReference,
    destination,
    protocolIdentifier,
    coding,
    validity,
    userData,
  };
}

function decodeDeliver(reader: OctetReader, first: number): DeliverTpdu {
  const originator = decodeAddress(reader, 'TP-OA');
  const protocolIdentifier = reader.octet('TP-PID');
  const coding = decodeDataCoding(reader.octet('TP-DCS'));
  const serviceCentreTimestamp = decodeTimestamp(reader.take(timestampOctets, 'TP-SCTS'));
  return {
    type: 'DELIVER',
    // 9.2.3.2: the bit is 0 when more messages wait.
    moreMessagesToSend: !isSet(first, 2),
    loopPrevention: isSet(first, 3),
    statusReportIndicated: isSet(first, 5),
    replyPath: isSet(first, 7),
    originator,
    protocolIdentifier,
    coding,
    serviceCentreTimestamp,
    userData: decodeUserData(reader, coding, isSet(first, 6)),
  };
}

function decodeStatusReport(reader: OctetReader, first: number): StatusReportTpdu {
  return {
    type: 'STATUS-REPORT',
    moreMessagesToSend: !isSet(first, 2),
    loopPrevention: isSet(first, 3),
    answersCommand: isSet(first, 5),
    messageReference: reader.octet('TP-MR'),
    recipient: decodeAddress(reader, 'TP-RA'),
    serviceCentreTimestamp: decodeTimestamp(reader.take(timestampOctets, 'TP-SCTS')),
    dischargeTime: decodeTimestamp(reader.take(timestampOctets, 'TP-DT')),
    status: reader.octet('TP-ST'),
    ...decodeOptionalFields(reader, isSet(first, 6)),
  };
}

/** The end of a status report: TP-PI says which of TP-PID, TP-DCS and TP-UDL follow (9.2.3.27). */
function decodeOptionalFields(
  reader: OctetReader,
  headerIndicated: boolean,
): Pick<StatusReportTpdu, 'protocolIdentifier' | 'coding' | 'userData'> {
  const present = reader.remaining > 0 ? reader.octet('TP-PI') : 0;
  // Bit 7 says that another octet of indicators follows; all of those are reserved.
  for (let more = present; isSet(more, 7); ) more = reader.octet('TP-PI');
  const protocolIdentifier = isSet(present, 0) ? reader.octet('TP-PID') : undefined;
  const coding = isSet(present, 1) ? decodeDataCoding(reader.octet('TP-DCS')) : undefined;
  const userData = isSet(present, 2)
    ? decodeUserData(reader, coding ?? decodeDataCoding(0), headerIndicated)
    : undefined;
  return { protocolIdentifier, coding, userData };
}

function isSet(octet: number, bit: number): boolean {
  return ((octet >> bit) & 1) === 1;
}
