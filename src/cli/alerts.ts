/** `simgate alerts` and `simgate alerts test`: what they print, and the exit code they leave. */

import * as v from 'valibot';
import { askDaemon, askOnce, parseAnswer } from '../control/client.js';
import { readConfiguration } from '../doctor/configuration.js';
import { judgeUnitNetwork } from '../doctor/unit-network.js';
import { counted } from '../words/counted.js';
import { type DaemonOptions, needed, socketOf } from './daemon.js';

const optionalText = v.optional(v.string());
const failing = { ok: v.boolean(), failing_since: optionalText, why: optionalText };

const stateSchema = v.object({
  open: v.array(
    v.object({
      kind: v.string(),
      subject: optionalText,
      severity: v.string(),
      title: v.string(),
      what: v.string(),
      remedy: v.string(),
      since: v.string(),
      is_told: v.boolean(),
    }),
  ),
  ways: v.array(
    v.object({
      name: v.string(),
      kind: v.string(),
      waiting: v.number(),
      delivered: v.number(),
      failed: v.number(),
      dropped: v.number(),
      delivered_at: optionalText,
      ...failing,
    }),
  ),
  heartbeat: v.optional(
    v.object({ is_silent: v.boolean(), answered_at: optionalText, ...failing }),
  ),
});

export type ShownAlerts = v.InferOutput<typeof stateSchema>;

const say = (text: string): void => void process.stdout.write(text);

/** `simgate alerts`. Throws `OperatorError`. */
export async function showAlerts({ config, json = false }: DaemonOptions): Promise<void> {
  const socket = socketOf(config);
  const state = await needed(socket, () => askOnce(socket, { command: 'alerts' }, stateSchema));
  say(json ? `${JSON.stringify(state, undefined, 2)}\n` : renderAlerts(state));
}

/** For people: what is open, then each way. */
function renderAlerts({ open, ways, heartbeat }: ShownAlerts): string {
  const alerts = open.map(
    ({ severity, title, what, remedy, since, is_told }) =>
      `${severity}: ${title}, since ${shownTime(since)}${is_told ? '' : ' (told after the quiet hours)'}\n  ${what}\n  → ${remedy}\n`,
  );
  const rows: [string, string][] = [
    ...ways.map((way): [string, string] => [way.name, wayLine(way)]),
    ...(heartbeat ? [['heartbeat', heartbeatLine(heartbeat)] satisfies [string, string]] : []),
  ];
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + 2;
  const none = 'nobody is told: no way is configured, see [alerts] in docs/alerts.md\n';
  return [
    alerts.length === 0 ? 'no alert is open\n' : alerts.join('\n'),
    '\n',
    rows.length === 0
      ? none
      : rows.map(([name, line]) => `${name.padEnd(width)}${line}\n`).join(''),
  ].join('');
}

function wayLine(way: ShownAlerts['ways'][number]): string {
  const { kind, waiting, delivered_at, dropped, ok } = way;
  const last =
    delivered_at === undefined ? 'told nothing yet' : `told last ${shownTime(delivered_at)}`;
  const state = ok ? last : `FAILING since ${shownTime(way.failing_since)}: ${way.why}; ${last}`;
  const waits = waiting === 0 ? '' : `, ${counted(waiting, 'alert')} to tell`;
  return `${kind}: ${state}${waits}${dropped === 0 ? '' : `, ${dropped} left out`}`;
}

function heartbeatLine(beat: NonNullable<ShownAlerts['heartbeat']>): string {
  const last =
    beat.answered_at === undefined ? 'not heard yet' : `heard last ${shownTime(beat.answered_at)}`;
  if (!beat.ok) return `FAILING since ${shownTime(beat.failing_since)}: ${beat.why}; ${last}`;
  return beat.is_silent ? `silent on purpose, for no code goes out; ${last}` : last;
}

/** `2026-11-23 14:36 UTC`. */
const shownTime = (iso = ''): string => `${iso.slice(0, 16).replace('T', ' ')} UTC`;

const testSchema = v.object({
  way: v.string(),
  kind: v.string(),
  ok: v.boolean(),
  why: optionalText,
  took_ms: v.number(),
});

/** `simgate alerts test`: exit code 1 when a way could not be told. Throws `OperatorError`. */
export async function testAlerts({
  config,
  json = false,
  way,
}: DaemonOptions & { way?: string }): Promise<void> {
  const socket = socketOf(config);
  const request = { command: 'alerts_test', ...(way !== undefined && { way }) };
  let hasFailed = false;
  await needed(socket, async () => {
    for await (const line of askDaemon(socket, request)) {
      const tested = parseAnswer(testSchema, line);
      if (!tested.ok) {
        process.exitCode = 1;
        hasFailed = true;
      }
      const seconds = (tested.took_ms / 1000).toFixed(1);
      const said = tested.ok ? `told in ${seconds} s` : `NOT told: ${tested.why ?? 'it failed'}`;
      say(json ? `${JSON.stringify(tested)}\n` : `${tested.way} (${tested.kind}): ${said}\n`);
    }
  });
  if (hasFailed && !json) await sayWhatUnitForbids(config);
}

/** The likeliest cause, which no receiver can tell. */
async function sayWhatUnitForbids(named: string | undefined): Promise<void> {
  const { config } = readConfiguration(named, process.env);
  for (const { what, remedy } of config === undefined ? [] : await judgeUnitNetwork(config))
    say(`${what}\n  → ${remedy}\n`);
}
