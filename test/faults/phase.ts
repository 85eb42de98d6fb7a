import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken } from '../../src/secret/token.js';
import { Air } from './air.js';
import { judgeReports, judgeTexts, type ReportCount } from './air-judge.js';
import { post, type Reading, read, type Story } from './caller.js';
import { Callers, readers } from './callers.js';
import { ClockLeaps } from './clock-leaps.js';
import { type ConfiguredModem, writeDaemonConfig } from './daemon-config.js';
import type { Action } from './deck.js';
import { Gateway } from './gateway.js';
import { judge, type Violation } from './judge.js';
import { LeakSearch } from './leaks.js';
import { configuredModems, numberOf, startModems } from './modems.js';
import type { NetworkPath } from './network-path.js';
import type { PinFile } from './pin-file.js';
import { judgePins, type PinAttempt, pinAttempts } from './pin-judge.js';
import { PinTrial } from './pin-trial.js';
import type { CallerName, PlannedMessage, PlannedPhase } from './plan.js';
import { findRecoveries, type Recovery } from './recoveries.js';
import type { ModemRecord } from './sightings.js';
import { markerPrefix } from './texts.js';
import type { VirtualModem } from './virtual-modem.js';
import { Watch } from './watch.js';

/** What came of one phase. */
export interface PhaseResult {
  seed: number;
  phase: PlannedPhase;
  stories: readonly Story[];
  records: readonly ModemRecord[];
  violations: readonly Violation[];
  recoveries: readonly Recovery[];
  /** How each modem came back after its last fault; those that did not are missing. */
  returns: readonly Return[];
  /** Each `AT+CPIN=`. */
  pinAttempts: readonly PinAttempt[];
  worstGrowthKiB: number;
  worstResidentKiB: number;
  /** How often each kind of action was taken; faults of submits are counted by the record. */
  actions: ReadonlyMap<string, number>;
  reports: ReportCount;
  /** Inbound texts that the receiver took. */
  texts: number;
}

/**
 * A modem after its last fault: milliseconds until it was ready, and until a message had got
 * through it.
 */
export interface Return {
  modem: string;
  readyMs: number;
  sentMs: number;
}

/**
 * I8: milliseconds from the last fault to a modem that is ready. The longest known way: 10 s
 * without a prompt, then a silent modem.
 */
const recoveryLimitMs = 45_000;
/** Between messages that did not go by the modem they asked for. */
const partingPauseMs = 3_000;
/** I5: what the daemon may grow beyond its idle size. */
const growthLimitKiB = 60 * 1024;
/** Longer than the clock ever leaps. */
const tokenLifeS = 500 * 86_400;
/**
 * Milliseconds after the last answer in which what was promised comes to its end: its own late
 * deadline, and a modem's time.
 */
const settleLimitMs = 40_000;
/** Milliseconds that a caller waits at most for a daemon that is being started anew. */
const restartMs = 15_000;
/** Milliseconds that a caller waits at most when it was told to come later. */
const patienceMs = 4_000;

/**
 * Runs one phase: daemon, modems, callers and faults; then judges it. Rejects when the run itself
 * fails.
 */
export function runPhase(
  phase: PlannedPhase,
  seed: number,
  folder: string,
  over: AbortSignal,
): Promise<PhaseResult> {
  const run = new PhaseRun(phase, seed, folder, over);
  return run.run();
}

class PhaseRun {
  readonly #phase: PlannedPhase;
  readonly #seed: number;
  readonly #folder: string;
  readonly #over: AbortSignal;
  readonly #secret = randomBytes(32).toString('hex');
  readonly #stories: Story[] = [];
  readonly #violations: Violation[] = [];
  readonly #returns: Return[] = [];
  readonly #actions = new Map<string, number>();
  readonly #callers: Callers;
  readonly #underway: Promise<void>[] = [];
  /** Requests that no caller waits for before its next. */
  readonly #beside: Promise<unknown>[] = [];
  /** No submit comes any more that a fault could meet. */
  readonly #noMoreFaults = new AbortController();
  readonly #tokens: string[] = [];
  readonly #modems: VirtualModem[] = [];
  readonly #pinFiles: PinFile[] = [];
  readonly #paths: (NetworkPath | undefined)[] = [];
  #gateway!: Gateway;
  #clock!: ClockLeaps;
  #watch!: Watch;
  #pinTrial: PinTrial | undefined;
  #air: Air | undefined;
  #configured: readonly ConfiguredModem[] = [];
  #callerTables: string | undefined;
  #airTable = '';
  /** The modems whose table is another now, or gone. */
  readonly #changed = new Set<string>();
  readonly #takenAway = new Set<string>();

