import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTpdu, encodeSubmit, type SubmitOptions, splitSmsc } from '../../src/sms/tpdu.js';
import { faultOf } from './fault.js';

const deliverHead = '000B911326880736F40000';
const scts = '11108101736200';
const submit = (options: Partial<SubmitOptions> = {}) =>
  encodeSubmit({ recipient: '+46708251358', alphabet: 'gsm7', text: 'hellohello', ...options });

describe('a service centre address that is none', () => {
  it.each([
    ['', 'SMSC.length', 0],
    ['07914477', 'SMSC.digits', 4],
    ['0C910000000000000000000000', 'SMSC.length', 0],
    ['0391F121', 'SMSC.digits', 3],
  ])('%s is refused', (hex, field, offset) => {
    expect(faultOf(() => splitSmsc(hex))).toMatchObject({ field, offset });
  });
});

describe('a TPDU that is none', () => {
  it.each([
    ['', 'TP-MTI', 0],
    ['0', 'PDU', 0],
    ['040B9', 'PDU', 2],
    ['04zz', 'PDU', 1],
    ['04 0B', 'PDU', 1],
    ['01', 'TP-MTI', 0],
    ['0415', 'TP-OA.length', 1],
    ['040B', 'TP-OA.type', 2],
    ['040B911326', 'TP-OA.digits', 5],
    ['0404911FF2', 'TP-OA.digits', 3],
    [deliverHead, 'TP-SCTS', 11],
    [`${deliverHead}${scts}`, 'TP-UDL', 18],
    [`${deliverHead}${scts}A1`, 'TP-UDL', 18],
    [`${deliverHead}${scts}02E8`, 'TP-UD', 20],
    [`400B911326880736F40000${scts}00`, 'TP-UD.UDHL', 19],
    [`400B911326880736F40008${scts}020500`, 'TP-UD.UDHL', 19],
  ])('%s is refused with its field and offset', (hex, field, offset) => {
    expect(faultOf(() => decodeTpdu(hex, 'mobile-terminated'))).toMatchObject({
      name: 'TpduError',
      field,
      offset,
    });
  });

  it('has no octets behind the end of a SUBMIT', () => {
    const { hex, octets } = submit();
    expect(faultOf(() => decodeTpdu(`${hex}0D`, 'mobile-originated'))).toMatchObject({
      field: 'TP-UD',
      offset: octets,
    });
  });

  it('is refused by its length before anything is done with it', () => {
    const fault = faultOf(() => decodeTpdu('00'.repeat(10_000_000), 'mobile-terminated'));
    expect(fault).toMatchObject({ field: 'PDU', offset: 233 });
  });
});

describe('whatever comes', () => {
  const read = [
    (hex: string) => decodeTpdu(hex, 'mobile-originated'),
    (hex: string) => decodeTpdu(hex, 'mobile-terminated'),
    splitSmsc,
  ];

  it('random octets and random strings raise nothing but a TpduError that holds none of them', () => {
    const octets = fc
      .uint8Array({ maxLength: 250 })
      .map((given) => Buffer.from(given).toString('hex'));
    fc.assert(
      fc.property(
        fc.oneof(octets, fc.string({ maxLength: 100 })),
        fc.constantFrom(...read),
        (hex, decode) => {
          const fault = faultOf(() => decode(hex));
          if (fault === undefined) return;
          expect(fault.offset).toBeLessThanOrEqual(hex.length / 2);
          expect(fault.message).toMatch(
            /^(?:PDU|SMSC|TP(?:DU|-[A-Z]+))(?:\.\w+)? at octet \d+: [\w 7-]+$/,
          );
        },
      ),
      { numRuns: 3000 },
    );
  });

  const whole = {
    'mobile-originated': [
      submit({ validityMs: 1, statusReport: true }).hex,
      submit({ concatenation: { reference: 7, referenceBits: 8, total: 2, index: 1 } }).hex,
    ],
    'mobile-terminated': [
      `440B911326880736F40000${scts}0F0500032A0302D06536FBBD290300`,
      '062A0D91945111325466F742209221436540422092217365400007000002E834',
    ],
  } as const;

  it('a TPDU cut at any octet is refused, save where its optional end starts', () => {
    for (const direction of ['mobile-originated', 'mobile-terminated'] as const) {
      for (const hex of whole[direction]) {
        expect(faultOf(() => decodeTpdu(hex, direction))).toBeUndefined();
        const survivors = [];
        for (let octets = 0; octets < hex.length / 2; octets++) {
          const fault = faultOf(() => decodeTpdu(hex.slice(0, octets * 2), direction));
          if (fault === undefined) survivors.push(octets);
          else expect(fault.offset).toBeLessThanOrEqual(octets);
        }
        expect(survivors).toEqual(hex.startsWith('06') ? [26] : []);
      }
    }
  });

  it('a TPDU with any one bit turned is read or refused, never worse', () => {
    for (const direction of ['mobile-originated', 'mobile-terminated'] as const) {
      for (const hex of whole[direction]) {
        for (let bit = 0; bit < hex.length * 4; bit++) {
          const octets = Buffer.from(hex, 'hex');
          octets[bit >> 3] = octets[bit >> 3]! ^ (1 << (bit & 7));
          faultOf(() => decodeTpdu(octets.toString('hex'), direction));
        }
      }
    }
  });
});
