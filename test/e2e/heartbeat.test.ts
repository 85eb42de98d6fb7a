/** The dead man's switch, as who watches it hears it. Minutes pass by moved clocks. */

import { afterEach, expect, it } from 'vitest';
import { inPhase, lastingToken, movedClocks, pass, reload, restart, status } from './moved-rig.js';
import { Receiver } from './receiver.js';
import { Rig } from './rig.js';

const minuteMs = 60_000;

let rig: Rig;
let heart: Receiver;
afterEach(async () => {
  heart.stop();
  await rig.stop();
});

it('is heard each minute while a code would go out, and not while none would, over a hanging watcher and a restart', {
  timeout: 120_000,
}, async () => {
  heart = new Receiver();
  rig = await Rig.start([], `[alerts]\nheartbeat_url = "${await heart.start()}"\n`, {
    env: movedClocks(),
  });
  rig.token = await lastingToken();
  /** How often it is heard in so many minutes. */
  const heard = async (minutes: number) => {
    const before = heart.calls;
    for (let n = 0; n < minutes; n += 1) await pass(rig, minuteMs);
    return heart.calls - before;
  };
  /** The daemon has seen it: by its next look at the modem. */
  const registered = async (registration: string, phase: string) => {
    let isSeen = false;
    void inPhase(rig, phase).then(() => (isSeen = true));
    await rig.modem.control({ registration });
    while (!isSeen) await pass(rig, 5_000);
  };
  expect(await heard(3)).toBe(3);
  // Read anew, it is called no more often.
  await reload(rig);
  expect(await heard(2)).toBe(2);
  await registered('searching', 'registering');
  expect(await heard(3)).toBe(0);
  expect((await status(rig)).alerts.heartbeat).toMatchObject({ is_silent: true, ok: true });
  await registered('home', 'ready');
  expect(await heard(2)).toBe(2);
  // One call at a time: a watcher that hangs is given up, and called again by the minute.
  heart.mood = 'hangs';
  expect(await heard(1)).toBe(1);
  expect(await rig.post({})).toMatchObject({ status: 200 });
  await pass(rig, 10_000);
  expect((await status(rig)).alerts.heartbeat).toMatchObject({ ok: false });
  heart.mood = 'well';
  expect(await heard(2)).toBe(2);
  expect((await status(rig)).alerts.heartbeat).toMatchObject({ ok: true, is_silent: false });
  await restart(rig, 'ready', 'SIGKILL');
  expect(await heard(2)).toBe(2);
});
