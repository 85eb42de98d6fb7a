/**
 * `simgate simulate` without the rest of the CLI, for tests that need it as a process of its own.
 */
import { simulateCommand } from '../../../src/simulator/simulate.js';

await simulateCommand().parseAsync();
