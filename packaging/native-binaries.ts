/** Whether a package's native parts are those of its architecture. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Architecture, architectures } from './architecture.js';

/**
 * Throws when the `.node` files below `modules`, a node_modules, are not exactly one for each
 * native package, or one of them is not a library of the architecture's machine (gABI, chapter 4:
 * e_ident, e_machine).
 */
export function checkBinaries(modules: string, architecture: Architecture): void {
  const { binaryFolders, elfMachine } = architectures[architecture];
  const files = readdirSync(modules, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.node'),
  );
  const isComplete =
    files.length === binaryFolders.length &&
    binaryFolders.every((folder) => files.some((file) => dirname(file) === folder));
  if (!isComplete)
    throw new Error(
      `the ${architecture} package must have one binary in each of ${binaryFolders.join(', ')}, and has ${files.join(', ') || 'none'}`,
    );
  for (const file of files)
    if (!isForMachine(join(modules, file), elfMachine))
      throw new Error(`${file} is no library for ${architecture}`);
}

/** Whether an ELF file is for the machine. Throws when it cannot be read. */
export function isForMachine(file: string, elfMachine: number): boolean {
  const header = readFileSync(file).subarray(0, 20);
  const isElf = header.length === 20 && header.readUInt32BE(0) === 0x7f454c46;
  return isElf && header.readUInt16LE(18) === elfMachine;
}
