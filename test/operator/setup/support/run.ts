/** `simgate setup` as a process of its own. */
import { setupCommand } from '../../../../src/cli/setup.js';

try {
  await setupCommand().parseAsync(process.argv.slice(2), { from: 'user' });
} catch (error) {
  if (!(error instanceof Error) || error.name !== 'OperatorError') throw error;
  console.error(`simgate: ${error.message}`);
  process.exitCode = 1;
}
