import { describe, expect, it } from 'vitest';
import { decodeSubmit, fromHex, TpduMalformed } from '../../src/simulator/decode-submit.js';

const decode = (hex: string) => decodeSubmit(fromHex(hex)!);

/** Written by gammu 1.42. */
const byGammu = [
  {
    name: 'GSM-7 with extension characters',
    tpdu: '11000C919471103254760000FF18C337B90C8AC966B49A4D07DAA0DEEB4D0AB42983F6',
    recipient: '+491701234567',
    text: 'Code 123456: {ok} € ä',
    dcs: 0x00,
  },
  {
    name: 'UCS-2',
    tpdu: '11000C919471103254760008FF14041A043E04340020003100320033003400350036',
    recipient: '+491701234567',
    text: 'Код 123456',
    dcs: 0x08,
  },
];

describe('the decoder of the virtual network', () => {
  it.each(byGammu)('reads $name as gammu wrote it', ({ tpdu, recipient, text, dcs }) => {
    expect(decode(tpdu)).toMatchObject({
      recipient,
      text,
      dataCodingScheme: dcs,
      validityPeriod: 'FF',
    });
  });

  it('reads the text behind the fill bits of a concatenation header', () => {
    // 23.040 9.2.3.24: UDH 050003420201, one fill bit, "Hello".
    const submit = decode(
      '51000B919471012143F500000C050003420201906536FB0D'.replace('00000C', '0000000C'),
    );
    expect(submit.concatenation).toEqual({ reference: 0x42, total: 2, sequence: 1 });
    expect(submit.userDataHeader).toBe('050003420201');
    expect(submit.text).toBe('Hello');
  });

  it('reads a 16-bit concatenation reference behind another information element', () => {
    const header = '0A240101080412340201'.replace(/^0A/, '09');
    const submit = decode(`41000B919471012143F500080E${header}00410042`);
    expect(submit.concatenation).toEqual({ reference: 0x1234, total: 2, sequence: 1 });
    expect(submit.text).toBe('AB');
  });

  it('shows a cut surrogate pair and a cut escape pair as replacement characters', () => {
    expect(decode('01000B919471012143F5000802D83D').text).toBe('\uFFFD');
    expect(decode('01000B919471012143F50000011B').text).toBe('\uFFFD');
  });

  it('reads a short code without a plus', () => {
    expect(decode('010003812143F500000141'.replace('2143F5', '21F3')).recipient).toBe('123');
  });

  it.each([
    ['a deliver', '04000B919471012143F500000141'],
    ['an empty one', ''],
    ['one that is cut in its text', '01000B919471012143F50000054142'],
    ['one with octets behind its text', '01000B919471012143F5000001414242'],
    ['one whose header is longer than its text', '41000B919471012143F50004020500'],
    ['one with an information element over the end', '41000B919471012143F50004040300059A'],
    ['one with more than 140 octets', `01000B919471012143F500048D${'41'.repeat(141)}`],
    ['UCS-2 of an odd number of octets', '01000B919471012143F50008034141FF'],
    ['a filler inside the number', '01000B9194F1012143F500000141'],
  ])('refuses %s', (_, tpdu) => {
    expect(() => decode(tpdu)).toThrow(TpduMalformed);
  });

  it('refuses every proper prefix of a good one', () => {
    const whole = byGammu[0]!.tpdu;
    for (let octets = 0; octets < whole.length / 2; octets++) {
      expect(() => decode(whole.slice(0, octets * 2)), `${octets} octets`).toThrow(TpduMalformed);
    }
  });
});
