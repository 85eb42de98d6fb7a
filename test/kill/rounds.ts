import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { mintToken } from '../../src/secret/token.js';
import { configHead } from '../config-text.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import {
  type Credentials,
  deadlineMs,
  type KeyedStory,
  lateDeadlineMs,
  tryOnce,
  untilFinal,
} from './caller.js';
import { Daemon, type Life } from './daemon.js';
import { JournalHolder } from './journal-holder.js';
import type { Violation } from './judge.js';
import { Latch } from './latch.js';
import { leakFinder } from './leaks.js';
import type { KeyedMessage, Limits, Moment, Plan, Round } from './plan.js';
import { journalFile, type Snapshot, takeSnapshot } from './snapshot.js';
import { Watch } from './watch.js';

/** All that a run leaves to be judged. */
export interface Played {
  modem: VirtualModem;
  stateDir: string;
  lives: readonly Life[];
  snapshots: readonly Snapshot[];
  stories: readonly KeyedStory[];
  /** What was wrong with daemon and log on the way. */
  violations: Violation[];
}

/**
 * Milliseconds in which something comes to pass in a round, or the daemon is killed whatever it
 * does.
 */
const roundMs = 3_000;
/** Milliseconds in which the daemon may still be killed when all callers have their answers. */
const leisureMs = 60;
/**
 * Each step of a submit takes time enough to be killed in; at this speed a PDU takes 10 to 30 ms
 * from the prompt to Ctrl-Z.
 */
const modemFlags = ['--submit-latency', '50', '--command-latency', '3', '--baud', '115200'];

/** Plays every round of a plan, and then asks again for what was asked long ago. */
export async function play(plan: Plan, folder: string, seed: number): Promise<Played> {
  const stage = await Stage.set(plan, folder, seed);
  for (const round of plan.rounds) await stage.play(round);
  await stage.finish();
  return stage;
}

/** The messages of a round on their way. */
interface Sent {
  /** All have been sent. */
  underWay: Promise<void>;
  /** Each has had an answer. */
  answered: Promise<void>;
}

class Stage implements Played {
  readonly modem: VirtualModem;
  readonly stateDir: string;
  readonly snapshots: Snapshot[] = [];
  readonly stories: KeyedStory[] = [];
  readonly violations: Violation[] = [];
  readonly #daemon: Daemon;
  readonly #watch: Watch;
  readonly #credentials: Credentials;
  readonly #findLeak: (octets: string) => string | undefined;
  readonly #callers: Promise<void>[] = [];

