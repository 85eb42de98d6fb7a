import { createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { CallerName, PlannedMessage, PlannedPhase } from './plan.js';

/** How a caller asks for a message. */
export interface Asking {
  path: string;
  body: string;
  /** What proves whose it is, and what belongs to its kind. */
  headers: OutgoingHttpHeaders;
  /** Milliseconds from the request to its answer. */
  deadlineMs: number;
  /**
   * Milliseconds from the request after which a promised message is given up; undefined for callers
   * that are never answered 202.
   */
  lateMs?: number;
}

/** Whom the alerts of a run go to: no other message has this number. */
export const alertRecipient = '+491590000000';

/** What may be read back with a credential in a header. */
export const readers: readonly CallerName[] = ['auth0', 'static', 'hasty', 'alerts'];

const hastyMs = 500;
/** Alerts wait behind all others. */
const alertAfterMs = 6_000;

/** Auth0's own format, with a token; the native one with any other credential. */
export function askAsAuth0(token: string, message: PlannedMessage, deadlineMs: number): Asking {
  return native({ authorization: `Bearer ${token}` }, message, { deadlineMs });
}

function native(
  credential: OutgoingHttpHeaders,
  { recipient, text, messageType, sender, key }: PlannedMessage,
  patience: Pick<Asking, 'deadlineMs' | 'lateMs'>,
): Asking {
  return {
    path: '/sms',
    body: JSON.stringify({ recipient, body: text, message_type: messageType, sender }),
    headers: {
      ...credential,
      'content-type': 'application/json',
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    ...patience,
  };
}

/**
 * The callers of one daemon beside Auth0: `static` has a header of its own and sends no key,
 * `hasty` is answered 202 long before a modem is done, `signed` signs its bodies and is as hasty,
 * and `alerts` is an Alertmanager, which is patient and may be answered 202 all the same.
 */
export class Callers {
  readonly #deadlineMs: number;
  readonly #lateMs: number;
  readonly #secrets = {
    static: newSecret(),
    hasty: newSecret(),
    signed: newSecret(),
    alerts: newSecret(),
  };

  /** `deadlineS` is that of a patient one, `lateDeadlineS` that of what was promised. */
  constructor({ deadlineS, lateDeadlineS }: Pick<PlannedPhase, 'deadlineS' | 'lateDeadlineS'>) {
    this.#deadlineMs = deadlineS * 1000;
    this.#lateMs = lateDeadlineS * 1000;
  }

  /** What must not leak. */
  get secrets(): string[] {
    return Object.values(this.#secrets);
  }

  /** Their tables in the configuration; their secrets are written into `folder`. */
  configure(folder: string): string {
    for (const [name, secret] of Object.entries(this.#secrets))
      writeFileSync(join(folder, `${name}-secret`), secret, { mode: 0o600 });
    const table = (name: Exclude<CallerName, 'auth0'>, kind: string, more: readonly string[]) =>
      [
        `[[caller]]\nname = "${name}"\nkind = "${kind}"`,
        `secret_file = "${join(folder, `${name}-secret`)}"`,
        ...more,
      ].join('\n');
    const hasty = [
      `deadline_s = ${hastyMs / 1000}\non_slow = "202"`,
      `late_deadline_s = ${this.#lateMs / 1000}`,
    ];
    return [
      table('static', 'header', [`deadline_s = ${this.#deadlineMs / 1000}\nrepeats_s = 300`]),
      table('hasty', 'bearer', hasty),
      table('signed', 'zitadel', hasty),
      table('alerts', 'alerts', [
        `deadline_s = ${this.#deadlineMs / 1000}\nlate_deadline_s = ${this.#alertMs / 1000}`,
        `recipients = ["${alertRecipient}"]`,
      ]),
    ].join('\n');
  }

  /** How the caller of the message asks for it. @param token Auth0's */
  ask(message: PlannedMessage, token: string): Asking {
    const hasty = { deadlineMs: hastyMs, lateMs: this.#lateMs };
    const deadlineMs = this.#deadlineMs;
    switch (message.caller) {
      case 'auth0':
        return askAsAuth0(token, message, deadlineMs);
      case 'static':
        return native(this.credential('static', token), message, { deadlineMs });
      case 'hasty':
        return native(this.credential('hasty', token), message, hasty);
      case 'signed':
        return { ...this.#sign(message), ...hasty };
      case 'alerts':
        return { ...this.#alert(message), deadlineMs, lateMs: this.#alertMs };
    }
  }

  /** What proves who asks, for those who do not sign. */
  credential(caller: CallerName, token: string): OutgoingHttpHeaders {
    if (caller === 'static') return { 'x-api-key': this.#secrets.static };
    const secret = caller === 'hasty' || caller === 'alerts' ? this.#secrets[caller] : token;
    return { authorization: `Bearer ${secret}` };
  }

  get #alertMs(): number {
    return this.#lateMs + alertAfterMs;
  }

  /** As Zitadel does. */
  #sign({ recipient, text, messageType }: PlannedMessage): Omit<Asking, 'deadlineMs'> {
    const body = JSON.stringify({
      contextInfo: { recipientPhoneNumber: recipient, eventType: messageType },
      templateData: { text },
    });
    const seconds = Math.floor(Date.now() / 1000);
    const hmac = createHmac('sha256', this.#secrets.signed).update(`${seconds}.${body}`);
    const signature = `t=${seconds},v1=${hmac.digest('hex')}`;
    return { path: '/zitadel', body, headers: { 'zitadel-signature': signature } };
  }

  /** As Alertmanager does; the daemon makes the message's very text of it. */
  #alert({ number, text, messageType }: PlannedMessage): Omit<Asking, 'deadlineMs'> {
    const status = 'firing';
    const alert = {
      status,
      fingerprint: String(number),
      startsAt: '2026-11-30T00:00:00Z',
      annotations: { summary: text.replace(alertHead, '') },
    };
    const body = JSON.stringify({ version: '4', status, groupKey: messageType, alerts: [alert] });
    return { path: '/alerts', body, headers: this.credential('alerts', '') };
  }
}

/** What an alert's text begins with. */
export const alertHead = '[FIRING:1] ';

function newSecret(): string {
  return randomBytes(24).toString('hex');
}
