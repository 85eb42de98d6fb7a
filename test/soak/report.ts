import { type Figure, judged, median, shown } from '../bench/figures.js';
import type { CaseReport } from '../bench/report.js';
import { judge, type Violation } from '../faults/judge.js';
import type { ModemRecord } from '../faults/sightings.js';
import type { SoakResult } from './soak.js';
import { vitalFigures } from './vitals.js';

/** What a person should see of each violation. */
const mostComplaints = 20;

/** The verdict on a soak, as figures, and each single violation in a line. */
export function reportOf(
  result: SoakResult,
  { sends, replugs }: { sends: number; replugs: number },
): { reports: CaseReport[]; violations: string[] } {
  const violations = judge(result.stories, result.records, []);
  const reports: CaseReport[] = [
    { heading: 'Messages', figures: messageFigures(result, violations) },
    { heading: 'Re-plugs, those of the warm-up too', figures: replugFigures(result) },
    {
      heading: 'The daemon, against its start after the warm-up',
      figures: [
        ...vitalFigures(result.start, result.end, sends, replugs),
        judged('lines on stderr', result.complaints.length, '', { exactly: 0 }),
      ],
    },
  ];
  const lines = [
    ...violations.map(describe),
    ...result.complaints.map((line) => `stderr: ${line}`),
  ];
  return { reports, violations: lines.slice(0, mostComplaints) };
}

function messageFigures({ stories }: SoakResult, violations: readonly Violation[]): Figure[] {
  const outcomes = new Map<string, number>();
  for (const { outcome } of stories) {
    const name = outcome.kind === 'answered' ? answerName(outcome) : outcome.kind;
    outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
  }
  return [
    ...[...outcomes]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => shown(name, count, '')),
    judged("violations, by the network's record", violations.length, '', { exactly: 0 }),
  ];
}

function answerName({
  status,
  body,
}: {
  status: number;
  body: Readonly<Record<string, unknown>>;
}): string {
  return typeof body.code === 'string' ? `${status} ${body.code}` : String(status);
}

/** Of each time that a tty came back: when, and whether under another name than before. */
function attachments({ entries }: ModemRecord): { atNs: bigint; isRenamed: boolean }[] {
  const attached = entries.flatMap((entry) => (entry.kind === 'attached' ? [entry] : []));
  return attached.slice(1).map(({ at_ns, tty }, index) => ({
    atNs: BigInt(at_ns),
    isRenamed: tty !== attached[index]!.tty,
  }));
}

function replugFigures({ records, returns }: SoakResult): Figure[] {
  const back = records.flatMap((record) => {
    const readyAtNs = returns.get(record.modem) ?? [];
    return attachments(record).map(({ atNs, isRenamed }, index) => {
      const ns = readyAtNs[index];
      return { isRenamed, ms: ns === undefined ? Number.NaN : Number(ns - atNs) / 1e6 };
    });
  });
  const ms = back.map((each) => each.ms);
  return [
    shown('re-plugs', back.length, ''),
    judged('not ready again', ms.filter((each) => !(each > 0)).length, '', { exactly: 0 }),
    judged('back under the same name', back.filter(({ isRenamed }) => !isRenamed).length, '', {
      exactly: 0,
    }),
    shown('tty is back → ready, median', median(ms), 'ms'),
    shown('tty is back → ready, worst', Math.max(...ms), 'ms', { atMost: 10_000 }),
  ];
}

function describe({ property, what, story }: Violation): string {
  return `${property}: ${story === undefined ? '' : `message ${story.message.number} `}${what}`;
}
