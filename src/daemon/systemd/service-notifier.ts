import type { Logger } from 'winston';
import type { Health } from '../../doctor/finding.js';
import { canSend, type ModemSnapshot } from '../../modem/sms-modem.js';
import {
  createNotify,
  monotonicUsec,
  type Notification,
  type Notify,
  readServiceManager,
  type ServiceManager,
} from './sd-notify.js';
import { statusText } from './status-text.js';

/** What is told about each modem. */
export interface WatchedModem {
  readonly name: string;
  snapshot(): ModemSnapshot;
  onPhase(listener: (snapshot: ModemSnapshot) => void): () => void;
  /** What shows that its loop is broken; undefined while it makes progress. */
  wedgedBy(): string | undefined;
}

/**
 * What the daemon tells the service manager that runs it. Nothing here rejects or throws because of
 * the manager.
 */
export interface ServiceNotifier {
  /**
   * The listeners are bound. This is told again until the manager has taken it. From now on states
   * are told, and the watchdog is fed while every modem's loop makes progress.
   */
  ready(): void;
  /**
   * Tells that `work` re-reads the configuration, and tells when it is over, however it ended.
   * Settles as `work` does.
   */
  reloading<T>(work: () => Promise<T>): Promise<T>;
  /** The judgement is another one: it is told soon. */
  changed(): void;
  /** The modems are others than before: from now on it is these that are looked at. */
  modemsChanged(): void;
  /**
   * The daemon is going to end. This is told again until the manager has taken it, and nothing
   * after it.
   */
  stopping(): void;
}

/** Milliseconds between looks at the states where no watchdog asks for more. */
const statusMs = 30_000;
/**
 * Feeds in the watchdog's time. sd_watchdog_enabled(3) recommends two; with three, one that comes
 * late or is lost leaves time for another, for each is a child process that may take its {@link
 * Notify} up to 10 s.
 */
const feeds = 3;
/** Milliseconds in which changes of state are gathered. */
const gatherMs = 1_000;
/**
 * Milliseconds until the next look at a modem whose loop was found broken: after a frozen machine
 * all timers are late, for a moment.
 */
const lookAgainMs = 1_000;
/** Milliseconds until the next try when the manager could not be told. */
const failedMs = 5_000;

/** For a daemon that no manager runs. */
const noNotifier: ServiceNotifier = {
  ready: () => undefined,
  reloading: (work) => work(),
  changed: () => undefined,
  modemsChanged: () => undefined,
  stopping: () => undefined,
};

/** For `manager`, through `notify`; undefined stands for no manager, and then nothing is done. */
export function createServiceNotifier(
  service: { manager: ServiceManager; notify: Notify } | undefined,
  /** Those that there are now: see {@link ServiceNotifier.modemsChanged}. */
  modems: readonly WatchedModem[],
  judge: () => Health,
  log: Logger,
): ServiceNotifier {
  if (service === undefined) return noNotifier;
  return new SystemdNotifier(service.manager.watchdogMs, service.notify, modems, judge, log);
}

class SystemdNotifier implements ServiceNotifier {
  readonly #watchdogMs: number | undefined;
  readonly #notify: Notify;
  readonly #modems: readonly WatchedModem[];
  readonly #judge: () => Health;
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
  /**
   * READY or STOPPING, until the manager has taken it; it goes beside states and feeds. Replaced as
   * a whole, never changed: a telling that ends later sees whether it is still its own.
   */
  #pending: Notification = {};
  #isTelling = false;
  /** Whether there was something to tell while another telling was under way. */
  #isDue = false;
  #isStopping = false;

  constructor(
    watchdogMs: number | undefined,
    notify: Notify,
    modems: readonly WatchedModem[],
    judge: () => Health,
    log: Logger,
  ) {
    this.#watchdogMs = watchdogMs;
    this.#notify = notify;
    this.#modems = modems;
    this.#judge = judge;
    this.#log = log;
  }

