/**
 * The walk goes on at the machine itself: what is plugged in, who may open it, who has it, and a
 * disk that fails. The whole daemon and the whole doctor, on a machine whose `/sys` and `/dev` are
 * a tree of the test's own. Needs root, util-linux, e2fsprogs, and ModemManager with D-Bus.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { Rig } from '../e2e/rig.js';
import { expectCured, expectNamed, type Walk } from '../e2e/walk.js';
import { Tree } from '../usb/support/tree.js';

const limitMs = 240_000;
/** Of Debian, as `base-passwd` has it. */
const dialout = 20;
const nobody = 65_534;

async function within(work: (rig: Rig) => Promise<void>): Promise<void> {
  const rig = await Rig.start([], 'idle_probe_s = 1');
  try {
    await work(rig);
  } finally {
    await rig.stop();
  }
}

/** Stops the daemon, and starts it so that its first words are of what is to be seen now. */
async function restart(rig: Rig, under: readonly string[]): Promise<void> {
  await rig.daemon.end('SIGTERM');
  rig.under = under;
  await rig.startDaemon();
}

/** What a program needs of `/dev` to run. */
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx', 'fd', 'stdin'];

/** A machine of the test's own, in whose `/sys` and `/dev` what runs under it lives. */
class Machine extends Tree {
  /** What a command line begins with. */
  readonly under: readonly string[];

  constructor() {
    super();
    for (const name of devices) execFileSync('cp', ['-a', `/dev/${name}`, this.path('dev', name)]);
    const script =
      'mount --rbind /dev/pts "$0/dev/pts" && mount --bind "$0/sys" /sys && mount --rbind "$0/dev" /dev && exec "$@"';
    this.under = ['unshare', '--mount', 'sh', '-c', script, this.top];
  }

  /** A modem that answers at its first tty, in place of the node. */
  plugIn(name: string, at: string, link: string): void {
    this.plug(name, { at });
    const node = this.path('dev/ttyUSB2');
    rmSync(node);
    symlinkSync(readlinkSync(link), node);
  }
}

test.each<[string, string, Pick<Walk, 'what' | 'remedy'>]>([
  [
    'a HiLink stick',
    'e3372h-hilink',
    {
      what: /is a network card with a web page \(HiLink\) and has no AT port$/,
      remedy: /^set HuaweiAltModeGlobal=1 in .* and plug it in again/,
    },
  ],
  [
    'a stick that speaks MBIM only',
    'em7455-mbim',
    {
      what: /shows MBIM only, which simgate does not speak: it needs a serial port with AT commands$/,
      remedy: /^Switch its USB composition: /,
    },
  ],
])('%s', { timeout: limitMs }, async (_, name, told) => {
  const machine = new Machine();
  try {
    await within(async (rig) => {
      machine.plug(name, { at: '1-1.2' });
      writeFileSync(rig.configFile, rig.config('auto', 'state', 'idle_probe_s = 1'));
      await restart(rig, machine.under);
      await expectNamed(rig, { grade: 'down', check: 'modem', ...told });
      // As its other composition shows it.
      machine.unplug('1-1.2');
      machine.plugIn('sim7600', '1-1.2', rig.modem.link);
      await expectCured(rig);
    });
  } finally {
    machine.remove();
  }
});

test('a tty that the daemon’s user may not open', { timeout: limitMs }, () =>
  within(async (rig) => {
    const as = (...groups: readonly string[]) => [
      'setpriv',
      `--reuid=${nobody}`,
      `--regid=${nobody}`,
      ...groups,
    ];
    chmodSync(rig.folder, 0o755);
    execFileSync('chown', ['-R', `${nobody}:${nobody}`, rig.folder]);
    chownSync(rig.modem.link, 0, dialout);
    chmodSync(rig.modem.link, 0o660);
    await restart(rig, as('--clear-groups'));
    await expectNamed(rig, {
      grade: 'down',
      check: 'modem',
      what: /may not be opened by nobody \(rw-rw---- root:dialout\): it is not in the group dialout$/,
      remedy: /SupplementaryGroups=dialout in the systemd unit$/,
    });
    await restart(rig, as(`--groups=${dialout}`));
    await expectCured(rig);
  }),
);

/**
 * ModemManager as it runs on a desktop: told of the tty as it comes, and, by NetworkManager there,
 * to enable its modem. It gives each word of its dialogue to the virtual modem.
 */
const modemManager = `set -e
export DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS
ModemManager --test-session --test-no-udev --test-no-qrtr --test-no-suspend-resume \\
  --no-auto-scan --initial-kernel-events="$0" 2>&1 &
echo "{\\"pid\\":$!}"
until mmcli --modem=any --enable 2>&1; do sleep 0.2; done
echo '{"enabled":true}'
wait`;

