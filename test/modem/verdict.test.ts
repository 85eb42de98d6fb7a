import { describe, expect, test } from 'vitest';
import { parseFinalResult } from '../../src/at/lines.js';
import { describeFinalError, verdictOf } from '../../src/modem/verdict.js';

function verdict(line: string, stage: 'prompt' | 'result' = 'result', elapsedMs = 1000) {
  const final = parseFinalResult(line);
  if (final === undefined || final === 'OK') throw new Error(`${line} is no error`);
  return verdictOf(final, stage, elapsedMs);
}

describe('after Ctrl-Z', () => {
  test.each([
    ['+CMS ERROR: 21', 'refused'],
    ['+CMS ERROR: 304', 'not_now'], // the modem’s own word; another may take it
    ['+CMS ERROR: 176', 'refused'], // any other TP-FCS is the SMSC's refusal
    ['+CMS ERROR: 8', 'sim'],
    ['+CMS ERROR: 310', 'sim'],
    ['+CMS ERROR: 330', 'sim'],
    ['+CME ERROR: 11', 'sim'],
    ['+CMS ERROR: 42', 'not_sent'],
    ['+CMS ERROR: 331', 'not_sent'],
    ['+CMS ERROR: 515', 'not_sent'],
    ['+CME ERROR: 14', 'not_sent'],
    ['+CMS ERROR: 27', 'not_now'],
    ['+CMS ERROR: 99', 'refused'],
    ['+CMS ERROR: 77', 'not_now'], // 24.011: an unknown cause counts as temporary
    ['+CMS ERROR: 332', 'unknown'],
    ['+CMS ERROR: 500', 'unknown'],
    ['+CMS ERROR: 350', 'unknown'],
    ['+CMS ERROR: 197', 'unknown'],
    ['+CMS ERROR: 9999', 'unknown'],
    ['+CME ERROR: 100', 'unknown'],
    ['ERROR', 'unknown'],
    ['+CMS ERROR: Unknown error', 'unknown'],
    ['+CMS ERROR: no network service', 'not_sent'],
    ['+CMS ERROR: (U)SIM PIN required', 'sim'],
    ['+CMS ERROR: SIM PIN required', 'sim'], // older editions of 27.005, and most firmwares
    ['+CMS ERROR: SIM busy', 'not_sent'],
    ['+CMS ERROR: PH-SIM PIN required', 'sim'],
    ['+CMS ERROR: SIM PIN necessary', 'sim'], // Quectel
    ['+CMS ERROR: Invalid PDU mode', 'not_now'],
    ['+CMS ERROR: 21: short message transfer rejected', 'refused'],
    ['+CMS ERROR: 21 (Short message transfer rejected)', 'refused'],
    ['+CMS ERROR: 21,transfer rejected', 'refused'],
    ['+CMS ERROR: 21 - rejected', 'refused'],
    ['+CMS ERROR: 21 rejected', 'refused'],
    ['+CMS ERROR: "21"', 'refused'],
    ['+CMS ERROR: Network failure (17)', 'not_sent'],
    ['+CMS ERROR: 2G is not there', 'unknown'],
    ['+CMS ERROR: 0x15', 'unknown'],
    ['+CMS ERROR: something the vendor made up', 'unknown'],
  ])('%s is %s', (line, expected) => {
    expect(verdict(line)).toBe(expected);
  });

  test.each([
    ['+CMS ERROR: 38', 'not_now'],
    ['+CMS ERROR: 41', 'not_sent'],
    ['+CMS ERROR: 331', 'not_sent'],
    ['+CME ERROR: 30', 'not_sent'],
  ])('%s says nothing any more once the modem’s own timer may have run out', (line, before) => {
    expect(verdict(line, 'result', 5_000)).toBe(before);
    expect(verdict(line, 'result', 40_000)).toBe('unknown');
  });
});

test('before Ctrl-Z no error leaves the outcome unknown, or is the last word', () => {
  for (let code = 0; code < 600; code += 1) {
    for (const line of [`+CMS ERROR: ${code}`, `+CME ERROR: ${code}`, 'ERROR', '+CMS ERROR: eh?']) {
      expect(['unknown', 'refused'], line).not.toContain(verdict(line, 'prompt'));
    }
  }
});

test('codes are described as people look them up', () => {
  expect(describeFinalError({ kind: 'CMS', code: 38, text: '38' })).toBe(
    'CMS 38 (network out of order)',
  );
  expect(describeFinalError({ kind: 'CMS', code: 9999, text: '9999' })).toBe('CMS 9999');
  expect(describeFinalError({ kind: 'CME', code: undefined, text: `x\n${'y'.repeat(99)}` })).toBe(
    `CME x\\u000a${'y'.repeat(40)}…`,
  );
  expect(describeFinalError({ kind: 'CMS', code: undefined, text: '+4915112345678 barred' })).toBe(
    'CMS +49…78 barred',
  );
  expect(describeFinalError({ kind: 'ERROR', code: undefined, text: 'ERROR' })).toBe('ERROR');
});
