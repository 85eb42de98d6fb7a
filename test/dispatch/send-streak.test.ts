import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import { FakeModem, surelyNotSent } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig } from './support/rig.js';

const outOfOrder = () =>
  new SendError('network_refused', { causeCode: 'CMS 38', detail: 'it said CMS 38' });
const noResult = () =>
  new SendError('outcome_unknown', { submitted: 'unknown', detail: 'no result came' });

/** One modem, and its messages. */
function one() {
  const modem = new FakeModem('main');
  const { dispatch, send } = rig([modem]);
  const fail = async (error: SendError, recipient?: string): Promise<void> => {
    send('a code', { ...(recipient !== undefined && { recipient }) });
    await pass();
    modem.current.prompt();
    modem.current.fail(error);
    await pass();
  };
  return { modem, dispatch, send, fail, failing: () => dispatch.failing().get('main') };
}

describe('a modem that gets nothing through', () => {
  fakeTime();

  it.each([
    ['refusals by the network', outOfOrder, 'it said CMS 38'],
    ['outcomes that nobody knows', noResult, 'no result came'],
    ['messages that it gives back', surelyNotSent, 'no prompt'],
  ])('is found by %s to three recipients', async (_, error, why) => {
    const { fail, failing } = one();
    await fail(error());
    await fail(error());
    expect(failing()).toBeUndefined();
    await fail(error());
    expect(failing()).toEqual({ messages: 3, miss: { why, isSlow: false } });
  });

  it('is found by five messages to the same one', async () => {
    const { fail, failing } = one();
    for (let count = 1; count <= 4; count += 1) await fail(outOfOrder(), '+4915112345678');
    expect(failing()).toBeUndefined();
    await fail(outOfOrder(), '+4915112345678');
    expect(failing()).toMatchObject({ messages: 5 });
  });

  it('is one no more with the first that gets through', async () => {
    const { fail, failing, send, modem } = one();
    for (let count = 1; count <= 3; count += 1) await fail(outOfOrder());
    send('one that goes out');
    await finish(modem);
    expect(failing()).toBeUndefined();
    await fail(outOfOrder());
    await fail(outOfOrder());
    expect(failing()).toBeUndefined();
  });

  it('is none of that with another SIM', async () => {
    const { modem, fail, failing } = one();
    modem.iccid = '8949000000000000001';
    modem.enter('lost');
    modem.enter('ready');
    for (let count = 1; count <= 3; count += 1) await fail(outOfOrder());
    expect(failing()).toBeDefined();
    modem.enter('lost');
    modem.enter('ready');
    expect(failing()).toBeDefined();
    modem.iccid = '8949000000000000002';
    modem.enter('lost');
    modem.enter('ready');
    expect(failing()).toBeUndefined();
  });

  it('is told by name: the other one works', async () => {
    const [broken, good] = [new FakeModem('broken'), new FakeModem('good')];
    const { dispatch, send } = rig([broken, good]);
    good.enter('lost');
    for (let count = 1; count <= 3; count += 1) {
      send('a code');
      await pass();
      broken.current.fail(surelyNotSent());
      await pass();
    }
    good.enter('ready');
    send('by the other');
    await finish(good);
    expect([...dispatch.failing().keys()]).toEqual(['broken']);
  });
});

describe('a modem that is too slow', () => {
  fakeTime();

  it('is found by messages that are sent when their callers have been answered', async () => {
    const { modem, send, failing } = one();
    for (let count = 1; count <= 3; count += 1) {
      send('a code', { deadlineMs: 6_000 });
      await pass();
      modem.current.prompt();
      await pass(14_000);
      modem.current.accept();
      await pass();
    }
    expect(failing()).toEqual({
      messages: 3,
      miss: {
        why: 'it was sent, but that took 14 s, and its caller had been answered',
        isSlow: true,
      },
    });
  });

  it('is found by messages that it does not begin', async () => {
    const { modem, send, failing } = one();
    for (let count = 1; count <= 3; count += 1) {
      send('a code', { deadlineMs: 6_000 });
      await pass(9_000);
      modem.current.prompt();
      await pass();
    }
    expect(failing()).toEqual({
      messages: 3,
      miss: { why: 'it was not begun within 9 s', isSlow: true },
    });
  });

  it('is none where callers leave, or do not wait', async () => {
    const { modem, send, failing } = one();
    for (let count = 1; count <= 5; count += 1) {
      const left = send('a code');
      await pass();
      left.hangUp();
      await pass(1_000);
      modem.current.prompt();
      await pass();
      send('a code', { deadlineMs: 500 });
      await pass();
      modem.current.prompt();
      await pass(3_000);
      modem.current.accept();
      await pass();
    }
    expect(failing()).toBeUndefined();
  });

  it('is none for those who were told 202', async () => {
    const { modem, send, failing } = one();
    for (let count = 1; count <= 3; count += 1) {
      const caller = send('a code', { deadlineMs: 60_000, answerMs: 1_000 });
      await pass();
      modem.current.prompt();
      await pass(20_000);
      expect(caller.code).toBe('promised');
      modem.current.accept();
      await pass();
    }
    expect(failing()).toBeUndefined();
  });
});
