import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import { FakeModem } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig } from './support/rig.js';

describe('the deadline', () => {
  fakeTime();

  it('answers a message that still waits, to the millisecond, and takes it out of the queue', async () => {
    const modem = new FakeModem('main');
    const { send, dispatch } = rig([modem]);
    send('running');
    const caller = send('waits', { deadlineMs: 9000 });
    await pass(8999);
    expect([caller.code, dispatch.waiting()]).toEqual(['waiting', 1]);
    await pass(1);
    expect(caller.answeredAt).toBe(caller.deadlineAt);
    expect(caller.error).toMatchObject({
      code: 'deadline_unreachable',
      submitted: 'no',
      retryAfterMs: 1000,
      progress: { segments: 1, waitedMs: 9000, tookMs: 9000 },
    });
    expect(dispatch.waiting()).toBe(0);
    await finish(modem);
    expect(modem.texts).toEqual(['running']);
  });

  it('refuses a message whose deadline had passed when it came in', async () => {
    const modem = new FakeModem('main');
    const caller = rig([modem]).send('too late', { deadlineMs: 0 });
    await pass();
    expect([caller.code, modem.texts]).toEqual(['deadline_unreachable', []]);
  });

  it('answers surely not submitted when the prompt has not come, and then leaves the prompt unsent', async () => {
    const modem = new FakeModem('main');
    const { send, log } = rig([modem]);
    const caller = send('no prompt yet', { deadlineMs: 9000 });
    const next = send('next');
    await pass(9000);
    expect(caller.error).toMatchObject({ code: 'deadline_unreachable', submitted: 'no' });
    expect(caller.answeredAt).toBe(caller.deadlineAt);
    expect(modem.texts).toEqual(['no prompt yet']);
    expect(modem.current.prompt()).toBe(false);
    await pass();
    expect(modem.current.text).toBe('next');
    await finish(modem);
    expect([next.code, log]).toEqual(['sent', []]);
  });

  it('leaves the prompt unsent from the very millisecond of the deadline, before any timer has run', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    let askedAtDeadline: boolean | undefined;
    // Set before the send, so that this timer runs before that of the deadline.
    setTimeout(() => {
      askedAtDeadline = modem.current.control.mayCommit();
    }, 9000);
    const caller = send('text', { deadlineMs: 9000 });
    await pass(9000);
    expect(askedAtDeadline).toBe(false);
    expect(caller.code).toBe('deadline_unreachable');
    modem.current.prompt();
    await pass();
  });

  it('answers unknown when the message was started, lets it go on, and logs the truth when it comes', async () => {
    const modem = new FakeModem('main');
    const { send, log } = rig([modem]);
    const caller = send('secret 1234', { deadlineMs: 9000, recipient: '+4915112345667' });
    await pass(1000);
    modem.current.prompt();
    const next = send('next', { deadlineMs: 100_000 });
    await pass(8000);
    expect(caller.answeredAt).toBe(caller.deadlineAt);
    expect(caller.error).toMatchObject({
      code: 'outcome_unknown',
      submitted: 'unknown',
      progress: { segments: 1, modem: 'main', waitedMs: 0, tookMs: 9000 },
    });
    await pass(40_000);
    expect(modem.texts).toEqual(['secret 1234']);
    modem.current.accept();
    await pass();
    expect(modem.current.text).toBe('next');
    expect(log).toEqual([
      {
        level: 'info',
        message: 'late result',
        event: 'late_result',
        id: 'id-1',
        recipient: '+49…67',
        modem: 'main',
        segments: 1,
        outcome: 'submitted',
        submitted: 'yes',
        waited_ms: 0,
        took_ms: 49_000,
      },
    ]);
    await finish(modem);
    expect(next.code).toBe('sent');
  });

  it('counts as started from the moment the modem was allowed to', async () => {
    const modem = new FakeModem('main');
    const { send, log } = rig([modem]);
    const caller = send('text', { deadlineMs: 9000 });
    expect(modem.current.control.mayCommit()).toBe(true);
    await pass(9000);
    expect(caller.code).toBe('outcome_unknown');
    modem.current.fail(new SendError('network_refused', { causeCode: 'CMS 38' }));
    await pass();
    expect(log).toMatchObject([
      { outcome: 'network_refused', submitted: 'no', cause_code: 'CMS 38' },
    ]);
  });

  it('logs a late bug as an error, with its stack', async () => {
    const modem = new FakeModem('main');
    const { send, log } = rig([modem]);
    send('text', { deadlineMs: 9000 });
    modem.current.prompt();
    await pass(9000);
    modem.current.fail(new TypeError('not a modem'));
    await pass();
    expect(log).toMatchObject([{ level: 'error', event: 'late_result', outcome: 'internal' }]);
    expect(log[0]?.stack).toContain('TypeError: not a modem');
  });

  it('drops at its turn a message that waited until too little time was left', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('running');
    const tooLate = send('needs 4 s', { deadlineMs: 9000 });
    const justInTime = send('needs 4 s too', { deadlineMs: 12_000 });
    await pass(8000);
    // The start value is forgotten for the 8 s just measured, of which neither has enough left.
    modem.current.accept();
    await pass();
    expect([tooLate.code, justInTime.code]).toEqual([
      'deadline_unreachable',
      'deadline_unreachable',
    ]);
    expect(tooLate.error?.progress).toMatchObject({ waitedMs: 8000 });
    expect(modem.texts).toEqual(['running']);
  });

  it('does not drop at its turn what has just enough time', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('running');
    const caller = send('needs 4 s', { deadlineMs: 8000 });
    await pass(4000);
    modem.current.accept();
    await finish(modem);
    expect(caller.code).toBe('sent');
  });
});

