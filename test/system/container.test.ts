/**
 * The image of packaging/container, built from a base that is made here, for no registry can be
 * asked. What buildah's isolation by chroot gives holds for the files, the user and the program;
 * compose.yaml's cgroup rules, read-only root and health check are the business of a runtime that
 * is not there.
 */
import {
  type ChildProcess,
  execFileSync,
  type SpawnSyncReturns,
  spawn,
  spawnSync,
} from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SignJWT } from 'jose';
import { afterAll, describe, expect, test } from 'vitest';
import { version } from '../../src/version.js';
import { freePort } from './free-port.js';
import { quickPackage, trixieArchive } from './made-once.js';

const repository = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'simgate-container-'));
let daemon: ChildProcess | undefined;
afterAll(() => {
  daemon?.kill('SIGKILL');
  // buildah mounts its storage onto itself, and containers in it.
  const points = [...readFileSync('/proc/mounts', 'utf8').matchAll(/^\S+ (\S+)/gm)]
    .map(([, point = '']) => point)
    .filter((point) => point.startsWith(`${folder}/`));
  for (const point of points.reverse()) execFileSync('umount', ['--lazy', point]);
  rmSync(folder, { recursive: true });
}, 120_000);

const storage = [
  '--storage-driver',
  'vfs',
  '--root',
  join(folder, 'root'),
  '--runroot',
  join(folder, 'run'),
];
const env = { ...process.env, BUILDAH_ISOLATION: 'chroot' };

const tryBuildah = (...args: string[]): SpawnSyncReturns<string> =>
  spawnSync('buildah', [...storage, ...args], { env, encoding: 'utf8' });

/** What it says; throws when it does not end well. */
function buildah(...args: string[]): string {
  const { status, stdout, stderr } = tryBuildah(...args);
  if (status !== 0) throw new Error(`buildah ${args.join(' ')} ended with ${status}:\n${stderr}`);
  return stdout.trim();
}

/** Why no image can be made here. */
function obstacle(): string | undefined {
  for (const program of ['mmdebstrap', 'buildah'])
    if (spawnSync(program, ['--version']).error !== undefined) return `there is no ${program}`;
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0)
    return 'no namespaces may be had';
  return undefined;
}
const why = obstacle();

describe(`the image${why === undefined ? '' : ` (not tried: ${why})`}`, () => {
  test.skipIf(why !== undefined)(
    'is not root’s; its demo sends; its daemon sends with the configuration and the state of volumes, is alive for the health check, and ends at SIGTERM',
    { timeout: 900_000 },
    async () => {
      const scratch = buildah('from', 'scratch');
      buildah('add', '--quiet', scratch, trixieArchive(), '/');
      buildah('commit', '--quiet', scratch, 'localhost/base');
      const deb = `dist-deb/simgate_${version}_amd64.deb`;
      cpSync(quickPackage('amd64'), join(folder, 'context', deb));
      cpSync(join(repository, 'packaging/container'), join(folder, 'container'), {
        recursive: true,
      });
      buildah(
        'build',
        '--quiet',
        '--format=docker',
        '--build-arg=BASE=localhost/base',
        `--build-arg=DEB=${deb}`,
        `--file=${join(folder, 'container/Containerfile')}`,
        '--tag=simgate',
        join(folder, 'context'),
      );
      const container = buildah('from', 'localhost/simgate');
      expect(buildah('run', container, 'id', '--user')).toBe('10001');
      const demo = tryBuildah('run', container, 'simgate', 'demo', '--once');
      expect(demo.stdout.match(/answer: \d+/g), demo.stderr).toEqual([
        'answer: 200',
        'answer: 502',
        'answer: 401',
        'answer: 504',
      ]);

      const [config, state] = [join(folder, 'config'), join(folder, 'state')];
      const admin = join(folder, 'admin');
      const port = await freePort();
      const secret = 'a secret of thirty-two octets, or more';
      mkdirSync(config);
      for (const own of [state, admin]) mkdirSync(own);
      writeFileSync(
        join(config, 'simgate.toml'),
        `[http]
listen = "127.0.0.1:${port}"
[admin]
listen = "unix:/run/simgate-admin/admin.sock"
[control]
socket = "/var/lib/simgate/control.sock"
[auth0]
subject = "urn:Auth0"
audience = "urn:MySmsGateway"
secret_file = "/etc/simgate/auth0-secret"
[policy]
countries = ["DE"]
[[modem]]
name = "main"
device = "/var/lib/simgate/modem"
`,
      );
      writeFileSync(join(config, 'auth0-secret'), secret, { mode: 0o400 });
      chownSync(join(config, 'auth0-secret'), 10001, 10001);
      for (const own of [state, admin]) chownSync(own, 10001, 10001);
      chmodSync(state, 0o700);
      const script = `simgate simulate --link /var/lib/simgate/modem --record /var/lib/simgate/network &
echo $! >/var/lib/simgate/modem-pid
until [ -e /var/lib/simgate/modem ]; do sleep 0.1; done
echo $$ >/var/lib/simgate/pid
exec simgate serve`;
      const volumes = [
        `--volume=${config}:/etc/simgate:ro`,
        `--volume=${state}:/var/lib/simgate`,
        `--volume=${admin}:/run/simgate-admin`,
      ];
      const running = spawn(
        'buildah',
        [...storage, 'run', ...volumes, container, 'sh', '-c', script],
        { env, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      daemon = running;
      const ended = once(running, 'exit');
      const said: string[] = [];
      const ready = new Promise<void>((resolve, reject) => {
        const look = (line: string): void => {
          said.push(line);
          if (/modem main is ready/.test(line)) resolve();
        };
        createInterface({ input: running.stdout }).on('line', look);
        createInterface({ input: running.stderr }).on('line', look);
        void ended.then(([code]) =>
          reject(new Error(`it ended with ${code}:\n${said.join('\n')}`)),
        );
      });
      await ready;

      const health = /"Test":\s*\[\s*"CMD",\s*("[\s\S]*?")\s*\]/.exec(
        buildah('inspect', 'localhost/simgate'),
      );
      const check = JSON.parse(`[${health?.[1]}]`) as string[];
      const isHealthy = (): boolean =>
        tryBuildah('run', ...volumes, container, ...check).status === 0;
      expect(isHealthy()).toBe(true);
      expect(
        execFileSync(
          'curl',
          ['-s', '--unix-socket', join(admin, 'admin.sock'), 'http://simgate/readyz'],
          {
            encoding: 'utf8',
          },
        ),
      ).toBe('ready\n');

      const token = await new SignJWT({})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject('urn:Auth0')
        .setAudience('urn:MySmsGateway')
        .setIssuedAt()
        .setExpirationTime('1m')
        .setJti('container')
        .sign(new TextEncoder().encode(secret));
      const answer = await fetch(`http://127.0.0.1:${port}/sms`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ recipient: '+4915112345678', body: 'Your code is 417093' }),
      });
      expect(answer.status, await answer.text()).toBe(200);
      expect(readFileSync(join(state, 'network'), 'utf8')).toContain('Your code is 417093');

      process.kill(Number(readFileSync(join(state, 'pid'), 'utf8')), 'SIGTERM');
      expect((await ended)[0], said.join('\n')).toBe(0);
      expect(isHealthy()).toBe(false);
      // Without a PID namespace this one does not end with the container's first process.
      process.kill(Number(readFileSync(join(state, 'modem-pid'), 'utf8')), 'SIGTERM');
    },
  );
});
