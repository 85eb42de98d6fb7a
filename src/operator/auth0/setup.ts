/**
 * What changes the world outside for the operator: here the tenant at Auth0, beside it the
 * configuration and the service.
 * Knows nothing of: the daemon's inside; it talks to it as anybody would.
 * Way: what is there → a plan that is shown → each step, read back → what to do next.
 */

import type { Auth0View } from '../../config/config.js';
import { NoDaemon } from '../../control/client.js';
import { OperatorError } from '../../errors.js';
import { keyId } from '../../secret/token.js';
import { askFor, choose, mayGoOn } from '../terminal.js';
import { judgeMessage, judgeName, judgePhoneTemplates, judgeToggles } from './check.js';
import {
  type ConnectionOptions,
  chooseConnection,
  concerned,
  listSmsConnections,
  presentOptions,
  type SmsConnection,
  wantedConnection,
} from './connection.js';
import { type Auth0Context, tell } from './environment.js';
import { describeExperience, findExperience, type PhoneExperience } from './experience.js';
import { experiences } from './folder.js';
import { isLocalOnly, judgeGatewayUrl, type Probe, probeGateway } from './gateway-url.js';
import { gatewayOptions, replaceOptions } from './legacy.js';
import type { ManagementApi } from './management.js';
import { neighboursAt, ownerOfAction, ownerOfConnection } from './neighbours.js';
import { diffOptions } from './options-diff.js';
import {
  type AuthSecret,
  configuredSecret,
  generateSecret,
  keyOf,
  keyWords,
  lacksSecret,
  makeSecret,
  refuseShortSecret,
} from './secret.js';
import {
  deployUnified,
  describePlan,
  type Replaced,
  unifiedOptions,
  unifiedSteps,
} from './unified.js';

/** What the flags say. */
export interface Auth0SetupFlags {
  connection?: string;
  gatewayUrl?: string;
  /** Overrides what was found out. */
  experience?: PhoneExperience;
  dryRun?: boolean;
  yes?: boolean;
  /** In the unified experience: whether to create the Action, else to print it. */
  deploy?: boolean;
  /** In the unified experience: whether to replace another's Action or provider. */
  replace?: boolean;
  /**
   * Whether to go on with a gateway URL that Auth0 cannot reach, or that does not answer as
   * simgate.
   */
  anyway?: boolean;
}

const nextStep = ({ callerFlag }: Auth0View) =>
  `Next: \`simgate auth0 test${callerFlag} +49…\` with your own number.`;

/**
 * Sets up whichever phone experience the tenant has. Rejects with `ManagementError` or {@link
 * OperatorError}, having said what was done.
 */
export async function setUpAuth0(
  api: ManagementApi,
  flags: Auth0SetupFlags,
  context: Auth0Context,
): Promise<void> {
  const { config, environment, folder } = context;
  const { terminal } = environment;
  if ((await folder.readRotation()) !== undefined)
    throw new OperatorError(
      `a rotation of the secret is under way: finish it first with \`simgate auth0 rotate${config.callerFlag}\``,
    );
  const earlier = await folder.readSetup(api.domain);
  if (earlier === undefined) await refuseShortSecret(config, environment.env);
  const connections = await listSmsConnections(api);
  const wanted = flags.connection ?? earlier?.connection_id;
  const report = await findExperience(api, connections, wanted);
  for (const line of describeExperience(report)) terminal.say(line);
  // Who says --deploy knows which one is meant, where the tenant does not tell.
  const meant = flags.experience ?? report.experience ?? (flags.deploy ? 'unified' : undefined);
  const experience =
    meant ??
    ((await choose(terminal, 'experience', experiences, '--experience')) as PhoneExperience);
  if (report.isSure && experience !== report.experience)
    terminal.say(
      `warning: the tenant says otherwise than --experience ${experience}: what is set up may never be used`,
    );
  if (experience === 'unified') return setUpUnified(api, connections, flags, context);
  if (flags.deploy || flags.replace)
    throw new OperatorError(
      `--${flags.deploy ? 'deploy' : 'replace'} is for the unified phone experience, and this tenant's connection sends by itself ` +
        `(legacy gateway${report.isSure ? '' : ', inferred'}): leave it out, or say --experience unified. Nothing was changed`,
    );
  await setUpLegacy(api, connections, flags, context);
}

