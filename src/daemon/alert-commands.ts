/** The alerts as the page, the command line and programs see them. */

import * as v from 'valibot';
import type { WayState } from '../alerts/courier.js';
import type { HeartbeatState } from '../alerts/heartbeat.js';
import type { Alerts, AlertsState } from '../alerts/watch.js';
import type { ControlCommand } from '../control/server.js';
import { OperatorError } from '../errors.js';
import { isoTime } from '../words/time.js';

/** As JSON: keys in snake_case, times in ISO 8601. */
export function alertsAsJson(state: AlertsState | undefined): object {
  const { open = [], ways = [], heartbeat } = state ?? {};
  return {
    open: open.map(({ kind, subject, severity, title, what, remedy, raisedAtMs, isTold }) => ({
      kind,
      ...(subject !== '' && { subject }),
      severity,
      title,
      what,
      remedy,
      since: isoTime(raisedAtMs),
      is_told: isTold,
    })),
    ways: ways.map(wayAsJson),
    ...(heartbeat && { heartbeat: heartbeatAsJson(heartbeat) }),
  };
}

function wayAsJson({ name, kind, waiting, dropped, delivered, failed, ...way }: WayState) {
  return {
    name,
    kind,
    waiting,
    delivered,
    failed,
    dropped,
    delivered_at: isoTime(way.deliveredAtMs),
    ...failingAsJson(way),
  };
}

const heartbeatAsJson = ({ isSilent, answeredAtMs, failing }: HeartbeatState) => ({
  is_silent: isSilent,
  answered_at: isoTime(answeredAtMs),
  ...failingAsJson({ failing }),
});

const failingAsJson = ({ failing }: Pick<WayState, 'failing'>) => ({
  ok: failing === undefined,
  ...(failing && { failing_since: isoTime(failing.sinceMs), why: failing.why }),
});

const testRequest = v.object({ way: v.optional(v.string()) });

/**
 * The control commands `alerts`, which yields what there is, and `alerts_test`, which tells each
 * way that this is a test and yields a line for each.
 */
export function alertCommands(alerts: Alerts): Record<'alerts' | 'alerts_test', ControlCommand> {
  return {
    alerts: async function* list() {
      yield alertsAsJson(alerts.state);
    },
    alerts_test: async function* test(request, signal) {
      const { way } = v.parse(testRequest, request);
      let isAny = false;
      for await (const { kind, why, tookMs, ...tested } of alerts.test(way, signal)) {
        isAny = true;
        yield { way: tested.way, kind, ok: why === undefined, why, took_ms: Math.round(tookMs) };
      }
      if (isAny) return;
      const { ways } = alerts.state;
      const known = ways.map(({ name }) => name).join(', ');
      throw new OperatorError(
        known === ''
          ? 'no way is configured by which anybody could be told: see [alerts] in docs/alerts.md'
          : `there is no way "${way}": there is ${known}`,
      );
    },
  };
}
