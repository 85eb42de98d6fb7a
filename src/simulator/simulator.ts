/**
 * The virtual modem, on a real tty, with a network that keeps its own record.
 * Knows nothing of: simgate: it shares no code with what it judges.
 * Way: octets from the tty → command line → a command → replies and the network's record; faults
 * are dealt between.
 */

import { closeSync, constants, openSync } from 'node:fs';
import { FaultPlanner, type FaultSpec } from './fault-planner.js';
import { Network } from './network.js';
import { defaultOptions, type ModemOptions } from './options.js';
import { openPty, type Pty, type PtyMaker, placeLink, refuseTaken, removeLink } from './pty.js';
import { seededRandom } from './random.js';
import { NetworkRecord, type RecordEntry } from './record.js';
import type { PinState } from './sim-card.js';
import { monotonicClock } from './timers.js';
import type { Trouble } from './troubles.js';
import { distort, PacedLine } from './uart.js';
import { VirtualModem } from './virtual-modem.js';

/** Everything that can be chosen about a virtual modem, its network and its tty. */
export interface SimulatorOptions extends ModemOptions {
  /** A stable symbolic link to the tty. */
  link?: string;
  /**
   * After a re-attach the link has another name (`LINK.1`, `LINK.2` …), as ttyUSB0 becomes ttyUSB1.
   */
  linkMoves?: boolean;
  /**
   * A re-attached tty never has the number it had, as a real one has not whose old node somebody
   * still holds open.
   */
  ttyMoves?: boolean;
  /** The file of the network's record; truncated at the start. */
  record?: string;
  faults: readonly FaultSpec[];
  /** Begin at each power-on. */
  troubles: readonly Trouble[];
}

/** What happens to the tty, beside the record. */
export type SimulatorEvent =
  | { event: 'attached'; tty: string; link?: string }
  | { event: 'detached'; reattach_ms: number }
  | { event: 'failed'; reason: string };

export interface SimulatorStats {
  accepted: number;
  submits: number;
  /** Inbound messages and reports that the modem has not taken yet. */
  undelivered: number;
  /** Octets lost because a client did not read, or the modem was busy. */
  octets_dropped: number;
  /** The SIM: what `+CPIN?` says, its PIN's tries, and how many `AT+CPIN=` the modem has seen. */
  sim_state: PinState;
  pin_tries: number;
  pin_attempts: number;
}

export interface SimulatorHooks {
  onEvent?: (event: SimulatorEvent) => void;
  onEntry?: (entry: RecordEntry) => void;
  /** Insists on one way to a terminal. */
  ptyMaker?: PtyMaker;
}

/**
 * Starts a virtual modem; resolves when its tty can be opened. Rejects with `PtyUnavailable`,
 * `LinkRefused` or `RecordRefused`.
 */
export async function runSimulator(
  options: Partial<SimulatorOptions> = {},
  hooks: SimulatorHooks = {},
): Promise<Simulator> {
  // Before the record is begun: the other's may be of the same name.
  if (options.link !== undefined) refuseTaken(options.link);
  const simulator = new Simulator(
    { ...defaultOptions, faults: [], troubles: [], ...options },
    hooks,
  );
  try {
    await simulator.start();
  } catch (error) {
    await simulator.close();
    throw error;
  }
  return simulator;
}

/** A virtual modem on a tty. */
export class Simulator {
  readonly #options: SimulatorOptions;
  readonly #hooks: SimulatorHooks;
  readonly #record: NetworkRecord;
  /** These three are what the control channel steers. */
  readonly network: Network;
  readonly faults: FaultPlanner;
  readonly modem: VirtualModem;
  readonly #fromClient: PacedLine;
  readonly #toClient: PacedLine;
  #pty: Pty | undefined;
  #link: string | undefined;
  #attachments = 0;
  #octetsDropped = 0;
  #isClosed = false;
  #needsPowerOn = false;
  /** Descriptor of the last tty's slave, which keeps its number taken. */
  #heldSlave: number | undefined;
  /** The tty's comings and goings, one behind the other. */
  #attaching: Promise<void> = Promise.resolve();
  #reattach: (() => void) | undefined;

