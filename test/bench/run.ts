/**
 * `npm run bench [-- --json] [-- --against CLI] [-- CASE …]`: the daemon as built, against the
 * virtual modem on a real tty, judged by the virtual network's record and by /proc. Exits with 1
 * when a count or a ratio measured within the run is not met, never for a time. With `--against`
 * the `dist/cli.js` of another build, which may be an older one, takes turns with ours in the cases
 * that have floors; its figures are shown, and judged by nobody.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { deliveryReports } from './delivery-reports.js';
import { engine } from './engine.js';
import { type Figure, isMet } from './figures.js';
import { flood } from './flood.js';
import { instant } from './instant.js';
import { limitsAndJournal } from './limits-and-journal.js';
import { longMessage } from './long-message.js';
import { malformed } from './malformed.js';
import { ownCli } from './processes.js';
import { refusals } from './refusals.js';
import { type CaseReport, json, table } from './report.js';
import { severalModems } from './several-modems.js';
import { pacedModem, slowModem } from './slow-modem.js';
import { steady } from './steady.js';
import { tenCallers } from './ten-callers.js';
import { watchedPage } from './watched-page.js';

type Case = { heading: string } & (
  | { measure: () => Promise<Figure[]> }
  /** Of each build its figures. */
  | { compare: (clis: readonly string[]) => Promise<Figure[][]> }
);

const cases: Record<string, Case> = {
  steady: { heading: 'A modem that answers at once', compare: steady },
  refusals: { heading: 'Requests that are refused, 8 callers', compare: refusals },
  instant: { heading: '200 requests in one instant, a modem that takes 2 s', compare: instant },
  malformed: { heading: '5,000 malformed requests', compare: malformed },
  slow: { heading: 'A modem that takes 500 ms', measure: slowModem },
  paced: { heading: 'A modem that takes 500 ms behind 115,200 baud', measure: pacedModem },
  long: { heading: 'Three segments, 1 s of link set-up', measure: longMessage },
  modems: { heading: 'Several modems that take 500 ms', measure: severalModems },
  limits: { heading: 'What limits and journal cost', measure: limitsAndJournal },
  callers: { heading: 'Ten callers at one path, which ask in turns', measure: tenCallers },
  page: {
    heading: 'A page that sixteen look at, beside one that nobody does',
    measure: watchedPage,
  },
  reports: { heading: 'Delivery reports on each message, beside none', measure: deliveryReports },
  engine: { heading: 'A box that shares an engine', measure: engine },
  flood: { heading: '200 callers at once, a modem that takes 2 s', measure: flood },
};

// What we started ends with us: an exit by a signal would skip that.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, against: { type: 'string' } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in cases));
if (unknown.length > 0) {
  throw new Error(
    `no case is called ${unknown.join(', ')}: there are ${Object.keys(cases).join(', ')}`,
  );
}
const other = values.against === undefined ? undefined : resolve(values.against);

const reports: CaseReport[] = [];
for (const [name, each] of Object.entries(cases)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  process.stderr.write(`${each.heading} …\n`);
  reports.push(...(await reportsOf(each)));
}
process.stdout.write(values.json ? json(reports) : table(reports));
const isBroken = reports.some(
  ({ isShownOnly, figures }) =>
    isShownOnly !== true && figures.some((figure) => figure.isJudged && !isMet(figure)),
);
if (isBroken) process.exitCode = 1;

async function reportsOf(each: Case): Promise<CaseReport[]> {
  const { heading } = each;
  if ('measure' in each) return [{ heading, figures: await each.measure() }];
  const clis = other === undefined ? [ownCli] : [ownCli, other];
  const [own = [], others] = await each.compare(clis);
  const ours = { heading, figures: own };
  if (others === undefined) return [ours];
  return [ours, { heading: `${heading}: ${other}`, isShownOnly: true, figures: others }];
}
