/** Whether what stands at Auth0 and what simgate is configured with fit together. */

import * as v from 'valibot';
import type { Config } from '../config.js';
import { NoDaemon } from '../control/client.js';
import { error, type Finding, ok, warning } from '../doctor/finding.js';
import { keyId } from '../key-id.js';
import { type SmsConnection, usualConnectionName } from './connection.js';
import type { DaemonLink } from './daemon.js';
import { judgeGatewayUrl } from './gateway-url.js';
import { type ManagementApi, ManagementError } from './management.js';
import { type AuthSecret, keyOf } from './secret.js';
import { judgeTemplate, templateOf } from './template.js';

const setUpAgain = 'run `simgate auth0 setup`';

/** A legacy connection against the configuration. Its options must be there. */
export function judgeConnection(connection: SmsConnection, config: Config, secret: AuthSecret): Finding[] {
  const options = connection.options ?? {};
  const findings = [...judgeName(connection), ...judgeMessage(connection, config)];
  if (options.provider !== 'sms_gateway') {
    const what = `the connection "${connection.name}" sends through ${JSON.stringify(options.provider ?? 'twilio')}, not through a gateway`;
    return [...findings, error('auth0_provider', what, setUpAgain)];
  }
  findings.push(ok('auth0_provider', `the connection "${connection.name}" sends through a gateway`));
  findings.push(...judgeGatewayUrl(typeof options.gateway_url === 'string' ? options.gateway_url : ''));
  findings.push(...judgeAuthentication(options.gateway_authentication, config, secret));
  if (options.forward_req_info !== true && options.forward_req_info !== 'true') {
    const what = "Auth0 does not pass the client's address on (forward_req_info), so no limit can go by it";
    findings.push(warning('auth0_forward_req_info', what, setUpAgain));
  }
  return findings;
}

/** The name that dashboard and SDKs expect. */
export function judgeName({ name }: SmsConnection): Finding[] {
  if (name === usualConnectionName) return [];
  const what = `the connection is named "${name}": Auth0's dashboard and SDKs know one named "sms" only`;
  return [warning('auth0_connection', what, 'logins must name this connection themselves')];
}

/** What the connection's template costs. */
export function judgeMessage({ options }: SmsConnection, config: Config): Finding[] {
  const template = templateOf(options ?? {});
  return template === undefined ? [] : [judgeTemplate(template, config.message.maxSegments)];
}

const authenticationSchema = v.object({
  method: v.optional(v.unknown()),
  subject: v.optional(v.unknown()),
  audience: v.optional(v.unknown()),
  secret: v.optional(v.unknown()),
  secret_base64_encoded: v.optional(v.unknown()),
});

function judgeAuthentication(found: unknown, config: Config, secret: AuthSecret): Finding[] {
  const parsed = v.safeParse(authenticationSchema, found);
  if (!parsed.success)
    return [
      error(
        'auth0_token',
        'Auth0 sends no token (gateway_authentication is missing): all is refused',
        setUpAgain,
      ),
    ];
  const { subject, audience, secretBase64Encoded } = config.auth0;
  const expected = { method: 'bearer', subject, audience, secret_base64_encoded: secretBase64Encoded };
  const differing = Object.entries(expected).filter(
    // Auth0's default for the last is false.
    ([name, value]) => (parsed.output[name as keyof typeof expected] ?? false) !== value,
  );
  const findings = differing.map(([name, value]) =>
    error(
      `auth0_${name}`,
      `${name} is ${JSON.stringify(parsed.output[name as keyof typeof expected])} at Auth0 and ${JSON.stringify(value)} here: every token is refused`,
      `${setUpAgain}, or change the configuration`,
    ),
  );
  if (findings.length === 0)
    findings.push(ok('auth0_token', 'method, subject and audience of the token are as configured'));
  return [...findings, judgeSecret(parsed.output.secret, config, secret)];
}

function judgeSecret(found: unknown, config: Config, secret: AuthSecret): Finding {
  const check = 'auth0_secret';
  if (typeof found !== 'string' || found === '' || /^[*•]+$/.test(found))
    return ok(
      check,
      'Auth0 does not show the secret: the gateway line below tells whether ours is the daemon’s, a login whether it is Auth0’s',
    );
  if (keyId(keyOf(found, config.auth0.secretBase64Encoded)) === keyId(secret.key))
    return ok(check, 'the secret at Auth0 is the one here');
  return error(check, 'the secret at Auth0 is another one than here: every token is refused', setUpAgain);
}

/** Whether the running daemon holds the secret of the file. */
export async function judgeDaemon(daemon: DaemonLink, secret: AuthSecret): Promise<Finding> {
  const check = 'auth0_daemon';
  try {
    const { current } = await daemon.acceptedKeys();
    if (current.keyId === keyId(secret.key)) return ok(check, 'the running daemon holds this secret');
    return error(
      check,
      'the running daemon holds another secret than its file',
      'sudo systemctl restart simgate',
    );
  } catch (thrown) {
    if (!(thrown instanceof NoDaemon)) throw thrown;
    return warning(check, thrown.message, 'start it before the first login: sudo systemctl start simgate');
  }
}

const templatesSchema = v.object({
  templates: v.array(
    v.object({
      type: v.string(),
      disabled: v.optional(v.nullable(v.boolean())),
      content: v.optional(
        v.object({ body: v.optional(v.object({ text: v.optional(v.nullable(v.string())) })) }),
      ),
    }),
  ),
});

/** Digits of a code in the unified experience, which has no setting for it that the API shows. */
const usualCodeLength = 6;

/** The tenant's phone templates (scope `read:phone_templates`), which only the unified experience uses. */
export async function judgePhoneTemplates(api: ManagementApi, config: Config): Promise<Finding[]> {
  try {
    const answer = await api.request<unknown>('GET', '/api/v2/branding/phone/templates');
    const parsed = v.safeParse(templatesSchema, answer);
    if (!parsed.success) return [];
    return parsed.output.templates.flatMap(({ type, disabled, content }) => {
      const text = content?.body?.text;
      if (disabled === true || typeof text !== 'string' || text === '') return [];
      const template = { text, syntax: 'liquid' as const, codeLength: usualCodeLength };
      return [judgeTemplate(template, config.message.maxSegments, `the template ${type}`)];
    });
  } catch (thrown) {
    if (!(thrown instanceof ManagementError) || (thrown.status !== 403 && thrown.status !== 404))
      throw thrown;
    return [warning('auth0_template', `the phone templates were not judged: ${thrown.message}`)];
  }
}
