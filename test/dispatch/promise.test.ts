import { describe, expect, it } from 'vitest';
import { FakeModem, surelyNotSent } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig } from './support/rig.js';

/** A caller who waits for 4 s, for a message that has 25. */
const hasty = { answerMs: 4_000 };

describe('a caller who cannot wait', () => {
  fakeTime();

  it('is told the outcome where that comes in time, and is promised nothing', async () => {
    const modem = new FakeModem('main');
    const { send, written } = rig([modem]);
    const caller = send('quick', hasty);
    await pass(3_000);
    modem.current.accept();
    await pass();
    expect(caller.code).toBe('sent');
    expect(written.map(({ kind }) => kind)).toEqual(['started', 'ended']);
  });

  it('is promised what was committed, and the outcome follows in the journal', async () => {
    const modem = new FakeModem('main');
    const { send, written } = rig([modem]);
    const caller = send('slow', hasty);
    modem.current.prompt();
    await pass(4_000);
    expect([caller.code, caller.promised?.id]).toEqual(['promised', 'id-1']);
    modem.current.accept();
    await expect(caller.promised?.settled).resolves.toMatchObject({ id: 'id-1', references: [7] });
    expect(written.at(-1)).toMatchObject({ kind: 'ended', entry: { outcome: { status: 200 } } });
  });

  it('is promised what waits only once that stands in the journal, and hanging up ends nothing', async () => {
    const modem = new FakeModem('main');
    const { send, written } = rig([modem]);
    send('first');
    const caller = send('waits', hasty);
    modem.current.prompt();
    await pass(4_000);
    expect(caller.code).toBe('promised');
    expect(written.at(-1)).toMatchObject({ kind: 'promised', entry: { id: 'id-2', segments: 1 } });
    caller.hangUp();
    modem.current.accept();
    await finish(modem);
    expect(modem.texts).toEqual(['first', 'waits']);
    await expect(caller.promised?.settled).resolves.toMatchObject({ id: 'id-2' });
  });

  it('is refused, and nothing is sent, where the journal cannot take it', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], {}, { journalIsWell: () => false });
    send('first');
    const caller = send('waits', hasty);
    modem.current.prompt();
    await pass(4_000);
    expect(caller.error).toMatchObject({ code: 'deadline_unreachable', submitted: 'no' });
    modem.current.accept();
    await finish(modem);
    expect(modem.texts).toEqual(['first']);
  });

  it('is refused where it is not expected to be done before its own deadline', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('first');
    modem.current.prompt();
    // A segment is expected to take 4 s, and 2 s are left when it must be answered.
    const caller = send('waits', { answerMs: 8_000, deadlineMs: 10_000 });
    await pass(8_000);
    expect(caller.error).toMatchObject({ code: 'deadline_unreachable', submitted: 'no' });
    modem.current.accept();
    await finish(modem);
    expect(modem.texts).toEqual(['first']);
  });

  it('keeps its place until its own deadline, and then it is given up unsent', async () => {
    const modem = new FakeModem('main');
    const { send, written } = rig([modem]);
    send('first');
    modem.current.prompt();
    const caller = send('waits', hasty);
    await pass(4_000);
    expect(caller.code).toBe('promised');
    await pass(21_000);
    await expect(caller.promised?.settled).rejects.toMatchObject({ code: 'deadline_unreachable' });
    expect(written.find((told) => told.kind === 'ended' && told.entry.id === 'id-2')).toMatchObject(
      {
        entry: { wasPromised: true, wasStarted: false },
      },
    );
    modem.current.accept();
    await finish(modem);
    expect(modem.texts).toEqual(['first']);
  });

  it('is still replaced by a newer code', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('first');
    modem.current.prompt();
    const recipient = '+4915100000099';
    const older = send('older', { ...hasty, recipient });
    await pass(4_000);
    const newer = send('newer', { recipient });
    await expect(older.promised?.settled).rejects.toMatchObject({ code: 'superseded' });
    modem.current.accept();
    await finish(modem);
    expect([newer.code, modem.texts]).toEqual(['sent', ['first', 'newer']]);
  });

  it('has its message sent by a gateway that stops, also when that fails over', async () => {
    const [first, second] = [new FakeModem('first'), new FakeModem('second')];
    const { send, dispatch } = rig([first, second]);
    send('a');
    send('b');
    for (const modem of [first, second]) modem.current.prompt();
    const [kept, refused] = [send('kept', hasty), send('refused')];
    await pass(4_000);
    let stopped = false;
    const stop = dispatch.stop().then(() => {
      stopped = true;
    });
    await pass();
    expect([kept.code, refused.code, stopped]).toEqual(['promised', 'shutting_down', false]);
    first.current.accept();
    await pass();
    first.current.fail(surelyNotSent());
    await pass();
    second.current.accept();
    await finish(first, second);
    await stop;
    expect([...first.texts, ...second.texts]).toEqual(['a', 'kept', 'b', 'kept']);
    await expect(kept.promised?.settled).resolves.toMatchObject({ modem: 'second' });
  });

  it('is refused after all by a gateway that has no more time, and the journal says so', async () => {
    const modem = new FakeModem('main');
    const { send, dispatch, written } = rig([modem]);
    send('first');
    modem.current.prompt();
    const caller = send('waits', hasty);
    await pass(4_000);
    const stop = dispatch.stop();
    await pass(5_000);
    expect(dispatch.waiting()).toBe(1);
    dispatch.giveUp();
    await expect(caller.promised?.settled).rejects.toMatchObject({ code: 'shutting_down' });
    expect(written.at(-1)).toMatchObject({
      kind: 'ended',
      entry: { id: 'id-2', outcome: { status: 503, submitted: 'no' } },
    });
    modem.current.accept();
    await stop;
    expect(modem.texts).toEqual(['first']);
  });

  it('repeats with its key, joins, and is promised the same message', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const message = { ...hasty, recipient: '+4915100000099', repeatsMs: 300_000 };
    const first = send('Your code is 1', message);
    modem.current.prompt();
    await pass(2_000);
    const second = send('Your code is 1', message);
    await pass(4_000);
    expect([first.promised?.id, second.promised?.id]).toEqual(['id-1', 'id-1']);
    modem.current.accept();
    await finish(modem);
    const third = send('Your code is 1', message);
    await pass();
    expect(third.result).toMatchObject({ id: 'id-1', isReplay: true });
    expect(modem.texts).toHaveLength(1);
    // One of them was sent, and the log is to say so.
    const replays = [first, second].map(
      async ({ promised }) => (await promised?.settled)?.isReplay,
    );
    expect(await Promise.all(replays)).toEqual([undefined, true]);
  });

  it('is promised what was committed while the journal was asked in vain', async () => {
    const modem = new FakeModem('main');
    const slow = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500));
    const { send } = rig([modem], {}, { journalIsWell: slow });
    const caller = send('slow', hasty);
    await pass(4_100);
    modem.current.prompt();
    await pass(400);
    expect(caller.code).toBe('promised');
    modem.current.accept();
    await expect(caller.promised?.settled).resolves.toMatchObject({ id: 'id-1' });
  });

  it('is promised nothing once it has left, and ends nothing that another waits for', async () => {
    const modem = new FakeModem('main');
    let isWell = false;
    const { send } = rig([modem], {}, { journalIsWell: () => isWell });
    const message = { ...hasty, recipient: '+4915100000099', repeatsMs: 300_000 };
    send('first');
    modem.current.prompt();
    const left = send('Your code is 1', message);
    await pass(2_000);
    const stays = send('Your code is 1', message);
    left.hangUp();
    await pass(2_000);
    expect(stays.code).toBe('waiting');
    isWell = true;
    stays.hangUp();
    modem.current.accept();
    await finish(modem);
    expect([stays.error?.submitted, modem.texts]).toEqual(['no', ['first']]);
  });

  it('whose callers have all left before any was told is not started', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const message = { ...hasty, recipient: '+4915100000099', repeatsMs: 300_000 };
    send('first');
    modem.current.prompt();
    const left = send('Your code is 1', message);
    await pass(2_000);
    const stays = send('Your code is 1', message);
    left.hangUp();
    await pass(3_000);
    stays.hangUp();
    modem.current.accept();
    await finish(modem);
    expect(modem.texts).toEqual(['first']);
  });
});

