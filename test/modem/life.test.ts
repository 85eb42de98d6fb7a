import { describe, expect, test } from 'vitest';
import { bootSign, type LifeEvent, transitions } from '../../src/modem/life.js';
import type { ModemPhase } from '../../src/modem/sms-modem.js';

/** The phases that a modem goes through under these events. */
function live(events: LifeEvent[], from: ModemPhase = 'absent'): ModemPhase[] {
  let phase = from;
  return events.map((event) => {
    phase = transitions[phase][event] ?? phase;
    return phase;
  });
}

const phases = Object.keys(transitions) as ModemPhase[];

describe('a modem’s life', () => {
  test('leads from nothing to ready and back from each trouble', () => {
    expect(live(['due', 'opened', 'awake', 'registered'])).toEqual([
      'opening',
      'probing',
      'registering',
      'ready',
    ]);
    expect(live(['submitting', 'submitted'], 'ready')).toEqual(['sending', 'ready']);
    expect(live(['submitting', 'overdue', 'submitted'], 'ready')).toEqual([
      'sending',
      'stalled',
      'ready',
    ]);
    expect(live(['due', 'opened', 'locked', 'unlocked', 'awake', 'registered'])).toContain(
      'unlocking',
    );
    expect(live(['unregistered', 'registered'], 'ready')).toEqual(['registering', 'ready']);
  });

  test('starts over from any phase in which it has a tty, when it is lost', () => {
    for (const phase of phases.filter((name) => !['absent', 'lost', 'stopped'].includes(name))) {
      expect(live(['lost', 'closed', 'due'], phase), phase).toEqual(['lost', 'absent', 'opening']);
    }
  });

  test('ends from any phase, and for good', () => {
    for (const phase of phases) expect(live(['stopped'], phase)).toEqual(['stopped']);
    expect(transitions.stopped).toEqual({});
  });

  test('has no phase without a way to ready (I8)', () => {
    for (const start of phases.filter((name) => name !== 'stopped')) {
      const reached = new Set<ModemPhase>([start]);
      for (const phase of reached) {
        for (const next of Object.values(transitions[phase])) reached.add(next);
      }
      expect([...reached], start).toContain('ready');
    }
  });

  test('takes a message only when it is ready', () => {
    const takers = phases.filter((phase) => transitions[phase].submitting !== undefined);
    expect(takers).toEqual(['ready']);
  });
});

test.each([
  ['RDY', 'restart'],
  ['NORMAL POWER DOWN', 'restart'],
  ['*ATREADY: 1', 'restart'],
  ['^SYSSTART', 'restart'],
  ['^SYSSTART AIRPLANE MODE', 'restart'],
  ['+SYSSTART', 'restart'],
  ['MODEM:STARTUP', 'restart'],
  ['READY', 'restart'],
  ['Init...', 'restart'],
  ['+MATREADY', 'restart'],
  ['*EMRDY: 1', 'restart'],
  ['UNDER-VOLTAGE POWER DOWN', 'restart'],
  ['POWERED DOWN', 'restart'],
  ['^SHUTDOWN', 'restart'],
  ['+WIND: 3', 'refresh'],
  ['+WIND: 4', undefined],
  ['+KSUP: 0', 'refresh'],
  ['CALL READY', 'refresh'],
  ['+PBREADY', 'refresh'],
  ['+SIM DROP', 'look'],
  ['+CPIN: PH-NET PIN', 'look'],
  ['UNDER-VOLTAGE WARNNING', undefined],
  ['SMS Ready', 'refresh'],
  ['+CPIN: READY', 'refresh'],
  ['+CFUN: 1', 'refresh'],
  ['+CREG: 1', undefined],
  ['RING', undefined],
  ['READY, STEADY', undefined],
])('%j is a sign of %s', (line, sign) => {
  expect(bootSign(line)).toBe(sign);
});
