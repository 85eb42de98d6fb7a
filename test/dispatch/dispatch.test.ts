import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import { FakeModem } from './support/fake-modem.js';
import { fakeTime, pass, rig } from './support/rig.js';

describe('dispatch', () => {
  fakeTime();

  it('hands an idle modem the message in the same tick, with its alphabet, segments and validity', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], { validityMs: 120_000 });
    const caller = send('Your code is 123456', { recipient: '+4915112345667' });
    expect(modem.current.sms).toEqual({
      recipient: '+4915112345667',
      alphabet: 'gsm7',
      segments: ['Your code is 123456'],
      validityMs: 120_000,
    });
    expect(modem.current.control.retryUntil).toBe(caller.deadlineAt);
    modem.current.accept();
    await pass();
  });

  it('answers with segments, modem, references and times when the network has every segment', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const first = send('first');
    const second = send('ж'.repeat(100));
    await pass(1500);
    modem.current.accept();
    await pass();
    expect(first.result).toEqual({
      id: 'id-1',
      segments: 1,
      modem: 'main',
      references: [7],
      waitedMs: 0,
      tookMs: 1500,
    });
    await pass(2500);
    expect(modem.current.sms).toMatchObject({
      alphabet: 'ucs2',
      segments: ['ж'.repeat(67), 'ж'.repeat(33)],
    });
    modem.current.accept();
    await pass();
    expect(second.result).toEqual({
      id: 'id-2',
      segments: 2,
      modem: 'main',
      references: [7, 8],
      waitedMs: 1500,
      tookMs: 4000,
    });
  });

  it('refuses a text of more segments than allowed, with the counts', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], { maxSegments: 3 });
    const fits = send('a'.repeat(3 * 153));
    const tooLong = send('a'.repeat(3 * 153 + 1));
    await pass();
    expect(tooLong.error).toMatchObject({
      code: 'text_too_long',
      submitted: 'no',
      progress: { segments: 4 },
    });
    expect(tooLong.error?.detail).toMatch(/4 segments in the gsm7 alphabet.* 3 .*max_segments/);
    modem.current.accept();
    await pass();
    expect(fits.code).toBe('sent');
    expect(modem.texts).toHaveLength(1);
  });

  it('tells a repeat what became of the first, also where its text would be too long by now', async () => {
    const modem = new FakeModem('main');
    const { dispatch, send } = rig([modem], { maxSegments: 3 });
    const message = { recipient: '+4915112345667', idempotencyKey: 'key' };
    const text = 'a'.repeat(3 * 153);
    send(text, message);
    modem.current.accept();
    await pass();
    const limits = { maxSegments: 1, maxWaiting: 50, maxWaitingAlerts: 10, validityMs: 300_000 };
    dispatch.replaceLimits(limits);
    const repeat = send(text, message);
    const other = send(text, { ...message, idempotencyKey: 'another' });
    await pass();
    expect(repeat.result).toMatchObject({ segments: 3, isReplay: true });
    expect([other.code, modem.texts.length]).toEqual(['text_too_long', 1]);
  });

  it('refuses a text beyond what any concatenated message holds in the same words', async () => {
    const { send } = rig([new FakeModem('main')]);
    const tooLong = send('a'.repeat(60_000));
    await pass();
    expect(tooLong.error).toMatchObject({ code: 'text_too_long', progress: { segments: 393 } });
    expect(tooLong.error?.detail).toMatch(/393 segments.* 3 /);
  });

  it('refuses a lone surrogate as a body that no alphabet can carry, and does not repeat it', async () => {
    const { send } = rig([new FakeModem('main')]);
    const caller = send('secret \ud83d');
    await pass();
    expect(caller.error).toMatchObject({ code: 'body_invalid', submitted: 'no' });
    expect(caller.error?.detail).toContain('offset 7');
    expect(caller.error?.detail).not.toContain('secret');
  });

  it('passes on what the modem says, with how far the message came', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const caller = send('text');
    await pass(300);
    modem.current.prompt();
    modem.current.fail(new SendError('network_refused', { detail: 'barred', causeCode: 'CMS 10' }));
    await pass();
    expect(caller.error).toMatchObject({
      code: 'network_refused',
      submitted: 'no',
      causeCode: 'CMS 10',
    });
    expect(caller.error?.progress).toEqual({
      segments: 1,
      modem: 'main',
      waitedMs: 0,
      tookMs: 300,
    });
  });

  it('answers a bug in the modem as internal and unknown, keeps its cause, and goes on', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const caller = send('text');
    const next = send('next');
    const bug = new TypeError('undefined is not a modem');
    modem.current.fail(bug);
    await pass();
    expect(caller.error).toMatchObject({ code: 'internal', submitted: 'unknown', cause: bug });
    modem.current.accept();
    await pass();
    expect(next.code).toBe('sent');
  });
});
