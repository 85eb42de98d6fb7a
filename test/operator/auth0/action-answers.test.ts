import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { SendError, type SendErrorCode, sendErrorCodes } from '../../../src/errors.js';
import { toProblemAnswer } from '../../../src/http/problem.js';
import { actionAnswers } from '../../../src/operator/auth0/action/answers.js';
import {
  answerSent,
  code,
  phoneEvent,
  playGateway,
  type Ran,
  recipient,
  runAction,
  secret,
} from './action-sandbox.js';

/** Answers as simgate does to `error`. */
function answerProblem(error: SendError): RequestListener {
  return (_request, response) => {
    const { status, headers, body } = toProblemAnswer(error, 'a1b2');
    response.writeHead(status, headers).end(body);
  };
}

/** Answers as a proxy or another server does, with a page. */
function answerPage(status: number, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response
      .writeHead(status, { 'content-type': 'text/html', ...headers })
      .end('<html>sorry</html>');
  };
}

async function runAgainst(answer: RequestListener): Promise<Ran> {
  return runAction((await playGateway(answer)).url, phoneEvent());
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the answer', () => {
  test('is none when the gateway has sent the message, whose request is told', async () => {
    const ran = await runAgainst(answerSent);
    expect(ran).toEqual({ answers: [], console: ['simgate: sent, request a1b2'] });
  });

  test.each(sendErrorCodes)(
    'to %s is the one of the table, with the gateway’s own words',
    async (name) => {
      const detail = 'the modem is having a rest';
      const { answers, console } = await runAgainst(answerProblem(new SendError(name, { detail })));
      const status = String(toProblemAnswer(new SendError(name), '').status);
      const words = name === 'internal' ? '' : `: ${detail}`;
      // A full SIM is free again after 600 s: too late for a code.
      const isTooLate = name === 'sim_cap_reached';
      expect(answers).toEqual([
        [
          isTooLate ? 'drop' : actionAnswers[name],
          `simgate: ${status} ${name}${words} (request a1b2)${isTooLate ? '; free again in 600 s, too late for a code' : ''}`,
        ],
      ]);
      expect(console).toEqual([]);
    },
  );

  test('asks for a repeat only where that may still bring the code in time, and never after a no', () => {
    const retried = sendErrorCodes.filter((name) => actionAnswers[name] === 'retry');
    expect(retried.sort()).toEqual([
      'clock_unset',
      'deadline_unreachable',
      'internal',
      'no_modem_ready',
      'outcome_unknown',
      'queue_full',
      'rate_limited',
      'request_timeout',
      'shutting_down',
      'sim_cap_reached',
    ] satisfies SendErrorCode[]);
  });

  test.each([
    [120_000, 'retry'],
    [121_000, 'drop'],
  ] as const)('to a limit that is free again in %i ms is %s', async (retryAfterMs, expected) => {
    const { answers } = await runAgainst(
      answerProblem(new SendError('rate_limited', { retryAfterMs })),
    );
    expect(answers.map(([answer]) => answer)).toEqual([expected]);
  });

  test.each([
    [502, 'retry'],
    [503, 'retry'],
    [504, 'retry'],
    [520, 'retry'],
    [429, 'retry'],
    [408, 'retry'],
    [401, 'drop'],
    [403, 'drop'],
    [404, 'drop'],
    [413, 'drop'],
    [204, 'drop'],
  ] as const)('to %i from a proxy in front is %s', async (status, expected) => {
    const { answers } = await runAgainst(answerPage(status));
    expect(answers).toEqual([[expected, `simgate: ${status} from something in front of simgate`]]);
  });

  test('to a page of 200 is drop: it is not simgate that answers there', async () => {
    const { answers } = await runAgainst(answerPage(200));
    expect(answers).toEqual([
      ['drop', 'simgate: 200, but not from simgate: is the gateway URL right?'],
    ]);
  });

  test('to JSON that is no object, or names what every object has, is that to a stranger', async () => {
    for (const body of ['null', '"queue_full"', '{"code":"constructor"}', '{"code":{}}']) {
      const { answers } = await runAgainst((_request, response) =>
        response.writeHead(400).end(body),
      );
      expect(answers).toEqual([['drop', 'simgate: 400 from something in front of simgate']]);
    }
  });

  test('to a redirect is drop, and the token does not go where it points', async () => {
    const target = await playGateway(answerSent);
    const { answers } = await runAgainst(answerPage(307, { location: target.url }));
    expect(answers).toEqual([['drop', 'simgate: 307 from something in front of simgate']]);
    expect(target.received).toEqual([]);
  });

  test('to a gateway that is down is retry', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const { answers } = await runAction(`http://127.0.0.1:${port}/sms`, phoneEvent());
    expect(answers).toEqual([['retry', 'simgate: no answer from the gateway: ECONNREFUSED']]);
  });

  test('to an answer that breaks off is retry', async () => {
    const { answers } = await runAgainst((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"id":', () => response.destroy());
    });
    expect(answers).toEqual([
      ['retry', expect.stringMatching(/^simgate: no answer from the gateway: \w+$/)],
    ]);
  });

  test('is no longer than Auth0 keeps', async () => {
    const { answers } = await runAgainst(
      answerProblem(new SendError('text_too_long', { detail: 'x'.repeat(5000) })),
    );
    expect(answers[0]![1]).toHaveLength(1024);
  });

  test('holds no secret, no code and no whole number, whatever happened, nor does its log', async () => {
    const runs = [
      await runAgainst(answerSent),
      await runAgainst(answerPage(502)),
      await runAgainst(answerPage(200)),
      // A page that sends back what it was sent.
      await runAgainst((request, response) =>
        response.writeHead(403).end(JSON.stringify(request.headers)),
      ),
      await runAction('http://127.0.0.1:1/sms', phoneEvent()),
      await runAction('not a URL', phoneEvent()),
      await runAction('http://127.0.0.1:1/sms', phoneEvent({ delivery_method: 'voice' })),
    ];
    for (const { answers, console } of runs) {
      const said = JSON.stringify([answers, console]);
      expect(said).toMatch(/simgate: /);
      for (const hidden of [secret, code, recipient, recipient.slice(1), 'eyJ'])
        expect(said).not.toContain(hidden);
    }
  });
});

