import { vi } from 'vitest';
import winston from 'winston';
import { SendError } from '../../src/errors.js';
import { InFlightSubmits } from '../../src/modem/in-flight-submits.js';
import type { InboundEvent } from '../../src/modem/inbound-event.js';
import { Supervisor } from '../../src/modem/supervisor.js';
import { segmentText } from '../../src/sms/segments.js';
import { noFile, noPins } from '../modem/supervised.js';
import { locatorOf } from '../modem/virtual-link.js';
import { type Dialogue, isModemStep, type ModemStep, type Step } from './dialogue.js';
import { type Delivery, DialoguePlayer } from './player.js';

/** The message of every `!submit`; the PDUs in the files are this one's. */
const recipient = '+4915112345678';
const shortText = 'Your code is 417093';
const longText = 'x'.repeat(200);
const validityMs = 300_000;

/** No dialogue takes longer (milliseconds of faked time). */
const longestMs = 900_000;

const log = winston.createLogger({ silent: true });

/** What came of a run: two that differ in nothing but the bytes' delivery must end the same. */
export interface End {
  phase: string;
  reason: string | undefined;
  manufacturer: string | undefined;
  model: string | undefined;
  operator: string | undefined;
  signalDbm: number | undefined;
  phases: string[];
  /** How each message ended, in the dialogue's words. */
  outcomes: string[];
  written: string[];
}

/** What reached `onUrc`, and as what was handed upward. */
export interface HandedUp {
  urcs: { line: string; pdu: string | undefined }[];
  inbound: InboundEvent[];
}

export interface Run {
  end: End;
  handedUp: HandedUp;
  player: DialoguePlayer;
}

export interface Rehearsal {
  scenario?: string;
  /** How the bytes are delivered, in the scenario, or without one during the start. */
  delivery?: Delivery;
  /** See {@link DialoguePlayer.mayResynchronise}. */
  mayResynchronise?: boolean;
  /**
   * Milliseconds between commands; undefined leaves it to the modem's profile. Default 0, which is
   * fast.
   */
  guardMs?: number | undefined;
}

/**
 * Plays a dialogue against the real supervisor, in faked time, and asserts what the dialogue itself
 * expects.
 */
export async function rehearse(dialogue: Dialogue, rehearsal: Rehearsal = {}): Promise<Run> {
  const stage = new Stage(dialogue, 'guardMs' in rehearsal ? rehearsal.guardMs : 0);
  try {
    const { scenario, delivery = {} } = rehearsal;
    stage.player.mayResynchronise = rehearsal.mayResynchronise ?? false;
    if (scenario === undefined) stage.player.delivery = delivery;
    await stage.start();
    if (scenario !== undefined) {
      stage.player.delivery = delivery;
      await stage.play(dialogue.scenarios.get(scenario) ?? []);
    }
    return stage.run();
  } finally {
    await stage.leave();
  }
}

class Stage {
  readonly player: DialoguePlayer;
  readonly #dialogue: Dialogue;
  readonly #supervisor: Supervisor;
  readonly #phases: string[] = [];
  readonly #outcomes: string[] = [];
  readonly #handedUp: HandedUp = { urcs: [], inbound: [] };
  #outcome: string | undefined;
  readonly #noteUrc = (line: string, pdu: string | undefined) =>
    void this.#handedUp.urcs.push({ line, pdu });

