import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

type JsonLine = Record<string, unknown>;

/**
 * This machine's Debian over again, for a package to be installed on: the same files below an
 * overlay that keeps what is written in memory, a /run of its own and processes of its own.
 * Whatever happens, it ends with the process that holds it, and this machine is as it was.
 */
export class Machine {
  readonly #folder: string;
  readonly #holder: ChildProcess;
  readonly #pid: number;
  readonly #services = new Set<Service>();

  private constructor(folder: string, holder: ChildProcess, pid: number) {
    this.#folder = folder;
    this.#holder = holder;
    this.#pid = pid;
  }

  /** Rejects when namespaces or overlays may not be had (it takes root, CAP_SYS_ADMIN). */
  static async start(): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), 'simgate-machine-'));
    const script = `set -e
mount -t tmpfs -o size=1g tmpfs ${folder}
mkdir ${folder}/upper ${folder}/work ${folder}/root
mount -t overlay -o lowerdir=/,upperdir=${folder}/upper,workdir=${folder}/work overlay ${folder}/root
mount -t proc proc ${folder}/root/proc
mount --rbind /dev ${folder}/root/dev
mount --rbind /sys ${folder}/root/sys
mount -t tmpfs tmpfs ${folder}/root/run
# What happens to be installed on this machine is not on that one.
if chroot ${folder}/root dpkg -s simgate; then chroot ${folder}/root dpkg --force-all --purge simgate; fi >/dev/null 2>&1 </dev/null
rm -rf ${folder}/root/usr/lib/systemd/system/simgate* ${folder}/root/etc/systemd/system/simgate* ${folder}/root/etc/simgate
echo ready
exec cat`;
    const namespaces = ['--mount', '--pid', '--fork', '--kill-child'];
    const holder = spawn('unshare', [...namespaces, 'sh', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ready = once(createInterface({ input: holder.stdout as Readable }), 'line');
    const ended = once(holder, 'exit').then(() => {
      throw new Error(
        'no machine to install on: that takes root and CAP_SYS_ADMIN (unshare, mount)',
      );
    });
    await Promise.race([ready, ended]);
    ended.catch(() => undefined); // from here on it ends when it is told to
    const pid = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim();
    return new Machine(folder, holder, Number(pid));
  }

  /** A command as root, or as `user` with the groups of that user. */
  run(
    command: readonly string[],
    { user = 'root', input = '' } = {},
  ): { status: number | null; output: string } {
    const [file, ...args] = this.#enter(command, user);
    const result = spawnSync(file as string, args, { encoding: 'utf8', input, timeout: 60_000 });
    if (result.error) throw result.error;
    return { status: result.status, output: result.stdout + result.stderr };
  }

  /** The output of a command that must not fail. */
  must(command: readonly string[], options: { user?: string; input?: string } = {}): string {
    const { status, output } = this.run(command, options);
    if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${output}`);
    return output;
  }

  put(path: string, content: string | Buffer, mode = '644', owner = 'root:root'): void {
    const [file, ...args] = this.#enter(['sh', '-c', 'cat >"$0"', path], 'root');
    const { status, stderr } = spawnSync(file as string, args, { input: content });
    if (status !== 0) throw new Error(`${path}: ${String(stderr)}`);
    this.must(['chown', owner, path]);
    this.must(['chmod', mode, path]);
  }

  /** What stands at `path`, with its folders' contents; each as "MODE OWNER:GROUP PATH". */
  list(path: string): string[] {
    const { status, output } = this.run(['find', path, '-printf', '%#m %u:%g %p\n']);
    return status === 0 ? output.trim().split('\n').sort() : [];
  }

  /** Every file that was made or changed since the start, but for folders. */
  changes(): string[] {
    const upper = `${this.#folder}/upper`;
    const args = [
      `--target=${this.#pid}`,
      '--mount',
      'find',
      upper,
      '!',
      '-type',
      'd',
      // What was taken away from the files below.
      '!',
      '-type',
      'c',
      '-printf',
      '/%P\n',
    ];
    return spawnSync('nsenter', args, { encoding: 'utf8' }).stdout.trim().split('\n').sort();
  }

  /** Starts a program that goes on; it is ended with the machine at the latest. */
  service(command: readonly string[], user = 'root'): Service {
    const [file, ...args] = this.#enter(
      ['sh', '-c', 'echo $$; exec "$@"', 'sh', ...this.#as(user, command)],
      'root',
    );
    const child = spawn(file as string, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const service = new Service(child, (pid) => this.must(['kill', '-TERM', pid]));
    this.#services.add(service);
    return service;
  }

  /** Ends all its processes, and forgets what was written. */
  async stop(): Promise<void> {
    const ended = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await ended;
    await Promise.all([...this.#services].map((service) => service.ended));
    rmSync(this.#folder, { recursive: true });
  }

  #enter(command: readonly string[], user: string): string[] {
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    const env = [
      'env',
      '-i',
      `PATH=${path}`,
      'HOME=/root',
      'LC_ALL=C.UTF-8',
      'DEBIAN_FRONTEND=noninteractive',
    ];
    const root = `${this.#folder}/root`;
    return [
      'nsenter',
      `--target=${this.#pid}`,
      '--mount',
      '--pid',
      'chroot',
      root,
      ...env,
      ...this.#as(user, command),
    ];
  }

  #as(user: string, command: readonly string[]): readonly string[] {
    if (user === 'root') return command;
    const group = user === 'nobody' ? 'nogroup' : user;
    return ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--init-groups', ...command];
  }
}

/** A program that runs on the machine and says JSON lines. */
export class Service {
  readonly lines: JsonLine[] = [];
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  readonly #terminate: (pid: string) => void;
  readonly #waiting = new Set<() => void>();
  #pid = '';
  #lastWords = '';

  constructor(child: ChildProcess, terminate: (pid: string) => void) {
    this.#terminate = terminate;
    createInterface({ input: child.stdout as Readable }).on('line', (line) => this.#take(line));
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#lastWords = (this.#lastWords + bytes.toString()).slice(-2000);
    });
    this.ended = once(child, 'close').then(([code]) => {
      this.#pid = '';
      return code as number | null;
    });
  }

  /**
   * The first line that fits, said already or yet to come; rejects when the program ends before.
   */
  until(fits: (line: JsonLine) => boolean): Promise<JsonLine> {
    const found = new Promise<JsonLine>((resolve) => {
      const look = (): void => {
        const line = this.lines.find(fits);
        if (line === undefined) return;
        this.#waiting.delete(look);
        resolve(line);
      };
      this.#waiting.add(look);
      look();
    });
    const ended = this.ended.then((code) => {
      throw new Error(`it ended with ${code}: ${this.#lastWords}`);
    });
    return Promise.race([found, ended]);
  }

  /** Asks it to end, as systemd does, and waits for that. */
  async stop(): Promise<number | null> {
    if (this.#pid !== '') this.#terminate(this.#pid);
    return this.ended;
  }

  #take(line: string): void {
    if (this.#pid === '') this.#pid = line;
    else this.lines.push(JSON.parse(line) as JsonLine);
    for (const look of this.#waiting) look();
  }
}