describe('the same text without a key', () => {
  fakeTime();
  const message = { recipient: '+4915100000099', repeatsMs: 300_000 };

  it('is a repeat for as long as is configured, and for its caller alone', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('text', message);
    await finish(modem);
    send('text', { ...message, caller: 'another' });
    await finish(modem);
    send('text', message);
    send('text', { ...message, recipient: '+4915100000098' });
    await finish(modem);
    send('another text', message);
    await finish(modem);
    expect(modem.texts).toEqual(['text', 'text', 'text', 'another text']);
    await pass(300_001);
    send('text', message);
    await finish(modem);
    expect(modem.texts).toHaveLength(5);
  });

  it('may differ where something else says what it repeats, and later is a reminder', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const alert = { ...message, isAlert: true, repeatOf: 'rack 3 is hot' };
    send('41 degrees', alert);
    await finish(modem);
    const repeat = send('42 degrees', alert);
    send('41 degrees', { ...alert, repeatOf: 'rack 4 is hot' });
    await finish(modem);
    expect([repeat.result?.isReplay, modem.texts]).toEqual([true, ['41 degrees', '41 degrees']]);
    await pass(300_001);
    send('41 degrees', alert);
    await finish(modem);
    expect(modem.texts).toHaveLength(3);
  });

  it('is sent again where it was surely not sent', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const first = send('text', message);
    modem.current.fail(surelyNotSent());
    await pass();
    expect(first.code).toBe('no_modem_ready');
    const second = send('text', message);
    await finish(modem);
    expect(second.code).toBe('sent');
  });

  it('is never sent again where that is not known', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const first = send('text', { ...message, deadlineMs: 2_000 });
    modem.current.prompt();
    await pass(2_000);
    const second = send('text', message);
    await pass();
    expect([first.code, second.code]).toEqual(['outcome_unknown', 'outcome_unknown']);
    modem.current.accept();
    await finish(modem);
    expect(modem.texts).toHaveLength(1);
  });
});

