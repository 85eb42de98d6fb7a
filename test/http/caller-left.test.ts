import { describe, expect, it, onTestFinished } from 'vitest';
import type { Send } from '../../src/dispatch/message.js';
import { SendError } from '../../src/errors.js';
import { accepted, startGateway, validBody } from './support/gateway.js';
import { rawPost, Wire } from './support/wire.js';

describe('a caller that hangs up', () => {
  /** Holds a message until its caller left. */
  const untilLeft: Send = (_message, { callerLeft }) =>
    new Promise((_resolve, reject) => {
      const give = () => reject(new SendError('deadline_unreachable'));
      if (callerLeft.aborted) give();
      callerLeft.addEventListener('abort', give, { once: true });
    });

  it('aborts its message, is written nothing, and is in the log', async () => {
    const gateway = await startGateway({ send: untilLeft });
    const wire = await Wire.open(gateway.port);
    wire.write(await rawPost(JSON.stringify(validBody)));
    await expect.poll(() => gateway.sent.length, { interval: 1 }).toBe(1);
    wire.socket.destroy();
    expect(await gateway.record.next('message')).toMatchObject({
      level: 'warn',
      caller_left: true,
    });
    expect(wire.received).toBe('');
  });

  it('by a reset, is a matter for the debug level only', async () => {
    const gateway = await startGateway({ send: untilLeft });
    const wire = await Wire.open(gateway.port);
    wire.write(await rawPost(JSON.stringify(validBody)));
    await expect.poll(() => gateway.sent.length, { interval: 1 }).toBe(1);
    wire.socket.resetAndDestroy();
    expect(await gateway.record.next('message')).toMatchObject({ caller_left: true });
    expect(await gateway.record.next('response_failed')).toMatchObject({ level: 'debug' });
  });

  it('by closing its sending side only, is taken as gone as well', async () => {
    const gateway = await startGateway({ send: untilLeft });
    const wire = await Wire.open(gateway.port);
    wire.write(await rawPost(JSON.stringify(validBody)));
    await expect.poll(() => gateway.sent.length, { interval: 1 }).toBe(1);
    wire.socket.end();
    expect(await gateway.record.next('message')).toMatchObject({ caller_left: true });
  });

  it('aborts the messages that it pipelined behind another', async () => {
    const gateway = await startGateway({ send: untilLeft });
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    const wire = await Wire.open(gateway.port);
    const request = await rawPost(JSON.stringify(validBody));
    wire.write(request.repeat(15));
    await expect.poll(() => gateway.sent.length, { interval: 1 }).toBe(15);
    wire.socket.destroy();
    await expect.poll(() => gateway.record.of('message').length, { interval: 1 }).toBe(15);
    expect(gateway.record.of('message').every((entry) => entry.caller_left)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('while it sends its body leaves no message behind', async () => {
    const gateway = await startGateway();
    const wire = await Wire.open(gateway.port);
    wire.write((await rawPost(JSON.stringify(validBody))).slice(0, -1));
    await expect.poll(() => wire.socket.bytesWritten).toBeGreaterThan(0);
    wire.socket.destroy();
    await gateway.record.next('caller_left');
    expect(gateway.sent).toEqual([]);
    expect(gateway.record.of('message')).toEqual([]);
  });

  it('after its answer aborts nothing', async () => {
    const gateway = await startGateway({ send: accepted });
    const wire = await Wire.open(gateway.port);
    await wire.write(await rawPost(JSON.stringify(validBody))).answers(1);
    wire.socket.destroy();
    await wire.closed;
    expect(gateway.sent[0]?.control.callerLeft.aborted).toBe(false);
  });
});
