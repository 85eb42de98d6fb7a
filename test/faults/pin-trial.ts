import type { Gateway } from './gateway.js';
import type { Violation } from './judge.js';
import type { PinFile } from './pin-file.js';
import { lastCutOff, type PinAttempt, pinAttempts } from './pin-judge.js';
import type { PinRound, PlannedPins, PowerCycle } from './pins.js';
import type { VirtualModem } from './virtual-modem.js';
import type { Watch } from './watch.js';

export interface PinTrialParts {
  plan: PlannedPins;
  modems: readonly VirtualModem[];
  files: readonly PinFile[];
  gateway: Gateway;
  watch: Watch;
  over: AbortSignal;
  /** Sends a message by this modem, whatever comes of it. */
  send(modem: number): Promise<unknown>;
  onViolation(violation: Violation): void;
}

/** What a person must do before the modem can be ready; undefined when nothing. */
type Need =
  | 'correct the file'
  | 'write the file anew'
  | 'enter the PIN in a phone'
  | 'enter the PUK in a phone';

const pollMs = 250;
/**
 * From a person's help to a modem that is ready: the daemon looks at a SIM that needs a person
 * every 10 s.
 */
const helpedLimitMs = 25_000;
/** From anything else to a modem that is ready, or needs a person. */
const settledLimitMs = 45_000;
/** From a power-on to the daemon's `AT+CPIN?`. */
const askedLimitMs = 20_000;
/** What the daemon does with the answer it does within this time. */
const quietMs = 1_500;
/** Whether the daemon knows of an answer that it may have missed shows within this time. */
const doubtMs = 33_000n;

/**
 * Plays the rounds of {@link PlannedPins}: what goes wrong, a look at whether the daemon tries what
 * it must not, and the operator's help.
 */
export class PinTrial {
  readonly #parts: PinTrialParts;

  constructor(parts: PinTrialParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    for (const round of this.#parts.plan.rounds) {
      await this.#all((index) => this.#play(index, round));
      await this.#tempt(round.restart);
      await this.help(round);
    }
  }

  /** The operator helps every modem that needs it; then each must become ready by itself. */
  async help(round?: PinRound): Promise<void> {
    await this.#all((index) => this.#help(index, round?.hands[index]?.remedy ?? 'file'));
  }

  #all(work: (index: number) => Promise<void>): Promise<unknown> {
    return Promise.all(this.#parts.modems.map((_, index) => work(index)));
  }

