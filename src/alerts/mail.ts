/** An alert by e-mail, through a relay. */

import type { Transporter } from 'nodemailer';
import { within } from '../clock/within.js';
import type { MailConfig } from '../config/alert-settings.js';
import { NotTaken, reasonOf, secretIn } from '../outgoing/call.js';
import { foreignWords } from '../words/foreign.js';
import { wordingOf } from './notice.js';
import type { AlertWay } from './way.js';

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
        // A relay that says a word every nine seconds would hold a dialogue for ever.
        await within(wholeMs, signal, (over) => transport.sendMail({ ...mail, signal: over }));
      } catch (error) {
        throw new NotTaken(mailReason(error));
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

/** By nodemailer's own codes; of what the relay says only its reply, without numbers. */
function mailReason(error: unknown): string {
  const { code, originalCode, responseCode, response, cause } = error as MailError;
  if (code === 'EABORT')
    return (cause as DOMException).name === 'TimeoutError'
      ? `it took longer than ${wholeMs / 1000} s`
      : 'simgate was stopped';
  if (code === 'EAUTH') return `the relay refuses user and password${said(responseCode, response)}`;
  if (code === 'ETLS') return 'the relay offers no STARTTLS, or does not understand it';
  if (responseCode !== undefined) return `the relay refuses it${said(responseCode, response)}`;
  return reasonOf(Object.assign(new Error(), { code: originalCode ?? code ?? 'unknown' }));
}

/** An error of the socket has a code of nodemailer's, and keeps its own. */
interface MailError {
  code?: string;
  originalCode?: string;
  responseCode?: number;
  response?: string;
  cause?: unknown;
}

const said = (code: number | undefined, response = ''): string => {
  const words = foreignWords(response, 100);
  return words === '' ? ` (${code ?? 'no code'})` : ` (${words})`;
};
