import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { memorySettings } from '../../src/daemon/v8-settings.js';

test('the unit starts the daemon with the settings that demo and bench give it', () => {
  const unit = readFileSync(new URL('../../systemd/simgate.service', import.meta.url), 'utf8');
  const settings = /^Environment=(.*)$/m.exec(unit)?.[1]?.split(' ');
  expect(settings).toEqual(Object.entries(memorySettings).map(([key, value]) => `${key}=${value}`));
});
