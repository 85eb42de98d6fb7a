import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import jwt from 'jsonwebtoken';
import { UnifiedTenant } from './unified-stand-in.js';

type Json = Record<string, unknown>;

/** A connection as the tenant keeps it. */
export interface StandInConnection {
  id: string;
  name: string;
  strategy: string;
  display_name?: string;
  realms: string[];
  enabled_clients: string[];
  options: Json;
}

/** A request that the stand-in got. */
export interface SeenRequest {
  method: string;
  path: string;
  authorization: string | undefined;
  body: Json | undefined;
}

/** How a request goes wrong on its way, or on the way back of its answer. */
export interface Fault {
  method: string;
  path: RegExp;
  /**
   * A page of a proxy's in place of the answer, that status with Auth0's words, or a connection
   * that ends.
   */
  as: 'html' | 'hangup' | number;
  /** Whether Auth0 had done what was asked. */
  isDone: boolean;
  /** How often; each one is used up. */
  times: number;
}

/** What Auth0 puts in place of options that a PATCH leaves out. */
const defaultOptions: Json = {
  brute_force_protection: true,
  disable_signup: false,
  syntax: 'md_with_macros',
  template: 'Your verification code is: @@password@@',
  totp: { time_step: 180, length: 6 },
};

export const allScopes = [
  'read:connections',
  'update:connections',
  'read:connections_options',
  'update:connections_options',
  'read:tenant_settings',
  'read:phone_providers',
  'read:phone_templates',
];

export const management = {
  token: 'management-token-of-this-test',
  clientId: 'app',
  clientSecret: 'app-secret',
};

/**
 * One tenant of Auth0: the part of the Management API that the set-up uses, with the traps that its
 * documents and users tell of, and `/passwordless/start`, which calls the gateway as the legacy
 * experience does.
 *
 * - Without `read:connections_options` a connection has no `options`; without
 *   `update:connections_options` a PATCH with them fails.
 * - A PATCH replaces all options, and what is left out becomes the default; `display_name` left out
 *   becomes the name; `realms` left out or empty gets the name; `enabled_clients` switches the
 *   connection off for all that it leaves out.
 * - 429 with `X-RateLimit-Reset` in seconds of the epoch.
 * - `use_phone_provider` of a connection decides who sends; where it was never touched, a provider
 *   of its own goes on sending.
 * - Connections come in pages, by checkpoint, or by number where that is all it knows.
 * - Secrets are shown, left out, or masked by asterisks; any answer may get lost, with the change
 *   made or not.
 */
