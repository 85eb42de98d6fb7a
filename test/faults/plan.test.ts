import { expect, test } from 'vitest';
import { seededRandom } from '../../src/simulator/random.js';
import { countSegments } from '../../src/sms/segments.js';
import {
  networkFaults,
  otherActionKinds,
  playedTroubles,
  shuffledDeck,
  submitFaultKinds,
} from './deck.js';
import { playedPinFaults } from './pins.js';
import { planRun } from './plan.js';
import { findMarker } from './texts.js';

test('the same seed is the same plan, another seed another', () => {
  expect(planRun(7, 300)).toEqual(planRun(7, 300));
  expect(planRun(8, 300)).not.toEqual(planRun(7, 300));
});

test('every message is in the plan once, needs the segments it says, and has its marker at either end', () => {
  const messages = planRun(3, 2000).flatMap((phase) => phase.messages);
  expect(messages).toHaveLength(2000);
  expect(new Set(messages.map(({ marker }) => marker)).size).toBe(2000);
  for (const { text, segments, marker } of messages) {
    expect(countSegments(text)).toBe(segments);
    expect(findMarker(text.slice(0, 29))).toBe(marker);
    expect(findMarker(text.slice(-29))).toBe(marker);
  }
});

test('a deck holds every kind of fault', () => {
  const deck = shuffledDeck(seededRandom(1));
  const played = deck.map((action) =>
    action.kind === 'submit_fault' || action.kind === 'trouble'
      ? action.fault.split(':')[0]
      : action.kind,
  );
  expect(
    [...submitFaultKinds, ...playedTroubles, ...otherActionKinds].filter(
      (kind) => !played.includes(kind),
    ),
  ).toEqual([]);
});

test('the modems with a PIN meet every way in which that can go wrong, and one of them loses its lock at last', () => {
  const { pins } = planRun(2, 300).find((phase) => phase.pins !== undefined)!;
  const hands = pins!.rounds.flatMap((round) => round.hands);
  const cards = hands.flatMap(({ card }) => card ?? []);
  const faults = cards.flatMap((card) =>
    'fault' in card ? [`pin-${card.fault.replace(/:.*/, '')}`] : [],
  );
  expect(playedPinFaults.filter((kind) => !faults.includes(kind))).toEqual([]);
  expect(cards.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['sigkill', 'wrong_file']));
  expect(hands.filter(({ remedy }) => remedy === 'remove_lock')).toHaveLength(1);
  expect(pins!.rounds[0]!.hands.map(({ card }) => card)).toEqual(pins!.starts.map(() => undefined));
});

test('2000 messages meet every fault, and ten restarts on average', () => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const runs = seeds.map((seed) =>
    planRun(seed, 2000).flatMap(({ messages }) =>
      messages.flatMap(({ fault }) => (fault === undefined ? [] : [fault.action])),
    ),
  );
  const restarts = runs.flat().filter(({ kind }) => kind.startsWith('sig'));
  expect(restarts.length).toBeGreaterThanOrEqual(10 * seeds.length);
  for (const [index, actions] of runs.entries()) {
    const kinds = new Set(
      actions.map((action) => ('fault' in action ? action.fault.split(':')[0] : action.kind)),
    );
    const missing = submitFaultKinds.filter((kind) => !kinds.has(kind));
    expect(missing, `seed ${seeds[index]}`).toEqual([]);
  }
});

test('600 messages meet every fault of the way to a modem', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const faults = planRun(seed, 600).flatMap(({ messages }) =>
      messages.flatMap(({ fault }) =>
        fault?.action.kind === 'network' ? [fault.action.fault] : [],
      ),
    );
    expect(
      networkFaults.filter((fault) => !faults.includes(fault)),
      `seed ${seed}`,
    ).toEqual([]);
  }
});
