import { afterAll, beforeAll, expect, test } from 'vitest';
import { Rig, secret } from '../../e2e/rig.js';
import { optionsFor, type PhoneEvent, phoneEvent, type Ran, runAction } from './action-sandbox.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
});

afterAll(async () => {
  await rig.stop();
});

function run(notification: PhoneEvent['notification'], ofAction = secret): Promise<Ran> {
  const event = { ...phoneEvent(notification), secrets: { SIMGATE_SECRET: ofAction } };
  return runAction(optionsFor(`http://127.0.0.1:${rig.port}/sms`), event);
}

test('the daemon sends what the Action brings, character for character', async () => {
  const text = 'Dein Code für @shop lautet 417093. {Gültig} 3 Min.\n\n@login.example.com #417093';
  const { answers, console } = await run({ as_text: text, recipient: '+49 151 12345678' });
  expect(answers).toEqual([]);
  expect(rig.texts().at(-1)).toBe(text);
  // Its line comes a moment after the answer.
  const sent = await rig.until((line) => line.event === 'message');
  expect(sent).toMatchObject({ status: 200, submitted: 'yes', recipient: '+49…78' });
  expect(console).toEqual([`simgate: sent, request ${String(sent?.id)}`]);
});

test('what the network refuses is dropped, with its code', async () => {
  await rig.modem.control({ fault: 'cms:21' });
  const { answers } = await run({ code: '417094', as_text: 'Your code is 417094' });
  expect(answers).toEqual([
    ['drop', expect.stringMatching(/^simgate: 502 network_refused: .+ \(request .+\)$/)],
  ]);
});

test('a number that is none is dropped', async () => {
  const { answers } = await run({ recipient: '0151 12345678' });
  expect(answers).toEqual([['drop', expect.stringMatching(/^simgate: 400 recipient_invalid: /)]]);
});

test('with another secret than the daemon’s it is told so', async () => {
  const { answers } = await run({}, `${secret}!`);
  expect(answers).toEqual([['drop', expect.stringMatching(/^simgate: 401 token_invalid: /)]]);
});

test('none of it put the code, the number or the secret into the daemon’s log', () => {
  expect(rig.raw).toContain('+49…78');
  for (const hidden of ['417093', '417094', '15112345678', secret])
    expect(rig.raw).not.toContain(hidden);
});
