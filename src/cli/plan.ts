/** `simgate plan`: how many modems a rush of logins needs, played against the real queue. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { OperatorError } from '../errors.js';
import { measuredSegmentMs } from '../planner/measured.js';
import { playRush, type Rush, type RushResult } from '../planner/planner.js';
import { counted } from '../words/counted.js';

interface PlanFlags {
  logins: number;
  within: number;
  secondsPerSms: Range;
  fromJournal?: string;
  modems: Range;
  boxes: number;
  segments: number;
  deadline?: number;
  maxWaiting: number;
  runs?: number;
  seed: number;
  json?: true;
}

interface Range {
  from: number;
  to: number;
}

/** Seconds of a box for a message: alone, and where a proxy may ask a second box after it. */
const deadlineAloneS = 25;
const deadlineOfSeveralS = 13;
/** So often each is played; where many log in, chance has less of a say, and each takes long. */
const usualRuns = 10;
const manyLogins = 10_000;
const runsOfMany = 3;
/** What is called enough. */
const enough = 0.99;
/** Into how many times a range of seconds is divided. */
const steps = 50;

export function planCommand(): Command {
  return new Command('plan')
    .description(
      'how many modems a rush of logins needs: plays it against the real queue, in simulated time',
    )
    .requiredOption('--logins <count>', 'how many people log in', whole)
    .requiredOption('--within <time>', 'within what time they come, as 90s, 10min or 1h', duration)
    .addOption(
      new Option('--seconds-per-sms <seconds>', 'what a modem takes for an SMS, as 4 or 3..6')
        .argParser(range)
        .default({ from: 4, to: 4 }, '4'),
    )
    .option('--from-journal <file>', 'as yours took: what "simgate log --json" printed; - is stdin')
    .addOption(
      new Option('--modems <count>', 'of all boxes together, as 3 or 1..6')
        .argParser(wholeRange)
        .default({ from: 1, to: 6 }, '1..6'),
    )
    .option('--boxes <count>', 'how many boxes share them, behind one proxy', whole, 1)
    .option('--segments <count>', 'segments of a message', whole, 1)
    .option(
      '--deadline <seconds>',
      `what a box has for a message; default: ${deadlineAloneS}, of several boxes ${deadlineOfSeveralS}`,
      whole,
    )
    .option('--max-waiting <count>', 'how many messages may wait at a box', whole, 50)
    .option(
      '--runs <count>',
      `how often each is played, with other arrivals; default: ${usualRuns}, of more than ${manyLogins} logins ${runsOfMany}`,
      whole,
    )
    .option('--seed <number>', 'the same plays the same', whole, 1)
    .option('--json', 'for programs: one object a line')
    .action(plan);
}

async function plan(flags: PlanFlags): Promise<void> {
  if (flags.modems.to < flags.boxes)
    throw new OperatorError(
      `${counted(flags.modems.to, 'modem')} for ${flags.boxes} boxes: a box without one sends nothing. Give --modems ${flags.boxes} or more`,
    );
  const segmentMs = segmentTimes(flags);
  const deadlineS = flags.deadline ?? (flags.boxes > 1 ? deadlineOfSeveralS : deadlineAloneS);
  const rush = {
    logins: flags.logins,
    withinMs: flags.within,
    segmentMs,
    segments: flags.segments,
    boxes: flags.boxes,
    deadlineMs: deadlineS * 1000,
    maxWaiting: flags.maxWaiting,
    runs: flags.runs ?? (flags.logins > manyLogins ? runsOfMany : usualRuns),
    seed: flags.seed,
  };
  if (flags.json !== true) process.stdout.write(headText(rush));
  let first: number | undefined;
  const { from, to } = flags.modems;
  for (let modems = from; modems <= to; modems += 1) {
    // Nobody reads what would follow.
    if (!process.stdout.writable) return;
    if (modems < flags.boxes) continue;
    const result = await playRush({ ...rush, modems });
    if (result.inTime >= enough) first ??= modems;
    process.stdout.write(flags.json === true ? asJson(modems, result) : rowText(modems, result));
  }
  if (flags.json !== true) process.stdout.write(`\n${conclusion(first, flags)}\n`);
}

