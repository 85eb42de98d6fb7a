import { describe, expect, it } from 'vitest';
import { createLogger } from 'winston';
import { SimsAcrossBoxes } from '../../src/daemon/boxes.js';
import type { Remembered } from '../../src/daemon/remembered.js';
import type { Supervisor } from '../../src/modem/supervisor.js';
import { SimCaps } from '../../src/policy/sim-caps.js';
import { Truth } from '../../src/shared/truth.js';
import { FakeModem } from '../dispatch/support/fake-modem.js';
import { fakeTime, pass } from '../dispatch/support/rig.js';
import { desk, hmac, off } from '../policy/support/policy.js';
import { Far } from '../shared/support/far.js';

async function setUp() {
  const far = new Far();
  const truth = new Truth({
    openWire: (onCut) => far.open(onCut),
    box: 'north',
    budgetMs: 50,
    hmac,
    policy: desk(off).policy,
    log: createLogger({ silent: true }),
    date: () => Date.now(),
    earlier: async () => ({
      messages: [],
      simUses: [],
      nowMs: Date.now(),
      isOnItsWay: () => false,
    }),
  });
  const starting = truth.start();
  await pass(20);
  await starting;
  const simCaps = new SimCaps(() => Date.now());
  const sims = new SimsAcrossBoxes(truth, { simCaps, hmac } as unknown as Remembered);
  const modem = new FakeModem('main');
  sims.follow([modem as unknown as Supervisor]);
  /** SIMs whose uses at other boxes were asked for since. */
  const asked = async () => {
    await pass(20);
    return far.taken.splice(0).flatMap(({ sim }) => sim ?? []);
  };
  await asked();
  return { truth, modem, asked };
}

describe('what other boxes sent with a SIM', () => {
  fakeTime();

  it('is asked for whenever the SIM comes, and not with each message', async () => {
    const { truth, modem, asked } = await setUp();
    const sim = hmac('sim', '1');
    modem.iccid = '1';
    modem.enter('registering');
    modem.enter('ready');
    expect(await asked()).toEqual([sim]);
    modem.enter('sending');
    modem.enter('ready');
    expect(await asked()).toEqual([]);
    // Taken out, used at another box, and put in again.
    modem.iccid = undefined;
    modem.enter('absent');
    modem.iccid = '1';
    modem.enter('ready');
    expect(await asked()).toEqual([sim]);
    await truth.stop(0);
  });
});
