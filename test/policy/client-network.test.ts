import { expect, it } from 'vitest';
import { clientNetwork } from '../../src/policy/request.js';

it.each([
  ['192.0.2.1', '192.0.2.1'],
  [' 192.0.2.1 ', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8::1:2:3:4:5', '2001:db8:0:1::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['', undefined],
  ['unknown', undefined],
  ['192.0.2.1:443', undefined],
  ['192.0.2.1, 198.51.100.1', undefined],
  ['2001:db8::1::2', undefined],
])('a client at %j is counted as %s', (address, network) => {
  expect(clientNetwork(address)).toBe(network);
});
