/**
 * Changes the secret without a lost login. Each step is done once and noted in `rotation.json`, so
 * that a run that was stopped anywhere is taken up by the next:
 *
 * - begun: the new secret lies beside the old one, in SECRET_FILE.next
 * - accepted: SECRET_FILE is the new one, SECRET_FILE.previous the old one; the daemon takes both
 * - sent: Auth0 has the new one
 * - verified: a message came in that was signed with it; the old one is dropped next
 *
 * At no moment does the daemon, even one that is just being restarted, refuse what Auth0 signs
 * with.
 */

import { link, rename, rm, stat } from 'node:fs/promises';
import type { Auth0View } from '../../config/config.js';
import { previousSecretFileOf } from '../../config/secrets.js';
import { NoDaemon } from '../../control/client.js';
import { OperatorError } from '../../errors.js';
import {
  cannot,
  createPrivateFile,
  readPrivateFile,
  readPrivateLine,
  syncFolder,
} from '../../secret/private-file.js';
import { keyId } from '../../secret/token.js';
import type { AcceptedKeys, DaemonLink } from './daemon-link.js';
import type { Auth0Folder, RotationRecord } from './folder.js';
import { generateSecret, keyOf, keyWords } from './secret.js';

/** Milliseconds between two looks at what the daemon has seen. */
const pollMs = 2_000;
/**
 * How long nothing may have been signed with the old secret before it is dropped: not all of
 * Auth0's machines need have the new one at the same moment.
 */
const graceMs = 60_000;

/** Whom the new secret is for. */
export type RotationTarget = Pick<
  RotationRecord,
  'domain' | 'experience' | 'connection_id' | 'also'
>;

export interface RotationOptions {
  config: Auth0View;
  folder: Auth0Folder;
  daemon: DaemonLink;
  /** Whoever runs this has given both secrets to the other boxes, if there are any. */
  haveOthersBoth: boolean;
  /** Gives Auth0 the secret. May be called again with the same one. */
  tellAuth0: (secret: string) => Promise<void>;
  /** Longest wait for a message signed with the new secret, in milliseconds. */
  patienceMs: number;
  say: (line: string) => void;
  wait: (ms: number) => Promise<void>;
  /** A monotonic clock, in milliseconds. */
  clock: () => number;
  now: () => Date;
}

interface SecretFiles {
  current: string;
  next: string;
  previous: string;
}

/**
 * Goes from wherever the last run came to, to the end. Rejects with {@link OperatorError} where a
 * step cannot be done, and then all that was done so far stays good.
 */
export async function rotate(options: RotationOptions, target: RotationTarget): Promise<void> {
  const { folder, say } = options;
  const files = secretFiles(options.config);
  let record = await folder.readRotation();
  if (record === undefined) record = await begin(options, files, target);
  else
    say(`Going on with the rotation of ${record.begun_at}; done so far: ${describeStep(record)}.`);
  const note = async (done: RotationRecord['done']) => {
    record = { ...record!, done };
    await folder.writeRotation(record);
  };
  if (record.done === 'begun') {
    await swap(options, files, record);
    await haveBothAccepted(options, record);
    await note('accepted');
    say('2/5  The daemon accepts both, the new and the old one.');
  }
  if (record.done === 'accepted') {
    await haveBothAccepted(options, record);
    refuseForBoxes(options, files);
    await options.tellAuth0(await textOf(options, files.current, record.new_key_id));
    await note('sent');
    say('3/5  Auth0 has the new one.');
  }
  if (record.done === 'sent') {
    await haveBothAccepted(options, record);
    await waitForLogin(options, record);
    await note('verified');
    say('4/5  A message signed with the new one came in, and none with the old one for a minute.');
  }
  await drop(options, files, record);
  say('5/5  The old one is dropped. The rotation is done.');
  if (options.config.shared !== undefined)
    say(`     Remove ${files.previous} at the other boxes too, and "sudo simgate reload" there.`);
}

