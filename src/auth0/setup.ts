/** `simgate auth0 setup`: from a tenant and a configuration to a gateway that Auth0 uses. */

import type { Config } from '../config.js';
import { NoDaemon } from '../control/client.js';
import { ControlError } from '../control/protocol.js';
import { error, type Finding, ok } from '../doctor/finding.js';
import { keyId } from '../key-id.js';
import { judgeMessage, judgeName, judgePhoneTemplates } from './check.js';
import {
  type ConnectionOptions,
  listSmsConnections,
  presentOptions,
  type SmsConnection,
} from './connection.js';
import type { DaemonLink } from './daemon.js';
import type { Auth0Folder } from './folder.js';
import { judgeGatewayUrl, probeGateway } from './gateway-url.js';
import { gatewayOptions, replaceOptions } from './legacy.js';
import type { ManagementApi } from './management.js';
import { diffOptions } from './options-diff.js';
import { type AuthSecret, configuredSecret, lacksSecret, makeSecret } from './secret.js';
import type { Surroundings } from './surroundings.js';
import { agrees, askFor, choose } from './terminal.js';
import { deployUnified, type UnifiedOptions, unifiedSteps } from './unified.js';
import { describeWorld, findWorld, type World } from './worlds.js';

/** What the flags say. */
export interface SetupFlags {
  connection?: string;
  gatewayUrl?: string;
  /** Overrides what was found out. */
  world?: World;
  dryRun?: boolean;
  yes?: boolean;
  /** In the unified world: whether to create the Action, else to print it. */
  deploy?: boolean;
  /** In the unified world: whether to replace another's Action or provider. */
  replace?: boolean;
}

/** All that a command of this family works with. */
export interface Workbench {
  config: Config;
  folder: Auth0Folder;
  daemon: DaemonLink;
  surroundings: Surroundings;
}

/** Findings as lines: nothing for those that are well, unless `isFull`. */
export function tell(findings: readonly Finding[], { terminal }: Surroundings, isFull = false): void {
  for (const { level, what, remedy } of findings) {
    if (level === 'ok' && !isFull) continue;
    terminal.say(`${level}: ${what}`);
    if (remedy !== undefined) terminal.say(`  → ${remedy}`);
  }
}

/** Sets up whichever world the tenant lives in. Rejects with `ManagementError` or {@link ControlError}, having said what was done. */
export async function setUp(api: ManagementApi, flags: SetupFlags, bench: Workbench): Promise<void> {
  const { surroundings, folder } = bench;
  const { terminal } = surroundings;
  if ((await folder.readRotation()) !== undefined)
    throw new ControlError(
      'a rotation of the secret is under way: finish it first with `simgate auth0 rotate`',
    );
  const connections = await listSmsConnections(api);
  const report = await findWorld(api, connections);
  for (const line of describeWorld(report)) terminal.say(line);
  const world =
    flags.world ??
    report.world ??
    ((await choose(terminal, 'world', ['legacy', 'unified'], '--world')) as World);
  if (report.isSure && world !== report.world)
    terminal.say(
      `warning: the tenant's flag says otherwise than --world ${world}: what is set up may never be used`,
    );
  if (world === 'legacy') await setUpLegacy(api, connections, flags, bench);
  else await setUpUnified(api, flags, bench);
}

async function setUpLegacy(
  api: ManagementApi,
  connections: readonly SmsConnection[],
  flags: SetupFlags,
  bench: Workbench,
): Promise<void> {
  const { config, surroundings, folder } = bench;
  const { terminal } = surroundings;
  const connection = await chooseConnection(connections, flags.connection, surroundings);
  const before = presentOptions(connection);
  const gatewayUrl = await chooseGatewayUrl(flags, before.gateway_url, bench);
  tell([...judgeName(connection), ...judgeMessage(connection, config)], surroundings);
  const settings = (secret: string) => {
    const { subject, audience, secretBase64Encoded } = config.auth0;
    return gatewayOptions(before, { gatewayUrl, subject, audience, secretBase64Encoded, secret });
  };
  const known = (await lacksSecret(config, surroundings.env))
    ? undefined
    : configuredSecret(config, surroundings.env);
  terminal.say(`Options of the connection "${connection.name}" (${connection.id}):`);
  const differences = diffOptions(before, settings(known?.text ?? ''));
  for (const line of differences.length > 0 ? differences : ['nothing to change']) terminal.say(`  ${line}`);
  if (differences.length > 0) {
    if (!(await mayGoOn(`Change them at ${api.domain}?`, flags, surroundings))) return;
    const secret = known ?? (await newSecret(bench));
    await tellDaemon(secret, bench);
    await sendOptions(api, connection, settings(secret.text), bench);
  } else if (flags.dryRun) return;
  await folder.writeSetup({
    version: 1,
    domain: api.domain,
    world: 'legacy',
    connection_id: connection.id,
    connection_name: connection.name,
    gateway_url: gatewayUrl,
  });
  await finish(gatewayUrl, bench);
}

function sendOptions(
  api: ManagementApi,
  connection: SmsConnection,
  options: ConnectionOptions,
  { folder, surroundings }: Workbench,
): Promise<void> {
  const place = { folder, now: surroundings.now(), before: 'setup' as const };
  return replaceOptions(api, connection, options, place, (line) => surroundings.terminal.say(line));
}

