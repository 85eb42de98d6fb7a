import { expect, it } from 'vitest';
import { RepeatedFaults } from '../../src/log.js';
import { LogRecord } from '../http/support/gateway.js';

it('a fault that comes with each message is told every ten minutes, with how often it came', () => {
  const record = new LogRecord();
  let nowMs = 0;
  const faults = new RepeatedFaults(record.log, () => nowMs);
  const told = [];
  for (; nowMs < 1_200_000; nowMs += 1_000)
    told.push(faults.error('disk', 'the disk is full', { event: 'state_fault' }));
  expect(told.filter(Boolean)).toHaveLength(2);
  expect(record.entries).toMatchObject([
    { level: 'error', message: 'the disk is full', event: 'state_fault' },
    { message: 'the disk is full', times_before: 599 },
  ]);
  // Another one is told at once.
  faults.error('rights', 'it may not', {});
  expect(record.entries).toHaveLength(3);
});

it('remembers a bounded number of faults', () => {
  const record = new LogRecord();
  const faults = new RepeatedFaults(record.log, () => 0);
  for (let number = 0; number < 200; number += 1) faults.error(`${number}`, 'a fault', {});
  faults.error('0', 'a fault', {});
  faults.error('199', 'a fault', {});
  expect(record.entries).toHaveLength(201);
});
