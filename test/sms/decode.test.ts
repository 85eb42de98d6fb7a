import { describe, expect, it } from 'vitest';
import { deliveryState } from '../../src/sms/delivery.js';
import { decodeTpdu, splitSmsc } from '../../src/sms/tpdu.js';
import { faultOf } from './fault.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** A TP-SCTS. */
const scts = '11108101736200';

describe('validity formats of others', () => {
  const decodeValidity = (first: string, octets: string) => {
    const tpdu = decodeTpdu(`${first}000291210000${octets}00`, 'mobile-originated');
    return tpdu.type === 'SUBMIT' ? tpdu.validity : undefined;
  };

  it.each([
    ['19', '42209221436580', { format: 'absolute', until: '2024-02-29T12:34:56+02:00' }],
    ['09', '021E0000000000', { format: 'enhanced', periodMs: 30_000, singleShot: false }],
    ['09', '42FF0000000000', { format: 'enhanced', periodMs: 255_000, singleShot: true }],
    ['09', '01010000000000', { format: 'enhanced', periodMs: 10 * minuteMs, singleShot: false }],
    [
      '09',
      '03213254000000',
      { format: 'enhanced', periodMs: 12 * hourMs + 23 * minuteMs + 45_000, singleShot: false },
    ],
    ['09', '00000000000000', { format: 'enhanced', periodMs: undefined, singleShot: false }],
    ['09', '82001E00000000', { format: 'enhanced', periodMs: undefined, singleShot: false }],
  ])('first octet %s, TP-VP %s', (first, octets, validity) => {
    expect(decodeValidity(first, octets)).toEqual(validity);
  });
});

describe('SMS-DELIVER', () => {
  it('is read with every flag', () => {
    const tpdu = decodeTpdu('AC0B911326880736F47F04111081017362000411223344', 'mobile-terminated');
    expect(tpdu).toEqual({
      type: 'DELIVER',
      moreMessagesToSend: false,
      loopPrevention: true,
      statusReportIndicated: true,
      replyPath: true,
      originator: { typeOfNumber: 'international', numberingPlan: 1, value: '+31628870634' },
      protocolIdentifier: 0x7f,
      coding: {
        octet: 4,
        alphabet: '8bit',
        compressed: false,
        messageClass: undefined,
        automaticDeletion: false,
        messageWaiting: undefined,
      },
      serviceCentreTimestamp: '2011-01-18T10:37:26+00:00',
      userData: {
        alphabet: '8bit',
        octets: Uint8Array.of(0x11, 0x22, 0x33, 0x44),
        informationElements: [],
        concatenation: undefined,
        nationalShift: undefined,
      },
    });
  });

  it('is what the reserved message type means to a handset (23.040 9.2.3.1)', () => {
    expect(decodeTpdu(`030B911326880736F40000${scts}00`, 'mobile-terminated').type).toBe('DELIVER');
  });

  const userDataOf = (first: string, dcs: string, userData: string) => {
    const tpdu = decodeTpdu(`${first}02912100${dcs}${scts}${userData}`, 'mobile-terminated');
    return tpdu.type === 'DELIVER' ? tpdu.userData : undefined;
  };

  it.each([
    ['20', 'compressed GSM-7 is octets', '8bit'],
    ['28', 'compressed UCS-2 is octets', '8bit'],
    ['0C', 'the reserved alphabet is GSM-7', 'gsm7'],
    ['80', 'a reserved group is GSM-7', 'gsm7'],
    ['48', 'UCS-2 marked for deletion', 'ucs2'],
    ['D0', 'message waiting, store', 'gsm7'],
    ['E0', 'message waiting, store, UCS-2', 'ucs2'],
    ['F5', 'class 1 octets', '8bit'],
  ])('TP-DCS %s: %s', (dcs, _, alphabet) => {
    expect(userDataOf('04', dcs, '00')?.alphabet).toBe(alphabet);
  });

  it('says which message waits', () => {
    const tpdu = decodeTpdu(`0402912100CA${scts}00`, 'mobile-terminated');
    const messageWaiting = { kind: 'email', active: true, discard: true };
    expect(tpdu).toMatchObject({ coding: { messageWaiting } });
  });

  it('keeps half a surrogate pair that a sender cut off, for the join with the other half', () => {
    expect(userDataOf('04', '08', '02D83D')).toMatchObject({ text: '\ud83d' });
  });

  it.each([
    ['an element that ends behind the header', '0500040A0201'],
    ['an octet too many behind the last element', '060003010201FF'],
    ['an element without a length', '0124'],
  ])('a header with %s is ignored as a whole (23.040 9.2.3.24)', (_, header) => {
    const length = (header.length / 2 + 4).toString(16).padStart(2, '0');
    expect(userDataOf('44', '08', `${length}${header}00680069`)).toMatchObject({
      text: 'hi',
      informationElements: [],
      concatenation: undefined,
    });
  });

  it.each([
    ['a total of 0', '0500032A0000'],
    ['an index of 0', '0500032A0200'],
    ['an index beyond the total', '0500032A0203'],
    ['another length', '0400022A02'],
  ])('a concatenation with %s is none (23.040 9.2.3.24.1)', (_, header) => {
    const length = (header.length / 2 + 4).toString(16).padStart(2, '0');
    const userData = userDataOf('44', '08', `${length}${header}00680069`);
    expect(userData).toMatchObject({ text: 'hi', concatenation: undefined });
    expect(userData?.informationElements.length).toBe(1);
  });

  it('counts the last of two concatenations', () => {
    expect(userDataOf('44', '08', '0E0B00032A02010804012B03020068')?.concatenation).toEqual({
      reference: 0x12b,
      referenceBits: 16,
      total: 3,
      index: 2,
    });
  });

  it('keeps a concatenation that other elements follow, whole or ignored', () => {
    const concatenation = { reference: 0x2a, referenceBits: 8, total: 2, index: 1 };
    expect(userDataOf('44', '08', '0A0700032A020170000068')).toMatchObject({
      text: 'h',
      concatenation,
    });
    expect(userDataOf('44', '08', '0D0A00032A020100030000000068')).toMatchObject({
      text: 'h',
      concatenation,
    });
  });

  it('may be marked for deletion once read (23.038 4, group 01)', () => {
    const codingOf = (dcs: string) => {
      const tpdu = decodeTpdu(`0402912100${dcs}${scts}00`, 'mobile-terminated');
      return tpdu.type === 'DELIVER' ? tpdu.coding : undefined;
    };
    expect(codingOf('52')).toMatchObject({ automaticDeletion: true, messageClass: 2 });
    expect(codingOf('12')).toMatchObject({ automaticDeletion: false, messageClass: 2 });
  });

  it('has both national shifts, in any order', () => {
    const shifts = (header: string) => userDataOf('44', '00', `08${header}`)?.nationalShift;
    expect(shifts('06240101250103')).toEqual({ single: 1, locking: 3 });
    expect(shifts('06250103240101')).toEqual({ single: 1, locking: 3 });
  });

  it('may have octets behind its end, which are ignored', () => {
    expect(userDataOf('04', '00', '02E834FFFF')).toMatchObject({ text: 'hi' });
  });
});