  private constructor(
    folder: string,
    modem: VirtualModem,
    plan: Plan,
    secret: string,
    credentials: Credentials,
  ) {
    this.modem = modem;
    this.#credentials = credentials;
    this.stateDir = join(folder, 'state');
    mkdirSync(this.stateDir, { mode: 0o700 });
    this.#findLeak = leakFinder(
      plan.messages.map(({ recipient }) => recipient),
      [secret, credentials.hastySecret],
      credentials.token,
    );
    writeFileSync(join(folder, 'hasty-secret'), credentials.hastySecret, { mode: 0o600 });
    const config = writeConfig(folder, this.stateDir, modem.link, secret, plan.limits);
    this.#daemon = new Daemon(folder, config, {
      line: (line) => this.#takeLine(line),
      fault: (what) => this.violations.push({ property: 'contract', what }),
    });
    this.#watch = new Watch(
      join(folder, `${modem.name}.record.jsonl`),
      this.stateDir,
      `${journalFile}-wal`,
    );
  }

  static async set(plan: Plan, folder: string, seed: number): Promise<Stage> {
    const modem = await VirtualModem.start(folder, 'modem', [
      '--seed',
      String(seed),
      ...modemFlags,
    ]);
    const secret = `secret-of-kill-run-${seed}-0123456789abcdef`;
    const claims = { subject: 'urn:Auth0', audience: 'urn:MySmsGateway', expiresInS: 7_200 };
    const token = await mintToken({ secret: Buffer.from(secret), ...claims });
    const stage = new Stage(folder, modem, plan, secret, {
      token,
      hastySecret: `hasty-${secret}`,
    });
    stage.#daemon.start();
    return stage;
  }

  get lives(): readonly Life[] {
    return this.#daemon.lives;
  }

  /** Sends the messages of a round, kills the daemon at its moment, and starts it again. */
  async play({ messages, moment }: Round): Promise<void> {
    await this.#daemon.untilReady();
    if (moment.kind === 'start') await this.#killStarting(moment.delayMs);
    const holder = moment.kind === 'held_journal' ? await this.#hold(moment.holdMs) : undefined;
    try {
      // Before the first request, for it may come to pass at once.
      const seen = this.#comes(moment);
      const sent = this.#send(messages);
      const atLeisure = sent.answered.then(() => pause(leisureMs));
      await Promise.race([seen, atLeisure, pause(roundMs, undefined, { ref: false })]);
      await this.#kill();
      await sent.underWay;
    } finally {
      await holder?.kill();
    }
    this.#daemon.start();
  }

  /** When all have their answers: kills once more, and asks again for some of the messages. */
  async finish(): Promise<void> {
    await Promise.all(this.#callers);
    await this.#daemon.untilReady();
    await this.#kill();
    this.#daemon.start();
    await this.#daemon.untilReady();
    for (const { message, tries } of this.stories) {
      if (!message.isRepeatedLate) continue;
      tries.push(await tryOnce(await this.#daemon.untilUp(), this.#credentials, message));
    }
    await this.#kill();
    this.#watch.close();
    await this.#daemon.stop();
    await this.modem.stop();
  }

  /** Sends each with its fault and its pause. */
  #send(messages: readonly KeyedMessage[]): Sent {
    const answers = messages.map(() => new Latch<true>());
    const sendAll = async (): Promise<void> => {
      for (const [index, message] of messages.entries()) {
        const { submitFault, pauseMs } = message;
        if (submitFault !== undefined) await this.modem.control({ fault: submitFault, submits: 1 });
        this.#ask(message, () => answers[index]!.open(true));
        await pause(pauseMs);
      }
    };
    const answered = Promise.all(answers.map((answer) => answer.passed()));
    return { underWay: sendAll(), answered: answered.then(() => undefined) };
  }

  #ask(message: KeyedMessage, onAnswer: () => void): void {
    const story: KeyedStory = { message, tries: [] };
    this.stories.push(story);
    const tell = (status: number): void => {
      this.#watch.see(status === 202 ? 'promised' : 'answer');
      onAnswer();
    };
    const asked = untilFinal(this.#daemon, this.#credentials, story, tell).catch(
      (error: unknown) => {
        this.violations.push({
          property: 'contract',
          what: `a caller failed: ${String(error)}`,
          story,
        });
      },
    );
    this.#callers.push(asked);
  }

  async #comes(moment: Moment): Promise<void> {
    if (moment.kind === 'held_journal') await this.#watch.next('ctrl_z');
    if ('nth' in moment) {
      for (let count = 0; count < moment.nth; count += 1) await this.#watch.next(moment.kind);
    }
    if (moment.delayMs > 0) await pause(moment.delayMs);
  }

  /**
   * Holds the journal when no message is on its way: the next one's row is then surely kept
   * waiting.
   */
  async #hold(holdMs: number): Promise<JournalHolder> {
    await Promise.all(this.#callers);
    return JournalHolder.hold(join(this.stateDir, journalFile), holdMs);
  }

  async #killStarting(delayMs: number): Promise<void> {
    await this.#kill();
    this.#daemon.start();
    await pause(delayMs);
    await this.#kill();
    this.#daemon.start();
    await this.#daemon.untilReady();
  }

  async #kill(): Promise<void> {
    await this.#daemon.end('SIGKILL');
    const snapshot = takeSnapshot(this.stateDir, this.lives.length - 1, this.#findLeak);
    if (snapshot !== undefined) this.snapshots.push(snapshot);
  }

  #takeLine(line: string): void {
    const leak = this.#findLeak(line);
    if (leak !== undefined) this.violations.push({ property: 'I6', what: `the log says ${leak}` });
    if (!line.startsWith('{') || !line.includes('"event":"journal"')) return;
    const { level, message } = JSON.parse(line) as { level: string; message: string };
    if (level === 'error')
      this.violations.push({ property: 'journal', what: `the daemon says: ${message}` });
  }
}

/** Returns the configuration's path. */
function writeConfig(
  folder: string,
  stateDir: string,
  tty: string,
  secret: string,
  { segments, recipients, perRecipient }: Limits,
): string {
  const [file, secretFile] = [join(folder, 'simgate.toml'), join(folder, 'secret')];
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const config = `${configHead({ stateDir, secretFile })}[message]
deadline_s = ${deadlineMs / 1000}
[policy]
countries = ["*"]
per_recipient = "${perRecipient} in 24 h"
per_block = "off"
per_client_ip = "off"
per_country = "off"
total = "off"
lock_out_first_s = 0
cool_down_recipient_s = 0
cool_down_block_s = 0
[log]
level = "debug"
format = "json"
[[caller]]
name = "hasty"
kind = "bearer"
secret_file = "${join(folder, 'hasty-secret')}"
on_slow = "202"
deadline_s = 0.5
late_deadline_s = ${lateDeadlineMs / 1000}
[[modem]]
name = "main"
device = "${tty}"
guard_ms = 0
submit_timeout_s = 3
per_day = ${segments}
recipients_per_month = ${recipients}
`;
  writeFileSync(file, config);
  return file;
}
