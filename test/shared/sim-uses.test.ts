import { expect, it } from 'vitest';
import type { SimHistory } from '../../src/policy/sim-caps.js';
import { SimUses } from '../../src/shared/sim-uses.js';

it('what a SIM sent elsewhere is dated by the clock of its caps, whatever the wall clock says meanwhile', async () => {
  const dateMs = Date.UTC(2020, 0, 1);
  const uses = new SimUses({
    box: 'north',
    engine: {
      tell: () =>
        Promise.resolve({ kind: 'used', hours: [[438_000, 2]], recipients: [['whom', 5_000]] }),
    },
    outbox: { put: () => undefined },
    date: () => dateMs,
  });
  const known = await new Promise<SimHistory>((resolve) => uses.watch('sim', resolve));
  expect([...known.recipients]).toEqual([['whom', dateMs - 5_000]]);
  expect([...known.hours]).toEqual([[438_000 * 3_600_000, 2]]);
});
