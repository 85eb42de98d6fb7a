import { readFileSync } from 'node:fs';

/**
 * The fields of a user in a file as passwd(5), or of a group in one as group(5); undefined where it
 * has none of that name. Throws as the system does.
 */
export function accountIn(file: string, name: string): string[] | undefined {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.find((line) => line.startsWith(`${name}:`))?.split(':');
}
