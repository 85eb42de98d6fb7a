/** What no waiting ends is a warning, what goes as it should is none. */

import { expect, it } from 'vitest';
import { ModemLog } from '../../src/modem/modem-log.js';
import { noNetworkReason, registrationReasons } from '../../src/modem/registration.js';
import { simReasons } from '../../src/modem/sim.js';
import type { ModemPhase } from '../../src/modem/sms-modem.js';
import { pinOfPerson, pinTaken } from '../../src/modem/unlock.js';
import { LogRecord } from '../http/support/gateway.js';

type Line = [phase: ModemPhase, reason: string | undefined];

const warnings: Line[] = [
  ['unlocking', simReasons.puk],
  ['unlocking', simReasons.absent],
  ['unlocking', simReasons.other],
  ['unlocking', simReasons.unknown],
  ['unlocking', `${simReasons.pin}: set pin_file, or remove the PIN lock with a phone`],
  ['registering', registrationReasons.denied],
  ['registering', registrationReasons.roaming],
  ['registering', 'the radio is off (+CFUN: 4), and the modem does not take AT+CFUN=1'],
];
/** Waiting ends them; what lasts for ten seconds is warned of by the judgement. */
const passing: Line[] = [
  ['probing', undefined],
  ['unlocking', pinTaken],
  ['unlocking', pinOfPerson],
  ['unlocking', simReasons.busy],
  ['registering', 'waiting for the network'],
  ['registering', registrationReasons.searching],
  ['registering', registrationReasons.none],
  ['registering', noNetworkReason],
];

const levels = (tell: (log: ModemLog) => void): unknown[] => {
  const record = new LogRecord();
  tell(new ModemLog('main', record.log));
  return record.entries.map(({ level }) => level);
};

it.each([
  ...warnings.map((line) => ['warn', ...line] as const),
  ...passing.map((line) => ['info', ...line] as const),
])('is told at %s: %s, %s', (level, phase, reason) => {
  expect(levels((log) => log.entered(phase, 'probing', reason))).toEqual([level]);
  if (reason !== undefined) expect(levels((log) => log.waitsFor(phase, reason))).toEqual([level]);
});

it('a SIM that asks for the PIN that is there is none; that it stays so is one', () => {
  expect(levels((log) => log.entered('unlocking', 'probing', simReasons.pin))).toEqual(['info']);
  expect(levels((log) => log.waitsFor('unlocking', simReasons.pin))).toEqual(['warn']);
});

it('silence after Ctrl-Z and a loss are warnings, a way to ready is none', () => {
  expect(levels((log) => log.entered('stalled', 'sending', undefined))).toEqual(['warn']);
  expect(levels((log) => log.entered('lost', 'ready', 'unplugged'))).toEqual(['warn']);
  expect(levels((log) => log.entered('ready', 'registering', undefined))).toEqual(['info']);
});