  constructor(options: SimulatorOptions, hooks: SimulatorHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#record = new NetworkRecord(monotonicClock, options.record);
    if (hooks.onEntry !== undefined) this.#record.listen(hooks.onEntry);
    // Each has its own sequence, so that noise does not shift which submit a fault hits.
    const [forNetwork, forFaults, forModem, forLine] = [1, 2, 3, 4].map((n) =>
      seededRandom(options.seed * 8 + n),
    );
    this.network = new Network(options, monotonicClock, forNetwork!, this.#record);
    this.faults = new FaultPlanner(options.faults, forFaults!);
    this.#toClient = new PacedLine(monotonicClock, options.baud, (bytes) => {
      this.#pty?.write(Buffer.from(bytes, 'latin1'));
    });
    this.modem = new VirtualModem({
      options,
      clock: monotonicClock,
      random: forModem!,
      record: this.#record,
      network: this.network,
      faults: this.faults,
      troubles: options.troubles,
      tty: {
        send: (output, distortion) => {
          const pieces =
            distortion === undefined ? undefined : distort(output, distortion, forLine!);
          if (pieces === undefined) this.#toClient.write(output);
          else for (const piece of pieces) this.#toClient.write(piece.bytes, piece.pauseMs);
        },
        hangUp: (power, downMs) => this.hangUp(power, downMs),
      },
    });
    this.#fromClient = new PacedLine(monotonicClock, options.baud, (bytes) =>
      this.modem.receive(bytes),
    );
  }

  /** The slave's path now; undefined while detached. */
  get tty(): string | undefined {
    return this.#pty?.slavePath;
  }

  get link(): string | undefined {
    return this.#link;
  }

  async start(): Promise<void> {
    const { name: modem, vendor, seed } = this.#options;
    this.#record.write({ kind: 'started', modem, imei: this.modem.vendor.imei, vendor, seed });
    await this.#attach();
    this.modem.powerOn('long-ago');
  }

  /** The tty goes away for `reattachMs`, and the power with it or not. */
  hangUp(power: 'kept' | 'lost', reattachMs: number): void {
    if (this.#isClosed) return;
    if (power === 'lost') {
      this.modem.powerOff();
      this.#needsPowerOn = true;
    }
    if (this.#pty === undefined) return;
    this.#record.write({ kind: 'hang_up', power, reattach_ms: reattachMs });
    this.#detach();
    this.#hooks.onEvent?.({ event: 'detached', reattach_ms: reattachMs });
    this.#reattach = monotonicClock.after(Math.max(1, reattachMs), () => {
      this.#attaching = this.#attaching
        .then(() => this.#attach())
        .then(() => {
          if (!this.#needsPowerOn || this.#isClosed) return;
          this.#needsPowerOn = false;
          this.modem.powerOn('now');
        })
        .catch((error: Error) => this.#hooks.onEvent?.({ event: 'failed', reason: error.message }));
    });
  }

  stats(): SimulatorStats {
    return {
      accepted: this.network.accepted,
      submits: this.faults.submits,
      undelivered: this.network.undelivered,
      octets_dropped:
        this.#octetsDropped +
        (this.#pty?.droppedOctets ?? 0) +
        this.#toClient.droppedOctets +
        this.#fromClient.droppedOctets +
        this.modem.droppedOctets,
      sim_state: this.modem.sim.state,
      pin_tries: this.modem.sim.pinTries,
      pin_attempts: this.modem.pinAttempts,
    };
  }

  /** Removes the tty and the link and closes the record. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reattach?.();
    this.modem.powerOff();
    this.network.close();
    await this.#attaching;
    const { octets_dropped } = this.stats();
    this.#detach();
    await this.#attaching;
    this.#releaseHeldSlave();
    this.#record.write({ kind: 'stopped', octets_dropped });
    this.#record.close();
  }

  async #attach(): Promise<void> {
    if (this.#isClosed) return;
    const pty = await openPty(
      {
        onData: (bytes) => this.#fromClient.write(bytes.toString('latin1')),
        onError: (error) => this.#hooks.onEvent?.({ event: 'failed', reason: error.message }),
      },
      this.#hooks.ptyMaker,
    );
    this.#pty = pty;
    this.#releaseHeldSlave();
    const { link: base, linkMoves } = this.#options;
    if (base !== undefined) {
      const link =
        linkMoves === true && this.#attachments > 0 ? `${base}.${this.#attachments}` : base;
      placeLink(link, pty.slavePath);
      this.#link = link;
    }
    this.#attachments += 1;
    const where = { tty: pty.slavePath, ...(this.#link !== undefined && { link: this.#link }) };
    this.#record.write({ kind: 'attached', ...where });
    this.#hooks.onEvent?.({ event: 'attached', ...where });
  }

  /** The link goes with the tty, as udev takes it away. */
  #detach(): void {
    const pty = this.#pty;
    this.#pty = undefined;
    if (this.#link !== undefined && pty !== undefined) removeLink(this.#link, pty.slavePath);
    this.#link = undefined;
    this.#fromClient.clear();
    this.#toClient.clear();
    if (pty === undefined) return;
    this.#octetsDropped += pty.droppedOctets;
    if (this.#options.ttyMoves === true) this.#holdSlave(pty.slavePath);
    this.#attaching = this.#attaching.then(() => pty.hangUp());
  }

  #holdSlave(path: string): void {
    this.#releaseHeldSlave();
    this.#heldSlave = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  }

  #releaseHeldSlave(): void {
    if (this.#heldSlave !== undefined) closeSync(this.#heldSlave);
    this.#heldSlave = undefined;
  }
}
