import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { InFlightSubmits } from '../../src/modem/in-flight-submits.js';
import { noFile } from './supervised.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('of the results that come beside our own a flood is not kept (I5)', async () => {
  const inFlight = new InFlightSubmits(noFile, undefined);
  const taken = vi.spyOn(inFlight.debts, 'takeReference');
  inFlight.begin(180_000);
  inFlight.giveUp();
  inFlight.begin(180_000);
  for (let count = 0; count < 100_000; count += 1) inFlight.takeLine('+CMGS: 7');
  const attributed = inFlight.attribute({ reference: 7 }, new AbortController().signal);
  expect(taken.mock.calls.length).toBeLessThan(1_000);
  // Another one came, and both are out: ours was accepted.
  inFlight.takeLine('+CMGS: 8');
  await expect(attributed).resolves.toEqual({ ours: { reference: 8 } });
});
