import { expect, it } from 'vitest';
import { FakeModem, surelyNotSent } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig } from './support/rig.js';

fakeTime();

it('a modem that comes takes what waits, at once', async () => {
  const main = new FakeModem('main');
  const { dispatch, send } = rig([main]);
  const first = send('first');
  const second = send('second');
  await pass();
  const another = new FakeModem('another');
  dispatch.admitModem(another);
  await pass();
  expect(another.texts).toEqual(['second']);
  await finish(main, another);
  expect([first.result?.modem, second.result?.modem]).toEqual(['main', 'another']);
});

it('a modem that goes ends what it has, however late, and takes no other; what waits goes elsewhere', async () => {
  const [main, going] = [new FakeModem('main'), new FakeModem('going')];
  const { dispatch, send } = rig([main, going]);
  const atMain = send('at main');
  const atGoing = send('at going');
  const waits = send('waits');
  await pass();
  expect([main.texts, going.texts]).toEqual([['at main'], ['at going']]);
  let isGone = false;
  void dispatch.retireModem(going).then(() => {
    isGone = true;
  });
  main.current.prompt();
  main.current.accept();
  await pass();
  expect(main.texts).toEqual(['at main', 'waits']);
  expect(isGone).toBe(false);
  going.current.prompt();
  going.current.accept();
  await pass();
  expect([isGone, going.listenerCount]).toEqual([true, 0]);
  await finish(main);
  expect([atMain.code, atGoing.code, waits.code]).toEqual(['sent', 'sent', 'sent']);
  expect(going.texts).toEqual(['at going']);
});

it('what was surely not sent by a modem that goes is sent by another', async () => {
  const [main, going] = [new FakeModem('main'), new FakeModem('going')];
  const { dispatch, send } = rig([main, going]);
  const first = send('first');
  const second = send('second');
  await pass();
  const gone = dispatch.retireModem(going);
  going.current.fail(surelyNotSent());
  await gone;
  await finish(main);
  expect([first.code, second.code]).toEqual(['sent', 'sent']);
  expect(main.texts).toEqual(['first', 'second']);
});

it('the only modem goes and its successor comes: what waits is kept, what comes between is told why not', async () => {
  const old = new FakeModem('main');
  const { dispatch, send } = rig([old]);
  const first = send('first');
  const waits = send('waits');
  await pass();
  const gone = dispatch.retireModem(old);
  const between = send('between');
  await pass();
  expect(between.error).toMatchObject({ code: 'no_modem_ready', submitted: 'no' });
  expect(between.error?.message).toContain('main is');
  await finish(old);
  await gone;
  const next = new FakeModem('main');
  dispatch.admitModem(next);
  await finish(next);
  expect([first.code, waits.code]).toEqual(['sent', 'sent']);
  expect(next.texts).toEqual(['waits']);
});
