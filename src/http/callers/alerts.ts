/**
 * Alertmanager's webhook (prometheus/alertmanager, `notify/webhook`, version 4) and Grafana's,
 * which adds to it: whom it goes to stands in our configuration, never in the request. Alertmanager
 * repeats what got a 5xx, word for word, and reminds of what still fires after some hours (its
 * `repeat_interval`) in the same words: only the time between tells the two apart.
 */

import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import * as v from 'valibot';
import { cutToGsm7 } from '../../sms/plain-text.js';
import { parseBody } from '../body.js';
import { toProblemAnswer } from '../problem.js';
import { type Caller, type Proof, Unproven } from './caller.js';
import { acceptedAsJson, takenAsJson } from './native.js';
import type { CallerSettings } from './settings.js';
import { checked } from './shape.js';
import { checkTimestamp, isSignedByAny, wrongSignature } from './signature.js';
import { basicProof, bearerProof } from './static.js';

/** Grafana's, where it is told to sign (grafana/alerting, `http/hmac.go`). */
const signatureHeader = 'x-grafana-alerting-signature';
/** What Grafana is to be told for the time, if it is to sign that as well. */
const timestampHeader = 'x-grafana-alerting-timestamp';

/** Go writes `null` for what is empty; so whatever need not be there may be that. */
const words = v.nullish(v.record(v.string(), v.unknown()), {});

const notification = v.object(
  {
    status: v.picklist(['firing', 'resolved'], 'status must be "firing" or "resolved"'),
    groupKey: v.nullish(v.string(), ''),
    alerts: v.nullish(
      v.array(
        v.object({
          status: v.nullish(v.string()),
          labels: words,
          annotations: words,
          startsAt: v.nullish(v.string(), ''),
          endsAt: v.nullish(v.string(), ''),
          fingerprint: v.nullish(v.string(), ''),
        }),
      ),
      [],
    ),
    groupLabels: words,
    commonLabels: words,
    commonAnnotations: words,
    // Alerts that `max_alerts` has left out.
    truncatedAlerts: v.nullish(v.number(), 0),
    title: v.nullish(v.string()),
  },
  'the body must be a JSON object',
);

type Notification = v.InferOutput<typeof notification>;

export function alertsCaller(settings: CallerSettings): Caller {
  const { name, path, secrets, now, username, recipients, maxSegments } = settings;
  const basic = basicProof(username);
  return {
    name,
    path,
    needsBody: (headers) => headers[signatureHeader] !== undefined,
    prove({ headers, ignoresTimes }, body) {
      const times = ignoresTimes ? undefined : now();
      if (headers[signatureHeader] !== undefined) return signed(headers, body, secrets(), times);
      const isBasic = /^basic /i.test(headers.authorization ?? '');
      return (isBasic ? basic : bearerProof)(headers, secrets());
    },
    read(body) {
      const told = checked(notification, parseBody(body));
      const text = cutToGsm7(sentence(told), maxSegments());
      const key = keyOf(told);
      // What is told of a group makes what was told before, and still waits, void.
      const messageType = digest(told.groupKey);
      return recipients().map((recipient) => ({ recipient, text, messageType, repeatOf: key }));
    },
    accepted: acceptedAsJson,
    taken: takenAsJson,
    failed: toProblemAnswer,
  };
}

function signed(
  headers: IncomingHttpHeaders,
  body: Uint8Array | undefined,
  secrets: readonly Uint8Array[],
  now: readonly number[] | undefined,
): Proof {
  const hex = headers[signatureHeader];
  const timestamp = headers[timestampHeader];
  if (typeof hex !== 'string' || !/^[0-9a-f]{64}$/i.test(hex)) {
    const detail = `${signatureHeader} is not 64 hexadecimal digits`;
    throw new Unproven('token_invalid', { check: 'form', reason: detail, detail });
  }
  const parts: (string | Uint8Array)[] = [body ?? ''];
  if (typeof timestamp === 'string') {
    checkTimestamp(timestamp, now);
    parts.unshift(`${timestamp}:`);
  }
  if (!isSignedByAny(secrets, [Buffer.from(hex, 'hex')], parts)) throw wrongSignature();
  return {};
}

/** `[FIRING:2] HighTemperature: the rack is at 41 °C`; `2+` where some were left out. */
function sentence(told: Notification): string {
  const { status, alerts, commonLabels, commonAnnotations, groupLabels, title } = told;
  const count = alerts.filter((alert) => (alert.status ?? status) === status).length;
  const more = told.truncatedAlerts > 0 ? '+' : '';
  const head = `[${status.toUpperCase()}${count > 0 ? `:${count}${more}` : ''}]`;
  const [first] = alerts;
  const named =
    wordIn(commonLabels, 'alertname') ??
    wordIn(groupLabels, 'alertname') ??
    wordIn(first?.labels, 'alertname');
  const what =
    wordIn(commonAnnotations, 'summary') ??
    wordIn(first?.annotations, 'summary') ??
    wordIn(commonAnnotations, 'description') ??
    wordIn(first?.annotations, 'description');
  const parts = [named, what].filter((part) => part !== undefined);
  return `${head} ${parts.length > 0 ? parts.join(': ') : (title ?? 'alert')}`;
}

function wordIn(values: Record<string, unknown> | undefined, name: string): string | undefined {
  const value = values?.[name];
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** The same for a repeat, another for the next time that the alert fires, and for its end. */
function keyOf({ groupKey, status, alerts }: Notification): string {
  const moments = alerts.map(({ fingerprint, startsAt, endsAt, status: own }) => [
    fingerprint,
    own ?? status,
    startsAt,
    own === 'resolved' ? endsAt : '',
  ]);
  return digest(JSON.stringify([groupKey, status, moments]));
}

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
