import type { BootSign } from '../at/boot-lines.js';
import { AtTimeout } from '../at/errors.js';
import { AtSession } from '../at/session.js';
import { LinkLost, type OpenLink } from '../serial/link.js';
import { foreignWords } from '../words/foreign.js';
import type { BringUp, StepResult } from './bring-up.js';
import { closeOpened, ModemFinder, ModemMissing } from './finder.js';
import { IdleProbe } from './idle-probe.js';
import type { InFlightSubmits } from './in-flight-submits.js';
import type { InboundEvent } from './inbound-event.js';
import type { LossKind } from './ladder.js';
import {
  hasMessage,
  type LifeEvent,
  type LifeState,
  lifeAfter,
  ModemRestarted,
  transitions,
  unopened,
} from './life.js';
import { StepTimer, stepMs } from './liveness.js';
import type { Locator } from './locator.js';
import type { ModemTuning } from './modem.js';
import { type ArrivalParts, factsOf, ModemConnection } from './modem-connection.js';
import { ModemLog } from './modem-log.js';
import type { ReadPin } from './pin-file.js';
import type { PinMemory } from './pin-memory.js';
import { generic } from './profiles.js';
import { Recovery, type RecoveryOptions } from './recovery.js';
import type { ModemPhase, ModemSnapshot } from './sms-modem.js';
import type { InboundKeeper } from './storage.js';
import { Unlocker } from './unlock.js';
import { Unsolicited } from './unsolicited.js';

export interface UpkeepOptions extends RecoveryOptions {
  /** Where to find it. */
  locator: Locator;
  tuning: ModemTuning;
  /** Milliseconds between liveness probes of an idle modem. */
  idleProbeMs: number;
  inFlight: InFlightSubmits;
  /** Undefined when no PIN is configured. */
  readPin: ReadPin | undefined;
  pinMemory: Pick<PinMemory, 'last' | 'note'>;
  /** What came in over the air; must not throw. */
  onInbound: (event: InboundEvent) => void;
  /** Undefined: SMS are kept nowhere. */
  keeper?: InboundKeeper | undefined;
}

/** What is overdue when a probe of an idle modem does not end. */
const probing = 'the end of a probe';

