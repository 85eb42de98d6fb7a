import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Step } from './docs-commands.js';

/** What a step left. */
export interface Outcome {
  output: string;
  /** `undefined` when it was never come to. */
  exit: number | undefined;
}

/** As in the documentation. */
const device = '/dev/serial/by-id/usb-HUAWEI_HUAWEI_Mobile-if00-port0';

interface Places {
  /** An empty folder to mount on. */
  folder: string;
  repository: string;
  stepsFile: string;
}

/**
 * A root of its own: this machine's, under a layer that takes all writes and goes with the process;
 * no network but a loopback of its own, no other process, no device but pseudo terminals. As
 * unshare(1) and mount(8) have it, so it takes root.
 */
const enter = ({ folder, repository, stepsFile }: Places) => `
set -euo pipefail
mount -t tmpfs -o mode=755 tmpfs ${folder}
mkdir ${folder}/writes ${folder}/work ${folder}/root ${folder}/clone-writes ${folder}/clone-work
mount -t overlay overlay -o lowerdir=/,upperdir=${folder}/writes,workdir=${folder}/work ${folder}/root
root=${folder}/root
mount -t proc proc $root/proc
mount -t tmpfs -o mode=755 tmpfs $root/dev
for device in null zero full random urandom tty; do
  touch $root/dev/$device
  mount --bind /dev/$device $root/dev/$device
done
mkdir -p $root/dev/pts $root/dev/serial/by-id
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd
for number in 0,stdin 1,stdout 2,stderr; do ln -s /proc/self/fd/\${number%,*} $root/dev/\${number#*,}; done
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
cp ${stepsFile} $root/tmp/steps
mount -t tmpfs -o mode=755 tmpfs $root/run
mkdir -p $root/run/systemd/system
rm -rf $root/etc/simgate $root/var/lib/simgate $root/usr/lib/simgate $root/usr/bin/simgate $root/usr/lib/systemd/system/simgate.service
mkdir -p $root/srv/simgate
mount -t overlay overlay -o lowerdir=${repository},upperdir=${folder}/clone-writes,workdir=${folder}/clone-work $root/srv/simgate
touch $root/usr/local/bin/node
mount --bind ${process.execPath} $root/usr/local/bin/node
# The network is new, and its loopback down.
ip link set lo up
exec chroot $root /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM=dumb NO_COLOR=1 \\
  PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin bash -c 'cd /srv/simgate && exec bash /tmp/steps'
`;

/**
 * In place of what only a booted machine has. `systemctl` does what the unit says, with its user
 * and directories, and without its sandbox.
 */
const standIns: Readonly<Record<string, string>> = {
  sudo: `#!/bin/bash
user=root
while true; do
  case $1 in
    -u) user=$2; shift 2 ;;
    -E) shift ;;
    *) break ;;
  esac
done
[ "$user" = root ] && exec "$@"
exec setpriv --reuid="$user" --regid="$user" --init-groups "$@"
`,
  udevadm: '#!/bin/sh\n',
  systemctl: `#!/bin/bash
unit=/etc/systemd/system/simgate.service
log=/var/log/simgate.log
stop() {
  [ -f /run/simgate.pid ] || return 0
  kill -TERM "$(cat /run/simgate.pid)"
  while kill -0 "$(cat /run/simgate.pid)" 2>/dev/null; do sleep 0.05; done
  rm /run/simgate.pid
  echo stopped
}
start() {
  install -d -o simgate -g simgate -m 700 /var/lib/simgate
  install -d -o simgate -g simgate -m 750 /run/simgate
  : >$log
  chmod 644 $log
  cd /
  umask 0077
  STATE_DIRECTORY=/var/lib/simgate RUNTIME_DIRECTORY=/run/simgate setsid setpriv --reuid=simgate --regid=simgate --init-groups \\
    $(sed -n 's/^ExecStart=//p' $unit) </dev/null >>$log 2>&1 &
  echo $! >/run/simgate.pid
  for _ in $(seq 300); do
    grep -q '"message":"modem main is ready"' $log && { echo started; return 0; }
    kill -0 $! 2>/dev/null || break
    sleep 0.1
  done
  cat $log >&2
  return 1
}
case "$*" in
  'stop simgate' | 'disable --now '*simgate.service*) stop ;;
  'start simgate' | 'enable --now simgate') start ;;
  'restart simgate') stop; start ;;
  'restart redis-server')
    install -d -o redis -g redis /run/redis
    setpriv --reuid=redis --regid=redis --init-groups redis-server /etc/redis/redis.conf --supervised no --daemonize yes
    for _ in $(seq 100); do [ -f /run/redis/redis-server.pid ] && (: </dev/tcp/127.0.0.1/6379) 2>/dev/null && exit 0; sleep 0.1; done
    cat /var/log/redis/redis-server.log >&2; exit 1 ;;
  'daemon-reload' | 'restart systemd-modules-load.service') ;;
  *) echo "the stand-in for systemctl knows no: $*" >&2; exit 1 ;;
esac
`,
};

/**
 * Another machine at the other end of a cable, made when it is first spoken to: the same programs
 * with a network, a configuration, a state and a modem of its own.
 */
