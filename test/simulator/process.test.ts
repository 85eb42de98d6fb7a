import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SimulatorProcess } from './support/simulator-process.js';

describe('simgate simulate', () => {
  it('says where its tty is, first thing', async () => {
    await using simulator = await SimulatorProcess.start();
    expect(simulator.ready).toEqual({
      event: 'ready',
      tty: expect.stringMatching(/^\/dev\/pts\/\d+$/),
      link: simulator.link,
      pid: simulator.pid,
    });
    expect(simulator.record().map(({ kind }) => kind)).toEqual(['started', 'attached', 'booted']);
  });

  it('is steered by JSON lines, and says why it refuses one', async () => {
    await using simulator = await SimulatorProcess.start('--boot-ms', '0');
    expect(await simulator.control({ fault: 'late:5', submits: 2 })).toEqual({
      event: 'done',
      command: 'fault',
    });
    expect(await simulator.control({ fault: 'nonsense' })).toMatchObject({
      event: 'refused',
      reason: expect.stringContaining('unknown fault "nonsense"'),
    });
    expect(await simulator.control({ registration: 'nowhere' })).toMatchObject({
      event: 'refused',
    });
    expect(await simulator.control({ inbound: { from: '+4917' } })).toMatchObject({
      event: 'refused',
    });
    expect(await simulator.control({ registration: 'denied' })).toMatchObject({ event: 'done' });
    expect(await simulator.control({ inject: 'RING' })).toMatchObject({ event: 'done' });
    expect(await simulator.control({ stats: true })).toMatchObject({
      event: 'stats',
      accepted: 0,
      link: simulator.link,
    });
    expect(await simulator.control({ pin_fault: 'late:5' })).toEqual({
      event: 'done',
      command: 'pin_fault',
    });
    expect(await simulator.control({ pin_fault: 'late:5:6' })).toMatchObject({ event: 'refused' });
    expect(await simulator.control({ phone: 'ring' })).toMatchObject({
      event: 'refused',
      reason: 'phone must be one of enter_pin, enter_puk, remove_lock',
    });
    expect(await simulator.control({ phone: 'enter_puk' })).toMatchObject({
      event: 'refused',
      reason: 'the SIM does not want enter_puk now',
    });
    await simulator.control({ hangup: true, reattach_ms: 5 });
    expect(await simulator.event(['attached'])).toMatchObject({ link: simulator.link });
    expect(simulator.record().map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['registration', 'hang_up', 'attached']),
    );
  });

  it('gives the tty another number at each re-attach, when told to', async () => {
    await using simulator = await SimulatorProcess.start('--tty-moves', '--boot-ms', '0');
    for (let round = 1; round <= 5; round += 1) {
      await simulator.control({ hangup: true, reattach_ms: 1 });
      await simulator.attachments(round);
    }
    const ttys = simulator
      .record()
      .flatMap((entry) => (entry.kind === 'attached' ? [entry.tty] : []));
    expect(ttys).toHaveLength(6);
    expect(ttys.filter((tty, index) => tty === ttys[index - 1])).toEqual([]);
  });

  it.each([undefined, 'SIGTERM', 'SIGINT'] as const)(
    'ends cleanly at the end of stdin or %s',
    async (signal) => {
      await using simulator = await SimulatorProcess.start();
      expect(await simulator.stop(signal)).toBe(0);
      expect(existsSync(simulator.link)).toBe(false);
      expect(simulator.record().at(-1)?.kind).toBe('stopped');
    },
  );
});
