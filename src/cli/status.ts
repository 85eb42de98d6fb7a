/**
 * `simgate status` and `simgate send`: what they print, and the exit code they leave.
 */

import * as v from 'valibot';
import { askOnce, NoAnswer, NoDaemon, Unanswered } from '../control/client.js';
import { readConfiguration } from '../doctor/configuration.js';
import { type Finding, type Grade, healthSchema } from '../doctor/finding.js';
import { version } from '../version.js';
import { counted } from '../words/counted.js';
import { spanText, utcText } from '../words/time.js';
import { type DaemonOptions, needed, socketOf } from './daemon.js';

const optionalText = v.optional(v.string());
const optionalCount = v.optional(v.number());

/** What the daemon tells of itself; keys that this does not name are kept for `--json`. */
const overviewSchema = v.looseObject({
  pid: v.number(),
  version: v.string(),
  uptime_s: v.number(),
  config_file: v.string(),
  now: v.string(),
  health: healthSchema,
  waiting: v.number(),
  clock: v.looseObject({ is_set: v.boolean() }),
  journal: v.looseObject({ ok: v.boolean(), pending: v.number(), dropped_rows: v.number() }),
  modems: v.array(
    v.looseObject({
      name: v.string(),
      phase: v.string(),
      phase_s: v.number(),
      reason: optionalText,
      device: v.string(),
      manufacturer: optionalText,
      model: optionalText,
      operator: optionalText,
      signal_dbm: optionalCount,
      sim_suspect: v.boolean(),
      notices: v.array(v.string()),
    }),
  ),
  alerts: v.looseObject({
    open: v.array(v.looseObject({ severity: v.string(), title: v.string() })),
    ways: v.array(v.looseObject({ name: v.string(), ok: v.boolean() })),
  }),
  callers: v.array(v.object({ name: v.string(), kind: v.string(), path: v.string() })),
  sims: v.array(
    v.object({
      modem: v.string(),
      day: v.number(),
      per_day: optionalCount,
      month: v.number(),
      per_month: optionalCount,
    }),
  ),
  last_hour: v.optional(
    v.object({ verdicts: v.record(v.string(), v.number()), is_all: v.boolean() }),
  ),
});

export type Overview = v.InferOutput<typeof overviewSchema>;

/** `ok` 0, `degraded` 1, `down` 2, and so for a daemon that does not run. */
const exitCodes: Readonly<Record<Grade, number>> = { ok: 0, degraded: 1, down: 2 };

const noCode = (what: string, remedy: string): Finding => ({
  check: 'daemon',
  level: 'error',
  what: `${what}: no code goes out`,
  remedy,
});

/**
 * `simgate status`: exit code by health, or, where only life is asked for, 2 when no daemon
 * answers. Throws `OperatorError`.
 */
export async function status({
  config,
  json = false,
  alive = false,
}: DaemonOptions & { alive?: boolean }): Promise<void> {
  const { socket, findings } = readConfiguration(config, process.env);
  const asked = await askOrWhyNot(socket);
  const overview = 'pid' in asked ? asked : undefined;
  const wrong = findings.filter(({ level }) => level === 'error');
  const health =
    'pid' in asked ? asked.health : { grade: 'down' as const, obstacles: [...wrong, asked] };
  process.exitCode = exitCodes[alive && overview !== undefined ? 'ok' : health.grade];
  if (json) return say(`${JSON.stringify(overview ?? { version, health }, undefined, 2)}\n`);
  say(overview === undefined ? renderObstacles(health.obstacles) : renderOverview(overview));
}

const say = (text: string): void => void process.stdout.write(text);

async function askOrWhyNot(socket: string): Promise<Overview | Finding> {
  try {
    return await askOnce(socket, { command: 'overview' }, overviewSchema);
  } catch (error) {
    if (error instanceof NoAnswer) return noCode(error.what, error.remedy);
    if (!(error instanceof NoDaemon)) throw error;
    const remedy = 'sudo simgate doctor says why; sudo systemctl start simgate';
    return noCode(`no daemon answers at ${socket}`, remedy);
  }
}

const gradeWords: Readonly<Record<Grade, string>> = {
  ok: 'ok: a code would go out now',
  degraded: 'degraded: a code may not go out, or something is lost',
  down: 'down: no code goes out',
};

/** One screen. */
function renderOverview(overview: Overview): string {
  const { health, pid, uptime_s, config_file, waiting, clock, journal, callers, sims } = overview;
  const rows: [string, string][] = [
    ['health', gradeWords[health.grade]],
    [
      'daemon',
      `simgate ${overview.version}, pid ${pid}, up ${spanText(uptime_s * 1000)}, ${config_file}`,
    ],
    ...overview.modems.map((modem): [string, string] => ['modem', modemLine(modem)]),
    ...sims.map((sim): [string, string] => ['sim', simLine(sim, overview)]),
    ['clock', `${utcText(Date.parse(overview.now))}${clock.is_set ? '' : ', NOT SET'}`],
    ['journal', journalLine(journal)],
    ['callers', callers.map(({ name, kind, path }) => `${name} (${kind}, ${path})`).join(', ')],
    ['last hour', lastHourLine(overview.last_hour)],
    ['waiting', counted(waiting, 'message')],
    ['alerts', alertsLine(overview.alerts)],
  ];
  const lines = rows.map(([name, text]) => `${name.padEnd(11)}${text}`);
  return `${lines.join('\n')}\n${renderObstacles(health.obstacles)}`;
}

