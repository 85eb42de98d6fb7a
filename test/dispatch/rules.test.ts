import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import { FakeModem } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig, type Written } from './support/rig.js';

const written = (rows: readonly Written[]) =>
  rows.map((row) => {
    if (row.kind === 'started') return `started ${row.entry.modem}`;
    if (row.kind === 'promised') return 'promised';
    return row.kind === 'ended'
      ? `ended ${row.entry.outcome.status}`
      : `late ${row.outcome.status}`;
  });

describe('a limit', () => {
  fakeTime();

  it('lets in exactly as many of 200 at once as it says, and counts none that was never started', async () => {
    const modems = [new FakeModem('one'), new FakeModem('two')];
    const { send } = rig(modems, {}, { policy: { total: '5 in 10 min' } });
    const callers = Array.from({ length: 200 }, (_, i) => send(`code ${i}`));
    await finish(...modems);
    expect(modems.flatMap(({ texts }) => texts)).toHaveLength(5);
    const codes = callers.map(({ code }) => code);
    expect(codes.filter((code) => code === 'sent')).toHaveLength(5);
    expect(codes.filter((code) => code === 'rate_limited')).toHaveLength(195);
    expect(callers[5]?.error?.retryAfterMs).toBeGreaterThan(0);
  });

  it('gives back what no modem took, and keeps what the network refused', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], {}, { policy: { total: '1 in 10 min' } });
    modem.enter('lost');
    expect(await codeOf(send('refused at once'))).toBe('no_modem_ready');
    modem.enter('ready');
    await pass();
    const refused = send('refused by the network');
    await pass();
    modem.current.prompt();
    modem.current.fail(new SendError('network_refused', { causeCode: 'CMS 38' }));
    expect(await codeOf(refused)).toBe('network_refused');
    expect(await codeOf(send('one too many'))).toBe('rate_limited');
  });

  it('refuses a country that is not allowed, before anything else', async () => {
    const modem = new FakeModem('main');
    const { send, written: rows } = rig([modem], {}, { policy: { countries: ['AT'] } });
    const caller = send('code', { recipient: '+4915112345678' });
    expect(await codeOf(caller)).toBe('recipient_not_allowed');
    expect(caller.error?.progress).toEqual({ segments: 1, waitedMs: 0, tookMs: 0 });
    expect(modem.handOvers).toEqual([]);
    expect(written(rows)).toEqual(['ended 403']);
  });

  it('has a recipient whose send stalled a modem cool down', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], {}, { policy: { cool_down_recipient_s: 60 } });
    const recipient = '+4915112345678';
    const first = send('code 1', { recipient });
    modem.current.prompt();
    modem.enter('stalled');
    expect(await codeOf(send('code 2', { recipient }))).toBe('rate_limited');
    modem.current.accept();
    modem.enter('ready');
    expect(await codeOf(first)).toBe('sent');
  });
});

describe('at a limit', () => {
  fakeTime();

  it('the newest code goes out in the place of the one that waits, and the pair counts once', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], {}, { policy: { per_recipient: '2 in 10 min' } });
    const to = { recipient: '+4915112345678', messageType: 'otp_verify' };
    const running = send('code 1', to);
    const waiting = send('code 2', to);
    const newest = send('code 3', to);
    expect(await codeOf(waiting)).toBe('superseded');
    await finish(modem);
    expect([running.code, newest.code]).toEqual(['sent', 'sent']);
    expect(await codeOf(send('code 4', to))).toBe('rate_limited');
    expect(modem.texts).toEqual(['code 1', 'code 3']);
  });

  it('a newer one that cannot be admitted leaves the waiting one its place', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], {}, { policy: { per_recipient: '2 in 10 min' } });
    const to = { recipient: '+4915112345678', messageType: 'otp_verify' };
    send('code 1', to);
    const waiting = send('code 2', to);
    expect(await codeOf(send('code 3', { ...to, deadlineMs: 10 }))).toBe('deadline_unreachable');
    await finish(modem);
    expect(waiting.code).toBe('sent');
    expect(await codeOf(send('code 4', to))).toBe('rate_limited');
  });
});

describe('a cap of a SIM', () => {
  fakeTime();

  it('has the next modem take over, and is said when no SIM is left', async () => {
    const modems = [new FakeModem('one'), new FakeModem('two')];
    const { send } = rig(modems, {}, { caps: { perDay: 2 } });
    const callers = Array.from({ length: 6 }, (_, i) => send(`code ${i}`));
    await finish(...modems);
    expect(modems.map(({ texts }) => texts.length)).toEqual([2, 2]);
    expect(callers.map(({ code }) => code).sort()).toEqual([
      'sent',
      'sent',
      'sent',
      'sent',
      'sim_cap_reached',
      'sim_cap_reached',
    ]);
    const refused = callers.find(({ code }) => code === 'sim_cap_reached');
    expect(refused?.error).toMatchObject({
      submitted: 'no',
      detail: expect.stringContaining('per_day'),
    });
  });

  it('counts segments, and gives back those that were surely not sent', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], {}, { caps: { perDay: 3 } });
    const failed = send('x'.repeat(200));
    modem.current.fail(new SendError('no_modem_ready', { elsewhere: true }));
    expect(await codeOf(failed)).toBe('no_modem_ready');
    const long = send('y'.repeat(200));
    await finish(modem);
    expect(long.code).toBe('sent');
    expect(await codeOf(send('z'.repeat(200)))).toBe('sim_cap_reached');
    const short = send('one more');
    await finish(modem);
    expect(short.code).toBe('sent');
  });

  it('of recipients lets those go on who were written to before', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem], {}, { caps: { recipientsPerMonth: 1 } });
    const recipient = '+4915112345678';
    for (const text of ['code 1', 'code 2']) {
      const caller = send(text, { recipient });
      await finish(modem);
      expect(caller.code).toBe('sent');
    }
    expect(await codeOf(send('code', { recipient: '+4915112345679' }))).toBe('sim_cap_reached');
  });
});

