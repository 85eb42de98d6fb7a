import type { Logger } from 'winston';
import { AtCommandError, AtLinkLost, AtTimeout } from '../at/errors.js';
import { AtSession } from '../at/session.js';
import { SendError } from '../errors.js';
import { LinkLost, type OpenLink } from '../serial/link.js';
import { foreignWords } from '../words/foreign.js';
import { BringUp, type StepResult } from './bring-up.js';
import { ModemFinder, ModemMissing, type OpenedModem } from './finder.js';
import { HabitMemory } from './habits.js';
import { HeldPdus } from './held-pdus.js';
import { IdleProbe } from './idle-probe.js';
import type { InFlightSubmits } from './in-flight-submits.js';
import { type InboundEvent, readInbound } from './inbound-event.js';
import type { LossKind, Rung } from './ladder.js';
import { bootSign, type LifeChange, type LifeEvent, ModemRestarted, transitions } from './life.js';
import { StepTimer } from './liveness.js';
import type { Locator } from './locator.js';
import { asksForReport, type Demand, type Modem, type ModemTuning } from './modem.js';
import { ModemLog } from './modem-log.js';
import type { PersonPinEnd } from './person-pin.js';
import type { ReadPin } from './pin-file.js';
import type { PinMemory } from './pin-memory.js';
import { generic } from './profiles.js';
import { Recovery } from './recovery.js';
import { SendOutcomes } from './send-outcomes.js';
import { smscNotTaken } from './service-centre.js';
import {
  canSend,
  type ModemPhase,
  type ModemSnapshot,
  type OutgoingSms,
  type SmsModem,
  type SubmitControl,
  type SubmitReceipt,
} from './sms-modem.js';
import {
  type InboundKeeper,
  Storage,
  type SweepEnd,
  type SweepLeave,
  type SweepSoFar,
  tellsOfStorage,
} from './storage.js';
import { type SubmissionContext, saysNoServiceCentre, submitSms } from './submission.js';
import { Sweeper } from './sweeper.js';
import { Unlocker } from './unlock.js';
import { isMemoryFull } from './verdict.js';

export interface SupervisorOptions {
  name: string;
  /** Where to find it. */
  locator: Locator;
  number: string | undefined;
  tuning: ModemTuning;
  /** Milliseconds between liveness probes of an idle modem. */
  idleProbeMs: number;
  inFlight: InFlightSubmits;
  /** Undefined when no PIN is configured. */
  readPin: ReadPin | undefined;
  pinMemory: Pick<PinMemory, 'last' | 'note'>;
  /** What was learnt of this modem and others; undefined: nothing, and nothing is kept. */
  habits?: HabitMemory | undefined;
  /** What came in over the air; must not throw. */
  onInbound: (event: InboundEvent) => void;
  /** Undefined: SMS are kept nowhere. */
  keeper?: InboundKeeper | undefined;
  /**
   * An attempt to submit a segment failed; `cause` is what the AT dialogue threw. Must not throw.
   */
  onAttemptFailed?: ((cause: unknown) => void) | undefined;
  /** Something is done to get the modem back. Must not throw. */
  onRecovery?: ((rung: Rung) => void) | undefined;
  /** Asks the operator's own hook for help; undefined when there is none. Must not reject. */
  callHook: ((reason: string) => Promise<void>) | undefined;
  log: Logger;
}

/** What may become another while it runs: it holds from the next message, look or try on. */
export interface AdjustableOptions
  extends Pick<SupervisorOptions, 'number' | 'idleProbeMs' | 'readPin'> {
  tuning: Pick<ModemTuning, 'roaming' | 'submitTimeoutMs'>;
}

/** An opened modem, and what ends with its tty: a new connection is a new one of these. */
interface Connection extends OpenedModem {
  readonly bringUp: BringUp;
  readonly storage: Storage;
  readonly sweeper: Sweeper;
}

