import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { expect, it } from 'vitest';
import { nearest } from '../../src/config/problem.js';
import { configSchema, isLoopback } from '../../src/config/schema.js';

it('has no key that the example does not show', () => {
  const example = readFileSync(new URL('../../config/simgate.example.toml', import.meta.url), 'utf8');
  const shown = parse(example.replace(/^#(?=[a-z])/gm, ''));
  const { modem, ...sections } = configSchema.entries;
  expect(Object.keys(shown).sort()).toEqual(Object.keys(configSchema.entries).sort());
  for (const [name, schema] of Object.entries(sections)) {
    if (!('entries' in schema)) continue;
    expect(Object.keys(shown[name] as object).sort(), name).toEqual(Object.keys(schema.entries).sort());
  }
  const [shownModem] = shown.modem as object[];
  expect(Object.keys(shownModem!).sort()).toEqual(Object.keys(modem.pipe[0].item.entries).sort());
});

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
