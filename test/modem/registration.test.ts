import { describe, expect, test } from 'vitest';
import {
  combined,
  meaningOf,
  type Registration,
  registrationAnswer,
} from '../../src/modem/registration.js';

describe('several registrations come to', () => {
  const cases: [number[], Registration][] = [
    [[1], 'home'],
    [[5, 1], 'home'], // the first one is stale
    [[5, 0, 0, 1], 'home'],
    [[0, 0, 0, 1], 'home'], // 5G alone
    [[0, 0, 0, 5], 'roaming'],
    [[3, 5, 0], 'roaming'],
    [[2, 3, 0], 'denied'],
    [[0, 2, 4], 'searching'],
    [[8, 11, 4, 0], 'none'],
    [[6, 0], 'home'],
    [[0, 10], 'roaming'],
    [[99], 'none'],
    [[], 'none'],
  ];
  test.each(cases)('%j: %s', (stats, registration) => {
    expect(combined(stats.map(meaningOf))).toBe(registration);
  });
});

test.each([
  ['+C5GREG: 0,1', '1'],
  ['+C5GREG: 2,5,"00C3","0001A2B3C",11,5,00.000000;01.000000', '5'],
  ['+C5GREG: 2,0,00,0', '0'],
  ['+C5GREG: 1', undefined], // its URC
  ['+C5GREG: 1,"00C3","0001A2B3C",11', undefined],
  ['+CREG: 0,1', undefined],
])('%s is read as the answer of 5G: %s', (line, stat) => {
  expect(registrationAnswer('c5greg').exec(line)?.[1]).toBe(stat);
});
