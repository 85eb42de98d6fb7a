import { expect, it, vi } from 'vitest';
import { JointSend } from '../../src/dispatch/joint-send.js';
import { isPromised, type SendResult } from '../../src/dispatch/message.js';
import type { SendError } from '../../src/errors.js';

/** One who cannot wait, and does not leave. */
const hasty = () => ({
  answerBy: performance.now(),
  deadlineAt: performance.now() + 60_000,
  callerLeft: new AbortController().signal,
});

it('what one caller was promised is not given up for another whose row came too late', async () => {
  const asked: ((isPromised: boolean) => void)[] = [];
  let giveUp!: (why: SendError) => void;
  const answer = new Promise<SendResult>((_, reject) => {
    giveUp = reject;
  });
  const joint = new JointSend(performance.now() + 60_000, () => ({
    id: 'a message',
    answer,
    promise: () => new Promise((resolve) => asked.push(resolve)),
    withdraw(why) {
      giveUp(why);
      return true;
    },
  }));
  const first = joint.join(hasty());
  const second = joint.join(hasty());
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  asked[0]!(true);
  expect(isPromised(await first)).toBe(true);
  asked[1]!(false);
  expect(isPromised(await second)).toBe(true);
});
