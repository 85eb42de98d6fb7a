import { expect, test } from 'vitest';
import { readNetwork } from '../../src/modem/radio.js';

test.each([
  ['0,0,"vodafone AU",7', 'vodafone AU', 'LTE'],
  ['0,0,"Operator",2', 'Operator', '3G'],
  ['0, 2, "26201", 0', '26201', '2G'],
  ['1,0,"5G, almost",11', '5G, almost', '5G'],
  ['0,0,"Operator"', 'Operator', undefined],
  ['0,0,"",7', '', 'LTE'],
  ['0,0,"Operator",99', 'Operator', undefined],
  ['0', undefined, undefined],
  [undefined, undefined, undefined],
])('+COPS: %s is with %s by %s', (told, operator, technology) => {
  expect(readNetwork(told)).toEqual({ operator, technology });
});