  constructor(dialogue: Dialogue, guardMs: number | undefined) {
    this.#dialogue = dialogue;
    this.player = new DialoguePlayer(dialogue);
    this.#supervisor = new Supervisor({
      name: dialogue.name,
      number: undefined,
      locator: locatorOf(this.player.openLink),
      tuning: {
        guardMs,
        submitTimeoutMs: undefined,
        roaming: true,
        statusReport: dialogue.statusReport,
      },
      idleProbeMs: longestMs,
      inFlight: new InFlightSubmits(noFile, undefined),
      readPin: undefined,
      pinMemory: noPins,
      callHook: undefined,
      onInbound: (event) => this.#handedUp.inbound.push(event),
      log,
    });
    this.#supervisor.onPhase(({ phase }) => {
      this.#phases.push(phase);
      if (phase === 'probing') void this.#listen();
    });
  }

  async start(): Promise<void> {
    // The jitter of the backoff, so that runs can be compared.
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    this.#supervisor.start();
    await this.#reach(this.#dialogue.startPhase);
    await this.#pump(() => true);
  }

  async play(steps: readonly Step[]): Promise<void> {
    this.player.measureAnew();
    for (let at = 0; at < steps.length; ) {
      const speech: ModemStep[] = [];
      for (; at < steps.length; at += 1) {
        const step = steps[at] as Step;
        if (!isModemStep(step)) break;
        speech.push(step);
      }
      const step = steps[at++];
      if (speech.length > 0) await this.#perform(speech);
      if (step?.kind !== 'expect') this.player.awaited = expectedNext(steps.slice(at));
      if (step && !isModemStep(step)) await this.#take(step);
    }
    this.player.endScenario();
    await this.#pump(() => true);
  }

  run(): Run {
    const { phase, reason, manufacturer, model, operator, signalDbm } = this.#supervisor.snapshot();
    const seen = { phase, reason, manufacturer, model, operator, signalDbm };
    const end = {
      ...seen,
      phases: this.#phases,
      outcomes: this.#outcomes,
      written: this.player.written,
    };
    return { end, handedUp: this.#handedUp, player: this.player };
  }

  async leave(): Promise<void> {
    await this.#supervisor.stop();
    vi.clearAllTimers();
    vi.restoreAllMocks();
  }

  /** Hears the URCs of a modem that was just opened: what is none was taken for a reply. */
  #listen(): Promise<void> {
    return this.#supervisor.inspect((modem) => {
      modem.urcListeners.add(this.#noteUrc);
      return Promise.resolve();
    });
  }

  async #take(step: Exclude<Step, ModemStep>): Promise<void> {
    switch (step.kind) {
      case 'submit':
        this.player.beginScenario();
        return this.#submit(step.isLong ? longText : shortText);
      case 'expect':
        return this.#pump(() => this.player.heard(step), `"${step.text}" (line ${step.line})`);
      case 'outcome':
        await this.#pump(
          () => this.#outcome !== undefined,
          `the message's end (line ${step.line})`,
        );
        if (this.#outcome !== step.text)
          throw new Error(
            `${this.#dialogue.name}: line ${step.line}: expected "${step.text}", came "${this.#outcome}"`,
          );
        this.#outcomes.push(step.text);
        return;
      case 'phase':
        this.player.endScenario();
        await this.#reach(step.text);
        this.player.beginScenario();
        return;
      case 'never_lost':
        if (this.#phases.lastIndexOf('lost') > this.#phases.indexOf('ready'))
          throw new Error(
            `${this.#dialogue.name}: line ${step.line}: it was lost: ${this.#phases.join(' ')}`,
          );
    }
  }

  #submit(text: string): void {
    this.#outcome = undefined;
    const control = {
      mayCommit: () => true,
      onCommitted: () => undefined,
      retryUntil: performance.now() + 25_000,
    };
    this.#supervisor.submit({ recipient, ...segmentText(text), validityMs }, control).then(
      ({ references }) => {
        this.#outcome = `references ${references.join(' ')}`;
      },
      (error: unknown) => {
        this.#outcome = error instanceof SendError ? worded(error) : String(error);
      },
    );
  }

  async #perform(speech: ModemStep[]): Promise<void> {
    let isDone = false;
    const performed = this.player.perform(speech).then(() => {
      isDone = true;
    });
    await this.#pump(() => isDone);
    await performed;
  }

  #reach(phase: string): Promise<void> {
    return this.#pump(() => this.#supervisor.snapshot().phase === phase, `phase ${phase}`);
  }

  /** Lets time pass until something is so, but never while bytes are on their way. */
  async #pump(until: () => boolean, what = 'the modem'): Promise<void> {
    const end = performance.now() + longestMs;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const isSo = this.player.talking === 0 && until();
      if (this.player.failure) throw this.player.failure;
      if (isSo) return;
      if (this.player.talking > 0) continue;
      if (vi.getTimerCount() === 0 || performance.now() > end) {
        const { phase, reason } = this.#supervisor.snapshot();
        const last = this.player.written.slice(-3).map((bytes) => JSON.stringify(bytes));
        throw new Error(
          `${this.#dialogue.name}: ${what} never came; the modem is ${phase} (${reason ?? 'well'}), last written: ${last.join(' ')}`,
        );
      }
      vi.advanceTimersToNextTimer();
    }
  }
}

/** What is to be written until the message ends, or another begins. */
function expectedNext(steps: readonly Step[]) {
  const end = steps.findIndex((step) => !isModemStep(step) && step.kind !== 'expect');
  return (end < 0 ? steps : steps.slice(0, end)).filter((step) => step.kind === 'expect');
}

/** An error in the words of a `=` line. */
function worded({ code, submitted, elsewhere, causeCode }: SendError): string {
  return [code, submitted, elsewhere ? 'elsewhere' : '', causeCode ?? ''].filter(Boolean).join(' ');
}
