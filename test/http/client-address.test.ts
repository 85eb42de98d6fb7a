import { describe, expect, it, onTestFinished } from 'vitest';
import { clientAddress } from '../../src/http/client-address.js';
import { createServer } from '../../src/http/server.js';
import { LogRecord } from './support/gateway.js';
import { exchange } from './support/wire.js';

/** What is taken for the caller of a request from 127.0.0.1 with these header lines. */
async function callerOf(trusted: readonly string[], ...lines: readonly string[]): Promise<string> {
  const addressOf = clientAddress(trusted);
  const server = createServer({
    handler: (req, res) =>
      res.setHeader('Content-Length', addressOf(req).length).end(addressOf(req)),
    listen: { host: '127.0.0.1', port: 0 },
    log: new LogRecord().log,
  });
  onTestFinished(() => server.close(0));
  const { port } = await server.listen();
  const fields = lines.map((line) => `X-Forwarded-For: ${line}\r\n`).join('');
  const [answer] = await exchange(
    port,
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields}\r\n`,
  );
  return answer!.body;
}

describe('the address that a refusal is logged with', () => {
  it.each<[string, string[], string[], string]>([
    ['is the peer, while no proxy is trusted', [], ['192.0.2.1'], '127.0.0.1'],
    ['is the peer, if that is not the trusted proxy', ['10.0.0.0/8'], ['192.0.2.1'], '127.0.0.1'],
    ['is the peer, if the proxy says nothing', ['127.0.0.1'], [], '127.0.0.1'],
    [
      'is what the proxy appended, not what its caller invented',
      ['127.0.0.1'],
      ['6.6.6.6, 192.0.2.1'],
      '192.0.2.1',
    ],
    [
      'is before a chain of our own proxies',
      ['127.0.0.0/8', '10.0.0.0/8'],
      ['6.6.6.6, 192.0.2.1, 10.1.2.3'],
      '192.0.2.1',
    ],
    [
      'is found over several header lines',
      ['127.0.0.1', '10.1.2.3'],
      ['6.6.6.6, 192.0.2.1', '10.1.2.3'],
      '192.0.2.1',
    ],
    [
      'is the outermost, if all are ours',
      ['127.0.0.0/8', '10.0.0.0/8'],
      ['10.9.9.9, 10.1.2.3'],
      '10.9.9.9',
    ],
    [
      'is the last known, where a proxy hides its callers',
      ['127.0.0.1', '10.1.2.3'],
      ['192.0.2.1, unknown, 10.1.2.3'],
      '10.1.2.3',
    ],
    [
      'may have IPv6',
      ['127.0.0.1', '2001:db8:1::/48'],
      ['6.6.6.6, 2001:db8::1, 2001:db8:1::7'],
      '2001:db8::1',
    ],
    ['loses port and brackets', ['127.0.0.1'], ['[2001:db8::1]:4711'], '2001:db8::1'],
    ['loses the port', ['127.0.0.1'], ['192.0.2.1:4711'], '192.0.2.1'],
    ['is IPv4, where it was dressed up', ['127.0.0.1'], ['::ffff:192.0.2.1'], '192.0.2.1'],
    [
      'is no text that someone smuggles into the log',
      ['127.0.0.1'],
      ['192.0.2.1 said "x"'],
      '127.0.0.1',
    ],
    ['is the peer, if the last entry is empty', ['127.0.0.1'], ['192.0.2.1,'], '127.0.0.1'],
  ])('%s', async (_title, trusted, lines, address) => {
    expect(await callerOf(trusted, ...lines)).toBe(address);
  });
});

describe('the list of trusted proxies', () => {
  it.each([
    '',
    'proxy',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    '10.0.0/8',
  ])('does not take %j', (range) => {
    expect(() => clientAddress([range])).toThrow(RangeError);
  });

  it.each(['10.0.0.0/0', '10.0.0.0/32', '::/0', '::1', 'fe80::/10'])('takes %j', (range) => {
    expect(() => clientAddress([range])).not.toThrow();
  });
});
