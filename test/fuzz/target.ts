import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken } from '../../src/secret/token.js';
import { claims, configHead, openPolicy } from '../config-text.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import { Daemon } from '../soak/daemon.js';
import type { Vitals } from '../soak/vitals.js';
import { adapterTables } from './adapters.js';
import type { Flood } from './flood.js';
import { judge } from './judge.js';
import type { Credentials } from './plan.js';
import { markerPrefix } from './requests.js';

/**
 * Lines of refused tokens that the daemon may log a minute, with the one that counts the others.
 */
const refusalLinesPerMinute = 11;

/** The daemon under attack, at a virtual modem on a tty. */
export class Target {
  readonly credentials: Credentials;
  readonly #folder: string;
  readonly #daemon: Daemon;
  readonly #modem: VirtualModem;
  /** What must never stand in the log. */
  readonly #secrets: readonly string[];
  readonly #startedAt = performance.now();

  private constructor(folder: string, modem: VirtualModem, credentials: Credentials) {
    const { token, text, supabase } = credentials;
    this.credentials = credentials;
    this.#folder = folder;
    this.#modem = modem;
    this.#secrets = [text, supabase, token, markerPrefix];
    this.#daemon = new Daemon(folder, join(folder, 'simgate.toml'));
  }

  /** Resolves when a message could be sent. */
  static async start(folder: string): Promise<Target> {
    const modem = await VirtualModem.start(folder, 'modem', []);
    const secret = randomBytes(32).toString('hex');
    writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 });
    const supabase = `v1,whsec_${randomBytes(32).toString('base64')}`;
    writeFileSync(join(folder, 'supabase'), supabase, { mode: 0o600 });
    writeFileSync(join(folder, 'simgate.toml'), configOf(modem.link));
    const token = await mintToken({
      secret: Buffer.from(secret),
      ...claims,
      expiresInS: 7200,
    });
    const target = new Target(folder, modem, { token, text: secret, supabase });
    await target.#daemon.untilReady(['main']);
    return target;
  }

  get port(): number {
    return this.#daemon.port;
  }

  /**
   * How it stands with the daemon, after a full collection inside: how lazy that is says nothing
   * about what is kept.
   */
  look(): Promise<Vitals> {
    return this.#daemon.look();
  }

  /**
   * Ends everything, and gives what was wrong with the daemon and with what its callers were told;
   * rejects if it has crashed.
   */
  async stop(flood: Flood): Promise<string[]> {
    const minutes = Math.ceil((performance.now() - this.#startedAt) / 60_000) + 1;
    await this.#daemon.stop();
    await this.#modem.stop();
    const accepted = this.#modem.record().filter((entry) => entry.kind === 'accepted');
    const complaints = this.#daemon.complaints.map((line) => `on stderr: ${line}`);
    return [...complaints, ...this.#faultsOfLog(minutes), ...judge(flood.claims, accepted)];
  }

  #faultsOfLog(minutes: number): string[] {
    const lines = readFileSync(join(this.#folder, 'daemon.log'), 'utf8').split('\n');
    const refusals = lines.filter((line) =>
      /"event":"(?:token_refused|refusals_suppressed)"/.test(line),
    );
    const isBounded = refusals.length <= refusalLinesPerMinute * minutes;
    return [
      ...lines
        .filter((line) => line.includes('"level":"error"'))
        .map((line) => `an error in the log: ${line}`),
      ...lines
        .filter((line) => this.#secrets.some((secret) => line.includes(secret)))
        .map((line) => `what must not be in the log: ${line}`),
      ...(isBounded
        ? []
        : [`${refusals.length} lines of refused tokens in the log in ${minutes} minutes`]),
    ];
  }
}

/**
 * No guard time and room for every valid request; all that bounds callers is as it is by default.
 */
function configOf(tty: string): string {
  return `${configHead()}[[modem]]
name = "main"
device = "${tty}"
guard_ms = 0
[message]
max_waiting = 1000
${openPolicy}${adapterTables('secret', 'supabase')}`;
}