async function setUpUnified(api: ManagementApi, flags: SetupFlags, bench: Workbench): Promise<void> {
  const { config, surroundings, folder } = bench;
  const { terminal } = surroundings;
  const gatewayUrl = await chooseGatewayUrl(flags, undefined, bench);
  tell(await judgePhoneTemplates(api, config), surroundings);
  const options = unifiedOptions(config, gatewayUrl);
  const question = flags.deploy
    ? `Create and deploy the Action and the phone provider at ${api.domain}?`
    : undefined;
  if (question !== undefined && !(await mayGoOn(question, flags, surroundings))) return;
  if (flags.dryRun) {
    terminal.say(unifiedSteps(options));
    return;
  }
  const secret = (await lacksSecret(config, surroundings.env))
    ? await newSecret(bench)
    : configuredSecret(config, surroundings.env);
  await tellDaemon(secret, bench);
  const say = (line: string) => terminal.say(line);
  if (flags.deploy)
    await deployUnified(api, options, secret.text, say, {
      replacesOthers: flags.replace === true,
      wait: surroundings.wait,
    });
  else terminal.say(unifiedSteps(options));
  await folder.writeSetup({ version: 1, domain: api.domain, world: 'unified', gateway_url: gatewayUrl });
  await finish(gatewayUrl, bench);
}

/** What the Action must know. */
export function unifiedOptions({ auth0 }: Config, gatewayUrl: string): UnifiedOptions {
  const { subject, audience, secretBase64Encoded } = auth0;
  return { gatewayUrl, subject, audience, secretBase64Encoded };
}

/** The `wanted` one (name or id), else the only one, else the one that a person chooses. Throws {@link ControlError}. */
export async function chooseConnection(
  connections: readonly SmsConnection[],
  wanted: string | undefined,
  { terminal }: Surroundings,
): Promise<SmsConnection> {
  if (connections.length === 0)
    throw new ControlError(
      'the tenant has no SMS connection yet: create it in the dashboard (Authentication › Passwordless › SMS), then run this again',
    );
  const find = (key: string) => connections.find(({ id, name }) => id === key || name === key);
  const names = connections.map(({ name }) => name);
  const name = wanted ?? (await choose(terminal, 'connection', names, '--connection'));
  const found = find(name);
  if (found === undefined)
    throw new ControlError(`there is no SMS connection "${name}": there are ${names.join(', ')}`);
  return found;
}

/** From the flag, what Auth0 has, what was set up before, or a person; one that cannot work throws {@link ControlError}. */
async function chooseGatewayUrl(
  flags: SetupFlags,
  atAuth0: unknown,
  { folder, surroundings }: Workbench,
): Promise<string> {
  const url =
    flags.gatewayUrl ??
    (typeof atAuth0 === 'string' ? atAuth0 : undefined) ??
    (await folder.readSetup())?.gateway_url ??
    (await askFor(
      surroundings.terminal,
      'the URL under which Auth0 reaches this gateway, as https://sms.example.com/sms',
      '--gateway-url',
    ));
  const findings = judgeGatewayUrl(url);
  const obstacle = findings.find(({ level }) => level === 'error');
  if (obstacle !== undefined) throw new ControlError(`${obstacle.what}: ${obstacle.remedy ?? ''}`);
  tell(findings, surroundings);
  return url;
}

/** False when it is only looked at, or the person does not agree; both are said. */
async function mayGoOn(question: string, flags: SetupFlags, { terminal }: Surroundings): Promise<boolean> {
  if (flags.dryRun) {
    terminal.say('Nothing was changed (--dry-run).');
    return false;
  }
  if (await agrees(terminal, question, flags.yes === true)) return true;
  terminal.say('Nothing was changed.');
  return false;
}

async function newSecret({ config, surroundings }: Workbench): Promise<AuthSecret> {
  const { file, rights } = await makeSecret(config, surroundings.place);
  const whose = rights.mode === 0o640 ? 'root writes and group simgate reads it' : 'its owner only reads it';
  surroundings.terminal.say(`A new secret is in ${file} (mode ${rights.mode.toString(8)}: ${whose}).`);
  return configuredSecret(config, surroundings.env);
}

/** Has a running daemon take the secret before Auth0 signs with it. */
async function tellDaemon(secret: AuthSecret, { daemon, surroundings }: Workbench): Promise<void> {
  const isTold = async () => (await daemon.acceptedKeys()).current.keyId === keyId(secret.key);
  try {
    if (await isTold()) return;
    await daemon.reload();
    if (!(await isTold()))
      throw new ControlError(
        'the running daemon does not take the secret of its file: restart it, then run this again. Nothing was changed at Auth0',
      );
  } catch (thrown) {
    if (!(thrown instanceof NoDaemon)) throw thrown;
    surroundings.terminal.say(
      'No daemon runs yet: start it before the first login (sudo systemctl start simgate).',
    );
  }
}

async function finish(gatewayUrl: string, { config, surroundings }: Workbench): Promise<void> {
  const { key } = configuredSecret(config, surroundings.env);
  tell([await probeGateway(gatewayUrl, config, key, surroundings)], surroundings, true);
  surroundings.terminal.say('Next: `simgate auth0 test +49…` with your own number.');
}

/** What {@link findWorld} found, as a finding of `check`; `expected` is what was set up. */
export function worldFinding(world: World, isSure: boolean, expected: World | undefined): Finding {
  const name = world === 'legacy' ? 'legacy gateway' : 'unified phone experience';
  if (expected !== undefined && expected !== world)
    return error(
      'auth0_world',
      `the tenant lives in the ${name} now, and was set up for the other one`,
      'run `simgate auth0 setup` again',
    );
  return ok('auth0_world', `the tenant lives in the ${name}${isSure ? '' : ' (inferred)'}`);
}