describe('SMS-STATUS-REPORT', () => {
  const report = `2A029121${scts}${scts}00`;

  it('says whether it answers a command, and whether more wait', () => {
    const flags = (first: string) => decodeTpdu(first + report, 'mobile-terminated');
    expect(flags('2E')).toMatchObject({
      answersCommand: true,
      loopPrevention: true,
      moreMessagesToSend: false,
    });
    expect(flags('02')).toMatchObject({
      answersCommand: false,
      loopPrevention: false,
      moreMessagesToSend: true,
    });
  });

  it('has its fields behind all octets of TP-PI, however many those are', () => {
    expect(decodeTpdu(`06${report}8580007F02E834`, 'mobile-terminated')).toMatchObject({
      protocolIdentifier: 0x7f,
      coding: undefined,
      userData: { alphabet: 'gsm7', text: 'hi' },
    });
    expect(faultOf(() => decodeTpdu(`06${report}FFFF`, 'mobile-terminated'))).toMatchObject({
      field: 'TP-PI',
    });
  });
});

describe('time stamps', () => {
  const stampOf = (octets: string) => {
    const tpdu = decodeTpdu(`040291210000${octets}00`, 'mobile-terminated');
    return tpdu.type === 'DELIVER' ? tpdu.serviceCentreTimestamp : 'none';
  };

  it.each([
    ['42209221436500', '2024-02-29T12:34:56+00:00'],
    ['42209221436508', '2024-02-29T12:34:56+00:00'],
    ['42209221436580', '2024-02-29T12:34:56+02:00'],
    ['4220922143652A', '2024-02-29T12:34:56-05:30'],
    ['42209221436532', '2024-02-29T12:34:56+05:45'],
    ['42209221436549', '2024-02-29T12:34:56-03:30'],
    ['4A209221436500', '2004-02-29T12:34:56+00:00'],
  ])('%s is %s', (octets, iso) => {
    expect(stampOf(octets)).toBe(iso);
    expect(Number.isNaN(Date.parse(iso))).toBe(false);
  });

  it.each([
    ['00000000000000'],
    ['FFFFFFFFFFFFFF'],
    ['42319221436500'],
    ['32209221436500'],
    ['42209242436500'],
    ['42209221066500'],
    ['42209221430600'],
  ])('%s is no date, and the rest of the TPDU stands', (octets) => {
    expect(stampOf(octets)).toBeUndefined();
  });
});

describe('addresses', () => {
  it.each([
    ['03A121F3', 'national', '123'],
    ['04B92143', 'network-specific', '1234'],
    ['0081', 'unknown', ''],
    ['0091', 'international', '+'],
    ['04D0E834', 'alphanumeric', 'hi'],
    ['05811A32FB', 'unknown', '*123#'],
    ['0381DCFE', 'unknown', 'abc'],
    ['0481DCFE', 'unknown', 'abc'],
  ])('%s is of type %s: %s', (address, typeOfNumber, value) => {
    const tpdu = decodeTpdu(`04${address}0000${scts}00`, 'mobile-terminated');
    expect(tpdu).toMatchObject({ originator: { typeOfNumber, value } });
  });
});

describe('the service centre address before a TPDU', () => {
  it.each([
    ['0791447758100650040B', '+447785016005', '040B'],
    ['0004', undefined, '04'],
    ['018104', undefined, '04'],
    ['03812143040B', '1234', '040B'],
    ['07914477581006F0', '+44778501600', ''],
  ])('%s', (hex, smsc, tpdu) => {
    expect(splitSmsc(hex)).toEqual(smsc === undefined ? { tpdu } : { smsc, tpdu });
  });
});

it.each([
  [0x10, 'unknown'],
  [0x1f, 'unknown'],
  [0x2f, 'pending'],
  [0x3f, 'pending'],
  [0x45, 'failed'],
  [0x47, 'failed'],
  [0x5f, 'failed'],
  [0x7f, 'failed'],
  [0x80, 'unknown'],
])('TP-ST %i says %s', (status, state) => {
  expect(deliveryState(status)).toBe(state);
});
