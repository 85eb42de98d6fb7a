/**
 * `npm run bench [-- --json] [-- CASE …]`: the daemon as built, against the virtual modem on a real
 * tty, judged by the virtual network's record and by /proc. Exits with 1 when a count or a ratio
 * measured within the run is not met, never for a time.
 */
import { parseArgs } from 'node:util';
import { books } from './books.js';
import { type Figure, isMet } from './figures.js';
import { flood } from './flood.js';
import { longMessage } from './long-message.js';
import { refusals } from './refusals.js';
import { type CaseReport, json, table } from './report.js';
import { severalModems } from './several-modems.js';
import { pacedModem, slowModem } from './slow-modem.js';
import { steady } from './steady.js';

const cases: Record<string, { heading: string; measure: () => Promise<Figure[]> }> = {
  steady: { heading: 'A modem that answers at once', measure: steady },
  slow: { heading: 'A modem that takes 500 ms', measure: slowModem },
  paced: { heading: 'A modem that takes 500 ms behind 115,200 baud', measure: pacedModem },
  long: { heading: 'Three segments, 1 s of link set-up', measure: longMessage },
  modems: { heading: 'Several modems that take 500 ms', measure: severalModems },
  books: { heading: 'What limits and journal cost', measure: books },
  refusals: { heading: 'Requests that are refused, 8 callers', measure: refusals },
  flood: { heading: '200 callers at once, a modem that takes 2 s', measure: flood },
};

// What we started ends with us: an exit by a signal would skip that.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in cases));
if (unknown.length > 0) {
  throw new Error(
    `no case is called ${unknown.join(', ')}: there are ${Object.keys(cases).join(', ')}`,
  );
}

const reports: CaseReport[] = [];
for (const [name, { heading, measure }] of Object.entries(cases)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  process.stderr.write(`${heading} …\n`);
  reports.push({ heading, figures: await measure() });
}
process.stdout.write(values.json ? json(reports) : table(reports));
const isBroken = reports.some(({ figures }) =>
  figures.some((figure) => figure.isJudged && !isMet(figure)),
);
if (isBroken) process.exitCode = 1;
