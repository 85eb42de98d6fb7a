/** The codec against octets that gammu made (`test/system/make-sms-vectors.py`). */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { deliveryState } from '../../src/sms/delivery.js';
import { countSegments, segmentText } from '../../src/sms/segments.js';
import { decodeTpdu, encodeSubmit } from '../../src/sms/tpdu.js';

/** A text as [string, how often] runs. */
type Runs = [string, number][];

interface MessageVector {
  title: string;
  text: Runs;
  recipient: string;
  reference_bits: 8 | 16;
  reference: number;
  status_report: boolean;
  tpdus: string[];
}

interface DeliverVector {
  title: string;
  tpdu: string;
  originator: string;
  alphabet: 'gsm7' | 'ucs2';
  text: Runs;
  service_centre_timestamp: string;
  concatenation?: { reference: number; reference_bits: 8 | 16; total: number; index: number };
  national_shift?: { single?: number; locking?: number };
  message_class?: number;
}

interface StatusReportVector {
  title: string;
  tpdu: string;
  message_reference: number;
  recipient: string;
  service_centre_timestamp: string;
  discharge_time: string;
  status: number;
  state: string;
  text?: string;
}

interface Vectors {
  messages: MessageVector[];
  validities: { period_ms: number; octet: number }[];
  delivers: DeliverVector[];
  status_reports: StatusReportVector[];
}

const vectors = JSON.parse(
  readFileSync(new URL('./vectors.json', import.meta.url), 'utf8'),
) as Vectors;
const join = (text: Runs) => text.map(([part, count]) => part.repeat(count)).join('');
/** gammu's `5M`, with which all messages were made. */
const fiveMinutesMs = 300_000;

function encodeMessage(vector: MessageVector): { hex: string; octets: number }[] {
  const { alphabet, segments } = segmentText(join(vector.text), {
    concatenationReferenceBits: vector.reference_bits,
  });
  return segments.map((text, i) => {
    const place = { total: segments.length, index: i + 1 };
    const concatenation = {
      reference: vector.reference,
      referenceBits: vector.reference_bits,
      ...place,
    };
    return encodeSubmit({
      recipient: vector.recipient,
      alphabet,
      text,
      validityMs: fiveMinutesMs,
      statusReport: vector.status_report,
      ...(segments.length > 1 && { concatenation }),
    });
  });
}

describe('messages that gammu cut and encoded', () => {
  it.each(vectors.messages)('come out octet for octet: $title', (vector) => {
    const tpdus = encodeMessage(vector);
    expect(tpdus.map((tpdu) => tpdu.hex)).toEqual(vector.tpdus);
    expect(tpdus.map((tpdu) => tpdu.octets)).toEqual(vector.tpdus.map((hex) => hex.length / 2));
    expect(
      countSegments(join(vector.text), { concatenationReferenceBits: vector.reference_bits }),
    ).toBe(vector.tpdus.length);
  });

  it.each(vectors.messages)('are read back as they were meant: $title', (vector) => {
    const tpdus = vector.tpdus.map((hex) => decodeTpdu(hex, 'mobile-originated'));
    const texts = tpdus.map((tpdu) => {
      expect(tpdu).toMatchObject({
        type: 'SUBMIT',
        destination: { value: vector.recipient },
        statusReportRequested: vector.status_report,
        validity: { format: 'relative', periodMs: fiveMinutesMs },
      });
      return 'userData' in tpdu && tpdu.userData?.alphabet !== '8bit'
        ? tpdu.userData?.text
        : undefined;
    });
    expect(texts.join('')).toBe(join(vector.text));
  });
});

it.each(vectors.validities)(
  'a validity of $period_ms ms is the octet $octet',
  ({ period_ms, octet }) => {
    const { hex } = encodeSubmit({
      recipient: '12',
      alphabet: 'gsm7',
      text: '',
      validityMs: period_ms,
    });
    expect(Number.parseInt(hex.slice(-4, -2), 16)).toBe(octet);
    const tpdu = decodeTpdu(hex, 'mobile-originated');
    expect(tpdu).toMatchObject({ validity: { format: 'relative', periodMs: period_ms } });
  },
);

it.each(vectors.delivers)('a DELIVER is read: $title', (vector) => {
  const { concatenation, national_shift: shift } = vector;
  expect(decodeTpdu(vector.tpdu, 'mobile-terminated')).toMatchObject({
    type: 'DELIVER',
    originator: { value: vector.originator },
    coding: { messageClass: vector.message_class },
    serviceCentreTimestamp: vector.service_centre_timestamp,
    userData: {
      alphabet: vector.alphabet,
      text: join(vector.text),
      concatenation: concatenation && {
        reference: concatenation.reference,
        referenceBits: concatenation.reference_bits,
        total: concatenation.total,
        index: concatenation.index,
      },
      nationalShift: shift && { single: shift.single, locking: shift.locking },
    },
  });
});

it.each(vectors.status_reports)('a STATUS-REPORT is read: $title', (vector) => {
  const tpdu = decodeTpdu(vector.tpdu, 'mobile-terminated');
  expect(tpdu).toMatchObject({
    type: 'STATUS-REPORT',
    messageReference: vector.message_reference,
    recipient: { value: vector.recipient, typeOfNumber: 'international' },
    serviceCentreTimestamp: vector.service_centre_timestamp,
    dischargeTime: vector.discharge_time,
    status: vector.status,
    userData: vector.text === undefined ? undefined : { text: vector.text },
  });
  expect(deliveryState(vector.status)).toBe(vector.state);
});