function renderObstacles(obstacles: readonly Finding[]): string {
  return obstacles
    .map(
      ({ level, what, remedy }) =>
        `\n${level}: ${what}\n${remedy === undefined ? '' : `  → ${remedy}\n`}`,
    )
    .join('');
}

function modemLine(modem: Overview['modems'][number]): string {
  const { name, phase, phase_s, reason, device, manufacturer, model, operator, signal_dbm } = modem;
  const what = [
    [manufacturer, model].filter(Boolean).join(' '),
    operator,
    signal_dbm === undefined ? undefined : `${signal_dbm} dBm`,
    device,
  ].filter(Boolean);
  const since = `${phase} for ${spanText(phase_s * 1000)}${reason === undefined ? '' : `: ${reason}`}`;
  return `${name}: ${since} (${what.join(', ')})`;
}

function simLine(
  { modem, day, per_day, month, per_month }: Overview['sims'][number],
  { modems }: Overview,
): string {
  const of = (used: number, most: number | undefined, span: string) =>
    `${used}${most === undefined ? '' : ` of ${most}`} in a ${span}`;
  const isSuspect = modems.some(({ name, sim_suspect }) => name === modem && sim_suspect);
  const counts = `segments: ${of(day, per_day, 'day')}, ${of(month, per_month, 'month')}`;
  return `of ${modem}: ${isSuspect ? 'SUSPECT, ' : ''}${counts}`;
}

function journalLine({ ok, pending, dropped_rows }: Overview['journal']): string {
  const lost = dropped_rows === 0 ? '' : `, ${counted(dropped_rows, 'row')} lost`;
  return `${ok ? 'written' : 'OUT OF ORDER'}, ${counted(pending, 'row')} to write${lost}`;
}

/** What is open, and whom it does not reach; `simgate alerts` has the rest. */
function alertsLine({ open, ways }: Overview['alerts']): string {
  const failing = ways.filter(({ ok }) => !ok).map(({ name }) => name);
  const titles = open.map(({ severity, title }) => `${title} (${severity})`);
  return [
    titles.length === 0 ? 'none is open' : `${open.length} open: ${titles.join(', ')}`,
    ...(failing.length === 0 ? [] : [`NOT REACHED: ${failing.join(', ')}`]),
    ...(ways.length === 0 ? ['nobody is told: no way is configured'] : []),
  ].join('; ');
}

function lastHourLine(hour: Overview['last_hour']): string {
  if (hour === undefined) return 'not known: the journal does not answer';
  const verdicts = Object.entries(hour.verdicts).toSorted(([, a], [, b]) => b - a);
  if (verdicts.length === 0) return 'no message';
  const told = verdicts.map(([verdict, count]) => `${count} × ${verdict}`).join(', ');
  return hour.is_all ? told : `${told} (of the newest only: there were more)`;
}

const verdictSchema = v.looseObject({
  id: v.string(),
  recipient: v.string(),
  status: v.number(),
  submitted: v.string(),
  code: optionalText,
  detail: optionalText,
  cause_code: optionalText,
  segments: optionalCount,
  modem: optionalText,
  references: v.optional(v.array(v.number())),
  took_ms: optionalCount,
});

type Verdict = v.InferOutput<typeof verdictSchema>;

/**
 * `simgate send`: exit code 0 when the network took it, 1 when it was not sent, 2 when that is not
 * known. Throws `OperatorError`.
 */
export async function send(
  recipient: string,
  text: string,
  { config, json = false }: DaemonOptions,
): Promise<void> {
  const socket = socketOf(config);
  const request = { command: 'message', recipient, text };
  const asked = needed(socket, () => askOnce(socket, request, verdictSchema));
  const verdict = await asked.catch((error: unknown) => {
    if (error instanceof Unanswered) process.exitCode = 2;
    throw error;
  });
  const { submitted } = verdict;
  process.exitCode = submitted === 'yes' ? 0 : submitted === 'no' ? 1 : 2;
  say(json ? `${JSON.stringify(verdict, undefined, 2)}\n` : `${verdictText(verdict)}\n`);
}

/** What became of it, in a sentence. */
function verdictText(verdict: Verdict): string {
  const { id, recipient, status, submitted, code = '', detail, cause_code, modem } = verdict;
  if (submitted === 'yes') {
    const { segments = 0, references = [], took_ms = 0 } = verdict;
    const named = `${references.length === 1 ? 'reference' : 'references'} ${references.join(', ')}`;
    return (
      `the network took ${counted(segments, 'segment')} to ${recipient} through ${modem ?? 'a modem'} ` +
      `in ${(took_ms / 1000).toFixed(1)} s (${named}), id ${id}`
    );
  }
  const isCauseTold = cause_code === undefined || detail?.includes(cause_code) === true;
  const why = [detail, isCauseTold ? undefined : cause_code].filter(Boolean).join(', ');
  const what: Record<string, string> = {
    no: `not sent to ${recipient}`,
    partly: `sent to ${recipient} in part only`,
  };
  const head =
    what[submitted] ?? `it may or may not arrive at ${recipient}: do not repeat it blindly`;
  return `${head}: ${status} ${code}${why === '' ? '' : `: ${why}`} (id ${id})`;
}
