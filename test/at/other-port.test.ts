import { expect, test } from 'vitest';
import { UnansweredOctets } from '../../src/at/other-port.js';

const position = '$GPRMC,120000.00,A,5231.2,N,01324.3,E,0.0,,231126,,,A*6C\r\n';
const qmi = Buffer.from('010c00800000012100000c0000000000', 'hex');

function heard(...chunks: (Buffer | string)[]): UnansweredOctets {
  const octets = new UnansweredOctets();
  for (const chunk of chunks) octets.note(Buffer.from(chunk));
  return octets;
}

test.each([
  ['positions', [position, position], /GPS port/],
  ['positions cut anywhere', (position + position).split(''), /GPS port/],
  ['positions between echoes', ['AT\r\r\n', position, 'ATQ0V1E0\r', position], /GPS port/],
  ['frames of QMI', Array<Buffer>(8).fill(qmi), /no text/],
  ['another baud rate', [Buffer.from('f88080fe981e'.repeat(4), 'hex')], /no text/],
])('%s are told', (_, chunks, words) => {
  expect(heard(...chunks).inWords).toMatch(words);
});

test.each([
  ['nothing', []],
  ['an echo', ['AT\r', 'ATQ0V1E0\r']],
  ['a UART that nobody drives', [Buffer.alloc(400), Buffer.alloc(400, 0xff)]],
  ['a line of noise before a boot', [Buffer.from('fe8000810d0a', 'hex'), '\r\nRDY\r\n']],
  ['one position', [position]],
  ['what a modem says', ['\r\n^RSSI:18\r\n', '\r\n+CREG: 2\r\n'.repeat(90)]],
])('%s tells nothing', (_, chunks) => {
  expect(heard(...chunks).inWords).toBeUndefined();
});

test('nothing is told any more once something was answered, and little is kept (I5)', () => {
  const octets = heard(position, position);
  octets.answered();
  octets.note(Buffer.from(position.repeat(2)));
  expect(octets.inWords).toBeUndefined();
  const many = heard('x'.repeat(2_048), position, position);
  expect(many.inWords).toBeUndefined();
});
