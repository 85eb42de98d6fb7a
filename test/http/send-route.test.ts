import { describe, expect, it } from 'vitest';
import { SendError } from '../../src/errors.js';
import { json, post, startGateway, validBody } from './support/gateway.js';
import { rawPost, Wire } from './support/wire.js';

async function answerTo(body: unknown, headers?: Record<string, string>) {
  const gateway = await startGateway();
  const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await post(gateway, { body: text, ...(headers && { headers }) });
  const answer = await json(response);
  return { status: response.status, answer, message: gateway.sent[0]?.message, gateway };
}

describe('a message that was sent', () => {
  it('is answered with what the network took', async () => {
    const { status, answer, message } = await answerTo(validBody);
    expect(status).toBe(200);
    expect(answer).toEqual({
      id: message?.id,
      segments: 1,
      modem: 'main',
      references: [7],
      took_ms: 1235,
    });
    expect(message).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      caller: 'auth0',
      recipient: validBody.recipient,
      text: validBody.body,
    });
  });

  it('leaves one line in the log, with the number masked and no text', async () => {
    const { gateway, message } = await answerTo(validBody);
    expect(gateway.record.of('message')).toEqual([
      {
        timestamp: expect.any(String),
        level: 'info',
        message: 'message sent',
        event: 'message',
        id: message?.id,
        caller: 'auth0',
        recipient: '+49…78',
        segments: 1,
        modem: 'main',
        status: 200,
        submitted: 'yes',
        waited_ms: 0,
        took_ms: 1235,
        caller_left: false,
      },
    ]);
    expect(gateway.record.text).not.toContain('482915');
    expect(gateway.record.text).not.toContain('5112345');
  });
});

describe('a message that was not sent', () => {
  it('leaves one line in the log, with how far it came', async () => {
    const error = new SendError('network_refused', {
      causeCode: 'CMS 38',
      detail: 'network out of order',
    });
    error.progress = { segments: 2, modem: 'main', waitedMs: 12.3, tookMs: 4000.9 };
    const gateway = await startGateway({ send: () => Promise.reject(error) });
    const { id } = await json(await post(gateway));
    expect(gateway.record.of('message')).toEqual([
      {
        timestamp: expect.any(String),
        level: 'warn',
        message: 'message not sent',
        event: 'message',
        id,
        caller: 'auth0',
        recipient: '+49…78',
        segments: 2,
        modem: 'main',
        status: 502,
        code: 'network_refused',
        submitted: 'no',
        detail: 'network out of order',
        cause_code: 'CMS 38',
        waited_ms: 12,
        took_ms: 4001,
        caller_left: false,
      },
    ]);
  });
});

describe('the shapes that callers really send are taken', () => {
  it.each<[string, Record<string, unknown>]>([
    [
      'req with user-agent, as Auth0 sends it',
      { req: { ip: '192.0.2.1', 'user-agent': 'Mozilla/5.0' } },
    ],
    [
      'req with user_agent and more, as an Action forwards it',
      { req: { ip: '::1', user_agent: 'x', geoip: {}, method: 'POST' } },
    ],
    ['a req of any kind', { req: 'nothing' }],
    ['keys that nobody knows', { to: 'x', from: null, code: '123456', language: 'en', text: 'y' }],
    ['no sender', {}],
    ['a null sender', { sender: null }],
  ])('%s', async (_title, extra) => {
    const { status, message } = await answerTo({ ...validBody, ...extra });
    expect(status).toBe(200);
    expect(message).not.toHaveProperty('sender');
  });

  it.each(['Auth0', '+1 234 567', '', 'x'.repeat(128)])(
    'the sender %j, unchanged',
    async (sender) => {
      expect((await answerTo({ ...validBody, sender })).message?.sender).toBe(sender);
    },
  );

  it('a message_type', async () => {
    const { message } = await answerTo({ ...validBody, message_type: 'otp_verify' });
    expect(message?.messageType).toBe('otp_verify');
  });

  it.each(['text/plain;charset=UTF-8', 'application/x-www-form-urlencoded', 'nonsense'])(
    'JSON called %s',
    async (type) => {
      expect(await answerTo(validBody, { 'content-type': type })).toMatchObject({ status: 200 });
    },
  );

  it('JSON without a content type, in chunks', async () => {
    const gateway = await startGateway();
    const wire = await Wire.open(gateway.port);
    const head = await rawPost('', { 'Transfer-Encoding': 'chunked' });
    const text = JSON.stringify(validBody);
    wire.write(head.replace(/Content-Length: 0\r\n/, ''));
    for (const character of text) wire.write(`1\r\n${character}\r\n`);
    const [answer] = await wire.write('0\r\n\r\n').answers(1);
    expect(answer?.status).toBe(200);
  });

  it('a byte order mark before the JSON', async () => {
    expect(await answerTo(`\ufeff${JSON.stringify(validBody)}`)).toMatchObject({ status: 200 });
  });
});

