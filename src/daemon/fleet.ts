import type { Logger } from 'winston';
import type { Config, ModemConfig } from '../config/config.js';
import { differingKeys } from '../config/schema.js';
import type { Selector } from '../config/selector.js';
import type { Dispatch } from '../dispatch/dispatch.js';
import type { Supervisor } from '../modem/supervisor.js';
import type { Roots } from '../usb/sysfs.js';
import { type FleetListener, ModemMaker, pinReaderOf } from './modem-maker.js';
import type { StateDir } from './state-dir.js';

/** Where the modems of a fleet get their messages. */
export type ModemQueue = Pick<Dispatch, 'admitModem' | 'retireModem'>;

/** One `[[modem]]`, and what lives by it. */
interface Berth {
  /** As it is in force. */
  config: ModemConfig;
  readonly supervisor: Supervisor;
  isStarted: boolean;
  /** It takes nothing more, and ends when what it has in hand has ended. */
  isLeaving: boolean;
}

/** What holds for a modem at once; all else takes a new opening. */
const heldAtOnce: readonly string[] = [
  'per_day',
  'per_month',
  'recipients_per_month',
  'number',
  'roaming',
  'submit_timeout_s',
  'idle_probe_s',
  'pin_file',
  'credit',
];

const needsOpening = (before: ModemConfig, after: ModemConfig): boolean =>
  differingKeys(before, after).some((key) => !heldAtOnce.includes(key));

/**
 * The modems of the configuration in force, each with its supervisor. A reload may add, change and
 * take away some; the others notice nothing of it.
 */
export class Fleet {
  /** Those of the configuration, in its order; the array stays the same one. */
  readonly modems: Supervisor[] = [];
  readonly #berths: Berth[] = [];
  readonly #maker: ModemMaker;
  readonly #log: Logger;
  #wanted: readonly ModemConfig[];
  #queue: ModemQueue | undefined;
  #onChange: (() => void) | undefined;
  #isStarted = false;
  /** Changes take turns. */
  #settled: Promise<void> = Promise.resolve();

  private constructor(maker: ModemMaker, wanted: readonly ModemConfig[], log: Logger) {
    this.#maker = maker;
    this.#wanted = wanted;
    this.#log = log;
  }

  /** Makes all of them, and starts none. Rejects when what is known of PINs cannot be read. */
  static async open(
    config: Config,
    stateDir: StateDir,
    log: Logger,
    listener?: FleetListener,
    roots?: Roots,
  ): Promise<Fleet> {
    const maker = await ModemMaker.open(config, stateDir, log, listener, roots);
    const fleet = new Fleet(maker, config.modems, log);
    await fleet.#reconcile();
    return fleet;
  }

  /** Starts them. `onChange` is called whenever {@link modems} are others than before. */
  start(queue: ModemQueue, onChange: () => void): void {
    this.#queue = queue;
    this.#onChange = onChange;
    this.#isStarted = true;
    this.#startAll();
  }

  /**
   * Takes up these. A modem that goes, or is to be opened anew, first ends the message that it has;
   * that is not waited for. Resolves with what happens to whom, a sentence each.
   */
  async apply(wanted: readonly ModemConfig[]): Promise<string[]> {
    const news = this.#tell(wanted);
    this.#wanted = wanted;
    await this.#reconcile();
    return news;
  }

  /** Closes all of them for good. */
  async stop(): Promise<void> {
    this.#wanted = [];
    this.#isStarted = false;
    await Promise.all(this.#berths.map(({ supervisor }) => supervisor.stop()));
  }

  #tell(wanted: readonly ModemConfig[]): string[] {
    const present = this.#berths.filter(({ isLeaving }) => !isLeaving);
    const gone = present.filter(({ config: { name } }) => !wanted.some((one) => one.name === name));
    const news = wanted.flatMap((after): [string, string][] => {
      const before = this.#wanted.find(({ name }) => name === after.name);
      const keys = before === undefined ? [] : differingKeys(before, after);
      if (before === undefined) return [[after.name, 'is new']];
      if (keys.length === 0) return [];
      const how = needsOpening(before, after)
        ? 'it is opened anew, once the message that it may have has ended'
        : 'that holds at once';
      return [[after.name, `has changed (${keys.join(', ')}): ${how}`]];
    });
    const goes = 'is taken away, once the message that it may have has ended';
    news.push(...gone.map(({ config: { name } }): [string, string] => [name, goes]));
    for (const [modem, what] of news)
      this.#log.info(`modem ${modem} ${what}`, { event: 'modem_reloaded', modem });
    return news.map(([modem, what]) => `modem ${modem} ${what}`);
  }