async function setUpLegacy(
  api: ManagementApi,
  connections: readonly SmsConnection[],
  flags: Auth0SetupFlags,
  context: Auth0Context,
): Promise<void> {
  const { config, environment, folder } = context;
  const { terminal } = environment;
  const known = (await folder.readSetup(api.domain))?.connection_id;
  const wanted = wantedConnection(flags.connection, connections, known);
  const connection = await chooseOwnConnection(api.domain, connections, wanted, flags, context);
  const before = presentOptions(connection);
  const gatewayUrl = await chooseGatewayUrl(api.domain, flags, before.gateway_url, context);
  tell([...judgeName(connection), ...judgeMessage(connection, config)], environment);
  const settings = (secret: string) => {
    const { subject, audience, secretBase64Encoded } = config.auth0;
    return gatewayOptions(before, { gatewayUrl, subject, audience, secretBase64Encoded, secret });
  };
  const held = await heldSecret(context);
  terminal.say(`Options of the connection "${connection.name}" (${connection.id}):`);
  const differences = diffOptions(before, settings(held?.text ?? ''));
  for (const line of differences.length > 0 ? differences : ['nothing to change'])
    terminal.say(`  ${line}`);
  const probe = await probeFirst(gatewayUrl, held, flags, context);
  if (differences.length > 0) {
    if (!(await mayGoOn(terminal, `Change them at ${api.domain}?`, flags))) return;
    const secret = await secretOfBoth(gatewayUrl, held, probe, flags, context);
    await sendOptions(api, connection, settings(secret.text), context);
  } else if (flags.dryRun) return;
  await folder.writeSetup({
    version: 1,
    domain: api.domain,
    experience: 'legacy',
    connection_id: connection.id,
    connection_name: connection.name,
    gateway_url: gatewayUrl,
  });
  terminal.say(nextStep(config));
}

/**
 * One that no other caller was set up with, where none is named; taking one over takes its name.
 * Throws {@link OperatorError}.
 */
async function chooseOwnConnection(
  domain: string,
  connections: readonly SmsConnection[],
  wanted: string | undefined,
  flags: Auth0SetupFlags,
  context: Auth0Context,
): Promise<SmsConnection> {
  const { terminal } = context.environment;
  const neighbours = await neighboursAt(domain, context);
  const free = connections.filter((one) => ownerOfConnection(one, neighbours) === undefined);
  const choice = wanted === undefined && free.length > 0 ? free : connections;
  const connection = await chooseConnection(choice, wanted, terminal);
  const owner = ownerOfConnection(connection, neighbours);
  if (owner === undefined) return connection;
  const what = `the connection "${connection.name}" (${connection.id}) was set up for caller "${owner.caller}", which would no longer be used by it`;
  if (flags.connection === undefined)
    throw new OperatorError(
      `${what}: make another connection, or take this one over with --connection ${connection.id}. Nothing was changed`,
    );
  terminal.say(`warning: ${what}`);
  return connection;
}

function sendOptions(
  api: ManagementApi,
  connection: SmsConnection,
  options: ConnectionOptions,
  { config, folder, environment }: Auth0Context,
): Promise<void> {
  const place = { folder, now: environment.now(), before: 'setup' as const };
  const { callerFlag } = config;
  const say = (line: string) => environment.terminal.say(line);
  return replaceOptions(api, connection, options, place, { say, callerFlag });
}

