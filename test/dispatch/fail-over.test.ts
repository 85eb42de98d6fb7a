import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import { FakeModem, surelyNotSent } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig } from './support/rig.js';

describe('fail-over', () => {
  fakeTime();

  it('puts what was surely not sent to the front at another modem, and logs the move', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send, log } = rig([first, second]);
    // After 1 s there is time for what runs at the second modem and for itself, but for nothing
    // else before it.
    const caller = send('text', { recipient: '+4915112345667', deadlineMs: 8000 });
    send('running at second');
    send('waits');
    send('waits too');
    expect([first.texts, second.texts]).toEqual([['text'], ['running at second']]);
    await pass(1000);
    first.current.fail(surelyNotSent());
    await pass();
    expect([first.texts, log], 'it is passed over while the other works').toEqual([['text'], []]);
    await pass(1000);
    second.current.accept();
    await pass();
    expect(log).toEqual([
      {
        level: 'warn',
        message: 'message goes to another modem',
        event: 'fail_over',
        id: 'id-1',
        recipient: '+49…67',
        from: 'first',
        to: 'second',
        cause: 'CME 30',
      },
    ]);
    await finish(first, second);
    expect(second.texts.slice(0, 2)).toEqual(['running at second', 'text']);
    expect([...first.texts, ...second.texts].slice(-2)).toEqual(['waits', 'waits too']);
    expect(caller.result).toMatchObject({ modem: 'second', waitedMs: 2000, tookMs: 2000 });
  });

  it('passes over a modem whose next result could be that of an older message, while another works', async () => {
    const [blind, other] = [new FakeModem('blind'), new FakeModem('other')];
    blind.isBlind = true;
    const { send } = rig([blind, other]);
    send('one');
    send('two');
    await pass(1000);
    other.current.accept();
    await pass(1000);
    expect([blind.texts, other.texts]).toEqual([[], ['one', 'two']]);
    other.current.accept();
    other.enter('lost');
    await pass();
    send('three');
    expect(blind.texts, 'it is better than none').toEqual(['three']);
    blind.isBlind = false;
    blind.current.accept();
    other.enter('ready');
    await pass();
    send('four');
    expect(blind.texts).toEqual(['three', 'four']);
    await finish(blind, other);
  });

  it('gives a message to no modem twice, and answers with the last error and a time to come again', async () => {
    const modems = [new FakeModem('first'), new FakeModem('second')];
    const { send } = rig(modems);
    const caller = send('text');
    for (const modem of modems) {
      await pass(10);
      modem.current.fail(surelyNotSent());
      await pass();
    }
    expect(caller.error).toMatchObject({
      code: 'no_modem_ready',
      submitted: 'no',
      detail: 'no prompt',
      causeCode: 'CME 30',
      retryAfterMs: 10_000,
      progress: { segments: 1, modem: 'second', waitedMs: 10, tookMs: 20 },
    });
    expect(modems.map(({ texts }) => texts)).toEqual([['text'], ['text']]);
  });

  it('keeps the time to come again that the modem itself has given', async () => {
    const modem = new FakeModem('only');
    const caller = rig([modem]).send('text');
    modem.current.fail(new SendError('no_modem_ready', { elsewhere: true, retryAfterMs: 42_000 }));
    await pass();
    expect(caller.error?.retryAfterMs).toBe(42_000);
  });

  it.each([
    ['refused for good', new SendError('network_refused', { submitted: 'no' })],
    [
      'submitted in part',
      new SendError('partly_submitted', { submitted: 'partly', elsewhere: true }),
    ],
    [
      'of unknown outcome',
      new SendError('outcome_unknown', { submitted: 'unknown', elsewhere: true }),
    ],
  ])('never tries again what was %s', async (_what, error) => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const caller = rig([first, second]).send('text');
    first.current.prompt();
    first.current.fail(error);
    await pass();
    expect(caller.error).toBe(error);
    expect(second.texts).toEqual([]);
  });

  it('may try again what was allowed to start but surely was not sent; its deadline is then surely unsent too', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send } = rig([first, second]);
    const caller = send('text', { deadlineMs: 10_000 });
    send('running at second', { deadlineMs: 60_000 });
    const stale = first.current.control;
    first.current.prompt();
    first.current.fail(surelyNotSent());
    await pass();
    expect(caller.code).toBe('waiting');
    expect(stale.mayCommit(), 'the first modem has lost its right').toBe(false);
    stale.onCommitted();
    await pass(10_000);
    expect(caller.error).toMatchObject({
      code: 'deadline_unreachable',
      submitted: 'no',
      progress: { modem: 'first' },
    });
    await finish(second);
    expect(second.texts).toEqual(['running at second']);
  });

  it('never starts a message in less time than that modem needs: a sure 503 must not become a 504', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send } = rig([first, second]);
    const caller = send('text', { deadlineMs: 10_000 });
    await pass(6001);
    first.current.fail(surelyNotSent());
    await pass();
    expect([caller.code, second.texts]).toEqual(['no_modem_ready', []]);
  });

  it('does not happen when the other modem cannot meet the deadline', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send } = rig([first, second]);
    const caller = send('text', { deadlineMs: 7999 });
    send('running at second');
    first.current.fail(surelyNotSent());
    await pass();
    expect(caller.code).toBe('no_modem_ready');
    await finish(second);
  });

  it('does not happen for a caller that has its answer or has left', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send, log } = rig([first, second]);
    const left = send('left');
    left.hangUp();
    first.current.fail(surelyNotSent());
    await pass();
    const late = send('late', { deadlineMs: 5000 });
    await pass(5000);
    second.current.fail(surelyNotSent());
    await pass();
    expect([left.code, late.code]).toEqual(['deadline_unreachable', 'deadline_unreachable']);
    expect([first.texts, second.texts, log]).toEqual([['left'], ['late'], []]);
  });
});

