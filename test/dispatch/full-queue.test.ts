import { describe, expect, it } from 'vitest';
import { readRecipient } from '../../src/number/recipient.js';
import { FakeModem } from './support/fake-modem.js';
import { fakeTime, finish, pass, rig } from './support/rig.js';

/** A busy modem, one message that waits, and room for no other. */
function full(policy?: Record<string, unknown>) {
  const modem = new FakeModem('main');
  const { send, written } = rig([modem], { maxWaiting: 1 }, policy && { policy });
  send('at the modem', { recipient: '+4915100000001' });
  const waiting = send('code 1', { recipient: '+4915112345678', idempotencyKey: 'first' });
  return { modem, send, waiting, written };
}

describe('while the queue is full', () => {
  fakeTime();

  it('what is new and may be sent is refused for want of room, and the journal is told', async () => {
    const { modem, send, written } = full();
    const refused = send('new', { recipient: '+4915112345679' });
    await pass();
    expect(refused.code).toBe('queue_full');
    expect(written.at(-1)).toMatchObject({
      kind: 'ended',
      entry: { wasStarted: false, recipientMasked: '+49…79', outcome: { code: 'queue_full' } },
    });
    await finish(modem);
  });

  it.each([
    ['recipient_invalid', '+4915'],
    ['recipient_not_allowed', '+33612345678'],
    ['recipient_not_allowed', '+499001234567'],
  ])('what could never be sent is still told so: %s for %s', async (code, recipient) => {
    const { modem, send } = full({ countries: ['DE'] });
    const refused = send('never', { recipient });
    await pass();
    expect(refused.code).toBe(code);
    await finish(modem);
  });

  it('what is over a limit is still told which', async () => {
    const { modem, send } = full({ per_block: '1 in 1 h' });
    const refused = send('one too many', { recipient: '+4915112345679' });
    await pass();
    expect(refused.error?.detail).toMatch(/^per_block: /);
    await finish(modem);
  });

  it('a repeat with the key of the waiting message joins it', async () => {
    const { modem, send, waiting } = full();
    const recipient = '+4915112345678';
    const repeat = send('code 1', { recipient, idempotencyKey: 'first' });
    await finish(modem);
    expect([waiting.code, repeat.code]).toEqual(['sent', 'sent']);
    expect(repeat.result).toMatchObject({ id: waiting.result?.id, isReplay: true });
    expect(modem.texts).toEqual(['at the modem', 'code 1']);
  });

  it.each(['+49 151 1234-5678', '+49 (0)151 12345678', '+49015112345678', '+49151123456780'])(
    'a newer code takes the place of the one that waits, written as %s',
    async (text) => {
      const { modem, send, waiting } = full();
      const { number: recipient = '' } = readRecipient(text);
      const newer = send('code 2', { recipient });
      await pass();
      expect(waiting.code).toBe('superseded');
      await finish(modem);
      expect(newer.code).toBe('sent');
      expect(modem.texts).toEqual(['at the modem', 'code 2']);
    },
  );
});
