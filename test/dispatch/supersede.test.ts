import { describe, expect, it } from 'vitest';
import { FakeModem, surelyNotSent } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig } from './support/rig.js';

const same = { recipient: '+4915112345667', messageType: 'otp_verify' };

describe('superseding', () => {
  fakeTime();

  it('gives the place of a waiting message to the newest of the same caller, recipient and type', async () => {
    const modem = new FakeModem('main');
    const { send, dispatch } = rig([modem]);
    send('running');
    const oldest = send('code 1', same);
    send('between');
    const middle = send('code 2', same);
    await pass(500);
    const newest = send('code 3', same);
    await pass();
    expect([oldest.error, middle.error]).toMatchObject([
      {
        code: 'superseded',
        submitted: 'no',
        retryAfterMs: undefined,
        progress: { segments: 1 },
      },
      { code: 'superseded', submitted: 'no', progress: { waitedMs: 500, tookMs: 500 } },
    ]);
    expect(dispatch.waiting()).toBe(2);
    await finish(modem);
    expect(modem.texts).toEqual(['running', 'code 3', 'between']);
    expect(newest.result).toMatchObject({ waitedMs: 0 });
  });

  it.each([
    ['caller', { ...same, caller: 'another' }],
    ['recipient', { ...same, recipient: '+4915112345668' }],
    ['type', { ...same, messageType: 'otp_enroll' }],
    ['missing type', { recipient: same.recipient }],
  ])('leaves alone a message that differs in its %s', async (_what, other) => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('running');
    const older = send('older', same);
    const newer = send('newer', other);
    await finish(modem);
    expect([older.code, newer.code]).toEqual(['sent', 'sent']);
    expect(modem.texts).toEqual(['running', 'older', 'newer']);
  });

  it('never takes back a message that was handed to a modem, prompt or no prompt', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const older = send('older', same);
    const newer = send('newer', same);
    await finish(modem);
    expect([older.code, newer.code]).toEqual(['sent', 'sent']);
  });

  it('needs no room: the newer is taken in when the queue is full', async () => {
    const modem = new FakeModem('main');
    const { send, dispatch } = rig([modem], { maxWaiting: 1 });
    send('running');
    const older = send('older', same);
    const newer = send('newer', same);
    await pass();
    expect([older.code, newer.code, dispatch.waiting()]).toEqual(['superseded', 'waiting', 1]);
    await finish(modem);
    expect(newer.code).toBe('sent');
  });

  it('judges the newer by the place it would take, not by the end of the queue', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('running');
    send('older', same);
    send('behind');
    const newer = send('newer', { ...same, deadlineMs: 8000 });
    await finish(modem);
    expect(newer.code).toBe('sent');
    expect(modem.texts).toEqual(['running', 'newer', 'behind']);
  });

  it('leaves the older in its place when the newer cannot be sent in time', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('running');
    const older = send('older', same);
    const newer = send('newer', { ...same, deadlineMs: 7999 });
    await finish(modem);
    expect([older.code, newer.code]).toEqual(['sent', 'deadline_unreachable']);
  });

  it('runs the newer to its own deadline, not to that of the message whose place it took', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const running = send('running');
    modem.current.prompt();
    const older = send('older', { ...same, deadlineMs: 9000 });
    await pass(3000);
    const newer = send('newer', { ...same, deadlineMs: 9000 });
    await pass(8999);
    expect([older.code, newer.code]).toEqual(['superseded', 'waiting']);
    await pass(1);
    expect(newer.code).toBe('deadline_unreachable');
    await finish(modem);
    expect(running.code).toBe('sent');
    expect(modem.texts).toEqual(['running']);
  });

  it('puts the newer at a modem that works when the older is stranded at one that does not', async () => {
    const [stuck, works] = [new FakeModem('stuck'), new FakeModem('works')];
    works.phase = 'registering';
    const { send, dispatch } = rig([stuck, works]);
    send('running');
    const older = send('older', same);
    stuck.phase = 'stalled';
    works.phase = 'ready';
    const newer = send('newer', same);
    expect(works.texts).toEqual(['newer']);
    await pass();
    expect([older.code, dispatch.waiting()]).toEqual(['superseded', 0]);
    works.current.accept();
    stuck.current.accept();
    await pass();
    expect(newer.result?.modem).toBe('works');
  });

  it('lets a message that comes back from a modem give way to the newer one that waits', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send } = rig([first, second]);
    const older = send('older', same);
    send('running at second');
    const newer = send('newer', same);
    first.current.fail(surelyNotSent());
    await pass();
    expect(older.code).toBe('superseded');
    await finish(first, second);
    expect(newer.code).toBe('sent');
    expect([...first.texts, ...second.texts].filter((text) => text === 'older')).toHaveLength(1);
  });

  it('lets the newer one that comes back from a modem supersede an older that came back before it', async () => {
    const modems = [new FakeModem('first'), new FakeModem('second'), new FakeModem('third')];
    const { send } = rig(modems);
    const [first, second, third] = modems as [FakeModem, FakeModem, FakeModem];
    const older = send('older', same);
    const newer = send('newer', same);
    const running = send('running at third');
    expect([first.texts, second.texts, third.texts]).toEqual([
      ['older'],
      ['newer'],
      ['running at third'],
    ]);
    first.phase = 'lost';
    first.current.fail(surelyNotSent());
    await pass();
    expect(older.code).toBe('waiting');
    second.current.fail(surelyNotSent());
    await pass();
    expect(older.code).toBe('superseded');
    await finish(third);
    expect([running.code, newer.code]).toEqual(['sent', 'sent']);
    expect(third.texts).toEqual(['running at third', 'newer']);
  });
});