/** What a look at the storages, and a probe of an idle modem, is called when it is overdue. */
const sweeping = 'the end of a sweep';
const probing = 'the end of a probe';
const acknowledging = 'the end of an acknowledgement';
/**
 * Milliseconds after Ctrl-Z at which a modem counts as stalled; ordinary sends have taken up to
 * 14.4 s.
 */
const stallAfterMs = 15_000;
/**
 * Milliseconds within which a step that is not a wait must be over, so that the loop counts as
 * alive. A step asks the modem up to some fifteen things of 5–10 s each, in turn with doctor's
 * commands; to close a stuck tty takes the kernel 30 s.
 */
const stepMs = 240_000;
/**
 * Milliseconds in which no SIM is changed for another that is then in its network: it may have been
 * changed without a word between two segments that lie further apart.
 */
const quickestSimChangeMs = 5_000;
/** What modems said last, as it may be shown: a snapshot is taken several times a message. */
const shownWords = new Map<string, string>();
const mostShownWords = 64;

/** What it says of itself and of its network. */
function shown(words: string | undefined): string | undefined {
  if (words === undefined) return undefined;
  const known = shownWords.get(words);
  if (known !== undefined) return known;
  if (shownWords.size >= mostShownWords) shownWords.clear();
  const safe = foreignWords(words);
  shownWords.set(words, safe);
  return safe;
}

/**
 * One modem's life (`life.ts` is its table): opens the tty, brings the modem to `ready`, keeps it
 * there, and starts over when it is lost, with no human. Takes one message at a time.
 */
export class Supervisor implements SmsModem {
  readonly name: string;
  readonly #options: SupervisorOptions;
  readonly #log: Logger;
  readonly #inFlight: InFlightSubmits;
  readonly #listeners = new Set<(snapshot: ModemSnapshot) => void>();
  #phase: ModemPhase = 'absent';
  #phaseSince = performance.now();
  #awaySince: number | undefined = this.#phaseSince;
  /** Counts the changes of phase: work begun in an earlier one has no say any more. */
  #epoch = 0;
  #reason: string | undefined = 'not opened yet';
  /** Why it was lost last, until it is ready again. */
  #lostFor: string | undefined;
  /** The way out of the tty's obstacle, and the reason that ends with it. */
  #wayOut: { reason: string; remedy: string | undefined } | undefined;
  #connection: Connection | undefined;
  readonly #finder: ModemFinder;
  readonly #recovery: Recovery;
  readonly #modemLog: ModemLog;
  readonly #sendOutcomes: SendOutcomes;
  readonly #tuning: ModemTuning;
  readonly #timer = new StepTimer();
  readonly #liveness = this.#timer.liveness;
  readonly #unlocker: Unlocker;
  readonly #idleProbe = new IdleProbe();
  readonly #cameIn = new HeldPdus((pdu) => this.#takePdu(pdu));
  #stallTimer: NodeJS.Timeout | undefined;
  /** Why it takes nothing more, once it is on its way out. */
  #leaving: string | undefined;

  constructor(options: SupervisorOptions) {
    this.name = options.name;
    this.#options = { ...options };
    this.#log = options.log;
    this.#inFlight = options.inFlight;
    this.#tuning = { ...options.tuning, deafening: new Map() };
    this.#recovery = new Recovery(this.#options);
    this.#modemLog = new ModemLog(options.name, options.log);
    this.#unlocker = new Unlocker(options.readPin, options.pinMemory);
    this.#finder = new ModemFinder(options.locator);
    this.#sendOutcomes = new SendOutcomes(this.#recovery, this.#idleProbe);
  }

  /** Begins; the phases tell how it goes. */
  start(): void {
    this.#emit('due');
  }

