/**
 * The architectures that there are packages for: Debian's names, npm's, and e_machine of an ELF
 * header (gABI, chapter 4).
 */
export const architectures = {
  amd64: { npmCpu: 'x64', elfMachine: 62 },
  arm64: { npmCpu: 'arm64', elfMachine: 183 },
} as const;

/** By Debian's name. */
export type Architecture = keyof typeof architectures;
