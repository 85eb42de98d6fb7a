import { isSameImei, type Selector } from '../config/selector.js';
import { deviceLink } from '../serial/device-link.js';
import { LinkLost, type OpenLink } from '../serial/link.js';
import { explainObstacle } from '../usb/obstacles.js';
import { candidatesFor } from '../usb/select.js';
import { listSticks } from '../usb/sticks.js';
import type { Roots } from '../usb/sysfs.js';
import type { ToldObstacle } from '../words/way-out.js';

/** A tty that may be the modem's; it is claimed until it is released. */
export interface ClaimedTty {
  tty: string;
  /** Why this one: a sentence for people. */
  why: string;
  openLink: OpenLink;
  /**
   * It need not be a modem at all: what was found by itself on a serial cable, a UART or a USB tty
   * nobody knows.
   */
  needsProof: boolean;
  /** True when it has answered as the modem that is meant, since this process began. */
  hasProven: boolean;
  noteProven(): void;
  /** Gives the stick back to other entries. */
  release(): void;
}

/**
 * Where a modem is to be found, anew at each opening: what was ttyUSB0 may come back as ttyUSB3.
 */
export interface Locator {
  /** As configured, for people. */
  readonly device: string;
  /**
   * The ttys to try, best first, each claimed only when it is taken. Rejects with `LinkLost` when
   * there is none, and says why.
   */
  candidates(): Promise<readonly (() => ClaimedTty | undefined)[]>;
  /**
   * What was there beside the last {@link candidates} and cannot be used, with the way out: a
   * sentence for people.
   */
  readonly unusable: string | undefined;
  /** False where silence may as well be the link's, as over raw TCP. */
  readonly silenceIsItsOwn: boolean;
  /** True when a modem with this IMEI is the one that is meant; undefined when any is. */
  readonly isWanted: ((imei: string | undefined) => boolean) | undefined;
  /** What keeps us from a tty that would not open, as a person should read it. */
  explain(tty: string, error: unknown): Promise<ToldObstacle>;
}

export interface LocatorOptions {
  /** The modem's configured name: who claims. */
  owner: string;
  /** As configured. */
  device: string;
  selector: Selector;
  baudRate: number;
  locks: StickLocks;
  roots: Roots;
  /**
   * The selectors of the other entries that have no stick now: what a more exact one names is left
   * to it.
   */
  others(): readonly Selector[];
}

/** Finds the modem by its configured `device`: a path, an address, USB ids, an IMEI, or `auto`. */
export function createLocator(options: LocatorOptions): Locator {
  const { owner, device, selector, baudRate, locks, roots } = options;
  /** Sticks that have answered as the modem that is meant. */
  const proven = new Set<string>();
  let unusable: string | undefined;
  return {
    device,
    get unusable() {
      return unusable;
    },
    silenceIsItsOwn: selector.kind !== 'network' || selector.protocol !== 'tcp',
    isWanted:
      selector.kind === 'imei'
        ? (imei) => imei !== undefined && isSameImei(imei, selector.imei)
        : undefined,
    async candidates() {
      const selection = await candidatesFor(
        selector,
        await listSticks(roots),
        roots,
        options.others(),
      );
      unusable = selection.reason;
      if (selection.candidates.length === 0) {
        const { reason = `${device}: no modem found`, remedy } = selection;
        throw new LinkLost(reason, { remedy });
      }
      return selection.candidates.map(({ tty, stickKey, why, needsProof, stick }) => () => {
        if (!locks.claim(stickKey, owner)) return undefined;
        // What is plugged in there later need not be the same.
        const identity = JSON.stringify([
          stickKey,
          stick?.usb?.vendorId,
          stick?.usb?.productId,
          stick?.usb?.serial,
        ]);
        const release = () => locks.release(stickKey, owner);
        return {
          tty,
          why,
          openLink: deviceLink(tty, baudRate),
          needsProof: needsProof === true,
          hasProven: proven.has(identity),
          noteProven: () => proven.add(identity),
          release,
        };
      });
    },
    async explain(tty, error) {
      return explainObstacle(tty, error, roots);
    },
  };
}

/**
 * Which modem entry uses which stick, within this process: two sessions on one modem, even on
 * different ttys of it, would mix up their answers. Another process is kept off by the tty's own
 * lock. Keys are those of `Stick.key` and `Candidate.stickKey`.
 */
export class StickLocks {
  readonly #owners = new Map<string, string>();

  /** Takes the stick for `owner`; false when another one has it. Taking one's own again is fine. */
  claim(stickKey: string, owner: string): boolean {
    const holder = this.#owners.get(stickKey) ?? owner;
    if (holder !== owner) return false;
    this.#owners.set(stickKey, owner);
    return true;
  }

  /**
   * Gives the stick back; throws when `owner` does not have it, for then somebody talks to a modem
   * that is not theirs.
   */
  release(stickKey: string, owner: string): void {
    if (this.#owners.get(stickKey) !== owner)
      throw new Error(`${owner} gives back the stick ${stickKey} without having it`);
    this.#owners.delete(stickKey);
  }

  /** Who has the stick; undefined when nobody has. */
  holder(stickKey: string): string | undefined {
    return this.#owners.get(stickKey);
  }
}