  /** Makes it so as it is wanted, as far as that can be now. */
  #reconcile(): Promise<void> {
    const turn = this.#settled.then(() => this.#reconcileNow());
    this.#settled = turn.catch(() => undefined);
    return turn;
  }

  async #reconcileNow(): Promise<void> {
    for (const berth of this.#berths.filter(({ isLeaving }) => !isLeaving)) {
      const after = this.#wanted.find(({ name }) => name === berth.config.name);
      if (after === undefined || needsOpening(berth.config, after)) this.#dismiss(berth, after);
      else this.#adjust(berth, after);
    }
    for (const config of this.#wanted) {
      if (this.#berths.some((berth) => berth.config.name === config.name)) continue;
      const supervisor = await this.#maker.make(config, () => this.#without(config.name));
      this.#berths.push({ config, supervisor, isStarted: false, isLeaving: false });
      this.#queue?.admitModem(supervisor);
    }
    this.modems.splice(
      0,
      Number.POSITIVE_INFINITY,
      ...this.#wanted.flatMap(({ name }) => this.#berthOf(name)?.supervisor ?? []),
    );
    if (this.#isStarted) this.#startAll();
    this.#onChange?.();
  }

  /** One that leaves gives way to its successor. */
  #berthOf(name: string): Berth | undefined {
    const own = this.#berths.filter(({ config }) => config.name === name);
    return own.find(({ isLeaving }) => !isLeaving) ?? own[0];
  }

  /** The selectors of the other entries that have no stick now. */
  #without(name: string): Selector[] {
    return this.#berths
      .filter(({ config, isLeaving, supervisor }) => {
        return config.name !== name && !isLeaving && !supervisor.isOpen;
      })
      .map(({ config }) => config.selector);
  }

  /** Whoever waits for the very device that another still closes is started after it. */
  #startAll(): void {
    const leaving = this.#berths.filter(({ isLeaving }) => isLeaving);
    for (const berth of this.#berths) {
      if (berth.isStarted || leaving.some(({ config }) => config.device === berth.config.device))
        continue;
      berth.isStarted = true;
      berth.supervisor.start();
    }
  }

  #adjust(berth: Berth, after: ModemConfig): void {
    berth.config = after;
    const { number, idleProbeMs, roaming, submitTimeoutMs } = after;
    const readPin = pinReaderOf(after);
    berth.supervisor.adjust({ number, idleProbeMs, readPin, tuning: { roaming, submitTimeoutMs } });
  }

  /** `after` is what comes in its place, if anything. */
  #dismiss(berth: Berth, after: ModemConfig | undefined): void {
    berth.isLeaving = true;
    berth.supervisor.leave(
      after === undefined
        ? 'it is taken away'
        : 'its settings have changed: it is opened anew, once the message that it has has ended',
    );
    void this.#close(berth);
  }

  async #close(berth: Berth): Promise<void> {
    const { supervisor, config } = berth;
    await this.#queue?.retireModem(supervisor);
    await pinTried(supervisor);
    await supervisor.stop();
    this.#berths.splice(this.#berths.indexOf(berth), 1);
    if (!this.#isStarted) return;
    this.#log.info(`modem ${config.name} is closed`, {
      event: 'modem_reloaded',
      modem: config.name,
    });
    await this.#reconcile();
  }
}

/** Milliseconds between looks whether the outcome of a PIN is known, which takes half a minute. */
const pinPollMs = 500;

/** A PIN whose outcome nobody saw would never be tried again (I7). */
async function pinTried(supervisor: Supervisor): Promise<void> {
  while (supervisor.isTryingPin)
    await new Promise((resolve) => {
      setTimeout(resolve, pinPollMs);
    });
}
