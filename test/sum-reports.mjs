/** Sums the runners' own reports in the folder that is named: `N passed, N failed, N skipped`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const reports = readdirSync(folder).map((name) =>
  JSON.parse(readFileSync(join(folder, name), 'utf8')),
);
const sum = (key) => reports.reduce((total, report) => total + (report[key] ?? 0), 0);
const skipped = sum('numPendingTests') + sum('numTodoTests');
console.log(`${sum('numPassedTests')} passed, ${sum('numFailedTests')} failed, ${skipped} skipped`);
if (reports.length < 2 || sum('numPassedTests') === 0 || sum('numFailedTests') > 0)
  process.exitCode = 1;
