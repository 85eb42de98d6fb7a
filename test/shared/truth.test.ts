import { describe, expect, it } from 'vitest';
import { createLogger, transports } from 'winston';
import type { RecentMessage } from '../../src/journal/entries.js';
import { Truth } from '../../src/shared/truth.js';
import { fakeTime, pass } from '../dispatch/support/rig.js';
import { desk, hmac, off } from '../policy/support/policy.js';
import { Far } from './support/far.js';

const message = (id: string): RecentMessage => ({
  id,
  atMs: Date.now(),
  caller: 'auth0',
  recipientHmac: hmac('recipient', id),
  blockHmac: hmac('block', id),
  segments: 1,
  keyHmac: hmac('key', id),
  requestHmac: hmac('request', id),
  wasStarted: true,
});

async function setUp() {
  const far = new Far();
  const log = createLogger({ silent: true, transports: [new transports.Console()] });
  const ids = Array.from({ length: 40 }, (_, index) => `m${index}`);
  const truth = new Truth({
    openWire: (onCut) => far.open(onCut),
    box: 'north',
    budgetMs: 50,
    hmac,
    policy: desk(off).policy,
    log,
    date: () => Date.now(),
    earlier: async () => ({
      messages: ids.map(message),
      simUses: [],
      nowMs: Date.now(),
      isOnItsWay: () => false,
    }),
  });
  const starting = truth.start();
  await pass(20);
  await starting;
  await pass(500);
  /** Those that the engine was told of since. */
  const told = () => new Set(far.taken.splice(0).flatMap(({ id }) => id ?? []));
  return { truth, far, told, all: new Set(ids) };
}

describe('an engine that may not know what it knew', () => {
  fakeTime();

  it('is told all that the journal knows', async () => {
    const { truth, told, all } = await setUp();
    expect(told()).toEqual(all);
    await truth.stop(0);
  });

  it('is told it from the beginning when that was interrupted: it was too slow meanwhile, and is the same one after it', async () => {
    const { truth, far, told, all } = await setUp();
    told();
    far.epoch = undefined;
    far.takesMs = 49;
    await pass(1_500);
    const before = told();
    expect(before.size).toBeGreaterThan(0);
    expect(before.size).toBeLessThan(all.size);
    far.takesMs = 200;
    await pass(2_500);
    expect(truth.state().isUp).toBe(false);
    far.takesMs = 1;
    told();
    await pass(2_000);
    expect(truth.state().isUp).toBe(true);
    expect(told()).toEqual(all);
    await truth.stop(0);
  });

  it('that knows it all is not told again when it was only away', async () => {
    const { truth, far, told } = await setUp();
    told();
    far.cut!('reset');
    await pass(3_000);
    expect(truth.state().isUp).toBe(true);
    expect(told().size).toBe(0);
    await truth.stop(0);
  });
});
