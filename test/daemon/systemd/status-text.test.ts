import { expect, test } from 'vitest';
import { statusText } from '../../../src/daemon/systemd/status-text.js';
import { error, type Health } from '../../../src/doctor/finding.js';
import type { ModemSnapshot } from '../../../src/modem/sms-modem.js';

const well: Health = { grade: 'ok', obstacles: [] };
const said = (modems: readonly ModemSnapshot[], judgement = well) => statusText(modems, judgement);

const modem = (more: Partial<ModemSnapshot>): ModemSnapshot => ({
  name: 'main',
  phase: 'ready',
  phaseSince: 0,
  reason: undefined,
  device: '/dev/ttyUSB2',
  manufacturer: 'Huawei',
  model: 'E3131',
  operator: 'Vodafone.de',
  iccid: '8949020000012345678',
  signalDbm: -73,
  ...more,
});

test('the states are words, with operator and signal where a modem can send', () => {
  const spare = modem({ name: 'spare', phase: 'unlocking', reason: 'the SIM asks for its PIN' });
  expect(said([modem({}), spare])).toBe(
    '1 of 2 modems ready: main ready (Vodafone.de, -73 dBm), spare locked',
  );
});

test('a message on its way changes nothing in the text', () => {
  expect(said([modem({ phase: 'sending' })])).toBe(said([modem({})]));
});

test('the round of a modem that is away is one word', () => {
  for (const phase of ['absent', 'opening', 'lost'] as const)
    expect(said([modem({ phase })])).toBe('0 of 1 modem ready: main not there');
});

test('what the air says is escaped, short, and without numbers', () => {
  const operator = `\u001b[31m+4915112345678\n${'x'.repeat(500)}`;
  const text = said([modem({ operator })]);
  expect(text).not.toMatch(/[\u0000-\u001f]|15112345678|8949020000012345678/);
  expect(text.length).toBeLessThan(100);
});

test('many modems make a text that still fits a datagram', () => {
  const many = Array.from({ length: 64 }, (_, i) =>
    modem({ name: `modem-${'ü'.repeat(60)}-${i}` }),
  );
  const text = said(many);
  expect(text).toMatch(/^64 of 64 modems ready: .*…$/);
  expect(Buffer.byteLength(`STATUS=${text}`)).toBeLessThan(4096);
});

test('what is in the way of a code stands first', () => {
  const obstacles = [error('clock', 'the wall clock is behind', 'set it')];
  expect(said([modem({})], { grade: 'down', obstacles })).toBe(
    'no code goes out: the wall clock is behind; 1 of 1 modem ready: main ready (Vodafone.de, -73 dBm)',
  );
  expect(said([modem({})], { grade: 'degraded', obstacles })).toMatch(/^not all is well: the wall/);
});

test('a SIM that the network denies is not searching', () => {
  const denied = modem({ phase: 'registering', registration: 'denied' });
  expect(said([denied])).toBe('0 of 1 modem ready: main denied by the network');
});