  /**
   * Ends for good: closes the tty. A message in flight is then rejected as unknown, so let the
   * queue drain before.
   */
  async stop(): Promise<void> {
    clearTimeout(this.#stallTimer);
    this.#emit('stopped');
    await this.#close();
    await this.#inFlight.close();
  }

  get phase(): ModemPhase {
    return this.#phase;
  }

  get isBlind(): boolean {
    return this.#inFlight.debts.isBlind(performance.now());
  }

  /** What a caller's `sender` may ask for. */
  get number(): string | undefined {
    return this.#options.number;
  }

  /** Takes these for what they were; nothing is closed, and nothing on its way is touched. */
  adjust({ number, idleProbeMs, readPin, tuning }: AdjustableOptions): void {
    Object.assign(this.#options, { number, idleProbeMs, readPin });
    Object.assign(this.#tuning, tuning);
    this.#unlocker.replacePin(readPin);
    if (this.#phase === 'unlocking') this.#timer.hasten();
  }

  /** From now on it is shown as lost, for this reason: it takes nothing more. */
  leave(reason: string): void {
    this.#leaving = reason;
  }

  /**
   * A PIN is being tried, and what becomes of that is not known yet: within half a minute it is, or
   * stays unknown.
   */
  get isTryingPin(): boolean {
    return this.#connection !== undefined && this.#unlocker.isTrying;
  }

  /** As people are shown it. */
  snapshot(): ModemSnapshot {
    const own = this.#own();
    return this.#leaving === undefined ? own : { ...own, phase: 'lost', reason: this.#leaving };
  }

  /** As the queue has to know it. */
  #own(): ModemSnapshot {
    return {
      name: this.name,
      phase: this.#phase,
      phaseSince: this.#phaseSince,
      awaySince: this.#awaySince,
      reason: this.#reason,
      remedy: this.#wayOut?.reason === this.#reason ? this.#wayOut?.remedy : undefined,
      device: this.#connection?.claimed.tty ?? this.#options.locator.device,
      manufacturer: shown(this.#connection?.modem.identity.manufacturer),
      model: shown(this.#connection?.modem.identity.model),
      operator: shown(this.#connection?.bringUp.operator),
      technology: this.#connection?.bringUp.technology,
      iccid: this.#connection?.bringUp.iccid,
      sim: this.#connection?.bringUp.sim,
      registration: this.#connection?.bringUp.registration,
      signalDbm: this.#connection?.bringUp.signalDbm,
      notices: this.#modemLog.notices,
      undeletable: this.#connection?.storage.undeletable ?? 0,
    };
  }

  /** What lies in its storages is looked at again, soon. */
  lookAtStorage(): void {
    this.#connection?.sweeper.soon();
  }

  asksForReport(wish: boolean | undefined): boolean {
    return asksForReport(this.#tuning, wish);
  }

  /** True while it holds a tty, and with it a stick. */
  get isOpen(): boolean {
    return this.#connection !== undefined;
  }

  /**
   * What shows that this loop makes no progress any more and never will; undefined while all is
   * well, whatever state the modem is in. A message in flight may take its submit timeout.
   */
  wedgedBy(): string | undefined {
    return this.#liveness.overdue(performance.now());
  }

  onPhase(listener: (snapshot: ModemSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Lends the modem to somebody who asks it things, as doctor does. Messages go on: the commands of
   * both take turns, and none runs while a message is in flight. `demand` tells of the
   * messages. Rejects when there is no modem now.
   */
  async inspect<T>(work: (modem: Modem, demand: Demand) => Promise<T>): Promise<T> {
    if (!this.#connection)
      throw new Error(`modem "${this.name}" is ${this.#phase}: ${this.#reason ?? 'not open'}`);
    const epoch = this.#epoch;
    const came = new AbortController();
    const stopListening = this.onPhase(({ phase }) => phase === 'sending' && came.abort());
    const over = () => this.#messageOver();
    try {
      return await work(this.#connection.modem, { came: came.signal, over });
    } catch (error) {
      // Silent to a bare AT as well: what it is asked next would only wait in vain.
      if (error instanceof AtTimeout && epoch === this.#epoch && this.#phase === 'ready')
        this.#lose('silent', error.message);
      throw error;
    } finally {
      stopListening();
    }
  }

  get #hasMessage(): boolean {
    return this.#phase === 'sending' || this.#phase === 'stalled';
  }

  #messageOver(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#hasMessage) return;
        stopListening();
        resolve();
      };
      const stopListening = this.onPhase(look);
      look();
    });
  }

  /**
   * Enters the PIN of a person at the terminal, where the SIM waits for one. Rejects as {@link
   * inspect} does.
   */
  async enterPin(pin: string): Promise<PersonPinEnd> {
    const end = await this.inspect((modem) => this.#unlocker.enter(modem, pin));
    if (end.outcome === 'accepted' && this.#phase === 'unlocking') this.#timer.hasten();
    return end;
  }

  async submit(sms: OutgoingSms, control: SubmitControl): Promise<SubmitReceipt> {
    const connection = this.#connection;
    if (this.#phase !== 'ready' || !connection) {
      const detail = `modem "${this.name}" is ${this.#phase}: ${this.#reason ?? 'busy'}`;
      throw new SendError('no_modem_ready', { detail, elsewhere: true });
    }
    this.#emit('submitting');
    this.#cameIn.hold();
    let change: LifeChange = { event: 'submitted' };
    try {
      await this.#takeStorageShare(connection);
      control.onBegun?.();
      const receipt = await submitSms(this.#submissionContext(connection), sms, control);
      this.#sendOutcomes.accepted();
      this.#modemLog.notice('sends', undefined);
      this.#modemLog.notice('smsc', undefined);
      return receipt;
    } catch (error) {
      change = this.#sendOutcomes.failed(error, sms.recipient);
      if (saysNoServiceCentre(error)) this.#modemLog.notice('smsc', smscNotTaken);
      if (saysMemoryFull(error)) connection.sweeper.soon();
      throw error;
    } finally {
      this.#cameIn.release();
      if (connection === this.#connection) this.#submitEnded(connection.modem, change);
    }
  }

  #submissionContext({ modem, bringUp }: Connection): SubmissionContext {
    const { habits = HabitMemory.forgetful(), tuning, onAttemptFailed } = this.#options;
    const { iccid } = bringUp;
    let knownAt = performance.now();
    return {
      hasOtherSim: async () => {
        const isDue = performance.now() - knownAt > quickestSimChangeMs;
        const isAsked = iccid !== undefined && (isDue || this.#idleProbe.isSimSuspect);
        const told = isAsked ? await modem.sim.iccid() : undefined;
        if (isAsked) knownAt = performance.now();
        if (told !== undefined && told !== iccid) this.#idleProbe.suspect();
        return (told ?? bringUp.iccid) !== iccid;
      },
      modem,
      name: this.name,
      inFlight: this.#inFlight,
      habits: habits.of(this.name, modem.identity, bringUp.iccid),
      asksForReport: (wish) => asksForReport(tuning, wish),
      log: this.#log,
      onInFlight: (isInFlight) => this.#noteInFlight(modem, isInFlight),
      onAttemptFailed: (cause) => onAttemptFailed?.(cause),
    };
  }

  #submitEnded(modem: Modem, change: LifeChange): void {
    const isAsBefore = change.event === 'submitted';
    // A modem that is still out of step did not come back when asked: what it says next could
    // answer anything.
    if (isAsBefore && modem.needsSynchronising)
      return this.#lose('silent', 'it does not answer any more');
    const { event, reason } = (isAsBefore ? this.#idleProbe.found : undefined) ?? change;
    this.#emit(event, reason);
  }

  /**
   * The modem cannot be used any more; what is done about it depends on why, and on what was tried
   * before.
   */
  #lose(kind: LossKind, reason: string): void {
    if (transitions[this.#phase].lost === undefined) return;
    // Only one that is deaf for a while may still have its power, and with it a SIM that was given
    // its PIN.
    if (this.#recovery.lost(kind) !== 'reopen' || kind !== 'silent') this.#unlocker.noteRestart();
    this.#emit('lost', reason);
  }

  /** The transition, and what the new phase begins with. */
  #emit(event: LifeEvent, reason?: string): void {
    const next = transitions[this.#phase][event];
    if (next === undefined) return;
    const from = this.#phase;
    this.#phase = next;
    this.#phaseSince = performance.now();
    this.#awaySince = canSend(next) ? undefined : (this.#awaySince ?? this.#phaseSince);
    this.#epoch += 1;
    if (next === 'lost') this.#lostFor = reason;
    if (canSend(next)) this.#lostFor = undefined;
    this.#reason = canSend(next) ? undefined : this.#bestKnown(event, next, reason);
    this.#timer.beginAnew();
    this.#modemLog.entered(next, from, reason);
    this.#enter(next, from);
    const snapshot = this.#own();
    for (const listener of this.#listeners) listener(snapshot);
  }

  /** While it is tried again, what stood in the way is the best that is known. */
  #bestKnown(event: LifeEvent, next: ModemPhase, reason: string | undefined): string | undefined {
    if (next === 'opening') return reason ?? this.#reason;
    const before = event === 'opened' ? this.#lostFor : undefined;
    return before === undefined ? reason : `${reason}; before: ${before}`;
  }

  #enter(phase: ModemPhase, from: ModemPhase): void {
    switch (phase) {
      case 'absent':
        return this.#timer.after(this.#finder.pauseMs(), () => this.#emit('due'));
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
        return this.#liveness.expect('a prompt', stepMs);
      case 'stalled':
        return this.#expectResult();
      case 'stopped':
        return this.#liveness.rest();
    }
  }

  #enterReady(isBack: boolean): void {
    this.#finder.forget();
    this.#recovery.ready();
    if (!isBack)
      this.#idleProbe.scheduleIn(
        this.#connection?.bringUp.nextProbeMs() ?? this.#options.idleProbeMs,
      );
    this.#probeWhenDue();
  }

  /**
   * In phase ready: probes the modem when that is due, which may be now, before anybody can hand it
   * the next message.
   */
  #probeWhenDue(): void {
    if (this.#idleProbe.isUnderWay) return this.#liveness.expect(probing, stepMs);
    const ms = this.#idleProbe.dueInMs;
    if (ms > 0) this.#timer.after(ms, () => this.#probeNow());
    else this.#probeNow();
  }

  #probeNow(): void {
    if (!this.#connection) return;
    this.#liveness.expect(probing, stepMs);
    const isReady = () => this.#phase === 'ready';
    this.#idleProbe.run(this.#connection.bringUp, isReady).then(
      (isOurs) => {
        if (!isOurs) return;
        this.#liveness.met(probing);
        const { found } = this.#idleProbe;
        if (isReady() && found) this.#emit(found.event, found.reason);
        else if (isReady()) this.#probeWhenDue();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Runs a phase's work; whatever it throws means that the modem is lost to us for now. */
  #work(work: () => Promise<void>, what = `a step of ${this.#phase}`): void {
    const epoch = this.#epoch;
    this.#liveness.expect(what, stepMs);
    work().then(
      () => {
        if (epoch === this.#epoch) this.#liveness.met(what);
      },
      (error: unknown) => {
        if (epoch !== this.#epoch) return;
        this.#liveness.met(what);
        this.#fail(error);
      },
    );
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof AtTimeout) return this.#lose('silent', reason);
    if (error instanceof ModemMissing || error instanceof LinkLost)
      this.#wayOut = { reason, remedy: error.remedy };
    this.#lose(error instanceof ModemMissing ? 'missing' : 'vanished', reason);
  }

  /**
   * Takes one step of the way to ready, and does what follows from it, unless the phase has changed
   * meanwhile.
   */
  #perform(step: (bringUp: BringUp) => Promise<StepResult>): void {
    const epoch = this.#epoch;
    const bringUp = this.#connection?.bringUp;
    if (!bringUp) return;
    this.#work(async () => {
      const next = await step(bringUp);
      if (epoch !== this.#epoch) return;
      if ('event' in next) return this.#emit(next.event, next.reason);
      if (next.reason !== undefined && next.reason !== this.#reason) {
        this.#reason = next.reason;
        this.#modemLog.waitsFor(this.#phase, next.reason);
      }
      const rung = next.isStuck === true ? this.#recovery.stuck() : undefined;
      if (rung === 'radio' && this.#connection)
        await this.#recovery.cycleRadio(this.#connection.modem, this.#reason ?? 'unknown');
      else if (rung !== undefined) {
        this.#unlocker.noteRestart();
        return this.#emit('lost', this.#reason);
      }
      if (epoch === this.#epoch) this.#timer.after(next.againAfterMs, () => this.#perform(step));
    });
  }

  async #open(): Promise<void> {
    const opened = await this.#finder.find(this.#tuning, (openLink) => this.#openSession(openLink));
    if (this.#phase !== 'opening') {
      opened.claimed.release(); // stopped meanwhile
      return opened.session.close();
    }
    this.#recovery.opened();
    this.#connection = this.#connectionOf(opened);
    this.#emit('opened', opened.claimed.why);
  }

  #connectionOf(opened: OpenedModem): Connection {
    const { modem } = opened;
    const options = this.#options;
    const storage = new Storage(modem, options.onInbound, options.keeper);
    const sweeper = this.#createSweeper(modem, storage);
    const bringUp = new BringUp(modem, storage, this.#inFlight, {
      unlocker: this.#unlocker,
      get idleProbeMs() {
        return options.idleProbeMs;
      },
      notices: this.#modemLog,
      whySendsFail: () => this.#sendOutcomes.whySendsFail,
      onStored: () => sweeper.soon(),
    });
    return { ...opened, bringUp, storage, sweeper };
  }

  async #openSession(openLink: OpenLink): Promise<AtSession> {
    // Each of several candidates has its time.
    if (this.#phase === 'opening') this.#liveness.expect('a step of opening', stepMs);
    let session: AtSession | undefined;
    session = await AtSession.open(
      openLink,
      { guardMs: this.#options.tuning.guardMs ?? generic.guardMs },
      {
        onUrc: (line, pdu) => this.#takeUrc(line, pdu),
        onSurplus: (line) => this.#inFlight.takeSurplus(line),
        onLost: (cause) => {
          if (session === undefined || session !== this.#connection?.session) return;
          const kind = cause instanceof ModemRestarted ? 'restarted' : 'vanished';
          this.#lose(kind, cause?.message ?? 'closed');
        },
        isPerhapsForeign: (error) => this.#inFlight.mayHaveGiven(error),
        // Asked anew each time: a reload may change the level while the session lasts.
        wantsTrace: () => this.#log.isLevelEnabled('debug'),
        onTrace: (direction, line) =>
          this.#log.debug(`${this.name} ${direction} ${line}`, { event: 'at' }),
      },
    );
    return session;
  }

  async #release(): Promise<void> {
    await this.#recovery.climb(this.#connection?.modem, this.#reason ?? 'unknown');
    clearTimeout(this.#stallTimer);
    await this.#close();
    this.#emit('closed', this.#reason);
  }

  async #close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.sweeper.stop();
    this.#idleProbe.forget();
    await connection?.session.close();
    connection?.claimed.release();
  }

  #takeUrc(line: string, pdu: string | undefined): void {
    for (const listener of this.#connection?.modem.urcListeners ?? []) listener(line, pdu);
    if (this.#inFlight.takeLine(line)) return this.#modemLog.lateResult();
    const sign = bootSign(line);
    if (sign === 'restart') {
      this.#inFlight.restarted();
      this.#finder.forget();
      this.#connection?.session.fail(
        new ModemRestarted(`the modem restarted (it said ${foreignWords(line)})`),
      );
    } else if (sign === 'refresh' && this.#phase === 'ready') {
      this.#emit('refresh', `the modem said ${foreignWords(line)}`);
    } else if (sign !== undefined) this.#takeSign();
    if (tellsOfStorage(line)) {
      this.#connection?.storage.noteTold(line);
      this.#connection?.sweeper.soon();
    }
    if (pdu !== undefined) this.#cameIn.add(pdu);
  }

  #takePdu(pdu: string): void {
    const inbound = readInbound(pdu);
    if (inbound === undefined) return;
    if (inbound.kind === 'status_report') this.#acknowledge();
    // Nobody asked for SMS to be handed over whole.
    if (inbound.kind === 'sms') void this.#options.keeper?.keepOnly(inbound);
    this.#options.onInbound(inbound);
  }

  /** Behind the message that is being sent, but not while an older one's answer may come. */
  #acknowledge(): void {
    const indications = this.#connection?.modem.indications;
    if (indications?.owesAcknowledgements !== true) return;
    this.#work(async () => {
      if (!this.#inFlight.expectsLateResult(performance.now())) await indications.acknowledge();
    }, acknowledging);
  }

  /** The modem says that something about its SIM or its SMS has changed. */
  #takeSign(): void {
    if (this.#phase === 'unlocking' || this.#phase === 'registering') {
      this.#connection?.modem.noteProgress();
      return this.#timer.hasten();
    }
    if (this.#phase !== 'ready' && this.#phase !== 'sending' && this.#phase !== 'stalled') return;
    this.#connection?.modem.noteProgress();
    this.#idleProbe.suspect();
    if (this.#phase !== 'ready' || this.#idleProbe.isUnderWay) return;
    this.#timer.cancel();
    this.#probeWhenDue();
  }

  #createSweeper(modem: Modem, storage: Storage): Sweeper {
    return new Sweeper({
      isIdle: () => this.#phase === 'ready',
      expectsLateResult: () => this.#inFlight.expectsLateResult(performance.now()),
      isThere: () =>
        this.#connection?.modem === modem && (this.#phase === 'ready' || this.#phase === 'sending'),
      sweep: (leave, news) => modem.tolerateSilence(() => this.#sweep(storage, leave, news)),
      run: (work) => this.#work(work, sweeping),
    });
  }

  async #sweep(storage: Storage, leave: SweepLeave, news: boolean): Promise<SweepEnd> {
    const epoch = this.#epoch;
    await this.#connection?.modem.wakeUart();
    const mayLook = (far: SweepSoFar): boolean => {
      // A full storage takes long.
      if (epoch === this.#epoch) this.#liveness.expect(sweeping, stepMs);
      return leave.mayLook(far);
    };
    const end = await storage.sweep({ ...leave, mayLook }, news);
    if (end === 'unsure') this.#modemLog.outOfStep();
    return end;
  }

  /** A storage that no pause between messages left time for is looked at before the next one. */
  async #takeStorageShare({ sweeper }: Connection): Promise<void> {
    const epoch = this.#epoch;
    try {
      await sweeper.takeShare();
    } catch (error) {
      if (!(error instanceof AtTimeout || error instanceof AtLinkLost)) throw error;
      // The message that waits meets the same, and its error is told.
    }
    if (epoch === this.#epoch) this.#liveness.met(sweeping);
  }

  /**
   * The network's answer to a segment: the modem has its submit timeout for it, and the dialogue a
   * step's time to come into step again.
   */
  #expectResult(): void {
    const submitTimeoutMs = this.#connection?.modem.submitTimeoutMs ?? generic.submitTimeoutMs;
    this.#liveness.expect('a result', submitTimeoutMs + stepMs);
  }

  #noteInFlight(modem: Modem, isInFlight: boolean): void {
    if (isInFlight) this.#cameIn.release();
    else if (this.#hasMessage) this.#cameIn.hold();
    clearTimeout(this.#stallTimer);
    if (this.#phase === 'sending' || this.#phase === 'stalled') {
      this.#liveness.beginAnew();
      if (isInFlight) this.#expectResult();
      else this.#liveness.expect('what follows a result', stepMs);
    }
    if (isInFlight) {
      const ms = Math.min(stallAfterMs, modem.submitTimeoutMs / 4);
      this.#stallTimer = setTimeout(
        () =>
          this.#emit('overdue', 'the network has not said yet whether it took the last message'),
        ms,
      );
    }
    this.#inFlight.note();
  }
}

const saysMemoryFull = (error: unknown): boolean =>
  error instanceof SendError &&
  error.cause instanceof AtCommandError &&
  isMemoryFull(error.cause.final);
