/**
 * The architectures that there are packages for: Debian's names, npm's, e_machine of an ELF header
 * (gABI, chapter 4), and where the native packages have their binaries, below node_modules. For
 * armhf there is no Node at npm that is new enough, nor a pseudo terminal: its package takes
 * Debian's Node, and has no virtual modem.
 */
export const architectures = {
  amd64: {
    npmCpu: 'x64',
    elfMachine: 62,
    hasNode: true,
    binaryFolders: [
      '@libsql/linux-x64-gnu',
      '@lydell/node-pty-linux-x64',
      '@serialport/bindings-cpp/prebuilds/linux-x64',
    ],
  },
  arm64: {
    npmCpu: 'arm64',
    elfMachine: 183,
    hasNode: true,
    binaryFolders: [
      '@libsql/linux-arm64-gnu',
      '@lydell/node-pty-linux-arm64',
      '@serialport/bindings-cpp/prebuilds/linux-arm64',
    ],
  },
  armhf: {
    npmCpu: 'arm',
    elfMachine: 40,
    hasNode: false,
    binaryFolders: ['@libsql/linux-arm-gnueabihf', '@serialport/bindings-cpp/prebuilds/linux-arm'],
  },
} as const;

/** By Debian's name. */
export type Architecture = keyof typeof architectures;

/** Whose Node a package runs on: one that it brings, or the one of the package nodejs. */
export type NodeFrom = 'package' | 'debian';
