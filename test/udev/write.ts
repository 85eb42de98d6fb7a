import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateRules } from './generate.js';

/**
 * Writes the rules anew, after the table of modems has changed: `node --import tsx
 * test/udev/write.ts`.
 */
writeFileSync(join(import.meta.dirname, '../../udev/60-simgate.rules'), generateRules());