/**
 * Opens one modem's tty, brings the modem to `ready`, keeps it there, and starts over when it is
 * lost, with no human (`life.ts` is the table). Who uses it says so by {@link Upkeep.take}.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  /** Why no message gets out, as a phrase, when every send fails; else undefined. */
  readonly #whySendsFail: () => string | undefined;
  readonly #listeners = new Set<(snapshot: ModemSnapshot) => void>();
  #life = unopened(performance.now());
  /** The way out of the tty's obstacle, and the reason that ends with it. */
  #wayOut: { reason: string; remedy: string | undefined } | undefined;
  #connection: ModemConnection | undefined;
  readonly #timer = new StepTimer();
  readonly liveness = this.#timer.liveness;
  readonly #finder: ModemFinder;
  readonly recovery: Recovery;
  readonly modemLog: ModemLog;
  readonly unlocker: Unlocker;
  readonly idleProbe = new IdleProbe();
  readonly unsolicited: Unsolicited;
  readonly #inboundParts: ArrivalParts;

  /** `options` may be changed while it runs. */
  constructor(options: UpkeepOptions, whySendsFail: () => string | undefined) {
    this.#options = options;
    this.#whySendsFail = whySendsFail;
    this.#finder = new ModemFinder(options.locator);
    this.recovery = new Recovery(options);
    this.modemLog = new ModemLog(options.name, options.log);
    this.unlocker = new Unlocker(options.readPin, options.pinMemory);
    this.#inboundParts = {
      inFlight: options.inFlight,
      modemLog: this.modemLog,
      onInbound: options.onInbound,
      keeper: options.keeper,
      run: (work, what) => this.#work(work, what),
    };
    this.unsolicited = new Unsolicited({
      ...this.#inboundParts,
      connection: () => this.#connection,
      onSign: (sign, line) => this.#takeSign(sign, line),
    });
  }

  get life(): LifeState {
    return this.#life;
  }

  get phase(): ModemPhase {
    return this.#life.phase;
  }

  /** Undefined while no modem is open. */
  get connection(): ModemConnection | undefined {
    return this.#connection;
  }

  /** Ends for good: closes the tty. */
  async stop(): Promise<void> {
    this.take('stopped');
    await this.#close();
  }

  /** As the queue has to know it. */
  snapshot(): ModemSnapshot {
    const { phase, since, awaySince, reason } = this.#life;
    return {
      name: this.#options.name,
      phase,
      phaseSince: since,
      awaySince,
      reason,
      remedy: this.#wayOut?.reason === reason ? this.#wayOut?.remedy : undefined,
      ...factsOf(this.#connection, this.#options.locator.device),
      notices: this.modemLog.notices,
    };
  }

  /** Called at each change of phase; returns the way to stop listening. */
  onPhase(listener: (snapshot: ModemSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What is waited for on the way to ready may have come. */
  hasten(): void {
    this.#timer.hasten();
  }

  /** The transition, and what the new phase begins with. */
  take(event: LifeEvent, reason?: string): void {
    const next = lifeAfter(this.#life, { event, reason }, performance.now());
    if (next === undefined) return;
    const from = this.#life.phase;
    this.#life = next;
    this.#timer.beginAnew();
    this.modemLog.entered(next.phase, from, reason);
    this.#enter(next.phase, from);
    const snapshot = this.snapshot();
    for (const listener of this.#listeners) listener(snapshot);
  }

  /**
   * The modem cannot be used any more; what is done about it depends on why, and on what was tried
   * before.
   */
  lose(kind: LossKind, reason: string): void {
    if (transitions[this.phase].lost === undefined) return;
    // Only one that is deaf for a while may still have its power, and with it a SIM that was given
    // its PIN.
    if (this.recovery.lost(kind) !== 'reopen' || kind !== 'silent') this.unlocker.noteRestart();
    this.take('lost', reason);
  }

  #enter(phase: ModemPhase, from: ModemPhase): void {
    switch (phase) {
      case 'absent':
        return this.#timer.after(this.#finder.pauseMs(), () => this.take('due'));
      case 'opening':
        return this.#work(() => this.#open());
      case 'probing':
        return this.#perform((bringUp) => bringUp.probe());
      case 'unlocking':
        return this.#perform((bringUp) => bringUp.unlock());
      case 'registering':
        return this.#perform((bringUp) => bringUp.register());
      case 'ready':
        return this.#enterReady(from === 'sending' || from === 'stalled');
      case 'lost':
        return this.#work(() => this.#release());
      case 'sending':
        return this.liveness.expect('a prompt', stepMs);
      case 'stalled':
        return this.#expectResult();
      case 'stopped':
        return this.liveness.rest();
    }
  }

  #enterReady(isBack: boolean): void {
    this.#finder.forget();
    this.recovery.ready();
    if (!isBack)
      this.idleProbe.scheduleIn(
        this.#connection?.bringUp.nextProbeMs() ?? this.#options.idleProbeMs,
      );
    this.#probeWhenDue();
  }

  /**
   * In phase ready: probes the modem when that is due, which may be now, before anybody can hand it
   * the next message.
   */
  #probeWhenDue(): void {
    if (this.idleProbe.isUnderWay) return this.liveness.expect(probing, stepMs);
    const ms = this.idleProbe.dueInMs;
    if (ms > 0) this.#timer.after(ms, () => this.#probeNow());
    else this.#probeNow();
  }

  #probeNow(): void {
    if (!this.#connection) return;
    this.liveness.expect(probing, stepMs);
    const isReady = () => this.phase === 'ready';
    this.idleProbe.run(this.#connection.bringUp, isReady).then(
      (isOurs) => {
        if (!isOurs) return;
        this.liveness.met(probing);
        const { found } = this.idleProbe;
        if (isReady() && found) this.take(found.event, found.reason);
        else if (isReady()) this.#probeWhenDue();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Runs a phase's work; whatever it throws means that the modem is lost to us for now. */
  #work(work: () => Promise<void>, what = `a step of ${this.phase}`): void {
    const epoch = this.#life.epoch;
    this.liveness.expect(what, stepMs);
    work().then(
      () => {
        if (epoch === this.#life.epoch) this.liveness.met(what);
      },
      (error: unknown) => {
        if (epoch !== this.#life.epoch) return;
        this.liveness.met(what);
        this.#fail(error);
      },
    );
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof AtTimeout) return this.lose('silent', reason);
    if (error instanceof ModemMissing || error instanceof LinkLost)
      this.#wayOut = { reason, remedy: error.remedy };
    this.lose(error instanceof ModemMissing ? 'missing' : 'vanished', reason);
  }

  /**
   * Takes one step of the way to ready, and does what follows from it, unless the phase has changed
   * meanwhile.
   */
  #perform(step: (bringUp: BringUp) => Promise<StepResult>): void {
    const epoch = this.#life.epoch;
    const bringUp = this.#connection?.bringUp;
    if (!bringUp) return;
    this.#work(async () => {
      const next = await step(bringUp);
      if (epoch !== this.#life.epoch) return;
      if ('event' in next) return this.take(next.event, next.reason);
      if (next.reason !== undefined && next.reason !== this.#life.reason) {
        this.#life = { ...this.#life, reason: next.reason };
        this.modemLog.waitsFor(this.phase, next.reason);
      }
      const rung = next.isStuck === true ? this.recovery.stuck() : undefined;
      if (rung === 'radio' && this.#connection)
        await this.recovery.cycleRadio(this.#connection.modem, this.#life.reason ?? 'unknown');
      else if (rung !== undefined) {
        this.unlocker.noteRestart();
        return this.take('lost', this.#life.reason);
      }
      if (epoch === this.#life.epoch)
        this.#timer.after(next.againAfterMs, () => this.#perform(step));
    });
  }

  async #open(): Promise<void> {
    const opened = await this.#finder.find(this.#options.tuning, (openLink) =>
      this.#openSession(openLink),
    );
    if (this.phase !== 'opening') return closeOpened(opened); // stopped meanwhile
    this.recovery.opened();
    this.#connection = new ModemConnection(opened, {
      ...this.#inboundParts,
      unlocker: this.unlocker,
      liveness: this.liveness,
      idleProbeMs: () => this.#options.idleProbeMs,
      whySendsFail: () => this.#whySendsFail(),
      phase: () => this.phase,
    });
    this.take('opened', opened.claimed.why);
  }

  async #openSession(openLink: OpenLink): Promise<AtSession> {
    // Each of several candidates has its time.
    if (this.phase === 'opening') this.liveness.expect('a step of opening', stepMs);
    let session: AtSession | undefined;
    session = await AtSession.open(
      openLink,
      { guardMs: this.#options.tuning.guardMs ?? generic.guardMs },
      {
        onUrc: (line, pdu) => this.unsolicited.take(line, pdu),
        onSurplus: (line) => this.#options.inFlight.takeSurplus(line),
        onLost: (cause) => {
          if (session === undefined || session !== this.#connection?.opened.session) return;
          const kind = cause instanceof ModemRestarted ? 'restarted' : 'vanished';
          this.lose(kind, cause?.message ?? 'closed');
        },
        isPerhapsForeign: (error) => this.#options.inFlight.mayHaveGiven(error),
        // Asked anew each time: a reload may change the level while the session lasts.
        wantsTrace: () => this.#options.log.isLevelEnabled('debug'),
        onTrace: (direction, line) =>
          this.#options.log.debug(`${this.#options.name} ${direction} ${line}`, { event: 'at' }),
      },
    );
    return session;
  }

  async #release(): Promise<void> {
    await this.recovery.climb(this.#connection?.modem, this.#life.reason ?? 'unknown');
    await this.#close();
    this.take('closed', this.#life.reason);
  }

  async #close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.idleProbe.forget();
    await connection?.close();
  }

  /**
   * The network's answer to a segment: the modem has its submit timeout for it, and the dialogue a
   * step's time to come into step again.
   */
  #expectResult(): void {
    const submitTimeoutMs = this.#connection?.modem.submitTimeoutMs ?? generic.submitTimeoutMs;
    this.liveness.expect('a result', submitTimeoutMs + stepMs);
  }

  /** The modem says by itself that it has restarted, or that its SIM or its SMS have changed. */
  #takeSign(sign: BootSign, line: string): void {
    const { phase } = this;
    if (sign === 'restart') {
      this.#options.inFlight.restarted();
      this.#finder.forget();
      const why = new ModemRestarted(`the modem restarted (it said ${foreignWords(line)})`);
      return this.#connection?.opened.session.fail(why);
    }
    if (sign === 'refresh' && phase === 'ready')
      return this.take('refresh', `the modem said ${foreignWords(line)}`);
    if (phase === 'unlocking' || phase === 'registering') {
      this.#connection?.modem.noteProgress();
      return this.#timer.hasten();
    }
    if (phase !== 'ready' && !hasMessage(phase)) return;
    this.#connection?.modem.noteProgress();
    this.idleProbe.suspect();
    if (phase !== 'ready' || this.idleProbe.isUnderWay) return;
    this.#timer.cancel();
    this.#probeWhenDue();
  }
}
