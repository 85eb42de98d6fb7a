import { Child } from '../faults/child.js';
import type { Rig } from './rig.js';

/** What a command of the CLI says, and how it ends, with the configuration of that rig. */
export async function run(
  rig: Rig,
  ...args: string[]
): Promise<{ said: string; code: number | null }> {
  let said = '';
  const child = new Child([...args, '--config', rig.configFile], (line) => {
    said += `${line}\n`;
  });
  const { code } = await child.ended;
  return { said, code };
}