/** Only this box has the new secret: the others would refuse what Auth0 signs with it. */
function refuseForBoxes({ config, haveOthersBoth }: RotationOptions, files: SecretFiles): void {
  if (config.shared === undefined || haveOthersBoth) return;
  const { current, previous } = files;
  throw new OperatorError(
    `other boxes serve the same logins ([shared]), and would refuse what Auth0 signs with the new secret: copy ${current} and ${previous} to each of them, with owner and mode, ` +
      'and "sudo simgate reload" there; then run this again with --others-have-both. Until then Auth0 signs with the old one, which all of them take',
  );
}

/** What has been done, for people. */
export function describeStep({ done }: Pick<RotationRecord, 'done'>): string {
  return {
    begun: 'a new secret is made (1/5)',
    accepted: 'the daemon accepts both (2/5)',
    sent: 'Auth0 has the new one (3/5)',
    verified: 'a login was seen with the new one (4/5)',
  }[done];
}

function secretFiles(config: Auth0View): SecretFiles {
  const { auth0, file, caller, callers } = config;
  const { secretFile: current, previousSecretFile: configured } = auth0;
  if (current === undefined)
    throw new OperatorError(
      `the secret stands in SIMGATE_AUTH0_SECRET, which no command can change: put it into a file, and its path into ${keyWords(config, 'secret_file')} of ${file}`,
    );
  const sharing = callers.filter(
    (other) =>
      other.name !== caller && [other.secretFile, other.previousSecretFile].includes(current),
  );
  if (sharing.length > 0)
    throw new OperatorError(
      `${current} is the secret of ${sharing.map(({ name }) => `caller "${name}"`).join(' and ')}, too, who would be locked out: give each a file of its own. Nothing was changed`,
    );
  const previous = previousSecretFileOf(current);
  // Even if it names that very file: the rotation removes it in the end, and with the key no daemon
  // would start without it.
  if (configured !== undefined)
    throw new OperatorError(
      `take ${keyWords(config, 'previous_secret_file')} out of ${file} once that old secret is no longer needed: a rotation keeps the old one in ${previous} by itself, and the daemon looks there`,
    );
  return { current, next: `${current}.next`, previous };
}

/**
 * Makes the new secret. The file comes before the note, so that a note never names a secret that is
 * nowhere.
 */
async function begin(
  options: RotationOptions,
  files: SecretFiles,
  target: RotationTarget,
): Promise<RotationRecord> {
  const { folder, say, now } = options;
  if ((await readPrivateFile(files.previous)) !== undefined)
    throw new OperatorError(
      `${files.previous} is there from a change by hand: remove it once Auth0 no longer signs with it, then rotate`,
    );
  const oldKeyId = await idOf(options, files.current);
  if (oldKeyId === undefined)
    throw new OperatorError(
      `${files.current} is missing: run \`simgate auth0 setup${options.config.callerFlag}\` first`,
    );
  const { current } = await askKeys(options);
  if (current.keyId !== oldKeyId)
    throw new OperatorError(
      `the daemon runs with another secret than ${files.current} holds: restart it, see that logins work, then rotate`,
    );
  const { uid, gid, mode } = await stat(files.current);
  await createPrivateFile(files.next, `${generateSecret()}\n`, { uid, gid, mode: mode & 0o777 });
  const record: RotationRecord = {
    version: 1,
    ...target,
    old_key_id: oldKeyId,
    new_key_id: (await idOf(options, files.next))!,
    done: 'begun',
    begun_at: now().toISOString(),
  };
  await folder.writeRotation(record);
  say(`1/5  A new secret is made, in ${files.next}.`);
  return record;
}

/**
 * The new secret becomes the current one. A link before a rename, so that both are there whenever
 * the daemon looks.
 */
async function swap(
  options: RotationOptions,
  files: SecretFiles,
  record: RotationRecord,
): Promise<void> {
  const id = await idOf(options, files.current);
  if (id === record.new_key_id) return;
  if (id !== record.old_key_id || (await idOf(options, files.next)) !== record.new_key_id)
    throw new OperatorError(
      `${files.current} or ${files.next} was changed by somebody else: put them back, or give the rotation up with --forget`,
    );
  try {
    await link(files.current, files.previous).catch((error: NodeJS.ErrnoException) => {
      // Left by a run that was stopped between the two; `begin` has seen to it that it is ours.
      if (error.code !== 'EEXIST') throw error;
    });
    await rename(files.next, files.current);
    await syncFolder(files.current);
  } catch (error) {
    throw cannot('be replaced', files.current, error);
  }
}

