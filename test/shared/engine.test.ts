import { describe, expect, it, vi } from 'vitest';
import { Engine, type EngineState } from '../../src/shared/engine.js';
import { fakeTime, pass } from '../dispatch/support/rig.js';
import { Far, info } from './support/far.js';

async function setUp(far = new Far()) {
  const states: EngineState[] = [];
  const joined: boolean[] = [];
  const engine = new Engine({
    openWire: (onCut) => far.open(onCut),
    prefix: 'p:',
    box: 'north',
    budgetMs: 50,
    fingerprint: 'f',
    onState: (state) => states.push(state),
    onJoined: (isAnew) => joined.push(isAnew),
  });
  const starting = engine.start();
  await pass(20);
  await starting;
  return { engine, far, states, joined };
}

const ask = (engine: Engine) => engine.ask('lookUp', { key: 'k' });

describe('the engine that boxes share', () => {
  fakeTime();

  it('is joined, and its scripts are sent whole where it does not know them', async () => {
    const { engine, far, joined } = await setUp();
    expect(engine.state.kind).toBe('up');
    expect(joined).toEqual([true]);
    expect(far.heard.slice(-2)).toEqual(['EVALSHA', 'EVAL']);
    engine.stop();
  });

  it.each([
    ['a Cluster', { cluster_enabled: '1' }, /Cluster/],
    ['a replica', { role: 'slave' }, /replica/],
    ['one that forgets', { maxmemory_policy: 'allkeys-lru' }, /noeviction/],
    ['one that says nothing of it', { maxmemory_policy: '' }, /noeviction/],
    ['one that still reads its data', { loading: '1' }, /reading/],
  ])('is not %s', async (_what, more, why) => {
    const far = new Far();
    far.info = info(more);
    const { engine } = await setUp(far);
    expect(engine.state).toEqual({ kind: 'away', why: expect.stringMatching(why) as string });
    engine.stop();
  });

  it('is not one whose boxes have another key', async () => {
    const far = new Far();
    far.fingerprint = 'another';
    const { engine } = await setUp(far);
    expect(engine.state).toMatchObject({
      kind: 'away',
      why: expect.stringContaining('key_file') as string,
    });
    engine.stop();
  });

  it('is waited for within the budget, and then not at all until it answered in time twice', async () => {
    const { engine, far, states } = await setUp();
    far.takesMs = 80;
    const asked = performance.now();
    const slow = ask(engine).then(() => performance.now() - asked);
    await pass(60);
    expect(await slow).toBeLessThanOrEqual(52);
    expect(engine.state).toMatchObject({ kind: 'away', why: 'it did not answer within 50 ms' });
    const heard = far.heard.length;
    expect(await ask(engine)).toBeUndefined();
    // One that looks whether it is back, and no more.
    expect(far.heard.length - heard).toBeLessThanOrEqual(1);
    await pass(2_000);
    expect(engine.state.kind).toBe('away');
    far.takesMs = 1;
    await pass(1_000);
    expect(states.map(({ kind }) => kind)).toEqual(['up', 'away', 'up']);
    expect(far.wires).toBe(1);
    engine.stop();
  });

  it('that says nothing for long gets a new connection', async () => {
    const { engine, far } = await setUp();
    far.isSilent = true;
    const slow = ask(engine);
    await pass(60);
    expect(await slow).toBeUndefined();
    await pass(4_000);
    expect(far.wires).toBeGreaterThan(1);
    far.isSilent = false;
    await pass(10_000);
    expect(engine.state.kind).toBe('up');
    engine.stop();
  });

  it('that was emptied is joined anew, and so is another process; a line that was cut is not', async () => {
    const { engine, far, joined } = await setUp();
    far.epoch = undefined;
    const emptied = ask(engine);
    await pass(200);
    expect(await emptied).toBeUndefined();
    expect(joined).toEqual([true, true]);
    far.cut!('reset');
    await pass(1_000);
    expect(joined).toEqual([true, true, false]);
    far.info = info({ run_id: 'r2' });
    far.cut!('reset');
    await pass(1_000);
    expect(joined).toEqual([true, true, false, true]);
    engine.stop();
  });

  it('that cannot be written is away, with its own word', async () => {
    const { engine, far } = await setUp();
    far.refusal = 'OOM command not allowed when used memory';
    await pass(2_000);
    expect(engine.state).toMatchObject({
      kind: 'away',
      why: expect.stringContaining('OOM') as string,
    });
    far.refusal = undefined;
    await pass(10_000);
    expect(engine.state.kind).toBe('up');
    engine.stop();
  });

  it('whose answer lies at the socket while this process was busy has answered in time', async () => {
    const { engine, far } = await setUp();
    vi.useRealTimers();
    try {
      far.knowsScripts = true;
      far.takesMs = 0;
      const answer = ask(engine);
      const until = performance.now() + 120;
      while (performance.now() < until);
      expect(await answer).toEqual({ kind: 'beat' });
    } finally {
      vi.useFakeTimers();
      engine.stop();
    }
  });
});
