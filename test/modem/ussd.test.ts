/** A question to the carrier, and a message that comes meanwhile: the whole supervisor. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { askCarrier, GaveWay } from '../../src/doctor/ussd.js';
import { send, stopAll, supervise, untilReady } from './supervised.js';
import { VirtualDevice } from './virtual-link.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
});

const holdMs = 12_000;
/** How long after it came the network had the message, in milliseconds. */
const longestMs = { aborts: 2_000, waits: holdMs };

async function asked(options: ConstructorParameters<typeof VirtualDevice>[0]) {
  const device = new VirtualDevice(options);
  const setup = supervise(device);
  await untilReady(setup);
  const { signal } = new AbortController();
  const answer = setup.supervisor
    .inspect((lent, demand) => askCarrier(lent, '*100#', { signal, demand }))
    .catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_000);
  return { device, setup, answer };
}

test.each([
  ['aborts', true],
  ['waits', false],
] as const)(
  'a modem that keeps its OK and %s is given up for a message',
  async (how, ussdAborts) => {
    const { device, setup, answer } = await asked({ ussdHoldMs: holdMs, ussdAborts });
    const cameAt = performance.now();
    expect(await send(setup, 'a code', undefined, holdMs + 2_000)).toHaveLength(1);
    const accepted = device.entries.find(({ kind }) => kind === 'accepted');
    expect(Number(accepted?.at_ns) / 1e6 - cameAt).toBeLessThan(longestMs[how]);
    expect(await answer).toBeInstanceOf(GaveWay);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(device.commands().slice(-2)).toEqual(['AT+CUSD=2', 'AT+CUSD=0']);
    // It was given up, not lost; and its late OK answered nothing of the message.
    expect(setup.phases).not.toContain('lost');
    expect(await send(setup, 'another')).toEqual([device.accepted().at(-1)?.mr]);
  },
);

test('a modem that has taken the request sends beside it, and the answer is heard', async () => {
  const { device, setup, answer } = await asked({ balanceText: '' });
  expect(await send(setup, 'a code', undefined, 1_000)).toHaveLength(1);
  device.modem.say('+CUSD: 0,"Balance: 3 EUR",15');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await answer).toMatchObject({ status: 0, text: 'Balance: 3 EUR' });
});

test('a question that is put while a message is sent waits for its end', async () => {
  const device = new VirtualDevice({
    ussdHoldMs: holdMs,
    submitLatencyMs: 2_000,
    balanceText: 'Balance: 3 EUR',
  });
  const setup = supervise(device);
  await untilReady(setup);
  const beganAt = performance.now();
  // Of five segments, each in a turn of its own.
  const sent = send(setup, 'a'.repeat(700), undefined, 30_000);
  await vi.advanceTimersByTimeAsync(500);
  const { signal } = new AbortController();
  const answer = setup.supervisor
    .inspect((lent, demand) => askCarrier(lent, '*100#', { signal, demand }))
    .catch((error: unknown) => error);
  expect(await sent).toHaveLength(5);
  const accepted = device.entries.findLast(({ kind }) => kind === 'accepted');
  expect(Number(accepted?.at_ns) / 1e6 - beganAt).toBeLessThan(11_000);
  expect(await answer).toMatchObject({ status: 0, text: 'Balance: 3 EUR' });
});

test('a question that gives way before it is written leaves the modem alone', async () => {
  const device = new VirtualDevice();
  const setup = supervise(device);
  await untilReady(setup);
  const { signal } = new AbortController();
  const came = AbortSignal.abort();
  const answer = setup.supervisor
    .inspect((lent, demand) => askCarrier(lent, '*100#', { signal, demand: { ...demand, came } }))
    .catch((error: unknown) => error);
  const before = device.commands().length;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await answer).toBeInstanceOf(GaveWay);
  expect(device.commands().slice(before)).not.toContain('AT+CUSD=2');
});
