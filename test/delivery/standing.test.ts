import { describe, expect, it } from 'vitest';
import { possibleTails, tailOf } from '../../src/number/tail.js';
import { furtherStatus, messageDelivery } from '../../src/sms/delivery.js';

describe('what the reports on several segments come to', () => {
  it.each([
    [[undefined, undefined], undefined],
    [[0x00, undefined], 'partly'],
    [[0x00, 0x00], 'delivered'],
    [[0x00, 0x30], 'pending'],
    [[0x00, 0x46], 'expired'],
    [[0x41, undefined, 0x30], 'failed'],
    [[0x00, 0x01], 'unconfirmed'],
    [[0x02], 'replaced'],
  ])('%j is %s', (statuses, state) => {
    expect(messageDelivery(statuses)?.state).toBe(state);
  });
});

it('of two reports on a segment the one further on counts, whichever came first', () => {
  for (const [one, other, counts] of [
    [0x30, 0x00, 0x00],
    [0x46, 0x30, 0x46],
    [0x46, 0x00, 0x00],
    [0x01, 0x30, 0x01],
  ] as const) {
    expect(furtherStatus(one, other)).toBe(counts);
    expect(furtherStatus(other, one)).toBe(counts);
  }
});

describe('the last digits of a number', () => {
  it.each([
    ['+4915112345678', ['+4915112345678', '015112345678', '15112345678', '004915112345678']],
    ['+12125550123', ['+12125550123', '2125550123', '12125550123']],
    // Saint Helena: five digits behind a code of three.
    ['+29022345', ['+29022345', '22345', '29022345']],
    ['+3545812345', ['5812345', '+3545812345', '3545812345']],
  ])('of %s are found in every spelling of it', (number, spellings) => {
    for (const spelled of spellings)
      expect(possibleTails(spelled), spelled).toContain(tailOf(number));
  });
});