async function setUpUnified(
  api: ManagementApi,
  connections: readonly SmsConnection[],
  flags: Auth0SetupFlags,
  context: Auth0Context,
): Promise<void> {
  const { config, environment, folder } = context;
  const { terminal } = environment;
  await refuseOthersAction(api.domain, flags, context);
  const gatewayUrl = await chooseGatewayUrl(api.domain, flags, undefined, context);
  tell(await judgePhoneTemplates(api, config), environment);
  const options = unifiedOptions(config, gatewayUrl);
  const say = (line: string) => terminal.say(line);
  const control = { replacesOthers: flags.replace === true, wait: environment.wait };
  if (flags.deploy) {
    say(`Action and phone provider at ${api.domain}:`);
    for (const line of await describePlan(api, options, control)) say(`  ${line}`);
  }
  const held = await heldSecret(context);
  const probe = await probeFirst(gatewayUrl, held, flags, context);
  const toggles = () => tell(judgeToggles(concerned(connections, flags.connection)), environment);
  if (flags.deploy && !(await mayGoOn(terminal, `Create and deploy them at ${api.domain}?`, flags)))
    return toggles();
  if (flags.dryRun) {
    say(unifiedSteps(options, keyWords(config, 'secret_file')));
    return toggles();
  }
  const secret = await secretOfBoth(gatewayUrl, held, probe, flags, context);
  const now = environment.now();
  const save = (replaced: Replaced) =>
    folder.saveReplaced(
      { version: 1, domain: api.domain, saved_at: now.toISOString(), ...replaced },
      now,
    );
  if (flags.deploy) await deployUnified(api, options, secret.text, say, { ...control, save });
  else say(unifiedSteps(options, keyWords(config, 'secret_file')));
  toggles();
  await folder.writeSetup({
    version: 1,
    domain: api.domain,
    experience: 'unified',
    gateway_url: gatewayUrl,
  });
  say(nextStep(config));
}

/** A tenant has one Action for phone messages, so only one caller. Throws {@link OperatorError}. */
async function refuseOthersAction(
  domain: string,
  flags: Auth0SetupFlags,
  context: Auth0Context,
): Promise<void> {
  const owner = ownerOfAction(await neighboursAt(domain, context));
  if (owner === undefined) return;
  const what = `the tenant's one Action for phone messages was set up for caller "${owner.caller}", which would no longer be used by it`;
  if (!flags.replace)
    throw new OperatorError(`${what}: --deploy --replace takes it over. Nothing was changed`);
  context.environment.terminal.say(`warning: ${what}`);
}

/**
 * From the flag, what Auth0 has, what was set up before, or a person; one that cannot work throws
 * {@link OperatorError}.
 */
async function chooseGatewayUrl(
  domain: string,
  flags: Auth0SetupFlags,
  atAuth0: unknown,
  { config, folder, environment }: Auth0Context,
): Promise<string> {
  const url =
    flags.gatewayUrl ??
    (typeof atAuth0 === 'string' ? atAuth0 : undefined) ??
    (await folder.readSetup(domain))?.gateway_url ??
    urlOf(config.http.publicUrl, config.auth0.path) ??
    (await askFor(
      environment.terminal,
      'the URL under which Auth0 reaches this gateway, as https://sms.example.com/sms',
      '--gateway-url',
    ));
  const findings = judgeGatewayUrl(url, config.auth0.path);
  const obstacle = findings.find(({ level }) => level === 'error');
  if (obstacle !== undefined) throw new OperatorError(`${obstacle.what}: ${obstacle.remedy ?? ''}`);
  tell(findings, environment);
  if (isLocalOnly(url) && !flags.anyway && !flags.dryRun)
    throw new OperatorError(
      `${url} is known in a local network only, so Auth0 could not post to it: give the URL that the internet has, ` +
        'or say --anyway. Nothing was changed',
    );
  return url;
}