async function haveBothAccepted(options: RotationOptions, record: RotationRecord): Promise<void> {
  const holdsBoth = ({ current, previous }: AcceptedKeys) =>
    current.keyId === record.new_key_id && previous?.keyId === record.old_key_id;
  if (holdsBoth(await askKeys(options))) return;
  await options.daemon.reload();
  if (holdsBoth(await askKeys(options))) return;
  throw new OperatorError(
    'the daemon has not taken both secrets: see its log, and `simgate check-config`. The rotation goes on with the next run',
  );
}

/**
 * Until a message came in that was signed with the new secret, and none with the old one for a
 * while.
 */
async function waitForLogin(options: RotationOptions, record: RotationRecord): Promise<void> {
  const { config, clock, wait, say, patienceMs } = options;
  say(
    `     Waiting for a login with the new one. \`simgate auth0 test${config.callerFlag} +49…\` in another terminal makes one; Ctrl-C is safe.`,
  );
  const startedAt = clock();
  let quietSince = startedAt;
  let previousSeenAt: string | undefined;
  for (let isFirst = true; ; isFirst = false) {
    const { current, previous } = await askKeys(options);
    if (current.keyId !== record.new_key_id)
      throw new OperatorError(
        'the daemon runs with another secret all of a sudden: run this again',
      );
    if (previous?.seenAt !== previousSeenAt) {
      previousSeenAt = previous?.seenAt;
      if (!isFirst) say('     Auth0 has just signed with the old one again.');
      quietSince = clock();
    }
    if (current.seenAt !== undefined && clock() - quietSince >= graceMs) return;
    if (clock() - startedAt >= patienceMs)
      throw new OperatorError(
        current.seenAt === undefined
          ? 'no login came with the new secret yet. Both are accepted meanwhile, so none is lost: run this again later'
          : 'Auth0 still signs with the old secret now and then. Both are accepted, so no login is lost: run this again later',
      );
    await wait(pollMs);
  }
}

async function drop(
  options: RotationOptions,
  files: SecretFiles,
  record: RotationRecord,
): Promise<void> {
  // Whoever put yet another secret there has ended this rotation in their own way.
  if ((await idOf(options, files.current)) !== record.new_key_id)
    throw new OperatorError(
      `${files.current} was changed by somebody else: give the rotation up with --forget`,
    );
  try {
    await rm(files.previous, { force: true });
    await syncFolder(files.previous);
  } catch (error) {
    throw cannot('be removed', files.previous, error);
  }
  if ((await askKeys(options)).previous !== undefined) await options.daemon.reload();
  if ((await askKeys(options)).previous !== undefined)
    throw new OperatorError(
      'the daemon still accepts the old secret: see its log, and run this again',
    );
  await options.folder.addRetired(record.old_key_id);
  await options.folder.removeRotation();
}

async function askKeys({ daemon }: RotationOptions): Promise<AcceptedKeys> {
  try {
    return await daemon.acceptedKeys();
  } catch (error) {
    if (!(error instanceof NoDaemon)) throw error;
    throw new OperatorError(
      `${error.message}: a rotation needs the running daemon. Start it, and run this again`,
    );
  }
}

/** Which key a file holds; undefined when there is no such file. */
async function idOf(options: RotationOptions, file: string): Promise<string | undefined> {
  const text = await readPrivateLine(file);
  return text === undefined
    ? undefined
    : keyId(keyOf(text, options.config.auth0.secretBase64Encoded));
}

/** The secret in a file, which must still be the one that is meant. */
async function textOf(options: RotationOptions, file: string, id: string): Promise<string> {
  const text = await readPrivateLine(file);
  if (text === undefined || (await idOf(options, file)) !== id)
    throw new OperatorError(
      `${file} was changed by somebody else: give the rotation up with --forget`,
    );
  return text;
}
