import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'vitest';
import { Rig, secret } from '../e2e/rig.js';
import { type Call, type ProxyKind, proxyKinds, ReverseProxy } from './proxies-rig.js';

/**
 * What takes as long as it takes at the operator's, unscaled: simgate's deadline (25 s), the
 * proxy's patience (27 s), and Auth0's (30 s); 4 s and 5 s for Zitadel. All at once, for all of
 * them only wait.
 */
const auth0PatienceMs = 30_000;
const zitadelPatienceMs = 5_000;
const deadlineMs = 25_000;
const message = (body: string) => JSON.stringify({ recipient: '+4915112345678', body });

describe.concurrent.each(proxyKinds)('%s and time', (kind) => {
  test('passes the 504 that simgate gives at the end of its deadline', async ({ expect }) => {
    await using place = await behind(kind);
    await place.rig.modem.control({ fault: 'silence' });
    const answer = await place.proxy.call({ headers: place.bearer, body: message('silence') });
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([504, 'outcome_unknown']);
    expect(answer.tookMs).toBeGreaterThan(deadlineMs - 1000);
    expect(answer.tookMs).toBeLessThan(auth0PatienceMs);
    // It would wait for its modem, of which there is nothing more to learn here.
    await place.rig.daemon.end('SIGKILL');
  });

  test('answers 594 before Auth0 leaves when simgate hangs, which sends nothing when it wakes', async ({
    expect,
  }) => {
    await using place = await behind(kind);
    process.kill(place.rig.daemon.pid, 'SIGSTOP');
    const answer = await place.proxy.call({ headers: place.bearer, body: message('hung') });
    const from = place.rig.log.length;
    process.kill(place.rig.daemon.pid, 'SIGCONT');
    expect([answer.status, JSON.parse(answer.body).submitted]).toEqual([594, 'unknown']);
    expect(answer.tookMs).toBeGreaterThan(deadlineMs);
    expect(answer.tookMs).toBeLessThan(auth0PatienceMs);
    await place.rig.until(
      (line) => line.caller_left === true || line.event === 'caller_left',
      from,
    );
    expect((await place.proxy.call({ headers: place.bearer, body: message('awake') })).status).toBe(
      200,
    );
    expect(place.rig.texts()).toEqual(['awake']);
  });

  test('passes 202 to Zitadel before it leaves, and what was promised is sent', async ({
    expect,
  }) => {
    const caller = '[[caller]]\nname = "zitadel"\nkind = "zitadel"\nsecret_file = "secret"\n';
    await using place = await behind(kind, ['--submit-latency', '6000'], caller);
    const texts = ['Your code is 1', 'Your code is 2'];
    const answers = await Promise.all(texts.map((text) => place.proxy.call(fromZitadel(text))));
    for (const { status, headers, tookMs } of answers) {
      expect([status, headers.location]).toEqual([202, undefined]);
      expect(tookMs).toBeLessThan(zitadelPatienceMs);
    }
    await expect.poll(() => place.rig.texts(), { timeout: 30_000 }).toHaveLength(2);
    // Its worker repeats what it has no answer to, signed anew.
    const repeat = await place.proxy.call(fromZitadel('Your code is 1'));
    expect([repeat.status, repeat.headers['idempotent-replayed']]).toEqual([200, 'true']);
    expect(place.rig.texts()).toEqual(expect.arrayContaining(texts));
    expect(place.rig.texts()).toHaveLength(2);
  });

  test('answers 591 soon when simgate takes no more connections', async ({ expect }) => {
    const [full, port] = await startFullListener();
    const proxy = await ReverseProxy.start(kind, port);
    try {
      const answer = await proxy.call({ body: message('refused') });
      expect([answer.status, JSON.parse(answer.body).submitted]).toEqual([591, 'no']);
      expect(answer.tookMs).toBeLessThan(5_000);
    } finally {
      full.kill('SIGKILL');
      await proxy.stop();
    }
  });

  test('never answers 200 to who sends half a body, and nothing is sent', async ({ expect }) => {
    await using place = await behind(kind);
    const head = [
      'POST /sms HTTP/1.1',
      'Host: sms.example.com',
      `Authorization: Bearer ${place.rig.token}`,
      'Content-Length: 1000',
    ];
    const answer = await place.proxy.exchange(`${head.join('\r\n')}\r\n\r\n${message('half')}`);
    expect(answer === '' || answer.startsWith('HTTP/1.1 408 ')).toBe(true);
    expect(place.rig.texts()).toEqual([]);
  });
});

/** A request as Zitadel makes it, whose recipient is another for each text. */
function fromZitadel(text: string): Call {
  const body = JSON.stringify({
    contextInfo: { recipientPhoneNumber: `+491511234567${text.slice(-1)}` },
    templateData: { text },
  });
  const at = Math.floor(Date.now() / 1000);
  const hex = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
  const headers = { 'zitadel-signature': `t=${at},v1=${hex}` };
  return { path: '/zitadel', headers, body };
}

async function behind(kind: ProxyKind, modemFlags: readonly string[] = [], callers = '') {
  const rig = await Rig.start(modemFlags, callers);
  const proxy = await ReverseProxy.start(kind, rig.port, callers === '' ? 'shipped' : 'documented');
  return {
    rig,
    proxy,
    bearer: { authorization: `Bearer ${rig.token}` },
    async [Symbol.asyncDispose]() {
      await proxy.stop();
      await rig.stop();
    },
  };
}

/**
 * A process that listens, does not run, and has as many connections waiting as the system keeps for
 * it.
 */
async function startFullListener(): Promise<[process: ChildProcess, port: number]> {
  const program = `const server = require('node:net').createServer();
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => console.log(server.address().port));`;
  const listener = spawn(process.execPath, ['-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(listener.stdout, 'data')) as [Buffer];
  const port = Number(said);
  listener.kill('SIGSTOP');
  // Linux keeps one more than it was asked for (listen(2)).
  for (const _ of [1, 2]) {
    const socket = connect(port, '127.0.0.1');
    // The listener is killed at the end.
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
  }
  return [listener, port];
}