describe('the recipient', () => {
  it.each([
    ['+1 399 999', '+1399999'],
    ['+49 (151) 123-456.78', '+4915112345678'],
    ['+49\u2011151\u2013123\u00a0456\u200978', '+4915112345678'],
    ['\u202a+4915112345678\u202c', '+4915112345678'],
    ['\u200e+49\u2066151\u206912345678\ufeff', '+4915112345678'],
    [' +123456789012345\n', '+123456789012345'],
    ['+49 (0)151 12345678', '+4915112345678'],
  ])('%j becomes %s', async (recipient, e164) => {
    expect((await answerTo({ ...validBody, recipient })).message?.recipient).toBe(e164);
  });

  it.each([
    '',
    '+',
    '015112345678',
    '004915112345678',
    '4915112345678',
    '+0151123456',
    '+123456',
    '+1234567890123456',
    '+49151x2345678',
    '++4915112345678',
    '+49151,12345678',
    '+４９１５１１２３４５',
  ])('%j is refused', async (recipient) => {
    const { status, answer, message, gateway } = await answerTo({ ...validBody, recipient });
    expect({ status, code: answer.code, message }).toEqual({
      status: 400,
      code: 'recipient_invalid',
      message: undefined,
    });
    expect(gateway.record.of('message')).toMatchObject([
      { level: 'warn', status: 400, code: 'recipient_invalid' },
    ]);
  });
});

it('a recipient with zeros too many is refused, and told how to write it, without the number', async () => {
  const { status, answer, message } = await answerTo({
    ...validBody,
    recipient: '+49 00151 12345678',
  });
  expect({ status, code: answer.code, message }).toEqual({
    status: 400,
    code: 'recipient_invalid',
    message: undefined,
  });
  expect(answer.detail).toBe(
    'recipient has 0, the prefix of calls within the country, after +49: leave it out',
  );
});

describe('the text', () => {
  it.each([
    'Your code is 482915\n\n@login.example.com #482915',
    '  leading and trailing \r\n\t',
    '€[]{}~^|\\ àèéùìòÇØø',
    '👩‍👩‍👧‍👦 e\u0301 \u0000 \u202e',
  ])('%j is passed on character for character', async (text) => {
    expect((await answerTo({ ...validBody, body: text })).message?.text).toBe(text);
  });
});

describe('a body is refused with 400', () => {
  const json16 = Buffer.from(JSON.stringify(validBody), 'utf16le');

  it.each<[string, unknown, string]>([
    ['empty', '', 'the body is empty'],
    ['no JSON', 'recipient=%2B49&body=x', 'the body is not JSON'],
    ['UTF-16', json16, 'the body is not JSON'],
    [
      'Latin-1',
      Buffer.from('{"recipient":"+4915112345678","body":"\xfc"}', 'latin1'),
      'the body is not UTF-8',
    ],
    ['a list', [], 'recipient is missing'],
    ['null', 'null', 'the body must be a JSON object'],
    ['a string', '"x"', 'the body must be a JSON object'],
    ['without recipient', { body: 'x' }, 'recipient is missing'],
    [
      'with a number as recipient',
      { ...validBody, recipient: 4915112345678 },
      'recipient must be a string',
    ],
    ['without text', { recipient: '+4915112345678' }, 'body is missing'],
    ['with an empty text', { ...validBody, body: '' }, 'body must not be empty'],
    ['with a text of blanks', { ...validBody, body: ' \n\t\u00a0' }, 'body must not be blank'],
    [
      'with a text that nobody can see',
      { ...validBody, body: '\u200b\u2060\u2800\u0000\ufe0f' },
      'body must not be blank',
    ],
    [
      'with a long message_type',
      { ...validBody, message_type: 'x'.repeat(65) },
      'message_type must have 64 characters at most',
    ],
    ['with a text that is no string', { ...validBody, body: 482915 }, 'body must be a string'],
    [
      'with a lone high surrogate',
      '{"recipient":"+4915112345678","body":"a\\ud83d"}',
      'body holds half a character (a lone surrogate)',
    ],
    [
      'with a lone low surrogate',
      '{"recipient":"+4915112345678","body":"\\ude00b"}',
      'body holds half a character (a lone surrogate)',
    ],
    ['with a sender that is no string', { ...validBody, sender: 1 }, 'sender must be a string'],
    [
      'with a message_type that is no string',
      { ...validBody, message_type: {} },
      'message_type must be a string',
    ],
  ])('%s', async (_title, body, detail) => {
    const { status, answer, message } = await answerTo(body);
    expect(answer).toMatchObject({ code: 'body_invalid', detail });
    expect({ status, message }).toEqual({ status: 400, message: undefined });
  });

  it('compressed', async () => {
    expect(await answerTo(validBody, { 'content-encoding': 'gzip' })).toMatchObject({
      status: 400,
    });
    for (const none of ['identity', ''])
      expect(await answerTo(validBody, { 'content-encoding': none })).toMatchObject({
        status: 200,
      });
  });

  it('without a word of it in the log, though the parser quotes what it cannot read', async () => {
    const { gateway } = await answerTo(
      '{"recipient":"+4915112345678","body":"Your code is 482915"',
    );
    expect(gateway.record.of('message')).toHaveLength(1);
    expect(gateway.record.text).not.toMatch(/482915|5112345/);
  });
});

