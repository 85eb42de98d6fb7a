/** An alert by e-mail, through a relay. */

import type { Transporter } from 'nodemailer';
import type { MailConfig } from '../config/alert-settings.js';
import { foreignWords } from '../words/foreign.js';
import { wordingOf } from './notice.js';
import { reasonOf, secretIn } from './outgoing.js';
import { type AlertWay, WayError } from './way.js';

export interface MailOptions {
  config: MailConfig;
  /** How this machine calls itself. */
  box: () => string;
}

/** Milliseconds for each step of the dialogue, and for all of it. */
const stepMs = 10_000;
const wholeMs = 30_000;

export function mailWay({ config, box }: MailOptions): AlertWay {
  const { from, to, onlySevere } = config;
  return {
    name: 'mail',
    kind: 'mail',
    settings: config,
    onlySevere,
    async deliver(notice, signal) {
      const { title, text } = wordingOf(notice, box());
      const transport = await transportOf(config);
      const mail = {
        from,
        to,
        subject: title,
        text: `${text}\n`,
        // RFC 3834 5: nobody's absence notice is to answer it.
        headers: { 'Auto-Submitted': 'auto-generated' },
      };
      try {
        await within(transport.sendMail(mail), signal);
      } catch (error) {
        throw error instanceof WayError ? error : new WayError(mailReason(error));
      } finally {
        transport.close();
      }
    },
  };
}

/** Loaded when it is needed: most daemons write no mail. */
async function transportOf(config: MailConfig): Promise<Transporter> {
  const { relay, tls, username, passwordFile } = config;
  const { createTransport } = await import('nodemailer');
  const pass = passwordFile === undefined ? '' : await secretIn(passwordFile);
  return createTransport({
    host: relay.host,
    port: relay.port,
    secure: tls === 'tls',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'off',
    ...(username !== undefined && { auth: { user: username, pass } }),
    connectionTimeout: stepMs,
    greetingTimeout: stepMs,
    socketTimeout: stepMs,
    dnsTimeout: stepMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** A relay that says a word every nine seconds would hold a dialogue for ever. */
async function within(sending: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let giveUp = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    giveUp = () => reject(new WayError(`it took longer than ${wholeMs / 1000} s`));
    timer = setTimeout(giveUp, wholeMs);
    signal.addEventListener('abort', giveUp, { once: true });
  });
  sending.catch(() => undefined);
  try {
    await Promise.race([sending, late]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

/** By nodemailer's own codes; of what the relay says only its reply, without numbers. */
function mailReason(error: unknown): string {
  const { code, responseCode, response } = error as {
    code?: string;
    responseCode?: number;
    response?: string;
  };
  if (code === 'EAUTH') return `the relay refuses user and password${said(responseCode, response)}`;
  if (code === 'ETLS') return 'the relay offers no STARTTLS, or its certificate is not good';
  if (responseCode !== undefined) return `the relay refuses it${said(responseCode, response)}`;
  if (code === 'ETIMEDOUT' || code === 'EDNS' || code === 'ECONNECTION' || code === 'ESOCKET')
    return reasonOf(causeOf(error));
  return reasonOf(error);
}

/** nodemailer gives an error of the socket a code of its own, and keeps the system's as `errno`. */
function causeOf(error: unknown): unknown {
  const { errno, syscall, code, message } = error as NodeJS.ErrnoException;
  if (/certificate/i.test(message))
    return Object.assign(new Error(), { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
  if (errno === undefined && syscall === undefined && code !== 'ETIMEDOUT') {
    const named = /\b(E[A-Z_]{4,}|[A-Z_]*CERT[A-Z_]*)\b/.exec(message)?.[1];
    return Object.assign(new Error(), { code: named ?? code });
  }
  const system = /\b(E[A-Z]{4,})\b/.exec(message)?.[1];
  return Object.assign(new Error(), { code: system ?? code });
}

const said = (code: number | undefined, response = ''): string => {
  const words = foreignWords(response, 100);
  return words === '' ? ` (${code ?? 'no code'})` : ` (${words})`;
};
