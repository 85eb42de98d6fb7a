import { join } from 'node:path';

/**
 * Where `TEST_REPORTS` names a folder, each run leaves its own count there as JSON, for whoever
 * sums them up.
 */
export function reporters(run: string): object {
  const folder = process.env.TEST_REPORTS;
  if (folder === undefined) return {};
  return { reporters: ['default', 'json'], outputFile: { json: join(folder, `${run}.json`) } };
}
