/**
 * The walk over the faults of the box itself, each named first and cured by its remedy: a disk that
 * is really full. Needs root and util-linux.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Rig } from '../e2e/rig.js';
import { command, expectCured, expectNamed } from '../e2e/walk.js';
import { NotifyListener } from './notify-listener.js';

async function within(
  work: (rig: Rig) => Promise<void>,
  env: NodeJS.ProcessEnv = {},
): Promise<void> {
  const rig = await Rig.start([], 'idle_probe_s = 1', { env });
  try {
    await work(rig);
  } finally {
    await rig.stop();
  }
}

/** Takes all room of the disk. */
function fill(path: string): void {
  const descriptor = openSync(path, 'w');
  try {
    for (;;) writeSync(descriptor, Buffer.alloc(4096));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    closeSync(descriptor);
  }
}

const numbersIn = (text: string) => text.split('\n').filter((line) => line.includes('"id"')).length;

test('a disk that is full is told before anything fails, and the log can be read all the same', async () => {
  const systemd = `@simgate-box-${process.pid}`;
  const manager = await NotifyListener.bind(systemd);
  onTestFinished(() => manager.close());
  await within(
    async (rig) => {
      const state = join(rig.folder, 'state');
      await rig.daemon.end('SIGTERM');
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', state]);
      try {
        await rig.startDaemon();
        await expectCured(rig);
        fill(join(state, 'filler'));
        await expectNamed(rig, {
          grade: 'degraded',
          check: 'disk',
          what: /the disk of .*state is full: messages are sent/,
          remedy: /^make room: "sudo journalctl --vacuum-size=100M"/,
        });
        await manager.until(/^STATUS=not all is well: the disk of .*state is full/);
        // Messages go out; what their rows need is missing.
        for (let count = 0; count < 40; count += 1)
          expect(await rig.post({ recipient: `+49151123456${10 + count}` })).toMatchObject({
            status: 200,
          });
        const told = rig.log.filter(({ level, event }) => level === 'error' && event !== 'health');
        expect(told.length).toBeLessThan(4);
        expect(JSON.stringify(told)).not.toContain('"stack"');
        const { code, output } = await command(rig, 'log', '--json');
        expect(code).toBe(0);
        expect(numbersIn(output)).toBeGreaterThan(0);
        await rig.daemon.end('SIGTERM');
        const down = await command(rig, 'log', '--json');
        expect([down.code, numbersIn(down.output)]).toEqual([0, numbersIn(output)]);
        await rig.startDaemon();
        rmSync(join(state, 'filler'));
        await expectCured(rig);
      } finally {
        await rig.daemon.end('SIGTERM');
        execFileSync('umount', ['--lazy', state]);
      }
    },
    { NOTIFY_SOCKET: systemd },
  );
}, 180_000);
