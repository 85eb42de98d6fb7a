import type { Locator } from '../../src/modem/locator.js';
import type { LinkListener, OpenLink, SerialLink } from '../../src/serial/link.js';
import { LinkLost } from '../../src/serial/link.js';
import { FaultPlanner, parseFault } from '../../src/simulator/fault-planner.js';
import { Network } from '../../src/simulator/network.js';
import { defaultOptions, type ModemOptions } from '../../src/simulator/options.js';
import { seededRandom } from '../../src/simulator/random.js';
import { type AcceptedEntry, NetworkRecord, type RecordEntry } from '../../src/simulator/record.js';
import { isTroubleKind, parseTrouble, type Trouble } from '../../src/simulator/troubles.js';
import { VirtualModem } from '../../src/simulator/virtual-modem.js';

/**
 * The virtual modem on a wire instead of a tty, in (faked) time: what the modem layer is tested
 * against without a process. The network's record is the judge here too.
 */
export class VirtualDevice {
  readonly entries: RecordEntry[] = [];
  readonly modem: VirtualModem;
  readonly network: Network;
  readonly faults: FaultPlanner;
  #attached = true;
  #listener: LinkListener | undefined;

  /** `faults` as `simulate --fault` takes them. */
  constructor(options: Partial<ModemOptions> = {}, faults: string[] = []) {
    const isTrouble = (text: string) => isTroubleKind(text.replace(/:.*/s, ''));
    const all: ModemOptions = { ...defaultOptions, ...options };
    const clock = {
      nowNs: () => BigInt(Math.round(performance.now() * 1e6)),
      after: (delayMs: number, run: () => void) => {
        const timer = setTimeout(run, Math.max(0, delayMs));
        return () => clearTimeout(timer);
      },
    };
    const record = new NetworkRecord(clock);
    record.listen((entry) => this.entries.push(entry));
    this.network = new Network(all, clock, seededRandom(1), record);
    const specs = faults.filter((text) => !isTrouble(text)).map((text) => parseFault(text));
    this.faults = new FaultPlanner(specs, seededRandom(2));
    this.modem = new VirtualModem({
      options: all,
      clock,
      random: seededRandom(3),
      record,
      network: this.network,
      faults: this.faults,
      troubles: faults.filter(isTrouble).map(parseTrouble),
      tty: {
        send: (output) =>
          queueMicrotask(() => this.#listener?.onData(Buffer.from(output, 'latin1'))),
        hangUp: (power, downMs) => this.hangUp(power, downMs),
      },
    });
    this.modem.powerOn('long-ago');
  }

  /** The tty goes away, and comes back after `downMs`. */
  hangUp(power: 'kept' | 'lost', downMs: number): void {
    this.#attached = false;
    const listener = this.#listener;
    this.#listener = undefined;
    if (power === 'lost') this.modem.powerOff();
    listener?.onClose(new LinkLost('/dev/virtual was lost: the tty was hung up'));
    setTimeout(() => {
      this.#attached = true;
      if (power === 'lost') this.modem.powerOn('now');
    }, downMs);
  }

  readonly openLink: OpenLink = (listener) => {
    if (!this.#attached)
      return Promise.reject(new LinkLost('/dev/virtual does not exist: is the modem plugged in?'));
    this.#listener = listener;
    const link: SerialLink = {
      path: '/dev/virtual',
      write: (bytes) => {
        if (this.#listener === listener) queueMicrotask(() => this.modem.receive(bytes));
      },
      close: () => {
        if (this.#listener === listener) this.#listener = undefined;
        listener.onClose(undefined);
        return Promise.resolve();
      },
    };
    return Promise.resolve(link);
  };

  accepted(): AcceptedEntry[] {
    return this.entries.flatMap((entry) => (entry.kind === 'accepted' ? [entry] : []));
  }

  /** Something is wrong with the modem from now on: as its control channel takes it. */
  begin(text: string): Trouble {
    const trouble = parseTrouble(text);
    this.modem.troubles.begin(trouble);
    return trouble;
  }

  commands(): string[] {
    return this.entries.flatMap((entry) => (entry.kind === 'command' ? [entry.line] : []));
  }
}

/** A locator that knows one tty. */
export function locatorOf(openLink: OpenLink): Locator {
  return {
    device: '/dev/virtual',
    isWanted: undefined,
    silenceIsItsOwn: true,
    unusable: undefined,
    candidates: () =>
      Promise.resolve([
        () => ({
          tty: '/dev/virtual',
          why: 'as configured',
          openLink,
          needsProof: false,
          hasProven: false,
          noteProven: () => undefined,
          release: () => undefined,
        }),
      ]),
    explain: (_, error) =>
      Promise.resolve({ sentence: error instanceof Error ? error.message : String(error) }),
  };
}
