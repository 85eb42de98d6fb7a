/**
 * Could the service start now? Judged by the process that asks, so it has to run as the service's
 * user: what root may read and open says nothing of what the service may.
 */

import { once } from 'node:events';
import { constants } from 'node:fs';
import { access, lstat, readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { alertSecretFiles } from '../config/alert-settings.js';
import {
  type Config,
  ConfigError,
  checkConfig,
  type ListenAddress,
  loadConfig,
} from '../config/config.js';
import { whoHolds } from '../control/holder.js';
import { PinMemory, pinsFile } from '../modem/pin-memory.js';
import { refusedOwnNumbers } from '../policy/own-numbers.js';
import { accessFor, nodeRights, ownIdentity } from '../usb/access.js';
import { explainRights } from '../usb/obstacles.js';
import { candidatesFor } from '../usb/select.js';
import { listSticks } from '../usb/sticks.js';
import { systemRoots } from '../usb/sysfs.js';
import { about, error, type Finding, obstacleFinding, warning } from './finding.js';
import { readOnlyRemedy } from './remedies.js';

/** All that would keep it from starting, or from its files. Changes nothing. */
export async function judgeStart(configFile: string, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const config = configOrNone(configFile, env);
  const findings = judgeConfiguration(configFile, config, env);
  if (config === undefined) return findings;
  const running = await judgeRunning(config);
  if (running !== undefined) return [running, ...findings];
  return [
    ...findings,
    ...(await judgeStateDir(config.stateDir)),
    ...(await judgePins(config)),
    ...(await judgeTtys(config)),
    ...(await judgeAddress('http', config.http.listen)),
    ...('path' in config.admin.listen
      ? await judgeSocket(config.admin.listen.path)
      : await judgeAddress('admin', config.admin.listen)),
  ];
}

/**
 * A daemon that runs, and that nobody can ask: it may send all the same, and what it has is not
 * taken by another program.
 */
async function judgeRunning({ stateDir, control }: Config): Promise<Finding | undefined> {
  // What cannot be asked is judged by its rights.
  const pid = await whoHolds(join(stateDir, 'lock')).catch(() => undefined);
  if (pid === undefined) return undefined;
  return error(
    'daemon',
    `a daemon runs (pid ${pid}), but does not answer at ${control.socket}: codes may go out, and nobody can ask it`,
    `it makes that socket anew within ten seconds where it can: look what is at ${control.socket}, move it away, and see that its folder belongs to the service; else sudo systemctl restart simgate`,
  );
}

function configOrNone(configFile: string, env: NodeJS.ProcessEnv): Config | undefined {
  try {
    return loadConfig(configFile, env);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return undefined;
    throw thrown;
  }
}

/** The file, and the secrets that it names. */
function judgeConfiguration(
  configFile: string,
  config: Config | undefined,
  env: NodeJS.ProcessEnv,
): Finding[] {
  const own = config === undefined ? [] : refusedOwnNumbers(config);
  return [...checkConfig(configFile, env).problems, ...own].map(({ path, message, value }) => {
    const where = path === '' ? '' : `${path}: `;
    const what = `${configFile}: ${where}${message}${value === undefined ? '' : ` (it is ${value})`}`;
    const check = path.endsWith('_file') ? 'secret' : 'configuration';
    return error(
      check,
      what,
      isAboutRights(message) ? rightsRemedy(fileAt(path, config) ?? configFile) : mend,
    );
  });
}

const mend = 'correct it; "simgate check-config" says whether all is well then';
const isAboutRights = (message: string) => /EACCES|EPERM|permission denied/i.test(message);

/** The file that a key of the configuration names. */
function fileAt(path: string, config: Config | undefined): string | undefined {
  const named: [string, string | undefined][] = [
    ...(config?.callers ?? []).flatMap(({ place, secretFile, previousSecretFile }) => [
      [`${place}.secret_file`, secretFile] satisfies [string, string | undefined],
      [`${place}.previous_secret_file`, previousSecretFile] satisfies [string, string | undefined],
    ]),
    ...(config?.modems ?? []).map(({ pinFile }, index): [string, string | undefined] => [
      `modem[${index}].pin_file`,
      pinFile,
    ]),
    ...(config === undefined ? [] : alertSecretFiles(config.alerts)),
  ];
  return named.find(([key]) => key === path)?.[1];
}

function rightsRemedy(file: string): string {
  const group = process.getegid?.();
  return `let the service's user, ${userName()}, read it: sudo chgrp ${group} ${file} && sudo chmod 640 ${file}; each folder above it needs x for that user, too`;
}

/** This process's user. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // No line in /etc/passwd has it.
    return String(process.geteuid?.());
  }
}

/** Files that an earlier start has left: root's, if root started it by hand. */
const ownFiles =
  /^(?:journal\.db.*|hmac\.key|clock|pins\.json|habits\.json|history\.jsonl|.*\.flight)$/;

async function judgeStateDir(path: string): Promise<Finding[]> {
  const user = userName();
  const found = await stat(path).catch((thrown: NodeJS.ErrnoException) => thrown);
  if (found instanceof Error) {
    if (found.code !== 'ENOENT') return [unusable(path, found, user)];
    // Made at the start, by the daemon or by the unit.
    const fault = await whyNot(dirname(path), constants.W_OK | constants.X_OK);
    if (fault === undefined || path === unitStateDir) return [];
    return [unusable(path, fault, user)];
  }
  const all = constants.R_OK | constants.W_OK | constants.X_OK;
  const fault = await whyNot(path, all);
  if (fault !== undefined) return [unusable(path, fault, user)];
  const findings: Finding[] = [];
  for (const name of (await readdir(path)).filter((each) => ownFiles.test(each))) {
    const file = join(path, name);
    const why = await whyNot(file, constants.R_OK | constants.W_OK);
    if (why !== undefined) findings.push(unusable(file, why, user));
  }
  return findings.slice(0, 1);
}

/** A file of rights that are wrong is told as such. */
async function judgePins({ stateDir, modems }: Config): Promise<Finding[]> {
  const file = join(stateDir, pinsFile);
  const isNeeded = modems.some(({ pinFile }) => pinFile !== undefined);
  const grade = isNeeded ? error : warning;
  if ((await whyNot(file, constants.R_OK)) !== undefined) return [];
  return PinMemory.open(stateDir).then(
    () => [],
    () => [
      grade(
        'sim',
        `${file}, which keeps what became of PINs, is damaged: no PIN is entered, for that could block a SIM`,
        `make sure that each PIN in a pin_file is right, then sudo rm ${file}`,
      ),
    ],
  );
}

/** What is not plugged in is no matter of rights. */
async function judgeTtys({ modems }: Config): Promise<Finding[]> {
  const sticks = await listSticks(systemRoots);
  const findings: Finding[] = [];
  for (const { name, selector } of modems) {
    const [best] = (await candidatesFor(selector, sticks, systemRoots)).candidates;
    const found = best && (await nodeRights(best.tty));
    if (best === undefined || found === undefined) continue;
    const identity = ownIdentity();
    if ((await accessFor(found, systemRoots, identity)).isPermitted) continue;
    const obstacle = await explainRights(best.tty, found, systemRoots, identity);
    findings.push(about(name, obstacleFinding('rights', obstacle)));
  }
  return findings;
}

/** What `StateDirectory=` of the unit makes, as root. */
const unitStateDir = '/var/lib/simgate';

async function whyNot(path: string, mode: number): Promise<NodeJS.ErrnoException | undefined> {
  return access(path, mode).then(
    () => undefined,
    (thrown: NodeJS.ErrnoException) => thrown,
  );
}

function unusable(path: string, { code = '' }: NodeJS.ErrnoException, user: string): Finding {
  if (code === 'EROFS')
    return error(
      'state_dir',
      `${path} is on a disk that is mounted read-only: the daemon cannot start`,
      readOnlyRemedy,
    );
  const id = `${process.geteuid?.()}:${process.getegid?.()}`;
  return error(
    'state_dir',
    `${path} may not be read and written by ${user} (${code}): the daemon cannot start`,
    `give it back to the service's user: sudo chown -R ${id} ${path}`,
  );
}

/** Whether the address could be bound. What is bound for it is closed at once. */
async function judgeAddress(
  of: 'http' | 'admin',
  { host, port }: ListenAddress,
): Promise<Finding[]> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    return [];
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      return [
        error(
          'port',
          `${of}.listen: port ${port} of ${host} is taken by another program: the daemon cannot start`,
          `"sudo ss -ltnp sport = :${port}" shows which: stop it, or choose another port for ${of}.listen`,
        ),
      ];
    return [
      error(
        'port',
        `${of}.listen: ${host} port ${port} cannot be listened on: ${message}`,
        `choose another address for ${of}.listen; ports below 1024 are not the service's`,
      ),
    ];
  } finally {
    server.close();
  }
}