describe('a gateway that does not answer', () => {
  /**
   * Never settles but by its signal, as fetch does while it waits for the answer's header or body.
   */
  function hang(signal: AbortSignal | null | undefined): Promise<never> {
    return new Promise((_resolve, reject) => {
      signal!.addEventListener('abort', () => reject(signal!.reason as Error));
    });
  }

  const hangers: Record<string, typeof fetch> = {
    'its header': (_url, init) => hang(init?.signal),
    'its body': (_url, init) => {
      const response = new Response();
      return Promise.resolve(Object.assign(response, { text: () => hang(init?.signal) }));
    },
  };

  test.each(Object.entries(hangers))(
    'is left after 18 s while %s is due, for Auth0 ends an Action after 20 s',
    async (_part, fetch) => {
      vi.useFakeTimers();
      const { setTimeout, clearTimeout } = globalThis;
      const ran = runAction('http://127.0.0.1:1/sms', phoneEvent(), {
        fetch,
        setTimeout,
        clearTimeout,
      });
      let hasEnded = false;
      void ran.then(() => {
        hasEnded = true;
      });
      await vi.advanceTimersByTimeAsync(17_999);
      expect(hasEnded).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect((await ran).answers).toEqual([
        ['retry', 'simgate: no answer from the gateway: none within 18 s'],
      ]);
    },
  );

  test('leaves no timer behind once it has answered', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { setTimeout, clearTimeout } = globalThis;
    const fetch = () => Promise.resolve(new Response('{"id":"a1b2","segments":1}'));
    const { answers } = await runAction('http://127.0.0.1:1/sms', phoneEvent(), {
      fetch,
      setTimeout,
      clearTimeout,
    });
    expect(answers).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
