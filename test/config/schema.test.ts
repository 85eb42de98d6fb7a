import { expect, it } from 'vitest';
import { nearest } from '../../src/config/config-error.js';
import { isLoopback } from '../../src/config/listen.js';

it.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['192.168.1.1', false],
  ['127.0.0.1.example.org', false],
  ['localhost.example.org', false],
])('%s is a loopback host: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

it.each([
  ['baudrate', 'baud'],
  ['Device', 'device'],
  ['pinfile', 'pin_file'],
  ['nmae', 'name'],
  ['colour', undefined],
])('the key nearest to %s is %s', (key, expected) => {
  expect(nearest(key, ['name', 'device', 'pin_file', 'baud'])).toBe(expected);
});
