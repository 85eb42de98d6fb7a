import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { CallerLeft, discardRest, readOctets } from '../../src/http/body.js';

/** A request whose connection was closed before anyone looked at its body. */
function goneRequest(): Promise<IncomingMessage> {
  const req = new IncomingMessage(new Socket());
  return new Promise((resolve) => req.once('close', () => resolve(req)).destroy());
}

it('a body whose caller left before it was read is given up, not waited for', async () => {
  await expect(readOctets(await goneRequest(), 100)).rejects.toThrow(CallerLeft);
});

it('there is nothing to discard of a request whose caller left', async () => {
  await expect(discardRest(await goneRequest(), 100)).resolves.toBeUndefined();
});