  constructor(phase: PlannedPhase, seed: number, folder: string, over: AbortSignal) {
    this.#phase = phase;
    this.#seed = seed;
    this.#folder = folder;
    this.#over = over;
    this.#callers = new Callers(phase);
  }

  async run(): Promise<PhaseResult> {
    await this.#setUp();
    const waiting = [...this.#phase.messages];
    this.#clock.start(() => this.#count('clock_leap'));
    await Promise.all([
      ...Array.from({ length: this.#phase.callers }, (_, index) =>
        this.#callerLoop(waiting, index),
      ),
      this.#pinTrial?.run(),
      this.#air?.send(this.#over, (action, modem) =>
        this.#underway.push(this.#goWrong({ action, delayMs: 0, modem }).catch(this.#noteFailure)),
      ),
    ]);
    await Promise.all(this.#beside);
    await this.#drain();
    await this.#clock.stop();
    // The last faults may have cut off a try.
    await this.#pinTrial?.help();
    await Promise.all(this.#modems.map((_, index) => this.#partInPeace(index)));
    await this.#settleAir();
    await this.#readBack();
    await this.#watch.stop();
    await this.#gateway.stop();
    await this.#air?.stop();
    for (const path of this.#paths) await path?.close();
    for (const modem of this.#modems) await modem.stop();
    return this.#result();
  }

  async #setUp(): Promise<void> {
    mkdirSync(this.#folder);
    const started = await startModems(this.#phase, this.#seed, this.#folder);
    const { modems, pinFiles, paths } = started;
    this.#modems.push(...modems);
    this.#paths.push(...paths);
    this.#pinFiles.push(...pinFiles);
    await this.#mintTokens();
    const pins = pinFiles.map(({ rightPin }) => rightPin);
    const secrets = [this.#secret, ...this.#callers.secrets, ...this.#tokens, ...pins];
    const leaks = new LeakSearch(this.#phase, secrets);
    this.#configured = configuredModems(started, this.#phase.settings);
    await this.#openAir();
    const configFile = this.#configure();
    const takeLine = (line: string): void => {
      this.#watch.takeLine(line);
      const leak = leaks.find(line);
      if (leak !== undefined)
        this.#violations.push({ property: 'I6', what: `${leak} in the log: ${line}` });
    };
    const on = {
      line: takeLine,
      fault: (what: string) => void this.#violations.push({ property: 'contract', what }),
      down: () => this.#watch.noteDown(),
    };
    this.#clock = new ClockLeaps(this.#folder, this.#seed, this.#phase.number);
    this.#gateway = new Gateway(this.#folder, configFile, on, this.#clock.env);
    this.#watch = new Watch(
      this.#gateway,
      modems.map(({ name }) => name),
    );
    this.#pinTrial = this.#makePinTrial();
    await this.#gateway.start();
    this.#watch.start();
    if (await this.#watch.untilReady(recoveryLimitMs)) return;
    throw new Error(
      `phase ${this.#phase.number}: not ready ${recoveryLimitMs} ms after the start, before any fault`,
    );
  }

  async #openAir(): Promise<void> {
    if (this.#phase.texts.length === 0) return;
    const stateDir = join(this.#folder, 'state');
    const secretFile = join(this.#folder, 'inbound-secret');
    writeFileSync(secretFile, Air.secret, { mode: 0o600 });
    this.#air = new Air(this.#phase.texts, this.#modems, stateDir);
    this.#airTable = await this.#air.listen(secretFile);
  }

  /** All that came in has come to the receiver, and nothing of it is left anywhere. */
  async #settleAir(): Promise<void> {
    const air = this.#air;
    if (air === undefined) return;
    const left = await air.drained(this.#over);
    if (left !== undefined) this.#violations.push({ property: 'inbound', what: left });
    for (const path of air.leaks())
      this.#violations.push({ property: 'I6', what: `a text in ${path}` });
    const metrics = await fetch(`http://127.0.0.1:${this.#gateway.adminPort}/metrics`);
    if ((await metrics.text()).includes(markerPrefix))
      this.#violations.push({ property: 'I6', what: 'a text in the metrics' });
    for (const error of air.receiver.unproven)
      this.#violations.push({
        property: 'inbound',
        what: `a call is not signed: ${String(error)}`,
      });
  }

  #makePinTrial(): PinTrial | undefined {
    const { pins } = this.#phase;
    if (pins === undefined) return undefined;
    const messages = [...pins.messages];
    return new PinTrial({
      plan: pins,
      modems: this.#modems,
      files: this.#pinFiles,
      gateway: this.#gateway,
      watch: this.#watch,
      over: this.#over,
      send: async (modem) => {
        const message = messages.shift();
        if (message !== undefined) await this.#send({ ...message, sender: numberOf(modem) }, 0);
      },
      onViolation: (violation) => this.#violations.push(violation),
    });
  }

  /**
   * One for each caller, told apart by its life; a daemon that is started while its clock is ahead
   * takes them too.
   */
  async #mintTokens(): Promise<void> {
    const secret = new TextEncoder().encode(this.#secret);
    const names = { subject: 'urn:Auth0', audience: 'urn:MySmsGateway' };
    for (let index = 0; index < this.#phase.callers; index += 1) {
      this.#tokens.push(await mintToken({ secret, ...names, expiresInS: tokenLifeS + index }));
    }
  }

  /** One caller: takes the next message when it has the answer to its last, until none is left. */
  async #callerLoop(waiting: PlannedMessage[], index: number): Promise<void> {
    for (;;) {
      this.#over.throwIfAborted();
      const message = waiting.shift();
      if (message === undefined) return;
      await pause(message.pauseMs);
      if (message.fault !== undefined)
        this.#underway.push(this.#goWrong(message.fault).catch(this.#noteFailure));
      this.#sendBeside(message, index);
      const story = await this.#send(message, index);
      await this.#waitAsTold(story);
    }
  }

  /** The same message once more: by another caller now, and by its own later. */
  #sendBeside(message: PlannedMessage, index: number): void {
    const again = { ...message, leaveAfterMs: undefined };
    const { twin, repeatsAfterMs = [] } = message;
    if (twin !== undefined)
      this.#beside.push(this.#send({ ...again, caller: twin, waitS: undefined }, index));
    for (const afterMs of repeatsAfterMs)
      this.#beside.push(pause(afterMs).then(() => this.#send(again, index)));
  }

  /** Who is told to come later does not spend the next code on the same answer. */
  async #waitAsTold({ outcome }: Story): Promise<void> {
    if (outcome.kind === 'answered' && outcome.status !== 503) return;
    if (outcome.kind === 'broken') return void (await this.#watch.untilReady(restartMs));
    if (outcome.kind === 'answered' && outcome.body.code !== 'no_modem_ready') {
      return pause(Math.min(outcome.retryAfterMs, patienceMs));
    }
    await this.#watch.untilReady(patienceMs);
  }

  /** @param token the number of Auth0's token */
  async #send(message: PlannedMessage, token: number): Promise<Story> {
    const asking = this.#callers.ask(message, this.#tokens[token]!);
    const story = await post(this.#gateway.port, asking, message);
    this.#stories.push(story);
    return story;
  }

  /** Asks what became of what was promised or sent, and whether others can ask that too. */
  async #readBack(): Promise<void> {
    const until = performance.now() + settleLimitMs;
    for (const story of this.#stories) {
      const { outcome, message } = story;
      if (outcome.kind !== 'answered' || !readers.includes(message.caller)) continue;
      if (outcome.status !== 202 && outcome.status !== 200) continue;
      this.#over.throwIfAborted();
      const id = String(outcome.body.id);
      story.reading = await this.#readSettled(id, message.caller, until);
      const other = message.caller === 'static' ? 'auth0' : 'static';
      const strange = await this.#read(id, other);
      if (strange?.state !== 'none')
        this.#violations.push({
          property: 'contract',
          what: `${other} reads a message of ${message.caller}: ${String(strange?.state)}`,
          story,
        });
    }
  }

  async #readSettled(id: string, caller: CallerName, until: number): Promise<Reading> {
    for (;;) {
      const reading = await this.#read(id, caller);
      const isOnItsWay = reading?.state === 'waiting' || reading?.state === 'sending';
      if (!isOnItsWay || performance.now() > until) return reading ?? { state: 'none' };
      await pause(100);
    }
  }

  #read(id: string, caller: CallerName): Promise<Reading | undefined> {
    return read(this.#gateway.port, this.#callers.credential(caller, this.#tokens[0]!), id);
  }

  #count(kind: string): void {
    this.#actions.set(kind, (this.#actions.get(kind) ?? 0) + 1);
  }

