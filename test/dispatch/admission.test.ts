import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import type { ModemPhase } from '../../src/modem/sms-modem.js';
import { FakeModem } from './support/fake-modem.js';
import { fakeTime, finish, pass, type Rig, rig } from './support/rig.js';

describe('admission', () => {
  fakeTime();

  /** Teaches the estimate: one message of one segment that took this long. */
  async function teach({ send }: Rig, modem: FakeModem, tookMs: number): Promise<void> {
    const lesson = send('lesson', { sender: modem.number ?? '' });
    await pass(tookMs);
    modem.current.accept();
    await pass();
    expect(lesson.result?.modem).toBe(modem.name);
  }

  const expectedCode: Record<ModemPhase, 'sent' | 'no_modem_ready'> = {
    absent: 'no_modem_ready',
    opening: 'no_modem_ready',
    probing: 'no_modem_ready',
    unlocking: 'no_modem_ready',
    registering: 'no_modem_ready',
    ready: 'sent',
    sending: 'sent',
    stalled: 'no_modem_ready',
    lost: 'no_modem_ready',
    stopped: 'no_modem_ready',
  };

  it.each(Object.entries(expectedCode))('at a modem that is %s ends as %s', async (phase, code) => {
    const modem = new FakeModem('main');
    modem.enter(phase as ModemPhase);
    const caller = rig([modem]).send('text');
    await finish(modem);
    expect(caller.code).toBe(code);
  });

  it('does not take for a send what the modem did before it turned to the message', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('lesson');
    await pass(9_000);
    modem.current.control.onBegun?.();
    await pass(2_000);
    modem.current.accept();
    await pass();
    send('in hand');
    const next = send('next', { deadlineMs: 6_000 });
    await finish(modem);
    expect(next.code).toBe('sent');
  });

  it('names each modem, its phase and its reason when none is ready', async () => {
    const [left, right] = [new FakeModem('left'), new FakeModem('right')];
    left.enter('unlocking', 'the SIM wants a PUK');
    right.enter('absent');
    const caller = rig([left, right]).send('text');
    await pass();
    expect(caller.error).toMatchObject({
      code: 'no_modem_ready',
      submitted: 'no',
      retryAfterMs: 10_000,
    });
    expect(caller.error?.detail).toBe(
      'no modem is ready: left is unlocking (the SIM wants a PUK); right is absent',
    );
    expect(caller.error?.progress).toEqual({ segments: 1, waitedMs: 0, tookMs: 0 });
  });

  it('says so when no modem is configured', async () => {
    const caller = rig([]).send('text');
    await pass();
    expect(caller.error).toMatchObject({
      code: 'no_modem_ready',
      detail: 'no modem is configured',
    });
  });

  it('always lets an idle modem try, however slow it was and however little time is left', async () => {
    const modem = new FakeModem('main');
    const gateway = rig([modem]);
    await teach(gateway, modem, 14_000);
    const caller = gateway.send('hurry', { deadlineMs: 100 });
    expect(modem.current.text).toBe('hurry');
    modem.current.accept();
    await pass();
    expect(caller.code).toBe('sent');
  });

  it('refuses at once what cannot be sent before its deadline, and says when to come again', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('running');
    await pass(1000);
    const inTime = send('3 s of the running one and 4 s of its own', { deadlineMs: 7000 });
    const late = send('11 s', { deadlineMs: 10_999 });
    await pass();
    expect(inTime.code).toBe('waiting');
    expect(late.error).toMatchObject({
      code: 'deadline_unreachable',
      submitted: 'no',
      retryAfterMs: 1000,
    });
    expect(late.error?.detail).toContain('11.0 s');
    const muchTooLate = send('6 s late', { deadlineMs: 5000 });
    await pass();
    expect(muchTooLate.error?.retryAfterMs).toBe(6000);
    modem.current.accept();
    await pass();
    modem.current.accept();
    await pass();
    expect(inTime.code).toBe('sent');
  });

  it('counts every segment that waits', async () => {
    const modem = new FakeModem('main');
    const { send, dispatch } = rig([modem]);
    send('running');
    send('a'.repeat(450));
    await pass();
    const late = send('one more', { deadlineMs: 19_999 });
    const inTime = send('one more', { deadlineMs: 20_000 });
    await pass();
    expect([late.code, inTime.code]).toEqual(['deadline_unreachable', 'waiting']);
    expect(dispatch.waiting()).toBe(2);
    await finish(modem);
  });

  it('says when a login that came now would be done, which it is not refused before', async () => {
    const modem = new FakeModem('main');
    const { send, dispatch } = rig([modem]);
    expect(dispatch.loginDoneInMs(), 'a free modem would try it').toBe(0);
    send('running');
    send('a'.repeat(450));
    await pass();
    expect(dispatch.loginDoneInMs()).toBe(20_000);
    const [late, inTime] = [19_999, 20_000].map((deadlineMs) => send('one more', { deadlineMs }));
    await pass();
    expect([late?.code, inTime?.code]).toEqual(['deadline_unreachable', 'waiting']);
    await finish(modem);
    modem.enter('lost');
    expect(dispatch.loginDoneInMs()).toBeUndefined();
  });

  it('expects an overdue message to be overdue by as much again', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('running');
    await pass(10_000);
    const late = send('6 s and 4 s', { deadlineMs: 9_999 });
    const inTime = send('6 s and 4 s', { deadlineMs: 10_000 });
    await pass();
    expect([late.code, inTime.code]).toEqual(['deadline_unreachable', 'waiting']);
    await finish(modem);
  });

  it('learns from a refusal after Ctrl-Z, not from a failure before it', async () => {
    const modem = new FakeModem('main');
    const gateway = rig([modem]);
    gateway.send('no prompt for 9 s');
    await pass(9000);
    modem.current.fail(new SendError('no_modem_ready'));
    await pass();
    gateway.send('refused after 2 s');
    modem.current.prompt();
    await pass(2000);
    modem.current.fail(new SendError('network_refused'));
    await pass();
    gateway.send('running');
    const late = gateway.send('next', { deadlineMs: 3999 });
    const inTime = gateway.send('next', { deadlineMs: 4000 });
    await pass();
    expect([late.code, inTime.code]).toEqual(['deadline_unreachable', 'waiting']);
    await finish(modem);
  });

  it('takes the quickest of the idle modems', async () => {
    const [slow, fast] = [new FakeModem('slow', '+491'), new FakeModem('fast', '+492')];
    const gateway = rig([slow, fast]);
    await teach(gateway, slow, 10_000);
    await teach(gateway, fast, 2000);
    gateway.send('text');
    expect([slow.texts.slice(1), fast.texts.slice(1)]).toEqual([[], ['text']]);
    await finish(fast);
  });

  it('expects a modem without a record to be as its fellows are', async () => {
    const [known, cold] = [new FakeModem('known', '+491'), new FakeModem('cold', '+492')];
    const gateway = rig([known, cold]);
    await teach(gateway, known, 500);
    for (const text of ['one', 'two']) gateway.send(text);
    const inTime = gateway.send('waits', { deadlineMs: 1100 });
    expect([known.texts.slice(1), cold.texts]).toEqual([['one'], ['two']]);
    await pass(500);
    await finish(known, cold);
    expect(inTime.code).toBe('sent');
  });

  it.each(['+49 (151) 222-33.44', '491512223344'])(
    'prefers the modem whose number the sender %s asks for',
    async (sender) => {
      const modems = [
        new FakeModem('first', '+491511111111'),
        new FakeModem('asked', '+491512223344'),
      ];
      const { send } = rig(modems);
      const caller = send('text', { sender });
      modems[1]!.current.accept();
      await pass();
      expect(caller.result?.modem).toBe('asked');
    },
  );

  it.each(['Clinic', 'A491512223344', '', '+4915122233'])(
    'lets the sender %j choose nothing',
    async (sender) => {
      const modems = [
        new FakeModem('first', '+491511111111'),
        new FakeModem('other', '+491512223344'),
      ];
      const caller = rig(modems).send('text', { sender });
      modems[0]!.current.accept();
      await pass();
      expect(caller.result?.modem).toBe('first');
    },
  );

  it('does not wait for the asked modem when that would miss the deadline', async () => {
    const [first, asked] = [new FakeModem('first', '+491'), new FakeModem('asked', '+492')];
    const { send } = rig([first, asked]);
    send('running', { sender: '+492' });
    const patient = send('patient', { sender: '+492', deadlineMs: 8000 });
    const hasty = send('hasty', { sender: '+492', deadlineMs: 7999 });
    expect(first.texts).toEqual(['hasty']);
    first.current.accept();
    asked.current.accept();
    await pass();
    asked.current.accept();
    await pass();
    expect([patient.result?.modem, hasty.result?.modem]).toEqual(['asked', 'first']);
  });

  it('keeps no more waiting than the limit, and never counts what an idle modem takes', async () => {
    const [busy, other] = [new FakeModem('busy'), new FakeModem('other')];
    other.enter('registering');
    const { send, dispatch } = rig([busy, other], { maxWaiting: 2 });
    const callers = ['running', 'waits', 'waits too', 'too many'].map((text) => send(text));
    await pass();
    expect(dispatch.waiting()).toBe(2);
    expect(callers[3]?.error).toMatchObject({ code: 'queue_full', submitted: 'no' });
    expect(callers[3]?.error?.detail).toContain('2 messages are waiting');
    expect(callers[3]?.error?.retryAfterMs).toBeGreaterThanOrEqual(1000);
    other.enter('ready');
    await pass();
    expect(other.texts, 'the first that waits is served before whoever comes now').toEqual([
      'waits',
    ]);
    await finish(busy, other);
    const idle = [send('to the idle one'), send('to the other idle one')];
    await finish(busy, other);
    expect(idle.map(({ code }) => code)).toEqual(['sent', 'sent']);
  });

  it('answers 200 callers at once: as many wait as can be sent in time, the others are refused', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const callers = Array.from({ length: 200 }, (_, i) => send(`message ${i}`));
    await pass();
    const refused = callers.filter(({ code }) => code === 'deadline_unreachable');
    expect(refused).toHaveLength(194);
    expect(refused.every(({ answeredAt }) => answeredAt === callers[0]!.deadlineAt - 25_000)).toBe(
      true,
    );
    for (let i = 0; i < 6; i += 1) {
      await pass(4000);
      modem.current.accept();
      await pass();
    }
    expect(callers.slice(0, 6).map(({ code }) => code)).toEqual(Array<string>(6).fill('sent'));
  });

  it('keeps nothing of callers that hang up while they wait', async () => {
    const modem = new FakeModem('main');
    const { send, dispatch } = rig([modem], { maxWaiting: 5 });
    send('running');
    for (let i = 0; i < 500; i += 1) send('never mind').hangUp();
    await pass();
    expect(dispatch.waiting()).toBe(0);
    expect(modem.texts).toEqual(['running']);
    await finish(modem);
    expect(modem.texts).toEqual(['running']);
  });
});
