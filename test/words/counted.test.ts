import { expect, test } from 'vitest';
import { counted } from '../../src/words/counted.js';

test.each([
  [0, 'message', '0 messages'],
  [1, 'message', '1 message'],
  [2, 'message', '2 messages'],
  [1, 'entry', '1 entry'],
  [2, 'entry', '2 entries'],
  [1, 'PIN try', '1 PIN try'],
  [3, 'PIN try', '3 PIN tries'],
  [2, 'day', '2 days'],
])('%d of "%s" are %s', (count, noun, text) => {
  expect(counted(count, noun)).toBe(text);
});
