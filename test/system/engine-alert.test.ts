/** That the shared engine is away, as the whole daemon tells its operator. */

import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { calmMs, hold, lookMs, movedClocks, pass, status, webhook } from '../e2e/moved-rig.js';
import { Receiver } from '../e2e/receiver.js';
import { Rig } from '../e2e/rig.js';
import { EngineProcess } from './engine.js';

const minuteMs = 60_000;
const phone = new Receiver();
let engine: EngineProcess;
let rig: Rig;
afterEach(async () => {
  await rig.stop();
  await engine.stop();
  phone.stop();
});

it('an engine that is away is told after two minutes, once, and its return as well', async () => {
  engine = await EngineProcess.start();
  const shared = `[shared]\nurl = "redis://127.0.0.1:${engine.port}"\nkey_file = "key"\nbox = "one"\n`;
  rig = await Rig.start([], shared + webhook(await phone.start()), {
    env: movedClocks(),
    files: { key: randomBytes(16).toString('hex') },
  });
  const state = async () => (await status(rig)).alerts.open.map(({ kind }) => kind);
  await hold(rig, 2 * minuteMs);
  expect(phone.told, 'while it is there').toEqual([]);
  await engine.kill();
  engine.cut();
  expect((await rig.post({})).status, 'codes go out all the same').toBe(200);
  await pass(rig, lookMs);
  await pass(rig, minuteMs);
  expect(phone.told).toEqual([]);
  await hold(rig, 2 * minuteMs);
  await phone.until(() => phone.was('raised', 'engine_away'));
  expect(phone.of('engine_away')).toMatchObject([
    { severity: 'severe', title: expect.stringContaining('the shared engine is away') as string },
  ]);
  expect(await state()).toContain('engine_away');
  await engine.launch();
  while ((await state()).includes('engine_away')) await hold(rig, calmMs);
  await phone.until(() => phone.was('cleared', 'engine_away'));
  await hold(rig, 10 * minuteMs);
  expect(phone.of('engine_away').map(({ state: how }) => how)).toEqual(['raised', 'cleared']);
});
