import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { mintToken } from '../../src/secret/token.js';
import { type Random, seededRandom } from '../../src/simulator/random.js';
import { claims, configHead, openPolicy } from '../config-text.js';
import { post, type Story } from '../faults/caller.js';
import { askAsAuth0 } from '../faults/callers.js';
import type { PlannedMessage } from '../faults/plan.js';
import type { ModemRecord } from '../faults/sightings.js';
import { markedText } from '../faults/texts.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import { Daemon } from './daemon.js';
import { isBackTo, type Vitals } from './vitals.js';

/** What came of a soak. */
export interface SoakResult {
  /** After the warm-up. */
  start: Vitals;
  end: Vitals;
  /** Of all messages, those of the warm-up too. */
  stories: readonly Story[];
  records: readonly ModemRecord[];
  /** When each modem was ready again, in order: CLOCK_MONOTONIC, nanoseconds. */
  returns: ReadonlyMap<string, readonly bigint[]>;
  complaints: readonly string[];
}

const modemNames = ['modem1', 'modem2', 'modem3', 'modem4'];
const modemFlags = ['--submit-latency', '20', '--boot-ms', '50'];
const callers = 8;
const deadlineS = 10;
/** Before the start is measured: code is compiled, tables have grown. */
const warmUp = { sends: 500, replugs: 20 };
/**
 * V8 lets go of compiled code that has fallen out of use only after several full collections, of
 * which a busy daemon of 14 MB has few.
 */
const roundsPerCollection = 5;
/** Within each round every modem is unplugged once, at any time up to this. */
const unplugWithinMs = 400;
/** How long its tty stays away, at most. */
const awayMs = 200;
/** Before a caller whose message was refused comes with the next. */
const refusedPauseMs = 50;
/**
 * After the last message timers may run on for as long: connections that are kept, storages that
 * are looked at.
 */
const settleLimitMs = 30_000;
const settleEveryMs = 500;

/**
 * Runs one soak: 200s are counted as sends. Rejects when the run itself fails: the daemon ends, or
 * `over` is aborted.
 */
export function soak(
  plan: { sends: number; replugs: number; seed: number },
  folder: string,
  over: AbortSignal,
): Promise<SoakResult> {
  return new Soak(folder, plan.seed, over).run(plan.sends, plan.replugs);
}

class Soak {
  readonly #folder: string;
  readonly #over: AbortSignal;
  readonly #seed: number;
  readonly #forMessages: Random;
  readonly #forReplugs: Random;
  readonly #stories: Story[] = [];
  readonly #returns = new Map<string, bigint[]>(modemNames.map((name) => [name, []]));
  readonly #modems: VirtualModem[] = [];
  #daemon!: Daemon;
  #token = '';
  #messages = 0;