export class Auth0StandIn {
  readonly requests: SeenRequest[] = [];
  readonly unified = new UnifiedTenant();
  scopes = new Set(allScopes);
  /** `phone_consolidated_experience`; undefined: the tenant does not say. */
  phoneFlag: boolean | undefined = false;
  phoneTemplates: Json[] = [];
  connections: StandInConnection[] = [twilioConnection()];
  /**
   * Whether GET shows `gateway_authentication.secret` and `twilio_token`, which is not documented.
   */
  showsSecrets: boolean | 'masked' = true;
  /** Whether it knows `take` and `from`, else `page` and `per_page` only. */
  knowsCheckpoints = true;
  faults: Fault[] = [];
  /** Whether a PATCH is answered as usual and forgotten. */
  ignoresPatches = false;
  /** Requests that are turned away, and when it says that this ends, in seconds from now. */
  rateLimit = { requests: 0, resetsInS: 3 };
  /** The code of the latest message. */
  code = 417_093;
  readonly #server: Server;
  readonly #otherTokens = new Set<string>();

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: Error) => response.destroy(error));
    });
  }

  static async start(): Promise<Auth0StandIn> {
    const standIn = new Auth0StandIn();
    standIn.#server.listen(0, '127.0.0.1');
    await once(standIn.#server, 'listening');
    return standIn;
  }

  /** What `--domain` takes. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** The tenant's phone provider sends for all connections, as in a tenant that has moved. */
  moveToUnified(): void {
    this.phoneFlag = true;
    for (const { options } of this.connections) options.use_phone_provider = true;
    for (const what of ['actions', 'phone_providers'])
      for (const verb of ['read', 'create', 'update']) this.scopes.add(`${verb}:${what}`);
  }

  /** The requests that could have changed something. */
  get writes(): SeenRequest[] {
    return this.requests.filter(({ method, path }) => method !== 'GET' && path.startsWith('/api/'));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const seen: SeenRequest = {
      method: request.method!,
      path: request.url!,
      authorization: request.headers.authorization,
      body: text === '' ? undefined : (JSON.parse(text) as Json),
    };
    this.requests.push(seen);
    const fault = this.faults.find(
      ({ method, path, times }) => times > 0 && method === seen.method && path.test(seen.path),
    );
    const isLost = fault !== undefined && !fault.isDone;
    const { status, body, headers } = isLost
      ? { status: 0, body: undefined }
      : await this.#answer(seen);
    if (fault === undefined) {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
      response.end(JSON.stringify(body));
      return;
    }
    fault.times -= 1;
    if (fault.as === 'hangup') response.destroy();
    else if (fault.as === 'html')
      response
        .writeHead(502, { 'content-type': 'text/html' })
        .end('<html><body>Bad Gateway</body></html>');
    else response.writeHead(fault.as).end(JSON.stringify({ message: 'Internal Server Error' }));
  }

  async #answer(
    seen: SeenRequest,
  ): Promise<{ status: number; body: unknown; headers?: Record<string, string> }> {
    if (this.rateLimit.requests > 0) {
      this.rateLimit.requests -= 1;
      const reset = Math.floor(Date.now() / 1000) + this.rateLimit.resetsInS;
      return {
        ...refusal(429, 'Too Many Requests', 'Global limit has been reached', 'too_many_requests'),
        headers: { 'x-ratelimit-reset': String(reset), 'x-ratelimit-remaining': '0' },
      };
    }
    if (seen.path === '/oauth/token') return this.#giveToken(seen.body ?? {});
    if (seen.path === '/passwordless/start') return this.#startLogin(seen.body ?? {});
    const bearer = /^Bearer (.+)$/.exec(seen.authorization ?? '')?.[1] ?? '';
    if (bearer !== management.token && !this.#otherTokens.has(bearer))
      return refusal(401, 'Unauthorized', 'Invalid token', 'invalid_token');
    return this.#answerApi(seen);
  }

  #giveToken(body: Json): { status: number; body: unknown } {
    const isRight =
      body.client_id === management.clientId &&
      body.client_secret === management.clientSecret &&
      body.grant_type === 'client_credentials';
    if (!isRight)
      return { status: 401, body: { error: 'access_denied', error_description: 'Unauthorized' } };
    if (body.audience !== `${this.origin}/api/v2/`) {
      const description = `Client is not authorized to access "${String(body.audience)}"`;
      return { status: 403, body: { error: 'access_denied', error_description: description } };
    }
    const token = `granted-${this.#otherTokens.size}`;
    this.#otherTokens.add(token);
    return { status: 200, body: { access_token: token, expires_in: 86_400, token_type: 'Bearer' } };
  }

  #answerApi({ method, path, body }: SeenRequest): { status: number; body: unknown } {
    const { pathname, searchParams } = new URL(path, this.origin);
    const [, id, more] = /^\/api\/v2\/connections\/([^/]+)(\/clients)?$/.exec(pathname) ?? [];
    if (id !== undefined)
      return this.#answerConnection(method, decodeURIComponent(id), more, body ?? {});
    switch (`${method} ${pathname}`) {
      case 'GET /api/v2/connections': {
        const strategy = searchParams.get('strategy');
        const fitting = this.connections.filter(
          (one) => strategy === null || one.strategy === strategy,
        );
        return this.#with('read:connections', () => this.#page(fitting, searchParams));
      }
      case 'GET /api/v2/tenants/settings':
        return this.#with('read:tenant_settings', () =>
          this.phoneFlag === undefined ? {} : { phone_consolidated_experience: this.phoneFlag },
        );
      case 'GET /api/v2/branding/phone/templates':
        return this.#with('read:phone_templates', () => ({ templates: this.phoneTemplates }));
      default:
        this.unified.scopes = this.scopes;
        return (
          this.unified.answer(method, path, body) ??
          refusal(404, 'Not Found', 'Not Found', 'not_found')
        );
    }
  }

  /** A checkpoint is opaque: here it is a place in the list. */
  #page(connections: StandInConnection[], query: URLSearchParams): unknown {
    const show = (from: number, count: number) =>
      connections.slice(from, from + count).map((one) => this.#shown(one));
    if (this.knowsCheckpoints && query.has('take')) {
      const [from, take] = [
        Number(query.get('from') ?? 0),
        Math.min(100, Number(query.get('take'))),
      ];
      const end = from + take;
      return {
        connections: show(from, take),
        ...(end < connections.length && { next: String(end) }),
      };
    }
    const count = Math.min(100, Number(query.get('per_page') ?? 50));
    return show(Number(query.get('page') ?? 0) * count, count);
  }

  #answerConnection(
    method: string,
    id: string,
    more: string | undefined,
    body: Json,
  ): { status: number; body: unknown } {
    const found = this.connections.find((one) => one.id === id);
    if (found === undefined)
      return refusal(404, 'Not Found', 'The connection does not exist', 'inexistent_connection');
    if (more !== undefined)
      return this.#with('read:connections', () => ({
        clients: found.enabled_clients.map((client) => ({ client_id: client })),
      }));
    if (method === 'GET') return this.#with('read:connections', () => this.#shown(found));
    if ('options' in body && !this.scopes.has('update:connections_options'))
      return lacking('update:connections_options');
    return this.#with('update:connections', () => {
      if (!this.ignoresPatches) patch(found, body);
      return this.#shown(found);
    });
  }

  #with(scope: string, answer: () => unknown): { status: number; body: unknown } {
    return this.scopes.has(scope) ? { status: 200, body: answer() } : lacking(scope);
  }

  #shown(connection: StandInConnection): Json {
    const { options, ...rest } = structuredClone(connection);
    if (!this.scopes.has('read:connections_options')) return rest;
    const authentication = options.gateway_authentication as Json | undefined;
    for (const [holder, name] of [
      [options, 'twilio_token'],
      [authentication, 'secret'],
    ] as const) {
      if (holder?.[name] === undefined || this.showsSecrets === true) continue;
      if (this.showsSecrets === 'masked') holder[name] = '********';
      else delete holder[name];
    }
    return { ...rest, options };
  }

  /** As the legacy experience does it: waits for the gateway, and words its status. */
  async #startLogin(body: Json): Promise<{ status: number; body: unknown }> {
    const connection = this.connections.find(({ name }) => name === body.connection);
    if (connection === undefined || !connection.enabled_clients.includes(String(body.client_id)))
      return {
        status: 400,
        body: { error: 'bad.connection', error_description: 'Connection does not exist' },
      };
    const { options } = connection;
    // The unified experience: Auth0 answers before anything is sent.
    if (options.use_phone_provider === true)
      return { status: 200, body: { phone_number: body.phone_number } };
    if (options.provider !== 'sms_gateway')
      return { status: 200, body: { phone_number: body.phone_number } };
    const status = await this.#callGateway(options, String(body.phone_number));
    if (status === 200)
      return { status: 200, body: { _id: 'u1', phone_number: body.phone_number } };
    const description =
      status === 401
        ? 'Authentication failed while calling the SMS gateway: 401'
        : `Unexpected response while calling the SMS gateway: ${status}`;
    return { status: 400, body: { error: 'sms_provider_error', error_description: description } };
  }

  async #callGateway(options: Json, recipient: string): Promise<number> {
    const { subject, audience, secret, secret_base64_encoded } =
      options.gateway_authentication as Record<string, string>;
    const key = secret_base64_encoded ? Buffer.from(secret!, 'base64url') : secret!;
    const token = jwt.sign({}, key, { algorithm: 'HS256', subject: subject!, audience: audience! });
    this.code += 1;
    const response = await fetch(String(options.gateway_url), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        recipient,
        body: String(options.template).replace('@@password@@', String(this.code)),
        sender: options.from,
        req: { ip: '203.0.113.9', 'user-agent': 'a browser' },
      }),
    });
    await response.arrayBuffer();
    return response.status;
  }
}

