/** Whether what stands at Auth0 and what simgate is configured with fit together. */

import * as v from 'valibot';
import type { Auth0View } from '../../config/config.js';
import { NoDaemon } from '../../control/client.js';
import { error, type Finding, ok, warning } from '../../doctor/finding.js';
import { keyId } from '../../secret/token.js';
import { escapeControls } from '../../words/foreign.js';
import {
  type Action,
  authorOf,
  authorOfDeployed,
  listActions,
  type Requests,
  readAction,
  shownAction,
} from './action/deployment.js';
import { methodsOf, type PhoneProvider, readPhoneProvider } from './action/phone-provider.js';
import { actionSource, secretName, settingLines, type UnifiedOptions } from './action/source.js';
import {
  hasOwnProvider,
  type SmsConnection,
  togglePlace,
  usesPhoneProvider,
  usualConnectionName,
} from './connection.js';
import type { DaemonLink } from './daemon-link.js';
import type { ExperienceReport, PhoneExperience } from './experience.js';
import { judgeGatewayUrl } from './gateway-url.js';
import { type ManagementApi, ManagementError } from './management.js';
import { isMasked } from './options-diff.js';
import { type AuthSecret, keyOf } from './secret.js';
import { judgeTemplate, templateOf } from './template.js';

const setUpAgain = (callerFlag: string) => `run \`simgate auth0 setup${callerFlag}\``;

/**
 * Who sends, as `experience` says that is acted upon, against what was found out and what was set
 * up (`expected`).
 */
export function judgeExperience(
  { experience: found, isSure, evidence }: ExperienceReport,
  experience: PhoneExperience,
  expected: PhoneExperience | undefined,
  callerFlag: string,
): Finding {
  const check = 'auth0_experience';
  const names: Record<PhoneExperience, string> = {
    legacy: 'legacy gateway',
    unified: 'unified phone experience',
  };
  const because = evidence.join('; ');
  if (found !== undefined && found !== experience)
    return (isSure ? error : warning)(
      check,
      `looked at as --experience ${experience}, but messages go through the ${names[found]}: ${because}`,
      `leave --experience out, or have it so at Auth0 (${togglePlace})`,
    );
  if (expected !== undefined && expected !== experience)
    return error(
      check,
      `messages go through the ${names[experience]} now, and the other one was set up: ${because}`,
      `${setUpAgain(callerFlag)} again, or put it back at Auth0 (${togglePlace})`,
    );
  if (found === undefined)
    return warning(
      check,
      `whether messages go through the ${names[experience]} is not sure: ${because}`,
      `\`simgate auth0 test${callerFlag}\` shows it, and the switch settles it`,
    );
  return ok(
    check,
    `messages go through the ${names[experience]}${isSure ? '' : ` (inferred: ${because})`}`,
  );
}

/** In the unified experience: whether each connection leaves the sending to the phone provider. */
export function judgeToggles(connections: readonly SmsConnection[]): Finding[] {
  const check = 'auth0_toggle';
  const wayOut = `switch it on (dashboard: ${togglePlace}); without that switch the phone provider sends already`;
  return connections.flatMap((connection) => {
    const toggle = usesPhoneProvider(connection);
    const name = `the connection "${escapeControls(connection.name)}"`;
    if (toggle === true) return [ok(check, `${name} leaves the sending to the phone provider`)];
    if (toggle === false)
      return [
        error(check, `${name} has its toggle use_phone_provider off: it sends by itself`, wayOut),
      ];
    if (!hasOwnProvider(connection)) return [];
    const what = `${name} has a provider of its own and no toggle use_phone_provider: it may still send by itself`;
    return [warning(check, what, wayOut)];
  });
}

