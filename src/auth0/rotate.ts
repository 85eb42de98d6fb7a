/** `simgate auth0 rotate`: finds out whom the new secret is for, and turns the wheel of rotation.ts. */

import { ControlError } from '../control/protocol.js';
import { listSmsConnections, presentOptions, readConnection } from './connection.js';
import { type RotationRecord, worldNames } from './folder.js';
import { replaceOptions, withSecret } from './legacy.js';
import type { ManagementApi } from './management.js';
import { describeStep, type RotationTarget, rotate } from './rotation.js';
import { chooseConnection, type Workbench } from './setup.js';
import { setUnifiedSecret } from './unified.js';
import { findWorld, type World } from './worlds.js';

/** What the flags say. */
export interface RotateFlags {
  connection?: string;
  world?: World;
  /** Longest wait for a login with the new secret, in minutes. */
  wait: number;
}

/** Begins a rotation, or goes on with the one that is noted. Rejects with `ManagementError` or {@link ControlError}. */
export async function rotateSecret(api: ManagementApi, flags: RotateFlags, bench: Workbench): Promise<void> {
  const { config, folder, daemon, surroundings } = bench;
  const { terminal, wait, clock, now } = surroundings;
  const begun = await folder.readRotation();
  if (begun !== undefined && begun.domain !== api.domain)
    throw new ControlError(
      `a rotation is under way for ${begun.domain}: finish it, or give it up with --forget`,
    );
  const target = begun ?? (await findTarget(api, flags, bench));
  const say = (line: string) => terminal.say(line);
  await rotate(
    {
      config,
      folder,
      daemon,
      tellAuth0: (secret) => tellAuth0(api, target, secret, bench),
      patienceMs: flags.wait * 60_000,
      say,
      wait,
      clock,
      now,
    },
    target,
  );
}

/** How far a rotation has come, for people. */
export function describeRotation(record: RotationRecord | undefined): string[] {
  if (record === undefined) return ['No rotation is under way.'];
  return [
    `A rotation for ${record.domain} is under way since ${record.begun_at}: ${describeStep(record)}.`,
    'The same command without --status goes on with it.',
  ];
}

/** Looks at Auth0 before anything is made, so that a tenant that is not set up is told at once. */
async function findTarget(
  api: ManagementApi,
  flags: RotateFlags,
  { folder, surroundings }: Workbench,
): Promise<RotationTarget> {
  const setup = await folder.readSetup();
  const connections = await listSmsConnections(api);
  const world = flags.world ?? (await findWorld(api, connections)).world ?? setup?.world;
  if (world === undefined)
    throw new ControlError(
      `which world the tenant lives in cannot be told: name it with --world ${worldNames.join('|')}`,
    );
  const target = { domain: api.domain, world };
  if (world === 'unified') return target;
  const known = connections.find(({ id }) => id === setup?.connection_id)?.name;
  const connection = await chooseConnection(connections, flags.connection ?? known, surroundings);
  withSecret(presentOptions(connection), '');
  return { ...target, connection_id: connection.id };
}

async function tellAuth0(
  api: ManagementApi,
  { world, connection_id: id }: RotationTarget,
  secret: string,
  { surroundings }: Workbench,
): Promise<void> {
  const say = (line: string) => surroundings.terminal.say(`     ${line}`);
  if (world === 'unified') return setUnifiedSecret(api, secret, say, { wait: surroundings.wait });
  const connection = await readConnection(api, id!);
  // Nothing is saved here: the options of before have a secret that is about to end.
  await replaceOptions(api, connection, withSecret(presentOptions(connection), secret), undefined, say);
}