  async #play(index: number, { hands }: PinRound): Promise<void> {
    const { card, cycle } = hands[index]!;
    const modem = this.#parts.modems[index]!;
    if (card === undefined) return;
    if (card.kind === 'wrong_file') this.#parts.files[index]!.write('wrong');
    else await modem.control({ pin_fault: card.fault });
    const before = await modem.simCard();
    await this.#cycle(index, cycle);
    const wasTried = await this.#within(
      askedLimitMs,
      async () => (await modem.simCard()).attempts > before.attempts,
    );
    if (card.kind === 'sigkill') return this.#parts.gateway.restart('SIGKILL');
    // Until the daemon has given up waiting, too.
    if (wasTried) await this.#within(settledLimitMs, async () => this.#isDealtWith(index));
  }

  async #cycle(index: number, cycle: PowerCycle): Promise<void> {
    const modem = this.#parts.modems[index]!;
    switch (cycle.kind) {
      case 'replug':
        return void (await modem.control({
          hangup: true,
          power: 'lost',
          reattach_ms: cycle.reattachMs,
        }));
      case 'reboot':
        return void (await modem.control({ reboot: true }));
      case 'mid_send':
        await modem.control({ fault: cycle.fault, submits: 1 });
        await this.#parts.send(index);
    }
  }

  /** Ready, or the modem was asked about its SIM again since the last try. */
  #isDealtWith(index: number): boolean {
    const tried = this.#attempts(index).at(-1);
    if (this.#parts.watch.saysReady(this.#parts.modems[index]!.name) || tried === undefined)
      return true;
    return this.#wasAskedSince(index, tried.atNs);
  }

  /**
   * Gives the daemon every reason to try again: each modem is plugged in anew, and the daemon
   * started anew.
   */
  async #tempt(restart: PinRound['restart']): Promise<void> {
    await this.#all(async (index) => {
      await this.#parts.modems[index]!.control({ hangup: true, power: 'lost', reattach_ms: 200 });
    });
    const { gateway } = this.#parts;
    await gateway.restart(restart);
    await this.#all((index) => this.#untilAsked(index, gateway.restarts.at(-1)!.toNs));
  }

  async #untilAsked(index: number, sinceNs: bigint): Promise<void> {
    await this.#within(askedLimitMs, async () => this.#wasAskedSince(index, sinceNs));
    await pause(quietMs);
  }

  #wasAskedSince(index: number, sinceNs: bigint): boolean {
    return this.#parts.modems[index]!.record().some(
      (entry) =>
        entry.kind === 'command' && entry.line === 'AT+CPIN?' && BigInt(entry.at_ns) > sinceNs,
    );
  }

  async #help(index: number, remedy: 'file' | 'remove_lock'): Promise<void> {
    const { watch, modems, over, gateway } = this.#parts;
    const { name } = modems[index]!;
    let until = performance.now() + settledLimitMs;
    let lastHelp: Need | undefined;
    while (!watch.saysReady(name)) {
      over.throwIfAborted();
      const need = await this.#need(index);
      if (need !== undefined) {
        await this.#give(index, need, remedy);
        lastHelp = need;
        until = performance.now() + helpedLimitMs;
      } else if (performance.now() > until && !this.#isInDoubt(index)) {
        const after =
          lastHelp === undefined
            ? 'with nothing for a person to do'
            : `after a person had to ${lastHelp}`;
        this.#parts.onViolation({
          property: 'I8',
          what: `${name} did not become ready by itself ${after}`,
        });
        // So that the rest of the phase proves something.
        await gateway.restart('SIGTERM');
        return;
      }
      await pause(pollMs);
    }
  }

  /**
   * A try whose outcome nobody knows yet: what the daemon was helped with may have met a fault of
   * its own, and then a person is needed once more, as soon as the daemon has shown it.
   */
  #isInDoubt(index: number): boolean {
    const tried = this.#attempts(index).at(-1);
    if (tried === undefined) return false;
    const isOpen = tried.knowledge === 'unknown' || tried.knowledge === 'doubtful';
    return isOpen && !isLongAgo(tried.atNs);
  }

  /** By what the virtual modem and its card know, not by what the daemon says. */
  async #need(index: number): Promise<Need | undefined> {
    const file = this.#parts.files[index]!;
    const { state, tries } = await this.#parts.modems[index]!.simCard();
    if (state === 'READY') return undefined;
    if (!file.isRight) return 'correct the file';
    if (state === 'SIM PUK') return 'enter the PUK in a phone';
    if (tries < 3) return 'enter the PIN in a phone';
    return this.#isBarred(index) ? 'write the file anew' : undefined;
  }

  /** Whether the daemon may not use the file as it is, and does not. */
  #isBarred(index: number): boolean {
    const { writes } = this.#parts.files[index]!;
    const generation = writes.length - 1;
    const own = this.#attempts(index).filter((attempt) => attempt.generation === generation);
    // A doubtful try says nothing any more once the daemon has made another.
    if (own.some((attempt) => isBarred(attempt, attempt === own.at(-1)))) return true;
    const entries = this.#parts.modems[index]!.record();
    const phoned = entries.findLast(({ kind }) => kind === 'phone');
    const sinceNs = [writes.at(-1)!.atNs, BigInt(phoned?.at_ns ?? 0)].reduce((a, b) =>
      a > b ? a : b,
    );
    const cutOffNs = lastCutOff(entries, sinceNs);
    return (
      cutOffNs !== undefined && isLongAgo(cutOffNs) && !own.some(({ atNs }) => atNs > cutOffNs)
    );
  }

  async #give(index: number, need: Need, remedy: 'file' | 'remove_lock'): Promise<void> {
    const modem = this.#parts.modems[index]!;
    switch (need) {
      case 'write the file anew':
        if (remedy === 'remove_lock') await modem.control({ phone: 'remove_lock' });
        else this.#parts.files[index]!.write('right');
        return;
      case 'correct the file':
        this.#parts.files[index]!.write('right');
        // The right PIN may be tried only when the SIM has all its tries.
        return this.#plugIn(index);
      case 'enter the PIN in a phone':
        await modem.control({ phone: 'enter_pin' });
        return this.#plugIn(index);
      case 'enter the PUK in a phone':
        await modem.control({ phone: 'enter_puk' });
        return this.#plugIn(index);
    }
  }

  async #plugIn(index: number): Promise<void> {
    const sinceNs = process.hrtime.bigint();
    await this.#parts.modems[index]!.control({ hangup: true, power: 'lost', reattach_ms: 300 });
    await this.#untilAsked(index, sinceNs);
  }

  #attempts(index: number): PinAttempt[] {
    const modem = this.#parts.modems[index]!;
    const record = { modem: modem.name, entries: modem.record() };
    return pinAttempts(record, this.#parts.files[index]!.writes, this.#parts.gateway.restarts);
  }

  /** Whether it came true within the time. */
  async #within(limitMs: number, isTrue: () => Promise<boolean>): Promise<boolean> {
    const until = performance.now() + limitMs;
    while (!(await isTrue())) {
      this.#parts.over.throwIfAborted();
      if (performance.now() > until) return false;
      await pause(pollMs);
    }
    return true;
  }
}

/**
 * Whether the daemon will not use the PIN again; where nobody can know, only after it has had the
 * time to show it.
 */
function isBarred({ knowledge, atNs }: PinAttempt, isLast: boolean): boolean {
  if (knowledge === 'refused') return true;
  return (knowledge === 'unknown' || (knowledge === 'doubtful' && isLast)) && isLongAgo(atNs);
}

function isLongAgo(atNs: bigint): boolean {
  return process.hrtime.bigint() - atNs > doubtMs * 1_000_000n;
}

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}