describe('a caller that hangs up', () => {
  fakeTime();

  it('takes its waiting message with it', async () => {
    const modem = new FakeModem('main');
    const { send, dispatch } = rig([modem]);
    send('running');
    const caller = send('waits');
    await pass(1000);
    caller.hangUp();
    await pass();
    expect(caller.error).toMatchObject({
      code: 'deadline_unreachable',
      submitted: 'no',
      detail: 'the caller hung up before the message was started',
      progress: { waitedMs: 1000, tookMs: 1000 },
    });
    expect(dispatch.waiting()).toBe(0);
    await finish(modem);
    expect(modem.texts).toEqual(['running']);
  });

  it('before its send leaves nothing to do', async () => {
    const modem = new FakeModem('main');
    const { dispatch } = rig([modem]);
    const message = { id: 'id', caller: 'urn:Auth0', recipient: '+4915112345667', text: 'text' };
    const sent = dispatch.send(message, { deadlineAt: 1e9, callerLeft: AbortSignal.abort() });
    await expect(sent).rejects.toMatchObject({ code: 'deadline_unreachable', submitted: 'no' });
    expect(modem.texts).toEqual([]);
  });

  it('before the prompt keeps the prompt from being answered', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const caller = send('text');
    caller.hangUp();
    await pass();
    expect(caller.code).toBe('deadline_unreachable');
    expect(modem.current.prompt()).toBe(false);
    await pass();
  });

  it('after Ctrl-Z changes nothing: the message goes to its end and is answered as usual', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const caller = send('text');
    modem.current.prompt();
    caller.hangUp();
    await pass(500);
    expect(caller.code).toBe('waiting');
    modem.current.accept();
    await pass();
    expect(caller.result).toMatchObject({ modem: 'main', tookMs: 500 });
  });
});

describe('after the answer', () => {
  fakeTime();

  it.each(['sent', 'refused', 'superseded', 'left', 'late', 'unknown'])(
    'no abort listener is left: %s',
    async (how) => {
      const modem = new FakeModem('main');
      const { send } = rig([modem], { maxWaiting: how === 'refused' ? 0 : 50 });
      const running = send('running');
      const caller = send('text', { recipient: '+4915112345667', deadlineMs: 10_000 });
      if (how === 'superseded') send('newer', { recipient: '+4915112345667' });
      if (how === 'left') caller.hangUp();
      if (how === 'unknown') {
        modem.current.accept();
        await pass();
        modem.current.prompt();
      }
      if (how === 'late' || how === 'unknown') await pass(10_000);
      await finish(modem);
      expect(caller.isAnswered).toBe(true);
      expect([running.abortListeners, caller.abortListeners]).toEqual([0, 0]);
    },
  );
});
