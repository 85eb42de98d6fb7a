/** Whether a package's native parts are those of its architecture. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Architecture, architectures } from './architecture.js';

/** Where each of the three is, below node_modules. */
const foldersOf = (cpu: string): string[] => [
  `@libsql/linux-${cpu}-gnu`,
  `@lydell/node-pty-linux-${cpu}`,
  `@serialport/bindings-cpp/prebuilds/linux-${cpu}`,
];

/**
 * Throws when the `.node` files below `modules`, a node_modules, are not exactly one for each
 * native package, or one of them is not a library of the architecture's machine (gABI, chapter 4:
 * e_ident, e_machine).
 */
export function checkBinaries(modules: string, architecture: Architecture): void {
  const { npmCpu, elfMachine } = architectures[architecture];
  const files = readdirSync(modules, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.node'),
  );
  const expected = foldersOf(npmCpu);
  const isComplete =
    files.length === expected.length &&
    expected.every((folder) => files.some((file) => dirname(file) === folder));
  if (!isComplete)
    throw new Error(
      `the ${architecture} package must have one binary in each of ${expected.join(', ')}, and has ${files.join(', ') || 'none'}`,
    );
  for (const file of files) {
    const header = readFileSync(join(modules, file)).subarray(0, 20);
    const isElf = header.length === 20 && header.readUInt32BE(0) === 0x7f454c46;
    if (!isElf || header.readUInt16LE(18) !== elfMachine)
      throw new Error(`${file} is no library for ${architecture}`);
  }
}
