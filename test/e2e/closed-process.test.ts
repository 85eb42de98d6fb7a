import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { refuseOpenProcess } from '../../src/daemon/closed-process.js';
import { Child } from '../faults/child.js';
import { Rig } from './rig.js';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

/** Inodes of the sockets on which a process listens (proc_net_tcp(5): state 0A). */
function listeners(pid: number): string[] {
  const lines = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8').split('\n').slice(1),
  );
  return lines
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, address = '', , state]) => (state === '0A' ? [address.split(':')[1]!] : []));
}

test('SIGUSR1 opens no debugger, and messages go on', async () => {
  rig = await Rig.start();
  const { pid } = rig.daemon;
  const before = listeners(pid).length;
  for (let n = 0; n < 3; n += 1) process.kill(pid, 'SIGUSR1');
  expect(await rig.post({})).toMatchObject({ status: 200 });
  expect(rig.raw).not.toMatch(/debugger|inspector/i);
  const debuggerPort = (9229).toString(16).toUpperCase().padStart(4, '0');
  expect(listeners(pid).filter((port) => port === debuggerPort)).toEqual([]);
  expect(before).toBeGreaterThan(0);
});

test('a core file would hold nothing of the memory, whatever has started the daemon', async () => {
  rig = await Rig.start();
  const filter = readFileSync(join('/proc', String(rig.daemon.pid), 'coredump_filter'), 'utf8');
  expect(Number.parseInt(filter, 16)).toBe(0);
});

test.each([
  ['--inspect=127.0.0.1:0', '--inspect'],
  ['--report-on-signal', '--report-on-signal'],
  ['--heapsnapshot-signal=SIGUSR2', '--heapsnapshot-signal'],
])(
  'with NODE_OPTIONS=%s it does not start, says why, and is not tried again',
  async (option, named) => {
    let said = '';
    const child = new Child(['serve', '--config', '/nowhere'], (line) => (said += `${line}\n`), {
      NODE_OPTIONS: option,
    });
    expect((await child.ended).code).toBe(78);
    expect(said).toContain(
      `simgate: Node's option ${named} would show secrets and texts to others`,
    );
  },
);

test.each([
  [['--inspect-brk'], {}, '--inspect-brk'],
  [['--heap_prof'], {}, '--heap_prof'],
  [
    [],
    { NODE_OPTIONS: '--max-old-space-size=64 "--report-on-fatalerror"' },
    '--report-on-fatalerror',
  ],
] as const)('%j and %j open the process by %s', (execArgv, env, named) => {
  expect(() => refuseOpenProcess(execArgv, env)).toThrow(`Node's option ${named} `);
});

test.each([
  [['--expose-gc', '--import', 'tsx'], {}],
  [[], { NODE_OPTIONS: '--max-old-space-size=64 --enable-source-maps' }],
  [[], {}],
])('%j and %j do not', (execArgv, env) => {
  expect(() => refuseOpenProcess(execArgv, env)).not.toThrow();
});