describe('a modem that becomes unusable', () => {
  fakeTime();

  it('holds up nobody: what waits goes to one that can send it in time, in its order', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    second.enter('registering');
    const { send, dispatch, log } = rig([first, second]);
    const running = send('running', { deadlineMs: 60_000 });
    const waiting = ['a', 'b', 'c'].map((text) => send(text));
    first.current.prompt();
    second.phase = 'ready';
    first.enter('stalled');
    await pass();
    expect([second.current.text, dispatch.waiting()]).toEqual(['a', 2]);
    expect(log, 'what was never given to a modem does not fail over').toEqual([]);
    await finish(second);
    expect(second.texts).toEqual(['a', 'b', 'c']);
    expect(waiting.map(({ code }) => code)).toEqual(['sent', 'sent', 'sent']);
    expect([first.texts, running.code]).toEqual([['running'], 'waiting']);
    await finish(first);
    expect(running.code).toBe('sent');
  });

  it('loses what had failed over to it before what came to it by itself', async () => {
    const [first, second, third] = [
      new FakeModem('first'),
      new FakeModem('second', '+492'),
      new FakeModem('third'),
    ];
    third.enter('registering');
    const { send } = rig([first, second, third]);
    send('failed over');
    send('running', { deadlineMs: 60_000 });
    send('waits at second', { sender: '+492' });
    first.phase = 'lost';
    first.current.fail(surelyNotSent());
    await pass();
    second.current.prompt();
    third.phase = 'ready';
    second.enter('stalled');
    await pass();
    await finish(third);
    expect(third.texts).toEqual(['failed over', 'waits at second']);
    await finish(second);
    expect(second.texts).toEqual(['running']);
  });

  it('keeps what no other can send in time, until the deadline', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send, dispatch } = rig([first, second]);
    send('running at first', { deadlineMs: 60_000 });
    send('running at second', { deadlineMs: 60_000 });
    const hasty = send('hasty', { deadlineMs: 9000 });
    await pass(2000);
    first.current.prompt();
    first.enter('stalled');
    // 2 s for what runs there and 4 s of its own are less than the 7 s left, so hasty moves; then
    // the second stalls too.
    await pass();
    second.current.prompt();
    second.enter('stalled');
    await pass(6999);
    expect([hasty.code, dispatch.waiting()]).toEqual(['waiting', 1]);
    await pass(1);
    expect([hasty.code, dispatch.waiting()]).toEqual(['deadline_unreachable', 0]);
    await finish(first, second);
    expect([...first.texts, ...second.texts]).not.toContain('hasty');
  });

  it('gives up what waits for it when another comes back later', async () => {
    const [stuck, other] = [new FakeModem('stuck'), new FakeModem('other')];
    other.enter('lost');
    const { send } = rig([stuck, other]);
    send('running', { deadlineMs: 60_000 });
    const caller = send('waits');
    stuck.current.prompt();
    stuck.enter('stalled');
    await pass(10_000);
    expect(caller.code).toBe('waiting');
    other.enter('ready');
    await pass();
    expect(other.current.text).toBe('waits');
    await finish(stuck, other);
    expect(caller.result?.modem).toBe('other');
  });

  it('is passed over when the turn of a message comes; without another it is waited for', async () => {
    const [first, second] = [new FakeModem('first', '+491'), new FakeModem('second', '+492')];
    const { send } = rig([first, second]);
    send('running', { sender: '+491' });
    const goesOver = send('goes over', { sender: '+491' });
    // Nobody has said so: found out only at the turn.
    first.phase = 'lost';
    first.current.fail(new SendError('network_refused'));
    await pass();
    expect(second.current.text).toBe('goes over');
    const nowhere = send('nowhere to go');
    second.phase = 'lost';
    second.current.accept();
    await pass();
    expect(goesOver.result?.modem).toBe('second');
    expect(nowhere.code, 'either may be back in a moment').toBe('waiting');
    await pass(25_000);
    expect(nowhere.error).toMatchObject({ code: 'deadline_unreachable', submitted: 'no' });
  });

  it('lets a message wait out a short absence of its only modem, and sends it when that is back', async () => {
    const modem = new FakeModem('only');
    const { send } = rig([modem]);
    const first = send('first');
    const second = send('second');
    modem.current.prompt();
    modem.enter('lost');
    modem.current.fail(new SendError('outcome_unknown', { submitted: 'unknown' }));
    await pass(5_000);
    expect([first.code, second.code, modem.texts]).toEqual([
      'outcome_unknown',
      'waiting',
      ['first'],
    ]);
    modem.enter('ready');
    await finish(modem);
    expect([second.code, modem.texts]).toEqual(['sent', ['first', 'second']]);
  });

  it('answers a message whose modem does not come back at its deadline', async () => {
    const modem = new FakeModem('only');
    const { send } = rig([modem]);
    send('first');
    const second = send('second', { deadlineMs: 10_000 });
    modem.enter('lost');
    modem.current.fail(surelyNotSent());
    await pass(10_000);
    expect(second.error).toMatchObject({ code: 'deadline_unreachable', submitted: 'no' });
    modem.enter('ready');
    await pass();
    expect(modem.texts).toEqual(['first']);
  });

  it('moves what waits behind a message that takes too long to a modem that is free', async () => {
    const [slow, free] = [new FakeModem('slow'), new FakeModem('free')];
    const { send } = rig([slow, free]);
    send('stuck without a prompt', { deadlineMs: 60_000 });
    const running = send('running', { deadlineMs: 60_000 });
    const waits = send('waits', { deadlineMs: 60_000 });
    await pass(3_000);
    await finish(free);
    expect(running.code).toBe('sent');
    await pass(6_000);
    await finish(free);
    expect([waits.code, free.texts.length + slow.texts.length]).toEqual(['sent', 3]);
    await finish(slow);
  });

  it('may be used again after one slow result: when it is asked for, and when the others have no time', async () => {
    const [slow, quick] = [new FakeModem('slow', '+491'), new FakeModem('quick', '+492')];
    const { send } = rig([slow, quick]);
    send('slow once', { sender: '+491', deadlineMs: 60_000 });
    await pass(14_000);
    slow.current.accept();
    send('quick', { sender: '+492' });
    await pass(500);
    quick.current.accept();
    await pass();
    send('asks for it', { sender: '+491', deadlineMs: 2_000 });
    expect(slow.current.text).toBe('asks for it');
    slow.current.accept();
    await pass();
    const callers = ['one', 'two'].map((text) => send(text, { deadlineMs: 600 }));
    expect([quick.current.text, slow.current.text]).toEqual(['one', 'two']);
    await finish(slow, quick);
    expect(callers.map(({ code }) => code)).toEqual(['sent', 'sent']);
  });
});