/** What the configuration remembers, for a caller of this path. */
function urlOf(publicUrl: string | undefined, path: string): string | undefined {
  if (publicUrl === undefined || new URL(publicUrl).pathname.endsWith(path)) return publicUrl;
  return new URL(path, publicUrl).href;
}

/** The secret that is configured; undefined when there is none yet. */
async function heldSecret({
  config,
  environment: { env },
}: Auth0Context): Promise<AuthSecret | undefined> {
  return (await lacksSecret(config, env)) ? undefined : configuredSecret(config, env);
}

/**
 * Asks the gateway before anything is changed, and throws {@link OperatorError} when it is not
 * simgate that answers, unless it was only to be looked at. One that refuses the token may hold an
 * older secret, or wait for a first one: {@link secretOfBoth} sees to that.
 */
async function probeFirst(
  gatewayUrl: string,
  held: AuthSecret | undefined,
  flags: Auth0SetupFlags,
  { config, environment }: Auth0Context,
): Promise<Probe> {
  const key = held?.key ?? keyOf(generateSecret(), false);
  const probe = await probeGateway(gatewayUrl, config, key, environment);
  const { level, what, remedy } = probe.finding;
  if (!probe.isSimgate && !flags.dryRun && !flags.anyway) {
    const first =
      held === undefined ? `. The daemon needs its secret before it starts: ${secretHint}` : '';
    throw new OperatorError(
      `${what}: ${remedy}. Nothing was changed; --anyway goes on all the same${first}`,
    );
  }
  // What is said of a key that was made up for this says nothing of the daemon's.
  const isTold = !probe.isSimgate || (held !== undefined && (level === 'ok' || flags.dryRun));
  if (isTold) tell([probe.finding], environment, true);
  return probe;
}

const secretHint = '`sudo simgate setup` makes one, and so does the command in docs/install.md';

/**
 * The secret that a running daemon has taken and that proves itself at the gateway; a new one where
 * there was none. Throws {@link OperatorError}.
 */
async function secretOfBoth(
  gatewayUrl: string,
  held: AuthSecret | undefined,
  probe: Probe,
  flags: Auth0SetupFlags,
  context: Auth0Context,
): Promise<AuthSecret> {
  const secret = held ?? (await newSecret(context));
  await tellDaemon(secret, context);
  if (!probe.isSimgate || (held !== undefined && probe.finding.level === 'ok')) return secret;
  const { finding } = await probeGateway(
    gatewayUrl,
    context.config,
    secret.key,
    context.environment,
  );
  if (finding.level !== 'ok' && !flags.anyway)
    throw new OperatorError(
      `${finding.what}: ${finding.remedy}. Nothing was changed at Auth0; --anyway goes on all the same`,
    );
  tell([finding], context.environment, true);
  return secret;
}

async function newSecret({ config, environment }: Auth0Context): Promise<AuthSecret> {
  const { file, rights } = await makeSecret(config, environment.place);
  const whose =
    rights.mode === 0o640 ? 'root writes and group simgate reads it' : 'its owner only reads it';
  environment.terminal.say(
    `A new secret is in ${file} (mode ${rights.mode.toString(8)}: ${whose}).`,
  );
  return configuredSecret(config, environment.env);
}

/** Has a running daemon take the secret before Auth0 signs with it. */
async function tellDaemon(
  secret: AuthSecret,
  { daemon, environment }: Auth0Context,
): Promise<void> {
  const isTold = async () => (await daemon.acceptedKeys()).current.keyId === keyId(secret.key);
  try {
    if (await isTold()) return;
    await daemon.reload();
    if (!(await isTold()))
      throw new OperatorError(
        'the running daemon does not take the secret of its file: restart it, then run this again. Nothing was changed at Auth0',
      );
  } catch (thrown) {
    if (!(thrown instanceof NoDaemon)) throw thrown;
    environment.terminal.say(
      'No daemon runs yet: start it before the first login (sudo systemctl start simgate).',
    );
  }
}
