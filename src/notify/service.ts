import type { Logger } from 'winston';
import type { ModemSnapshot } from '../modem/sms-modem.js';
import { monotonicUsec, type Notification, type ServiceManager } from './protocol.js';
import type { Notify } from './sender.js';
import { isUsable, statusText } from './status.js';

/** What is told about each modem. */
export interface WatchedModem {
  readonly name: string;
  snapshot(): ModemSnapshot;
  onPhase(listener: (snapshot: ModemSnapshot) => void): () => void;
  /** What shows that its loop is broken; undefined while it makes progress. */
  wedgedBy(): string | undefined;
}

/** What the daemon tells the service manager that runs it. Nothing here rejects or throws because of the manager. */
export interface ServiceNotifier {
  /** The listeners are bound. From now on states are told, and the watchdog is fed while every modem's loop makes progress. */
  ready(): void;
  /** Tells that `work` re-reads the configuration, and when it is over, however it ended; settles as `work` does. */
  reloading<T>(work: () => Promise<T>): Promise<T>;
  /** The daemon is going to end: nothing is told after this. */
  stopping(): void;
}

/** Milliseconds between looks at the states where no watchdog asks for more. */
const statusMs = 30_000;
/** Milliseconds in which changes of state are gathered. */
const gatherMs = 1_000;
/** Milliseconds until the next look at a modem whose loop was found broken: after a frozen machine all timers are late, for a moment. */
const lookAgainMs = 1_000;
/** Milliseconds until the next try when the manager could not be told. */
const failedMs = 5_000;

/** For a daemon that no manager runs. */
const untold: ServiceNotifier = {
  ready: () => undefined,
  reloading: (work) => work(),
  stopping: () => undefined,
};

/** For `manager`, through `notify`; undefined stands for no manager, and then nothing is done. */
export function createServiceNotifier(
  told: { manager: ServiceManager; notify: Notify } | undefined,
  modems: readonly WatchedModem[],
  log: Logger,
): ServiceNotifier {
  if (told === undefined) return untold;
  return new ToldManager(told.manager.watchdogMs, told.notify, modems, log);
}

class ToldManager implements ServiceNotifier {
  readonly #watchdogMs: number | undefined;
  readonly #notify: Notify;
  readonly #modems: readonly WatchedModem[];
  readonly #log: Logger;
  #unlisten: (() => void)[] = [];
  #tickTimer: NodeJS.Timeout | undefined;
  #statusTimer: NodeJS.Timeout | undefined;
  /** The text that was told last. */
  #status = '';
  /** The modems that could send when last looked at, by name. */
  #usable = '';
  /** What was last logged as wedged. */
  #wedged = '';
  #isTelling = false;
  #isStopping = false;

  constructor(watchdogMs: number | undefined, notify: Notify, modems: readonly WatchedModem[], log: Logger) {
    this.#watchdogMs = watchdogMs;
    this.#notify = notify;
    this.#modems = modems;
    this.#log = log;
  }

  ready(): void {
    if (this.#isStopping) return;
    this.#usable = this.#usableNow();
    this.#unlisten = this.#modems.map((modem) => modem.onPhase(() => this.#onPhase()));
    void this.#tell({ READY: 1, ...this.#changedStatus() });
    this.#scheduleTick(this.#periodMs);
  }

  async reloading<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isStopping) return work();
    void this.#notify({ RELOADING: 1, MONOTONIC_USEC: monotonicUsec() });
    try {
      return await work();
    } finally {
      // READY=1 ends the reload, also of one that was refused: the daemon runs on with what it had. After STOPPING=1 it would be a lie.
      if (!this.#isStopping) void this.#notify({ READY: 1 });
    }
  }

  stopping(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearTimeout(this.#tickTimer);
    clearTimeout(this.#statusTimer);
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
    void this.#notify({ STOPPING: 1, STATUS: 'stopping: what is in a modem finishes' });
  }

  /** sd_watchdog_enabled(3) recommends half of the time. */
  get #periodMs(): number {
    return this.#watchdogMs === undefined ? statusMs : this.#watchdogMs / 2;
  }

  /**
   * Feeds the watchdog if every modem's loop makes progress. This timer is the event loop's own proof: a blocked loop does not come here. What
   * was told must have been taken before more is told, so that nothing piles up.
   */
  #tick(): void {
    const isWedged = this.#lookForWedged();
    const feed: Notification = this.#watchdogMs === undefined || isWedged ? {} : { WATCHDOG: 1 };
    const notification = { ...feed, ...(this.#isTelling ? {} : this.#changedStatus()) };
    if (!this.#isTelling && Object.keys(notification).length > 0) void this.#tell(notification);
    this.#scheduleTick(isWedged ? Math.min(lookAgainMs, this.#periodMs) : this.#periodMs);
  }

  #scheduleTick(ms: number): void {
    clearTimeout(this.#tickTimer);
    this.#tickTimer = setTimeout(() => this.#tick(), ms);
    this.#tickTimer.unref();
  }

  async #tell(notification: Notification): Promise<void> {
    this.#isTelling = true;
    const wasTold = await this.#notify(notification);
    this.#isTelling = false;
    if (wasTold || this.#isStopping) return;
    // What was not told is still to be told, and a feed that failed once must not wait for its next turn: that may be too late.
    this.#status = '';
    this.#scheduleTick(Math.min(failedMs, this.#periodMs));
  }

  /** Logged when it changes, for a kill must have been explained before it comes. */
  #lookForWedged(): boolean {
    const found = this.#modems.flatMap((modem) => {
      const why = modem.wedgedBy();
      return why === undefined ? [] : [{ modem: modem.name, why }];
    });
    const names = found.map(({ modem }) => modem).join();
    if (names !== this.#wedged) {
      for (const { modem, why } of found)
        this.#log.error(`modem ${modem}: its supervisor makes no progress: ${why}`, {
          event: 'wedged',
          modem,
          reason: why,
        });
      if (found.length === 0) this.#log.warn('the supervisors make progress again', { event: 'wedged' });
    }
    this.#wedged = names;
    return found.length > 0;
  }

  /** A modem that can send now, or no longer, is told at once; the rest with the next tick, for a stick that is away changes its phase all day. */
  #onPhase(): void {
    const usable = this.#usableNow();
    if (usable === this.#usable) return;
    this.#usable = usable;
    this.#statusTimer ??= setTimeout(() => {
      this.#statusTimer = undefined;
      // While another message is under way the next tick tells it.
      if (this.#isTelling) return;
      const status = this.#changedStatus();
      if (status.STATUS !== undefined) void this.#tell(status);
    }, gatherMs).unref();
  }

  #usableNow(): string {
    return this.#modems.map((modem) => (isUsable(modem.snapshot()) ? '1' : '0')).join('');
  }

  /** Empty when it is what was told last. */
  #changedStatus(): Notification {
    const status = statusText(this.#modems.map((modem) => modem.snapshot()));
    if (status === this.#status) return {};
    this.#status = status;
    return { STATUS: status };
  }
}
