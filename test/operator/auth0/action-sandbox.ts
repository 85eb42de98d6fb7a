import * as nodeCrypto from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import { onTestFinished } from 'vitest';
import { actionSource, type UnifiedOptions } from '../../../src/operator/auth0/action/source.js';

export const secret = 'the-secret-of-the-action-tests-0123456789';
export const recipient = '+4915112345678';
export const code = '417093';

/**
 * What Auth0 gives the Action (its reference of the trigger custom-phone-provider), as far as it
 * matters.
 */
export interface PhoneEvent {
  secrets: Record<string, string>;
  notification: Record<string, string | undefined>;
  request?: Record<string, unknown>;
  tenant: { id: string };
  transaction?: { correlation_id?: string };
}

export function phoneEvent(notification: PhoneEvent['notification'] = {}): PhoneEvent {
  return {
    secrets: { SIMGATE_SECRET: secret },
    notification: {
      recipient,
      as_text: `Your code is ${code}`,
      as_voice: 'Your code is 4. 1. 7. 0. 9. 3',
      delivery_method: 'text',
      message_type: 'otp_verify',
      code,
      ...notification,
    },
    request: {
      ip: '203.0.113.7',
      user_agent: 'Mozilla/5.0',
      method: 'POST',
      geoip: { cityName: 'Bonn' },
    },
    tenant: { id: 'example' },
    transaction: { correlation_id: 'c-1' },
  };
}

/** What the Action asked of Auth0, in order, and what it said. */
export interface Ran {
  answers: ['retry' | 'drop', string][];
  console: string[];
}

/** What a test may put in the place of the runtime's own. */
export type RuntimeParts = Partial<
  Pick<typeof globalThis, 'fetch' | 'setTimeout' | 'clearTimeout'>
>;

export function optionsFor(gatewayUrl: string): UnifiedOptions {
  return {
    gatewayUrl,
    subject: 'urn:Auth0',
    audience: 'urn:MySmsGateway',
    secretBase64Encoded: false,
  };
}

/**
 * Runs the Action's source as Auth0 does: a CommonJS module among the globals of its Node, with no
 * package installed.
 */
export async function runAction(
  options: UnifiedOptions | string,
  event: PhoneEvent,
  parts: RuntimeParts = {},
): Promise<Ran> {
  const ran: Ran = { answers: [], console: [] };
  const exports: {
    onExecuteCustomPhoneProvider?: (event: PhoneEvent, api: object) => Promise<void>;
  } = {};
  runInNewContext(actionSource(typeof options === 'string' ? optionsFor(options) : options), {
    AbortController,
    Buffer,
    clearTimeout,
    console: { log: (...parts: unknown[]) => ran.console.push(parts.join(' ')) },
    exports,
    fetch,
    require: (name: string) => {
      if (name === 'node:crypto') return nodeCrypto;
      throw new Error(`the Action must do without ${name}`);
    },
    setTimeout,
    ...parts,
  });
  await exports.onExecuteCustomPhoneProvider!(event, {
    notification: {
      retry: (reason: string) => ran.answers.push(['retry', reason]),
      drop: (reason: string) => ran.answers.push(['drop', reason]),
    },
  });
  return ran;
}

/** A request as it came to a gateway that a test plays. */
export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

/** A gateway that answers as `answer` says; ends with the test. */
export async function playGateway(
  answer: RequestListener,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      answer(request, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sms`, received };
}

/** Answers as simgate does when the network took the message. */
export const answerSent: RequestListener = (_request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({ id: 'a1b2', segments: 1, modem: 'main', references: [7], took_ms: 3000 }),
  );
};
