import { expect, it } from 'vitest';
import { preferredWaitS } from '../../src/http/prefer.js';

it.each<[string, number | undefined]>([
  ['wait=15', 15],
  ['wait=0', 0],
  ['WAIT=15', 15],
  ['wait = 15', 15],
  ['wait="15"', 15],
  ['respond-async, wait=15', 15],
  ['respond-async;x="a,wait=1", wait=15; foo=bar', 15],
  ['foo="wait=1, \\"wait=2", wait=3', 3],
  ['wait=15, wait=20', 15],
  [',,wait=15,', 15],
  ['wait=soon, wait=20', undefined],
  ['wait=-1', undefined],
  ['wait=1.5', undefined],
  ['wait=', undefined],
  ['wait', undefined],
  ['wait=1000000000', undefined],
  ['x-wait=15', undefined],
  ['wait="15', undefined],
  ['"wait=15"', undefined],
  ['', undefined],
])('Prefer: %s asks for %j seconds (RFC 7240 2, 4.3)', (header, seconds) => {
  expect(preferredWaitS(header)).toBe(seconds);
});

it('is read in one pass, however it is written', () => {
  for (const hostile of [
    '"'.repeat(16_000),
    'wait=1"'.repeat(2_000),
    `${'a'.repeat(16_000)}"`,
    '\\"'.repeat(8_000),
  ]) {
    expect(preferredWaitS(hostile)).toBeUndefined();
  }
});
