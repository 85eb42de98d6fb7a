import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import { FakeModem } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig } from './support/rig.js';

const refused = () => new SendError('network_refused', { simSuspected: true, causeCode: 'CMS 21' });

describe('a SIM that the network refuses', () => {
  fakeTime();

  async function refuse(
    modem: FakeModem,
    times: number,
    send: (text: string) => unknown,
  ): Promise<void> {
    for (let i = 0; i < times; i += 1) {
      send(`to somebody else ${i}`);
      modem.current.prompt();
      modem.current.fail(refused());
      await pass();
    }
  }

  it('several recipients in a row is suspect: passed over while another works, tried slowly, and said so', async () => {
    const [broke, good] = [new FakeModem('broke'), new FakeModem('good')];
    const { send, log, dispatch } = rig([broke, good]);
    let n = 0;
    const sendNew = (text: string) => send(text, { recipient: `+49151123400${10 + n++}` });
    good.enter('lost');
    await refuse(broke, 3, sendNew);
    expect(dispatch.suspects()).toEqual(['broke']);
    expect(log.filter(({ event }) => event === 'suspect')).toHaveLength(1);
    good.enter('ready');
    await pass();
    const caller = sendNew('goes to the good one');
    await finish(good);
    expect(caller.result).toMatchObject({ modem: 'good' });
    await pass(300_000);
    const trial = sendNew('a trial');
    expect(broke.texts.at(-1)).toBe('a trial');
    broke.current.prompt();
    broke.current.fail(refused());
    await pass();
    await finish(good);
    expect(trial.result, 'the trial costs the caller nothing').toMatchObject({ modem: 'good' });
    await pass(300_000);
    const second = sendNew('another trial');
    await finish(broke);
    expect(second.result).toMatchObject({ modem: 'broke' });
    expect(dispatch.suspects()).toEqual([]);
  });

  it('is tried at once when it was brought up anew, and then slowly until the network takes a message', async () => {
    const [broke, good] = [new FakeModem('broke'), new FakeModem('good')];
    const { send, dispatch } = rig([broke, good]);
    let n = 0;
    const sendNew = (text: string) => send(text, { recipient: `+49151123400${10 + n++}` });
    const tried = async (text: string) => {
      sendNew(text);
      await pass();
      return broke.texts.includes(text);
    };
    const bringUp = async () => {
      broke.enter('registering');
      broke.enter('ready');
      await pass();
    };
    good.enter('lost');
    await refuse(broke, 3, sendNew);
    good.enter('ready');
    await bringUp();
    expect(await tried('first trial')).toBe(true);
    broke.current.prompt();
    broke.current.fail(refused());
    await pass();
    await finish(good);
    await bringUp();
    expect(await tried('it did not help')).toBe(false);
    await finish(good);
    await pass(300_000);
    expect(await tried('second trial')).toBe(true);
    await finish(broke);
    expect(dispatch.suspects()).toEqual([]);
  });

  it('that is free tries what the others cannot do in time, so nobody is refused for their queue', async () => {
    const [broke, good] = [new FakeModem('broke'), new FakeModem('good')];
    const { send, dispatch } = rig([broke, good]);
    let n = 0;
    const sendNew = (text: string, deadlineMs?: number) =>
      send(text, {
        recipient: `+49151123400${10 + n++}`,
        ...(deadlineMs !== undefined && { deadlineMs }),
      });
    good.enter('lost');
    await refuse(broke, 3, sendNew);
    good.enter('ready');
    await pass();
    sendNew('tells how long the good one takes');
    await pass(6_000);
    await finish(good);
    sendNew('at the good one');
    sendNew('a'.repeat(450));
    await pass();
    expect(dispatch.loginDoneInMs()).toBe(0);
    const urgent = sendNew('behind them, too late', 5_000);
    await pass();
    expect(broke.texts.at(-1)).toBe('behind them, too late');
    await finish(broke);
    expect(urgent.result).toMatchObject({ modem: 'broke' });
    await finish(good);
  });

  it.each([
    ['another SIM', '8949000000000000002', []],
    ['the same SIM', '8949000000000000001', ['broke']],
    ['a SIM that does not tell', undefined, ['broke']],
  ])('is suspect until it is changed: %s', async (_what, iccid, suspects) => {
    const broke = new FakeModem('broke');
    const { send, dispatch } = rig([broke]);
    broke.iccid = '8949000000000000001';
    broke.enter('lost');
    broke.enter('ready');
    let n = 0;
    await refuse(broke, 3, (text) => send(text, { recipient: `+49151123400${10 + n++}` }));
    expect(dispatch.suspects()).toEqual(['broke']);
    broke.enter('registering');
    broke.iccid = iccid;
    broke.enter('ready');
    expect(dispatch.suspects()).toEqual(suspects);
  });

  it('is used all the same when there is no other', async () => {
    const only = new FakeModem('only');
    const { send } = rig([only]);
    let n = 0;
    const sendNew = (text: string) => send(text, { recipient: `+49151123400${10 + n++}` });
    await refuse(only, 4, sendNew);
    const caller = sendNew('still tried');
    await finish(only);
    expect(caller.result).toMatchObject({ modem: 'only' });
  });

  it('one recipient again and again is not suspect', async () => {
    const only = new FakeModem('only');
    const { send, dispatch } = rig([only]);
    await refuse(only, 5, (text) => send(text, { recipient: '+4915112340001' }));
    expect(dispatch.suspects()).toEqual([]);
  });
});

describe('a modem that fails', () => {
  fakeTime();
  const unknown = () => new SendError('outcome_unknown', { submitted: 'unknown' });
  const promptless = () => new SendError('no_modem_ready', { elsewhere: true });

  it('with unknown outcomes is passed over while another works, and tried again', async () => {
    const [ill, good] = [new FakeModem('ill'), new FakeModem('good')];
    const { send } = rig([ill, good]);
    send('asks the ill one');
    ill.current.prompt();
    ill.current.fail(unknown());
    await pass();
    const next = send('goes to the good one', { recipient: '+4915112340011' });
    await finish(good);
    expect(next.result).toMatchObject({ modem: 'good' });
    await pass(2_000);
    const trial = send('a trial', { recipient: '+4915112340012' });
    await finish(ill);
    expect(trial.result).toMatchObject({ modem: 'ill' });
  });

  it('again after it was brought up anew is passed over all the same', async () => {
    const [ill, good] = [new FakeModem('ill'), new FakeModem('good')];
    const { send } = rig([ill, good]);
    let n = 0;
    const sendNew = (text: string) => send(text, { recipient: `+49151123400${10 + n++}` });
    const failAndComeBack = async () => {
      sendNew('asks the ill one');
      ill.current.fail(promptless());
      await pass();
      await finish(good);
      ill.enter('probing');
      ill.enter('ready');
      await pass();
    };
    await failAndComeBack();
    await failAndComeBack();
    const next = sendNew('goes to the good one');
    await finish(good);
    expect(next.result).toMatchObject({ modem: 'good' });
    expect(ill.texts).toHaveLength(2);
  });
});