describe('a token that names one message', () => {
  fakeTime();
  const token = { recipient: '+4915100000099', tokenId: 'jti-1' };

  it('joins or reads the first, and is refused for another', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('text', token);
    await finish(modem);
    const [same, other] = [send('text', token), send('another', token)];
    await pass();
    expect([same.result?.isReplay, other.code]).toEqual([true, 'token_invalid']);
    expect(modem.texts).toEqual(['text']);
  });

  it('is refused for another beside keys of their own, too', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('text', { ...token, idempotencyKey: 'a' });
    await finish(modem);
    const other = send('another', { ...token, idempotencyKey: 'b' });
    await finish(modem);
    expect([other.code, modem.texts]).toEqual(['token_invalid', ['text']]);
  });
});

describe('alerts', () => {
  fakeTime();
  const alert = { isAlert: true, caller: 'monitoring' };

  it('wait behind every login, in their own order', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const long = { deadlineMs: 120_000 };
    send('first', long);
    send('alert 1', { ...alert, ...long });
    send('alert 2', { ...alert, ...long });
    send('login 1', long);
    send('login 2', long);
    await finish(modem);
    expect(modem.texts).toEqual(['first', 'login 1', 'login 2', 'alert 1', 'alert 2']);
  });

  it('have a share of the places, and take none from a login', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], { maxWaiting: 4, maxWaitingAlerts: 2 });
    const long = { deadlineMs: 120_000 };
    const running = send('first', long);
    const alerts = Array.from({ length: 20 }, (_, i) => send(`alert ${i}`, { ...alert, ...long }));
    const logins = Array.from({ length: 5 }, (_, i) => send(`login ${i}`, long));
    await pass();
    expect(alerts.filter(({ code }) => code === 'queue_full')).toHaveLength(18);
    expect(alerts[5]?.error?.detail).toContain('policy.alert_share');
    expect(logins.map(({ code }) => code)).toEqual([
      ...Array.from({ length: 4 }, () => 'waiting'),
      'queue_full',
    ]);
    await finish(modem);
    expect([running.code, modem.texts.slice(1, 5)]).toEqual([
      'sent',
      ['login 0', 'login 1', 'login 2', 'login 3'],
    ]);
  });

  it('replace one another only where they say what they are', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const own = { ...alert, recipient: '+4915100000099', deadlineMs: 120_000 };
    send('first', { deadlineMs: 120_000 });
    send('door', own);
    send('roof', own);
    send('disk, firing', { ...own, messageType: 'disk' });
    const newer = send('disk, resolved', { ...own, messageType: 'disk' });
    await finish(modem);
    expect(newer.code).toBe('sent');
    expect(modem.texts).toEqual(['first', 'door', 'roof', 'disk, resolved']);
  });

  it('leave the limits and caps to logins, but for their share', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], {}, { policy: { total: '10 in 1 h' }, caps: { perDay: 8 } });
    const alerts = [];
    for (let i = 0; i < 5; i++) {
      alerts.push(send(`alert ${i}`, alert));
      await finish(modem);
    }
    // A fifth of ten, and of eight.
    expect(alerts.map(({ code }) => code).slice(0, 2)).toEqual(['sent', 'sim_cap_reached']);
    const logins = [];
    for (let i = 0; i < 8; i++) {
      logins.push(send(`login ${i}`));
      await finish(modem);
    }
    expect(logins.filter(({ code }) => code === 'sent')).toHaveLength(7);
  });
});

describe('a caller’s own modems', () => {
  fakeTime();

  it('are the only ones that send for it', async () => {
    const [main, backup] = [new FakeModem('main'), new FakeModem('backup')];
    const { send } = rig([main, backup]);
    const own = { modems: ['backup'] };
    const callers = [send('one', own), send('two', own)];
    await pass();
    backup.current.accept();
    await pass();
    backup.current.accept();
    await pass();
    expect([callers.map(({ code }) => code), main.texts]).toEqual([['sent', 'sent'], []]);
    backup.enter('lost');
    const refused = send('three', own);
    await pass();
    expect(refused.error?.detail).toMatch(/^no modem is ready: backup/);
  });

  it('are foreseen alone: what waits for them is in nobody else’s way, and is promised no place elsewhere', async () => {
    const [main, backup] = [new FakeModem('main'), new FakeModem('backup')];
    const { send } = rig([main, backup]);
    const own = { modems: ['backup'], deadlineMs: 60_000 };
    for (const text of ['at backup', 'b1', 'b2', 'b3', 'b4']) send(text, own);
    send('at main');
    await pass();
    // Four segments at 4 s each are before it, behind the one that is at the modem.
    const late = send('b5', { ...own, deadlineMs: 18_000, answerMs: 1_000 });
    await pass();
    expect(late.error).toMatchObject({ code: 'deadline_unreachable', submitted: 'no' });
    const other = send('soon', { deadlineMs: 9_000 });
    await pass();
    expect(other.code).toBe('waiting');
    await finish(main, backup);
    expect([other.code, main.texts]).toEqual(['sent', ['at main', 'soon']]);
  });
});
