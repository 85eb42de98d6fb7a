import { describe, expect, it } from 'vitest';
import { FakeModem, surelyNotSent } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig } from './support/rig.js';

describe('stopping', () => {
  fakeTime();

  it('refuses what waits and what comes, and is done when the modems are', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send, dispatch } = rig([first, second]);
    const running = [send('running at first'), send('running at second')];
    const waiting = [send('waits'), send('waits too')];
    first.current.prompt();
    let stopped = false;
    void dispatch.stop().then(() => {
      stopped = true;
    });
    const late = send('comes too late');
    await pass();
    for (const { error } of [...waiting, late]) {
      expect(error).toMatchObject({ code: 'shutting_down', submitted: 'no', retryAfterMs: 10_000 });
      expect(error?.progress).toMatchObject({ segments: 1, waitedMs: 0, tookMs: 0 });
    }
    expect([dispatch.waiting(), stopped]).toEqual([0, false]);
    first.current.accept();
    await pass();
    expect([running[0]?.code, stopped]).toEqual(['sent', false]);
    // What a modem has may still be started: it is finished, not cut off.
    second.current.accept();
    await pass();
    expect([running[1]?.code, stopped]).toEqual(['sent', true]);
  });

  it('waits for a message whose caller was answered long ago', async () => {
    const modem = new FakeModem('main');
    const { send, dispatch } = rig([modem]);
    const caller = send('text', { deadlineMs: 5000 });
    modem.current.prompt();
    let stopped = false;
    const stop = dispatch.stop().then(() => {
      stopped = true;
    });
    await pass(60_000);
    expect([caller.code, stopped]).toEqual(['outcome_unknown', false]);
    modem.current.accept();
    await stop;
    await pass();
  });

  it('does not fail over: the modem’s error is the answer', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send, dispatch } = rig([first, second]);
    const caller = send('text');
    const stop = dispatch.stop();
    first.current.fail(surelyNotSent());
    await stop;
    await pass();
    expect([caller.code, second.texts]).toEqual(['no_modem_ready', []]);
  });

  it('can be asked twice, is done at once when nothing runs, and stops listening to the modems', async () => {
    const modem = new FakeModem('main');
    const { dispatch } = rig([modem]);
    expect(modem.listenerCount).toBe(1);
    await Promise.all([dispatch.stop(), dispatch.stop()]);
    expect(modem.listenerCount).toBe(0);
    await finish(modem);
  });
});