  async #goWrong({ action, delayMs, modem }: NonNullable<PlannedMessage['fault']>): Promise<void> {
    // A fault of a submit is to meet this very message, so it is in place before.
    if (action.kind !== 'submit_fault') await pause(delayMs);
    this.#count(nameOf(action));
    if (action.kind === 'network')
      return this.#paths[modem]!.play(action.fault, action.forMs, this.#noMoreFaults.signal);
    await this.#act(action, this.#modems[modem]!, delayMs);
  }

  async #act(
    action: Exclude<Action, { kind: 'network' }>,
    modem: VirtualModem,
    delayMs: number,
  ): Promise<unknown> {
    switch (action.kind) {
      case 'submit_fault':
        return modem.playNext(action.fault, this.#noMoreFaults.signal);
      case 'trouble':
        return modem.control({ fault: action.fault });
      case 'hangup':
        return modem.control({ hangup: true, power: action.power, reattach_ms: action.reattachMs });
      case 'reboot':
        return modem.control({ reboot: true });
      case 'registration':
        await modem.control({ registration: action.state });
        await pause(action.forMs);
        return modem.control({ registration: 'home' });
      case 'domains':
        for (const domain of action.domains) await modem.control({ domain });
        return;
      case 'profile':
        // What was tried with a PIN is counted by SIM, and here one card would be two.
        if (this.#phase.pins !== undefined) return;
        return modem.control({
          profile: action.iccid,
          ...(action.say !== undefined && { say: action.say }),
        });
      case 'noise':
      case 'garbage':
        for (const line of action.lines) await modem.control({ inject: line });
        return;
      case 'inbound':
        return modem.control({
          inbound: { from: action.from, text: action.text, broken: action.broken },
        });
      case 'reports':
        return modem.control({ reports: action.habits });
      case 'receiver':
        return this.#air?.upset(action.how, action.forMs);
      case 'sigkill_before_delete':
        await modem.control({ fault: `mute:+CMGD=:${action.muteMs}` });
        await pause(action.muteMs / 2);
        return this.#gateway.restart('SIGKILL');
      case 'sigkill':
        return this.#gateway.restart('SIGKILL');
      case 'sigkill_mid_send':
        await modem.playNext(action.fault, this.#noMoreFaults.signal);
        await modem.untilPlayed(this.#noMoreFaults.signal);
        await pause(delayMs);
        return this.#gateway.restart('SIGKILL');
      case 'sigterm':
        return this.#gateway.restart('SIGTERM');
      case 'reload':
        return this.#reload(action, modem.name);
    }
  }

  /** Changes the modem's table for a while, or takes it away where there is another. */
  async #reload({ way, forMs }: Action & { kind: 'reload' }, name: string): Promise<void> {
    const isAlone = this.#configured.length - this.#takenAway.size < 2;
    const changed = way === 'changed' || isAlone ? this.#changed : this.#takenAway;
    changed.add(name);
    this.#configure();
    await this.#gateway.reload();
    await pause(forMs);
    changed.delete(name);
    this.#configure();
    await this.#gateway.reload();
  }

  /** Writes the daemon's configuration as it is to be now. */
  #configure(): string {
    const modems = this.#configured
      .filter(({ name }) => !this.#takenAway.has(name))
      .map((modem) =>
        this.#changed.has(modem.name)
          ? { ...modem, settings: `${modem.settings ?? ''}\nbaud = 57600` }
          : modem,
      );
    // Once: a secret that is just being written is none.
    this.#callerTables ??= this.#callers.configure(this.#folder);
    const tables = [this.#callerTables, this.#airTable].join('\n');
    return writeDaemonConfig(this.#folder, this.#secret, modems, this.#phase, tables);
  }

  /** Sends on until every fault that was planned has met a submit. */
  async #drain(): Promise<void> {
    let allPlayed = false;
    const played = Promise.all(this.#underway).then(() => {
      allPlayed = true;
    });
    for (const message of this.#phase.draining) {
      this.#over.throwIfAborted();
      await pause(message.pauseMs);
      if (allPlayed) break;
      await this.#waitAsTold(await this.#send(message, 0));
    }
    this.#noMoreFaults.abort();
    await played;
  }

  readonly #noteFailure = (error: unknown): void => {
    this.#violations.push({
      property: 'contract',
      what: `a fault could not be played: ${String(error)}`,
    });
  };

  /**
   * I8: with all faults over, each modem comes back by itself, and a message gets through it, as
   * its network's record says.
   */
  async #partInPeace(index: number): Promise<void> {
    const modem = this.#modems[index]!;
    const since = performance.now();
    const until = since + recoveryLimitMs;
    const isBroken = (what: string): void => {
      this.#violations.push({ property: 'I8', what: `${modem.name} ${what}` });
    };
    while (!this.#watch.saysReady(modem.name)) {
      this.#over.throwIfAborted();
      if (performance.now() > until)
        return isBroken(`is not ready ${recoveryLimitMs} ms after the last fault`);
      await pause(100);
    }
    const readyMs = performance.now() - since;
    for (const message of this.#phase.parting[index] ?? []) {
      this.#over.throwIfAborted();
      await pause(message.pauseMs);
      const before = await modem.accepted();
      const story = await this.#send({ ...message, sender: numberOf(index) }, 0);
      const wasSent = story.outcome.kind === 'answered' && story.outcome.status === 200;
      if (wasSent && (await modem.accepted()) > before) {
        this.#returns.push({ modem: modem.name, readyMs, sentMs: performance.now() - since });
        return;
      }
      if (performance.now() > until) break;
      // One that went by another modem has cost no time, and this one may have a doubt to get over.
      await pause(partingPauseMs);
      await this.#waitAsTold(story);
    }
    isBroken('is ready, but no message got through it after the last fault');
  }

  #result(): PhaseResult {
    const records = this.#modems.map((modem) => ({ modem: modem.name, entries: modem.record() }));
    const { changes, worstGrowthKiB, worstResidentKiB } = this.#watch;
    const { restarts } = this.#gateway;
    const writes = this.#pinFiles.flatMap((file) => file.writes);
    const withPins = this.#pinFiles.map((file, index) => ({
      record: records[index]!,
      writes: file.writes,
    }));
    if (worstGrowthKiB > growthLimitKiB) {
      this.#violations.push({ property: 'I5', what: `the daemon grew by ${worstGrowthKiB} KiB` });
    }
    const reports = judgeReports(this.#stories, records);
    return {
      seed: this.#seed,
      phase: this.#phase,
      stories: this.#stories,
      records,
      violations: [
        ...this.#violations,
        ...judge(this.#stories, records, restarts),
        // Where there is no receiver, what comes in is told in the log, and kept nowhere.
        ...(this.#air === undefined ? [] : judgeTexts(records, this.#air.receiver.calls)),
        ...reports.violations,
        ...withPins.flatMap((each) => judgePins(each.record, each.writes, restarts)),
      ],
      returns: this.#returns,
      recoveries: findRecoveries(changes, records, restarts, writes),
      pinAttempts: withPins.flatMap((each) => pinAttempts(each.record, each.writes, restarts)),
      worstGrowthKiB,
      worstResidentKiB,
      actions: this.#actions,
      reports: reports.count,
      texts: this.#air?.receiver.calls.filter(({ wasTaken }) => wasTaken).length ?? 0,
    };
  }
}

/** As it is counted. */
function nameOf(action: Action): string {
  if (action.kind === 'network') return `network-${action.fault}`;
  return action.kind === 'receiver' ? `receiver-${action.how}` : action.kind;
}

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}
