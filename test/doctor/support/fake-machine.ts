import type { Machine } from '../../../src/doctor/this-machine.js';
import { Tree } from '../../usb/support/tree.js';

/**
 * A machine laid out in a temporary folder, whose clock is right and which belongs to user 0,
 * unless told otherwise.
 */
export class FakeMachine {
  readonly tree = new Tree();

  toLookAt(own: Partial<Machine> = {}): Machine {
    return {
      roots: this.tree.roots,
      udevData: this.tree.path('run/udev/data'),
      identity: { uid: 0, groups: [0] },
      nowMs: () => Date.UTC(2026, 10, 23, 12),
      isClockSynchronised: () => Promise.resolve(true),
      roomBehind: () => Promise.resolve({ freeOctets: 2 ** 30, isFull: false, isReadOnly: false }),
      ...own,
    };
  }

  remove(): void {
    this.tree.remove();
  }
}
