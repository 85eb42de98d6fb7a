/**
 * The journal's thread: the database is opened at once, and then one request after the other is
 * answered.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { faultOf, type JournalFaultKind } from './faults.js';
import { Store } from './store.js';
import type { StoreAnswer, StoreOptions, StoreRequest } from './wire.js';

const port = parentPort;
if (port === null) throw new Error('the journal’s worker runs as a thread only');

const answer = (
  number: number,
  work: () => unknown,
  otherwise: JournalFaultKind = 'worker',
): void => {
  let told: StoreAnswer;
  try {
    told = { number, result: work() };
  } catch (error) {
    told = { number, fault: faultOf(error, otherwise) };
  }
  port.postMessage(told);
};

port.on('message', ({ name }: StoreRequest) => {
  // Between two calls, never within one: see `StoreThread.end`.
  if (name === 'end') process.exit();
});
answer(
  0,
  () => {
    const [store, opened] = Store.open(workerData as StoreOptions);
    port.on('message', (request: StoreRequest) =>
      answer(request.number, () => perform(store, request)),
    );
    return opened;
  },
  'cannot_open',
);

function perform(store: Store, request: StoreRequest): unknown {
  switch (request.name) {
    case 'write':
      return store.write(request.entries);
    case 'query':
      return store.query(request.filter);
    case 'refused':
      return store.refused(request.filter);
    case 'summary':
      return store.summary(request.by, request.filter);
    case 'messages':
      return store.messages(request.before, request.since, request.started);
    case 'sim_hour':
      return store.simHour(request.beforeMs, request.since);
    case 'awaited':
      return store.awaited(request.before, request.since);
    case 'ends_by_country':
      return store.endsByCountry(request.since, request.nowMs);
    case 'holds':
      return store.holds();
    case 'prune':
      return store.prune(request.bounds);
    case 'end':
      return undefined; // the other listener
  }
}