  constructor(folder: string, seed: number, over: AbortSignal) {
    this.#folder = folder;
    this.#over = over;
    this.#seed = seed;
    [this.#forMessages, this.#forReplugs] = [seededRandom(seed * 2), seededRandom(seed * 2 + 1)];
  }

  async run(sends: number, replugs: number): Promise<SoakResult> {
    await this.#setUp();
    await this.#rounds(warmUp.sends, warmUp.replugs);
    const start = await this.#settled((now, before) => isBackTo(before, now));
    await this.#rounds(sends, replugs);
    const end = await this.#settled((now) => isBackTo(start, now));
    await this.#daemon.stop();
    for (const modem of this.#modems) await modem.stop();
    return {
      start,
      end,
      stories: this.#stories,
      records: this.#modems.map((modem) => ({ modem: modem.name, entries: modem.record() })),
      returns: this.#returns,
      complaints: this.#daemon.complaints,
    };
  }

  async #setUp(): Promise<void> {
    for (const [index, name] of modemNames.entries()) {
      const seed = String(this.#seed * modemNames.length + index);
      this.#modems.push(
        await VirtualModem.start(this.#folder, name, [...modemFlags, '--seed', seed]),
      );
    }
    const secret = randomBytes(32).toString('hex');
    this.#token = await mintToken({ secret: Buffer.from(secret), ...claims, expiresInS: 3600 });
    this.#daemon = new Daemon(this.#folder, this.#writeConfig(secret));
    await this.#daemon.untilReady(modemNames);
  }

  /** Probes, timeouts and deadlines as short as they go; everything else as it comes. */
  #writeConfig(secret: string): string {
    writeFileSync(join(this.#folder, 'secret'), secret, { mode: 0o600 });
    const lines = [
      configHead(),
      `[message]\ndeadline_s = ${deadlineS}`,
      openPolicy,
      '[log]\nformat = "json"',
      ...this.#modems.map(
        ({ name, link }) =>
          `[[modem]]\nname = "${name}"\ndevice = "${link}"\nguard_ms = 0\nsubmit_timeout_s = 2\nidle_probe_s = 1`,
      ),
    ];
    const file = join(this.#folder, 'simgate.toml');
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  }

  /**
   * Rounds in which every modem is re-plugged once while messages go out; the last one may need
   * fewer.
   */
  async #rounds(sends: number, replugs: number): Promise<void> {
    const rounds = Math.ceil(replugs / this.#modems.length);
    for (let round = 0; round < rounds; round += 1) {
      const share =
        Math.floor(((round + 1) * sends) / rounds) - Math.floor((round * sends) / rounds);
      const unplugged = this.#modems.slice(0, replugs - round * this.#modems.length);
      await Promise.all([this.#send(share), ...unplugged.map((modem) => this.#replug(modem))]);
      if (round % roundsPerCollection === 0) await this.#daemon.look();
    }
  }

  /** So many messages that are answered 200, by several callers, beside others that are refused. */
  async #send(count: number): Promise<void> {
    let left = count;
    const work = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        while (!(await this.#sendOne())) await pause(refusedPauseMs);
      }
    };
    await Promise.all(Array.from({ length: callers }, work));
  }

  async #sendOne(): Promise<boolean> {
    this.#over.throwIfAborted();
    const message = this.#nextMessage();
    const asking = askAsAuth0(this.#token, message, deadlineS * 1000);
    const story = await post(this.#daemon.port, asking, message);
    this.#stories.push(story);
    return story.outcome.kind === 'answered' && story.outcome.status === 200;
  }

  #nextMessage(): PlannedMessage {
    const number = this.#messages++;
    return {
      number,
      caller: 'auth0',
      recipient: `+4915${String(number).padStart(8, '0')}`,
      ...markedText(this.#forMessages, number),
      messageType: 'otp_verify',
      pauseMs: 0,
      waitS: undefined,
      leaveAfterMs: undefined,
      fault: undefined,
    };
  }

  /**
   * Unplugs the modem at some time of the round and waits until it is ready again, under another
   * name.
   */
  async #replug(modem: VirtualModem): Promise<void> {
    const [delayMs, reattachMs] = [unplugWithinMs, awayMs].map(
      (bound) => 1 + this.#forReplugs.below(bound),
    );
    const power = this.#forReplugs.below(2) === 0 ? 'kept' : 'lost';
    await pause(delayMs);
    // While it is open its number is not given to another tty: the modem comes back as another one.
    const old = openSync(readlinkSync(modem.link), constants.O_RDWR | constants.O_NOCTTY);
    const back = this.#daemon.untilBack(modem.name);
    await modem.control({ hangup: true, power, reattach_ms: reattachMs });
    this.#returns.get(modem.name)!.push(await back);
    closeSync(old);
  }

  /**
   * Looks at least twice, until what was under way is over; the last look, when that takes too
   * long.
   */
  async #settled(isCalm: (now: Vitals, before: Vitals) => boolean): Promise<Vitals> {
    const until = performance.now() + settleLimitMs;
    let before = await this.#daemon.look();
    for (;;) {
      this.#over.throwIfAborted();
      await pause(settleEveryMs);
      const now = await this.#daemon.look();
      if (isCalm(now, before) || performance.now() > until) return now;
      before = now;
    }
  }
}