/** As Auth0's guide shows it before the change. */
export function twilioConnection(more: Partial<StandInConnection> = {}): StandInConnection {
  return {
    id: 'con_UX85K7K0N86INi9U',
    name: 'sms',
    strategy: 'sms',
    realms: ['sms'],
    enabled_clients: ['spa-of-this-test'],
    options: {
      disable_signup: true,
      name: 'sms',
      twilio_sid: 'AC00000000000000000000000000000001',
      twilio_token: 'twilio-token-of-this-test',
      messaging_service_sid: null,
      from: '+15555550123',
      syntax: 'md_with_macros',
      template: 'Your SMS verification code is: @@password@@',
      totp: { time_step: 300, length: 6 },
      brute_force_protection: true,
    },
    ...more,
  };
}

function patch(connection: StandInConnection, body: Json): void {
  if ('options' in body) connection.options = { ...defaultOptions, ...(body.options as Json) };
  connection.display_name =
    typeof body.display_name === 'string' ? body.display_name : connection.name;
  const realms = (body.realms as string[] | undefined) ?? connection.realms;
  connection.realms =
    'realms' in body && realms.length > 0 ? realms : [...new Set([...realms, connection.name])];
  if ('enabled_clients' in body) connection.enabled_clients = body.enabled_clients as string[];
}

const lacking = (scope: string) =>
  refusal(403, 'Forbidden', `Insufficient scope, expected any of: ${scope}`, 'insufficient_scope');

function refusal(
  status: number,
  error: string,
  message: string,
  errorCode: string,
): { status: number; body: Json } {
  return { status, body: { statusCode: status, error, message, errorCode } };
}