describe('Prefer: wait', () => {
  /**
   * Milliseconds from the request to the deadline that dispatch was given, within those that the
   * request took.
   */
  async function deadlineOf(prefer: string) {
    const before = performance.now();
    const gateway = await startGateway();
    const response = await post(gateway, { headers: { prefer } });
    const { deadlineAt } = gateway.sent[0]!.control;
    const earliest = before + 1;
    return {
      earliest,
      latest: performance.now(),
      deadlineAt,
      applied: response.headers.get('preference-applied'),
    };
  }

  it('shortens the deadline and is acknowledged', async () => {
    const { earliest, latest, deadlineAt, applied } = await deadlineOf('respond-async, wait=15');
    expect(deadlineAt - 15_000).toBeGreaterThan(earliest);
    expect(deadlineAt - 15_000).toBeLessThan(latest);
    expect(applied).toBe('wait=15');
  });

  it.each(['wait=25', 'wait=600', 'wait=soon', 'handling=lenient'])(
    '%s leaves it as it is',
    async (prefer) => {
      const { earliest, latest, deadlineAt, applied } = await deadlineOf(prefer);
      expect(deadlineAt - 25_000).toBeGreaterThan(earliest);
      expect(deadlineAt - 25_000).toBeLessThan(latest);
      expect(applied).toBeNull();
    },
  );
});

describe('Idempotency-Key', () => {
  it('goes on with the message, and a repeat is told the id of the first', async () => {
    const gateway = await startGateway({
      send: () =>
        Promise.resolve({
          id: 'the-first',
          isReplay: true,
          segments: 1,
          modem: 'main',
          references: [7],
          waitedMs: 0,
          tookMs: 9,
        }),
    });
    const response = await post(gateway, { headers: { 'idempotency-key': '"8e03978e"' } });
    expect(gateway.sent[0]?.message.idempotencyKey).toBe('"8e03978e"');
    expect(response.headers.get('idempotent-replayed')).toBe('true');
    expect((await json(response)).id).toBe('the-first');
    expect(gateway.record.of('message')).toMatchObject([{ status: 200, replay_of: 'the-first' }]);
    expect(gateway.record.text).not.toContain('8e03978e');
  });

  it.each(['x'.repeat(256), 'caf\u00e9'])(
    'that is too long or not ASCII is refused: %s',
    async (key) => {
      const { status, answer, message } = await answerTo(validBody, { 'idempotency-key': key });
      expect([status, answer.code]).toEqual([400, 'request_malformed']);
      expect(message).toBeUndefined();
    },
  );
});

describe('the address of the end user', () => {
  it.each([
    [{ ip: '203.0.113.7', 'user-agent': 'Mozilla' }, '203.0.113.7'],
    [{ ip: '2001:db8::7' }, '2001:db8::7'],
    [{ ip: 'somewhere' }, undefined],
    [{ ip: 7 }, undefined],
    [{}, undefined],
    [null, undefined],
    ['203.0.113.7', undefined],
  ])('in req %j is taken as %s, and never a reason to refuse', async (req, clientIp) => {
    const { status, message, gateway } = await answerTo({ ...validBody, req });
    expect(status).toBe(200);
    expect(message?.clientIp).toBe(clientIp);
    expect(gateway.record.text).not.toMatch(/203\.0\.113|2001:db8|Mozilla/);
  });
});

it('while the daemon stops, a repeat is told what became of the first, and not that it was not sent', async () => {
  const gateway = await startGateway({ isShuttingDown: () => true });
  const response = await post(gateway);
  expect(response.status).toBe(200);
});

describe('before the token is looked at', () => {
  it('a clock that is not set is answered with 503, never 401', async () => {
    const gateway = await startGateway({ clockIsSet: () => false });
    const response = await post(gateway, { token: 'expired.or.worse' });
    expect(response.status).toBe(503);
    // What there is to do is the operator's to know, not any caller's.
    expect(JSON.stringify(await json(response))).not.toMatch(
      /state_dir|delete|journal|timedatectl|stop simgate/,
    );
    expect(gateway.record.of('token_refused')).toEqual([]);
    expect(gateway.record.of('request_refused')).toMatchObject([
      { level: 'warn', code: 'clock_unset' },
    ]);
  });
});