/** A legacy connection against the configuration. Its options must be there. */
export function judgeConnection(
  connection: SmsConnection,
  config: Auth0View,
  secret: AuthSecret,
): Finding[] {
  const options = connection.options ?? {};
  const findings = [...judgeName(connection), ...judgeMessage(connection, config)];
  if (options.provider !== 'sms_gateway') {
    const what = `the connection "${connection.name}" sends through ${JSON.stringify(options.provider ?? 'twilio')}, not through a gateway`;
    return [...findings, error('auth0_provider', what, setUpAgain(config.callerFlag))];
  }
  findings.push(
    ok('auth0_provider', `the connection "${connection.name}" sends through a gateway`),
  );
  findings.push(
    ...judgeGatewayUrl(
      typeof options.gateway_url === 'string' ? options.gateway_url : '',
      config.auth0.path,
    ),
  );
  findings.push(...judgeAuthentication(options.gateway_authentication, config, secret));
  if (options.forward_req_info !== true && options.forward_req_info !== 'true') {
    const what =
      "Auth0 does not pass the client's address on (forward_req_info), so no limit can go by it";
    findings.push(warning('auth0_forward_req_info', what, setUpAgain(config.callerFlag)));
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
export function judgeMessage({ options }: SmsConnection, config: Auth0View): Finding[] {
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

function judgeAuthentication(found: unknown, config: Auth0View, secret: AuthSecret): Finding[] {
  const parsed = v.safeParse(authenticationSchema, found);
  if (!parsed.success)
    return [
      error(
        'auth0_token',
        'Auth0 sends no token (gateway_authentication is missing): all is refused',
        setUpAgain(config.callerFlag),
      ),
    ];
  const { subject, audience, secretBase64Encoded } = config.auth0;
  const expected = {
    method: 'bearer',
    subject,
    audience,
    secret_base64_encoded: secretBase64Encoded,
  };
  const differing = Object.entries(expected).filter(
    // Auth0's default for the last is false.
    ([name, value]) => (parsed.output[name as keyof typeof expected] ?? false) !== value,
  );
  const findings = differing.map(([name, value]) =>
    error(
      `auth0_${name}`,
      `${name} is ${JSON.stringify(parsed.output[name as keyof typeof expected])} at Auth0 and ${JSON.stringify(value)} here: every token is refused`,
      `${setUpAgain(config.callerFlag)}, or change the configuration`,
    ),
  );
  if (findings.length === 0)
    findings.push(ok('auth0_token', 'method, subject and audience of the token are as configured'));
  return [...findings, judgeSecret(parsed.output.secret, config, secret)];
}

function judgeSecret(found: unknown, config: Auth0View, secret: AuthSecret): Finding {
  const check = 'auth0_secret';
  if (typeof found !== 'string' || found === '' || isMasked(found))
    return ok(
      check,
      'Auth0 does not show the secret: the gateway line below tells whether ours is the daemon’s, a login whether it is Auth0’s',
    );
  if (keyId(keyOf(found, config.auth0.secretBase64Encoded)) === keyId(secret.key))
    return ok(check, 'the secret at Auth0 is the one here');
  return error(
    check,
    'the secret at Auth0 is another one than here: every token is refused',
    setUpAgain(config.callerFlag),
  );
}

/** Whether the running daemon holds the secret of the file. */
export async function judgeDaemon(daemon: DaemonLink, secret: AuthSecret): Promise<Finding> {
  const check = 'auth0_daemon';
  try {
    const { current } = await daemon.acceptedKeys();
    if (current.keyId === keyId(secret.key))
      return ok(check, 'the running daemon holds this secret');
    return error(
      check,
      'the running daemon holds another secret than its file',
      'sudo systemctl restart simgate',
    );
  } catch (thrown) {
    if (!(thrown instanceof NoDaemon)) throw thrown;
    return warning(
      check,
      thrown.message,
      'start it before the first login: sudo systemctl start simgate',
    );
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

/**
 * The tenant's phone templates (scope `read:phone_templates`), which only the unified experience
 * uses.
 */
export async function judgePhoneTemplates(
  api: ManagementApi,
  config: Auth0View,
): Promise<Finding[]> {
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

/**
 * Whether the tenant sends its text messages through an Action as these options make it. Changes
 * nothing. The secret's value cannot be read: only a message shows whether it is right. Needs
 * `read:actions` and `read:phone_providers`.
 */
export async function checkUnified(api: Requests, options: UnifiedOptions): Promise<Finding[]> {
  return [
    ...(await judgeActions(api, options)),
    judgeProvider(await readPhoneProvider(api), options),
  ];
}

const deployAgain = ({ callerFlag = '' }: UnifiedOptions) =>
  `simgate auth0 setup${callerFlag} --deploy`;

async function judgeActions(api: Requests, options: UnifiedOptions): Promise<Finding[]> {
  const check = 'auth0_action';
  const [listed, ...others] = await listActions(api);
  if (listed === undefined)
    return [error(check, 'the tenant has no Action for phone messages', deployAgain(options))];
  if (others.length > 0) {
    const names = [listed, ...others].map(shownAction).join(', ');
    const what = `the tenant has ${others.length + 1} Actions for phone messages: ${names}`;
    return [error(check, what, 'delete all but one: which of them runs is not sure')];
  }
  const action = await readAction(api, listed.id);
  if ((authorOfDeployed(action) ?? authorOf(action)) !== 'simgate') {
    const what = `what the Action ${shownAction(action)} runs is not what simgate wrote`;
    return [error(check, what, `${deployAgain(options)} --replace`)];
  }
  return [judgeCode(action, options), judgeActionSecret(action, options)];
}

function judgeCode(action: Action, options: UnifiedOptions): Finding {
  const check = 'auth0_action';
  const code = action.deployed_version?.code;
  if (code === undefined)
    return error(check, `the Action ${shownAction(action)} is not deployed`, deployAgain(options));
  if (code !== actionSource(options)) {
    const lines = new Set(code.split('\n'));
    const differing = Object.entries(settingLines(options)).filter(([, line]) => !lines.has(line));
    if (differing.length > 0) {
      const names = differing.map(([name]) => name).join(', ');
      return error(
        check,
        `the deployed Action has another ${names} than the configuration`,
        deployAgain(options),
      );
    }
    const what = 'the deployed Action is of another version of simgate, or was changed by hand';
    return warning(check, what, deployAgain(options));
  }
  if (!action.all_changes_deployed)
    return warning(check, 'the Action has changes that are not deployed', deployAgain(options));
  return ok(
    check,
    `the Action ${shownAction(action)} is deployed, and as this configuration makes it`,
  );
}

function judgeActionSecret(
  { deployed_version: version }: Action,
  options: UnifiedOptions,
): Finding {
  const check = 'auth0_action_secret';
  return version?.secrets.some(({ name }) => name === secretName)
    ? ok(
        check,
        `the Action has a secret ${secretName}; what it is cannot be read, a login shows it`,
      )
    : error(check, `the deployed Action has no secret ${secretName}`, deployAgain(options));
}

function judgeProvider(provider: PhoneProvider | undefined, options: UnifiedOptions): Finding {
  const check = 'auth0_phone_provider';
  if (provider === undefined)
    return error(check, 'the tenant has no phone provider', deployAgain(options));
  if (provider.name !== 'custom')
    return error(
      check,
      `the phone provider is ${JSON.stringify(provider.name)}, not "custom"`,
      deployAgain(options),
    );
  if (provider.disabled)
    return error(check, 'the phone provider "custom" is disabled', deployAgain(options));
  const methods = methodsOf(provider.configuration);
  if (!methods.includes('text'))
    return error(check, 'the phone provider does not deliver text messages', deployAgain(options));
  if (methods.length > 1)
    return warning(
      check,
      `the phone provider delivers ${methods.map(escapeControls).join(' and ')}: simgate drops what is not text`,
      'leave it if an MFA factor needs it, and tell your users; else take it out (dashboard: Branding › Phone Provider)',
    );
  return ok(check, 'the phone provider is "custom", for text messages');
}