  ready(): void {
    if (this.#isStopping) return;
    this.#usable = this.#usableNow();
    this.#listen();
    this.#pending = { READY: 1 };
    this.#tell();
    this.#scheduleTick(this.#periodMs);
  }

  async reloading<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isStopping) return work();
    // A READY=1 that is still pending would now end the reload; the one at its end stands for both.
    this.#pending = {};
    void this.#notify({ RELOADING: 1, MONOTONIC_USEC: monotonicUsec(), ...this.#feed() });
    try {
      return await work();
    } finally {
      // READY=1 ends the reload, also of one that was refused: the daemon runs on with what it had.
      // After STOPPING=1 it would be a lie.
      if (!this.#isStopping) {
        this.#pending = { READY: 1 };
        this.#tell();
      }
    }
  }

  stopping(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearTimeout(this.#tickTimer);
    clearTimeout(this.#statusTimer);
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
    this.#pending = { STOPPING: 1, STATUS: 'stopping: what is in a modem finishes' };
    this.#tell();
  }

  get #periodMs(): number {
    return this.#watchdogMs === undefined ? statusMs : this.#watchdogMs / feeds;
  }

  /**
   * This timer is the event loop's own proof: a blocked loop does not come here, and feeds no
   * watchdog.
   */
  #tick(): void {
    const isWedged = this.#lookForWedged();
    this.#tell();
    if (!this.#isStopping)
      this.#scheduleTick(isWedged ? Math.min(lookAgainMs, this.#periodMs) : this.#periodMs);
  }

  #scheduleTick(ms: number): void {
    clearTimeout(this.#tickTimer);
    this.#tickTimer = setTimeout(() => this.#tick(), ms);
    this.#tickTimer.unref();
  }

  /**
   * Tells what there is to tell: now, or as soon as what is under way was taken, so that nothing
   * piles up and no feed is left out.
   */
  #tell(): void {
    if (this.#isTelling) this.#isDue = true;
    else void this.#tellNow();
  }

  async #tellNow(): Promise<void> {
    this.#isDue = false;
    const pending = this.#pending;
    const notification = {
      ...pending,
      ...(this.#isStopping ? {} : this.#changedStatus()),
      ...this.#feed(),
    };
    if (Object.keys(notification).length === 0) return;
    this.#isTelling = true;
    const wasTold = await this.#notify(notification);
    this.#isTelling = false;
    if (wasTold && this.#pending === pending) this.#pending = {};
    if (!wasTold) this.#status = '';
    if (this.#isDue) return this.#tellNow();
    // A feed that failed must not wait for its next turn: that may be too late.
    if (!wasTold) this.#scheduleTick(Math.min(failedMs, this.#periodMs));
  }

  /** Feeds the watchdog, with whatever is told, while every modem's loop makes progress. */
  #feed(): Notification {
    return this.#watchdogMs === undefined || this.#lookForWedged() ? {} : { WATCHDOG: 1 };
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
      if (found.length === 0)
        this.#log.info('the supervisors make progress again', { event: 'wedged' });
    }
    this.#wedged = names;
    return found.length > 0;
  }

  /**
   * A modem that can send now, or no longer can, is told at once. Other changes of phase wait for
   * the next tick: a stick that is away changes its phase all day.
   */
  #onPhase(): void {
    const usable = this.#usableNow();
    if (usable === this.#usable) return;
    this.#usable = usable;
    this.changed();
  }

  modemsChanged(): void {
    if (this.#isStopping) return;
    this.#listen();
    this.#onPhase();
    this.changed();
  }

  #listen(): void {
    for (const unlisten of this.#unlisten) unlisten();
    this.#unlisten = this.#modems.map((modem) => modem.onPhase(() => this.#onPhase()));
  }

  changed(): void {
    if (this.#isStopping) return;
    this.#statusTimer ??= setTimeout(() => {
      this.#statusTimer = undefined;
      this.#tell();
    }, gatherMs).unref();
  }

  #usableNow(): string {
    return this.#modems.map((modem) => (canSend(modem.snapshot().phase) ? '1' : '0')).join('');
  }

  /** Empty when it is what was told last. */
  #changedStatus(): Notification {
    const status = statusText(
      this.#modems.map((modem) => modem.snapshot()),
      this.#judge(),
    );
    if (status === this.#status) return {};
    this.#status = status;
    return { STATUS: status };
  }
}

/**
 * The notifier for this process, as the environment asks for it; one that does nothing where no
 * service manager does.
 */
export function createOwnNotifier(
  env: NodeJS.ProcessEnv,
  modems: readonly WatchedModem[],
  judge: () => Health,
  log: Logger,
): ServiceNotifier {
  const manager = readServiceManager(env, process.pid);
  const service = manager && { manager, notify: createNotify(manager.socket, env, log) };
  return createServiceNotifier(service, modems, judge, log);
}