test('ModemManager, which has enabled the modem', { timeout: limitMs }, async () => {
  const machine = new Machine();
  try {
    await within(async (rig) => {
      await rig.daemon.end('SIGTERM');
      machine.plugIn('sim7600', '1-1.2', rig.modem.link);
      chmodSync(rig.folder, 0o755);
      chmodSync(machine.top, 0o755);
      execFileSync('chown', ['-R', `${nobody}:${nobody}`, rig.folder]);
      chownSync(rig.modem.link, 0, dialout);
      chmodSync(rig.modem.link, 0o660);
      writeFileSync(rig.configFile, rig.config('/dev/ttyUSB2', 'state', 'idle_probe_s = 1'));

      const events = machine.path('events');
      writeFileSync(events, 'action=add,subsystem=tty,name=ttyUSB2\n');
      const [program = '', ...words] = machine.under;
      const own = ['dbus-run-session', '--', 'sh', '-c', modemManager, events];
      const manager = spawn(program, [...words, ...own], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(manager, 'exit');
      const said: string[] = [];
      let pid = 0;
      try {
        await new Promise<void>((resolve, reject) => {
          createInterface({ input: manager.stdout }).on('line', (line) => {
            said.push(line);
            if (line.startsWith('{"pid"')) ({ pid } = JSON.parse(line) as { pid: number });
            if (line === '{"enabled":true}') resolve();
          });
          void ended.then(() => reject(new Error(`ModemManager ended:\n${said.join('\n')}`)));
        });
        // Who is root has no need to mind TIOCEXCL (ioctl_tty(2)).
        rig.under = [
          ...machine.under,
          'setpriv',
          `--reuid=${nobody}`,
          `--regid=${nobody}`,
          `--groups=${dialout}`,
        ];
        await rig.startDaemon();
        await expectNamed(rig, {
          grade: 'down',
          check: 'modem',
          what: /is busy: ModemManager (holds it|runs) \(pid \d+\)/,
          remedy: /^Install the udev rule .*"sudo systemctl disable --now ModemManager"/,
        });
      } finally {
        // As systemctl ends it.
        if (pid !== 0) process.kill(pid, 'SIGTERM');
        await ended;
      }
      // A tty is exclusive until the last has closed it; the virtual modem keeps its own open.
      const script =
        'import fcntl, os, sys, termios; fcntl.ioctl(os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY), termios.TIOCNXCL)';
      execFileSync('python3', ['-c', script, rig.modem.link]);
      await expectCured(rig);
    });
  } finally {
    machine.remove();
  }
});

test('a login on the tty', { timeout: limitMs }, () =>
  within(async (rig) => {
    await rig.daemon.end('SIGTERM');
    // What matters of it: its name, its command line, and that it has the tty for itself.
    mkdirSync(join(rig.folder, 'bin'));
    const program = join(rig.folder, 'bin/agetty');
    copyFileSync('/usr/bin/flock', program);
    const tty = readlinkSync(rig.modem.link);
    const holder = spawn(program, ['-o', '-x', tty, 'sh', '-c', 'cat', basename(tty)], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    try {
      await rig.startDaemon();
      await expectNamed(rig, {
        grade: 'down',
        check: 'modem',
        what: /is used by a login \((ag|s)etty|sh, pid \d+\)$/,
        remedy: /^on a Raspberry Pi, raspi-config.*"sudo systemctl disable --now serial-getty@/,
      });
    } finally {
      holder.stdin.end();
    }
    await expectCured(rig);
  }),
);

test(
  'a disk that turns read-only while it runs, as a failing SD card does',
  {
    timeout: limitMs,
  },
  () =>
    within(async (rig) => {
      const state = join(rig.folder, 'state');
      const image = join(rig.folder, 'disk');
      await rig.daemon.end('SIGTERM');
      execFileSync('truncate', ['--size=32M', image]);
      execFileSync('mkfs.ext4', ['-q', image]);
      const mount = () => execFileSync('mount', ['-o', 'loop', image, state]);
      mount();
      try {
        await rig.startDaemon();
        await expectCured(rig);
        // What the kernel does of itself when the device fails (ext4(5), `errors=remount-ro`).
        execFileSync('mount', ['-o', 'remount,abort', state]);
        await expectNamed(rig, {
          grade: 'degraded',
          check: 'disk',
          what: /the disk of .*state is mounted read-only: messages are sent, but/,
          remedy: /dmesg.*remount it for writing or replace it/,
        });
        // The network has the message; a row of it there is not.
        expect(await rig.post({ recipient: '+4915112345670' })).toMatchObject({ status: 200 });
        expect(rig.texts().length).toBeGreaterThan(1);
        await rig.daemon.end('SIGTERM');
        execFileSync('umount', [state]);
        execFileSync('sh', ['-c', `e2fsck -p "${image}" || [ $? -eq 1 ]`]);
        mount();
        await rig.startDaemon();
        await expectCured(rig);
      } finally {
        await rig.daemon.end('SIGTERM');
        execFileSync('umount', ['--lazy', state]);
      }
    }),
);
