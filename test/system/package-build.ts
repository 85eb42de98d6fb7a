import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Builds the packages of a repository, with dist/ as it is there, into `out`. `UMASK` in `env` is
 * the builder's umask.
 */
export function buildPackages(
  repository: string,
  out: string,
  options: readonly string[] = [],
  env: Record<string, string> = {},
): void {
  const script = join(repository, 'packaging/deb.ts');
  // The umask of the test's shell is given on: `sh -c` is where it can be another.
  const command = `umask ${env.UMASK ?? '022'}; exec "$@"`;
  const node = [process.execPath, '--import', 'tsx', script, '--out', out, ...options];
  execFileSync('sh', ['-c', command, 'sh', ...node], {
    cwd: repository,
    env: { ...process.env, ...env },
  });
}

/**
 * A repository as an earlier version had it in `folder`: the same, but for a comment and a default
 * of the example. Throws when it has no such.
 */
export function olderRepository(repository: string, folder: string): string {
  const parts = ['packaging', 'src', 'dist', 'docs', 'config', 'systemd', 'udev'];
  const files = [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
  ];
  mkdirSync(folder);
  for (const part of [...parts, ...files])
    cpSync(join(repository, part), join(folder, part), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  const example = join(folder, 'config/simgate.example.toml');
  const now = readFileSync(example, 'utf8');
  const before = now.replace(/^# simgate's configuration\./, '# The configuration of simgate.');
  const older = before.replace(/^#clock_tolerance_s = \d+$/m, '#clock_tolerance_s = 29');
  if (before === now || older === before)
    throw new Error('the example is not as it was: change something else');
  writeFileSync(example, older);
  return folder;
}