/** What `RuntimeDirectory=` of the unit makes, as root, at each start. */
const unitRuntimeDir = '/run/simgate';

/** Whether the Unix socket of the admin listener could be made. */
async function judgeSocket(path: string): Promise<Finding[]> {
  const key = `admin.listen: unix:${path}`;
  const there = await lstat(path).catch(() => undefined);
  if (there !== undefined && !there.isSocket())
    return [
      error(
        'port',
        `${key} is there and no socket: the daemon cannot start`,
        'choose another path for admin.listen',
      ),
    ];
  const folder = dirname(path);
  const fault = await whyNot(folder, constants.W_OK | constants.X_OK);
  if (fault === undefined || (fault.code === 'ENOENT' && folder === unitRuntimeDir)) return [];
  const what = fault.code === 'ENOENT' ? 'is not there' : `may not be written by ${userName()}`;
  const id = `${process.geteuid?.()}:${process.getegid?.()}`;
  return [
    error(
      'port',
      `${key} cannot be made, for ${folder} ${what} (${fault.code}): the daemon cannot start`,
      fault.code === 'ENOENT'
        ? `make it for the service's user: sudo install -d -m 2750 -o ${process.geteuid?.()} -g ${process.getegid?.()} ${folder}; or choose a path in ${unitRuntimeDir}`
        : `give the folder to the service's user: sudo chown ${id} ${folder}; or choose a path in ${unitRuntimeDir}`,
    ),
  ];
}