describe('the journal', () => {
  fakeTime();

  it('hears of the start before the modem may commit, which has it meanwhile, and of the end', async () => {
    const modem = new FakeModem('main');
    const { send, written: rows } = rig([modem], {}, { startedMs: 40 });
    const caller = send('code');
    await pass(39);
    expect(modem.current.isNoted).toBe(false);
    await pass(1);
    expect(written(rows)).toEqual(['started main']);
    expect(modem.current.isNoted).toBe(true);
    await finish(modem);
    expect(caller.code).toBe('sent');
    expect(written(rows)).toEqual(['started main', 'ended 200']);
    expect(JSON.stringify(rows)).not.toMatch(/4915|code/);
  });

  it('that is slow starts nothing for a caller who left meanwhile', async () => {
    const modem = new FakeModem('main');
    const { send, written: rows } = rig([modem], {}, { startedMs: 40 });
    const caller = send('code');
    await pass(10);
    caller.hangUp();
    await pass(100);
    expect(modem.current.prompt()).toBe(false);
    await pass();
    expect(caller.code).toBe('deadline_unreachable');
    expect(written(rows)).toContain('ended 503');
  });

  it('hears the truth that comes after the answer', async () => {
    const modem = new FakeModem('main');
    const { send, written: rows } = rig([modem]);
    const caller = send('code', { deadlineMs: 5_000 });
    modem.current.prompt();
    await pass(5_000);
    expect(caller.code).toBe('outcome_unknown');
    modem.current.accept();
    await pass();
    expect(written(rows)).toEqual(['started main', 'ended 504', 'late 200']);
    const [, ended, late] = rows;
    expect(late).toMatchObject({ id: 'id-1', outcome: { submitted: 'yes', references: [7] } });
    expect(ended).toMatchObject({
      entry: { wasStarted: true, modem: 'main', outcome: { submitted: 'unknown' } },
    });
  });
});

describe('who counts', () => {
  fakeTime();

  it('hears of each send that reached Ctrl-Z, of none that did not, and of what came late', async () => {
    const modems = [new FakeModem('one'), new FakeModem('two')];
    const { send, heard } = rig(modems);
    send('moves', { deadlineMs: 5_000 });
    modems[0]!.current.fail(new SendError('no_modem_ready', { elsewhere: true }));
    await pass();
    expect(heard).toEqual(['one to two']);
    modems[1]!.current.prompt();
    await pass(5_000);
    modems[1]!.current.accept();
    await pass();
    expect(heard.slice(1).sort()).toEqual(['two ended: yes', 'two late: yes']);
  });
});

describe('a request with an Idempotency-Key', () => {
  fakeTime();
  const recipient = '+4915112345678';

  it('is sent once, and its repeat never displaces a newer message', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    send('running');
    const keyed = { recipient, messageType: 'otp_verify', idempotencyKey: 'k' };
    modem.enter('lost');
    const older = send('old code', keyed);
    expect(await codeOf(older)).toBe('no_modem_ready');
    modem.enter('sending');
    const newer = send('new code', { recipient, messageType: 'otp_verify' });
    const repeat = send('old code', keyed);
    expect(await codeOf(repeat)).toBe('superseded');
    await finish(modem);
    expect(newer.code).toBe('sent');
    expect(await codeOf(send('old code', keyed))).toBe('superseded');
    expect(modem.texts).toEqual(['running', 'new code']);
  });

  it('that is repeated after a newer message has gone out is void', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const to = { recipient, messageType: 'otp_verify' };
    modem.enter('lost');
    expect(await codeOf(send('old code', { ...to, idempotencyKey: 'k' }))).toBe('no_modem_ready');
    modem.enter('ready');
    await pass();
    send('new code', to);
    await finish(modem);
    expect(await codeOf(send('old code', { ...to, idempotencyKey: 'k' }))).toBe('superseded');
    expect(modem.texts).toEqual(['new code']);
  });

  it('reads the late result of a 504', async () => {
    const modem = new FakeModem('main');
    const { send } = rig([modem]);
    const keyed = { recipient, idempotencyKey: 'k' };
    const first = send('code', { ...keyed, deadlineMs: 5_000 });
    modem.current.prompt();
    await pass(5_000);
    expect(first.code).toBe('outcome_unknown');
    modem.current.accept();
    await pass();
    const repeat = send('code', keyed);
    await pass();
    expect(repeat.result).toMatchObject({ id: 'id-1', references: [7], isReplay: true });
    expect(modem.texts).toEqual(['code']);
  });
});

async function codeOf(caller: { readonly code: string }): Promise<string> {
  await pass();
  return caller.code;
}
