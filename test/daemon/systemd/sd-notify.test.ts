import { expect, test } from 'vitest';
import { linesOf, readServiceManager } from '../../../src/daemon/systemd/sd-notify.js';

test('without NOTIFY_SOCKET there is nobody to tell', () => {
  expect(readServiceManager({}, 1)).toBeUndefined();
  expect(readServiceManager({ NOTIFY_SOCKET: '', WATCHDOG_USEC: '1000000' }, 1)).toBeUndefined();
});

test.each([
  ['no WATCHDOG_USEC is no watchdog', {}, undefined],
  ['microseconds become milliseconds', { WATCHDOG_USEC: '60000000' }, 60_000],
  ['our own pid is meant', { WATCHDOG_USEC: '60000000', WATCHDOG_PID: '77' }, 60_000],
  ['another process is meant', { WATCHDOG_USEC: '60000000', WATCHDOG_PID: '78' }, undefined],
  ['zero is no time', { WATCHDOG_USEC: '0' }, undefined],
  ['no number is no time', { WATCHDOG_USEC: '1e3' }, undefined],
])('watchdog: %s', (_, env, watchdogMs) => {
  const socket = '/run/systemd/notify';
  expect(readServiceManager({ NOTIFY_SOCKET: socket, ...env }, 77)).toEqual({ socket, watchdogMs });
});

test('a value cannot begin a line of its own', () => {
  expect(linesOf({ WATCHDOG: 1, STATUS: 'main ready (x\nREADY=1\r\nMAINPID=1\0)' })).toEqual([
    'WATCHDOG=1',
    'STATUS=main ready (x READY=1  MAINPID=1 )',
  ]);
});
