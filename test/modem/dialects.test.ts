import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { OpenLink } from '../../src/serial/link.js';
import { send, stopAll, supervise, untilReady } from './supervised.js';
import { locatorOf, VirtualDevice } from './virtual-link.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
});

type Dialect = (said: string) => string;

/** The virtual modem's words as another modem, or its UART, would have spelled them. */
const dialects: Record<string, Dialect> = {
  'LF alone ends a line': (said) => said.replaceAll('\r\n', '\n'),
  'CR CR LF ends a line': (said) => said.replaceAll('\r\n', '\r\r\n'),
  'no CR LF stands before a line': (said) => said.replace(/^\r\n/, ''),
  'NUL stands before each line': (said) => said.replaceAll('\r\n', '\r\n\0'),
  '0xFF stands before each line': (said) => said.replaceAll('\r\n', '\r\n\xff'),
  '0xFF stands behind each line': (said) => said.replaceAll('\r\n', '\xff\r\n'),
  'the prompt comes twice, a blank between': (said) => said.replace('\r\n> ', '\r\n> > '),
  'the prompt comes twice, and +CMGS on its line': (said) =>
    said.replace('\r\n> ', '\r\n> \r\n> ').replace(/^\r\n\+CMGS/, '+CMGS'),
  'an unsolicited line stands on that of the prompt': (said) =>
    said.replace('\r\n> ', '\r\n> +CREG: 1\r\n'),
  'the reference is quoted': (said) => said.replace(/(\+CMGS: )(\d+)/, '$1"$2"'),
  'the blanks of +CMGS are others': (said) => said.replace(/(\+CMGS): (\d+)/, ' $1 :  $2 '),
  'the reference is said twice': (said) => said.replace(/(\r\n\+CMGS: \d+\r\n)/, '$1$1'),
  'the references have more than an octet': (said) =>
    said.replace(/(\+CMGS: )(\d+)/, (_, head, reference) => `${head}${Number(reference) + 65_280}`),
  'the time stands behind the reference': (said) =>
    said.replace(/(\+CMGS: \d+)/, '$1,"26/11/30,12:00:00+04"'),
  'eight fields are told of the registration': (said) =>
    said.replace(/\+CREG: \d,(\d)/, '+CREG: 2,$1,00C3,01A2F3B4,7,,,"00111"'),
  'no blank stands behind a colon': (said) => said.replace(/(\+[A-Z]+:) /g, '$1'),
};

test.each(Object.entries(dialects))('a modem is understood where %s', async (_, dialect) => {
  const device = new VirtualDevice();
  const setup = supervise(device, {}, { locator: locatorOf(speaking(dialect, device.openLink)) });
  await untilReady(setup);
  expect(await send(setup, 'x'.repeat(300), undefined, 3_000)).toEqual(
    device.accepted().map(({ mr }) => mr),
  );
  expect(device.accepted()).toHaveLength(2);
  expect(setup.phases).not.toContain('lost');
});

test('a message is sent where +CMGS has no reference', async () => {
  const device = new VirtualDevice();
  const withoutReference: Dialect = (said) => said.replace(/(\+CMGS:) \d+/, '$1');
  const setup = supervise(
    device,
    {},
    { locator: locatorOf(speaking(withoutReference, device.openLink)) },
  );
  await untilReady(setup);
  expect(await send(setup, 'x'.repeat(300), undefined, 3_000)).toEqual([0, 0]);
  expect(device.accepted()).toHaveLength(2);
});

function speaking(dialect: Dialect, openLink: OpenLink): OpenLink {
  return (listener) =>
    openLink({
      onData: (bytes) => listener.onData(Buffer.from(dialect(bytes.toString('latin1')), 'latin1')),
      onClose: (cause) => listener.onClose(cause),
    });
}