const otherMachine = {
  ssh: `#!/bin/bash
shift
if [ ! -f /run/south.pid ]; then
  unshare --net --mount bash /usr/local/bin/south-begins </dev/null >/tmp/south.log 2>&1 &
  south=$!
  for _ in $(seq 200); do [ -e /tmp/south/is-up ] && break; sleep 0.1; done
  ip link add north0 type veth peer name south0 netns $south
  ip addr add 10.9.0.1/24 dev north0 && ip link set north0 up
  nsenter --target $south --net sh -c 'ip addr add 10.9.0.2/24 dev south0 && ip link set south0 up'
  echo $south >/run/south.pid
fi
exec nsenter --target "$(cat /run/south.pid)" --net --mount --root --wd=/root bash -c "$*"
`,
  'south-begins': `#!/bin/bash
set -e
ip link set lo up
own=/tmp/south
mkdir -p $own/lib $own/log
cp -a /etc/simgate $own/etc
rm $own/etc/shared-*
sed -i '/^\\[shared\\]/,$d' $own/etc/simgate.toml
sed 's/^127.0.0.1 north.example/10.9.0.1 north.example/' /etc/hosts >$own/hosts
mount --bind $own/hosts /etc/hosts
mount --bind $own/etc /etc/simgate
mount --bind $own/lib /var/lib/simgate
mount --bind $own/log /var/log
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system
mount -t tmpfs tmpfs /dev/serial/by-id
node /srv/simgate/dist/cli.js simulate --iccid 89490000000000000025 --link ${device} --submit-latency 200 &
for _ in $(seq 100); do [ -e ${device} ] && break; sleep 0.1; done
chmod 666 "$(readlink -f ${device})"
touch $own/is-up
exec sleep infinity
`,
} as const;

/** Marks in the output: no command says this. */
const mark = '\x1e';

function stepsScript(steps: readonly Step[]): string {
  const lines = Object.entries({ ...standIns, ...otherMachine }).map(
    ([name, text]) =>
      `cat >/usr/local/bin/${name} <<'END'\n${text}END\nchmod 755 /usr/local/bin/${name}`,
  );
  lines.push('echo 127.0.0.1 north.example >>/etc/hosts');
  // The modem is there before anything else, as a stick would be; its tty is everybody's, since no
  // udev is here.
  lines.push(
    `node dist/cli.js simulate --link ${device} --submit-latency 200 </dev/null >/tmp/modem.log 2>&1 &`,
    `for _ in $(seq 100); do [ -e ${device} ] && break; sleep 0.1; done`,
    `chmod 666 "$(readlink -f ${device})"`,
  );
  for (const [index, { command, stopAfterS }] of steps.entries()) {
    writeStep(
      lines,
      index,
      stopAfterS === undefined ? command : `timeout -s INT ${stopAfterS} ${command}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function writeStep(lines: string[], index: number, command: string): void {
  lines.push(
    `printf '${mark}begin ${index}\\n'`,
    `{ ${command}\n} </dev/null 2>&1`,
    `printf '${mark}end ${index} %d\\n' $?`,
  );
}

/**
 * Runs the steps one after the other in one shell in the root of its own, as its root, and tells
 * what became of each. Rejects when the root cannot be made, or when all together take longer than
 * `timeoutMs`.
 */
export async function runSteps(
  repository: string,
  steps: readonly Step[],
  timeoutMs: number,
): Promise<Outcome[]> {
  const own = mkdtempSync(join(tmpdir(), 'simgate-docs-'));
  const folder = join(own, 'root');
  const script = join(own, 'enter');
  const stepsFile = join(own, 'steps');
  mkdirSync(folder);
  writeFileSync(stepsFile, stepsScript(steps));
  writeFileSync(script, enter({ folder, repository, stepsFile }));
  try {
    const output = await inNamespaces(script, timeoutMs);
    return steps.map((_, index) => outcomeOf(output, index));
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/**
 * All that it started ends with it: the first process of a PID namespace takes the others along
 * (pid_namespaces(7)).
 */
function inNamespaces(script: string, timeoutMs: number): Promise<string> {
  const args = ['--mount', '--net', '--pid', '--fork', '--kill-child', 'bash', script];
  return new Promise((resolve, reject) => {
    execFile(
      'unshare',
      args,
      { encoding: 'utf8', timeout: timeoutMs, maxBuffer: 2 ** 25 },
      (error, out, err) => {
        if (error !== null && !out.includes(mark)) reject(new Error(`${error.message}\n${err}`));
        else if (error?.killed)
          reject(new Error(`not done within ${timeoutMs} ms:\n${out.slice(-4000)}`));
        else resolve(out);
      },
    );
  });
}

function outcomeOf(output: string, index: number): Outcome {
  const from = output.indexOf(`${mark}begin ${index}\n`);
  const to = output.indexOf(`${mark}end ${index} `);
  if (from < 0 || to < 0) return { output: from < 0 ? '' : output.slice(from), exit: undefined };
  const text = output.slice(output.indexOf('\n', from) + 1, to);
  return { output: text, exit: Number.parseInt(output.slice(to).split(' ')[2] ?? '', 10) };
}