function segmentTimes({ fromJournal, secondsPerSms: { from, to } }: PlanFlags): number[] {
  if (fromJournal !== undefined) return measuredSegmentMs(fromJournal);
  return from === to
    ? [from * 1000]
    : Array.from(
        { length: steps },
        (_, step) => 1000 * (from + ((to - from) * step) / (steps - 1)),
      );
}

function headText({
  logins,
  withinMs,
  segmentMs,
  boxes,
  deadlineMs,
}: Omit<Rush, 'modems'>): string {
  const sorted = [...segmentMs].sort((a, b) => a - b);
  const at = (share: number) => seconds(sorted[Math.ceil(share * sorted.length) - 1]!);
  const took = sorted[0] === sorted.at(-1) ? at(1) : `${at(0.5)} (median), ${at(0.95)} (95 of 100)`;
  const where = boxes === 1 ? 'one box' : `${boxes} boxes, a second one asked after a 503`;
  return (
    `${logins} logins within ${seconds(withinMs)}; an SMS takes ${took}; ${where}; answered within ${seconds(deadlineMs)}\n\n` +
    `${columns.map(([name, width]) => name.padStart(width)).join('  ')}\n`
  );
}

const columns = [
  ['modems', 6],
  ['in time', 8],
  ['worst run', 9],
  ['refused', 8],
  ['unknown', 8],
  ['answer p50', 10],
  ['p95', 7],
  ['p99', 7],
  ['waiting p50', 11],
  ['p95', 7],
  ['p99', 7],
  ['at work', 7],
] as const;

function rowText(modems: number, result: RushResult): string {
  const { inTime, worstInTime, refused, unknown, answerMs, waitMs, busy } = result;
  const times = [answerMs, waitMs].flatMap((each) =>
    each === undefined ? ['–', '–', '–'] : [each.p50, each.p95, each.p99].map(seconds),
  );
  const shares = [inTime, worstInTime, refused, unknown].map(percent);
  const cells = [String(modems), ...shares, ...times, percent(busy)];
  return `${cells.map((cell, index) => cell.padStart(columns[index]![1])).join('  ')}\n`;
}

function asJson(modems: number, { answerMs, waitMs, ...result }: RushResult): string {
  const row = {
    modems,
    in_time: result.inTime,
    worst_in_time: result.worstInTime,
    refused: result.refused,
    unknown: result.unknown,
    answer_ms: answerMs ?? null,
    waiting_ms: waitMs ?? null,
    busy: result.busy,
  };
  return `${JSON.stringify(row)}\n`;
}

function conclusion(modems: number | undefined, { modems: { to } }: PlanFlags): string {
  if (modems === undefined)
    return `With ${to} or fewer, more than one login in a hundred is not sent in time: try more.`;
  const what = modems === 1 ? '1 modem sends' : `${modems} modems send`;
  return `${what} 99 of 100 in time. One more keeps that when one is away.`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`;

function whole(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 10_000_000)
    throw new InvalidArgumentError('a whole number, 1 or more');
  return number;
}

function duration(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?(s|min|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * ({ s: 1, m: 60, min: 60, h: 3600 }[unit] ?? 0) * 1000;
  if (ms <= 0) throw new InvalidArgumentError('a time, as 90s, 10min or 1h');
  return ms;
}

function range(text: string): Range {
  const [, from = '', to = from] = /^(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?$/.exec(text) ?? [];
  const read = { from: Number(from), to: Number(to) };
  if (from === '' || read.from <= 0 || read.to < read.from)
    throw new InvalidArgumentError('a number or a range, as 4 or 3..6');
  return read;
}

function wholeRange(text: string): Range {
  const { from, to } = range(text);
  if (!Number.isInteger(from) || !Number.isInteger(to) || to > 1000)
    throw new InvalidArgumentError('whole numbers, 1000 at most, as 3 or 1..6');
  return { from, to };
}
