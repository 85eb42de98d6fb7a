import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { collectGarbage, memorySettings } from '../../src/daemon/v8-settings.js';

test('the unit starts the daemon with the settings that demo and bench give it', () => {
  const unit = readFileSync(new URL('../../systemd/simgate.service', import.meta.url), 'utf8');
  const settings = /^Environment=(.*)$/m.exec(unit)?.[1]?.split(' ');
  expect(settings).toEqual(Object.entries(memorySettings).map(([key, value]) => `${key}=${value}`));
});

test('what is dead is collected at once, and gc is left to nobody', async () => {
  const dead = new WeakRef(Array.from({ length: 1_000 }, () => ({})));
  // A WeakRef holds what it was made of for the rest of its turn (ECMA-262 9.10).
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(dead.deref()).toBeUndefined();
  expect('gc' in globalThis).toBe(false);
});
