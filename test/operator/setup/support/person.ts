import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setupCommand } from '../../../../src/cli/setup.js';
import { createLog } from '../../../../src/log.js';
import type { SetupPlace } from '../../../../src/operator/rights.js';
import type { SetupEnvironment } from '../../../../src/operator/setup/environment.js';
import { FakeMachine } from '../../../doctor/support/fake-machine.js';
import { ScriptedModem } from '../../../doctor/support/scripted-modem.js';

/** A question that must come, and what is answered; a function is called when it comes. */
export type Line = readonly [question: RegExp, answer: string | (() => string)];

/** Of a modem, by the command. */
type Answers = Readonly<Record<string, readonly string[]>>;

/** Everything after the modem, answered with Enter. */
export const restByEnter: Line[] = [
  [/^The countries .*\[DE\]: $/, ''],
  [/^Who sends.*\[auth0\]: $/, ''],
  [/^The subject.*\[urn:Auth0\]: $/, ''],
  [/^Their audience.*\[urn:MySmsGateway\]: $/, ''],
  [/^Its public URL/, ''],
];
/** What comes after the last answer: it is written, and no test message is sent. */
export const endingByEnter: Line[] = [
  [/^Write this\? \[Y\/n\] $/, ''],
  [/^A number to send a test message to/, ''],
];

const silent = createLog({
  level: 'debug',
  format: 'json',
  stream: new Writable({ write: (_chunk, _encoding, done) => done() }),
});

/**
 * A machine with modems, a folder for the configuration, and a person (or nobody) who runs `simgate
 * setup`.
 */
export class Person {
  readonly folder = mkdtempSync(join(tmpdir(), 'simgate-setup-'));
  readonly file = join(this.folder, 'simgate.toml');
  readonly machine = new FakeMachine();
  readonly lines: string[] = [];
  readonly modems: ScriptedModem[] = [];
  env: NodeJS.ProcessEnv = { RUNTIME_DIRECTORY: this.folder };
  otherFiles: string[] = [];
  groups = 'root:x:0:\n';
  users = 'root:x:0:0::/root:/bin/sh\n';
  #script: Line[] = [];
  #isThere = false;

  /** Ends everything. Fails when a modem was asked what its script does not know. */
  async leave(): Promise<void> {
    for (const modem of this.modems) await modem.stop();
    this.machine.remove();
    chmodSync(this.folder, 0o755);
    rmSync(this.folder, { recursive: true });
    const unknown = this.modems.flatMap((modem) => modem.unknown);
    if (unknown.length > 0) throw new Error(`a modem was asked ${unknown.join(', ')}`);
  }

  /**
   * Plugs a stick of devices.txt in; a modem answers on its tty `name`. Gives the by-id name of it.
   */
  async plug(
    device: string,
    { at, firstTty = 0, name }: { at: string; firstTty?: number; name: string },
    answers: Answers = {},
  ): Promise<string> {
    const modem = await ScriptedModem.start(answers);
    this.modems.push(modem);
    this.machine.tree.plug(device, { at, firstTty });
    const node = this.machine.tree.path('dev', name);
    const byId = this.machine.tree.path('dev/serial/by-id');
    const links = readdirSync(byId).filter(
      (link) => statSync(join(byId, link)).ino === statSync(node).ino,
    );
    rmSync(node);
    symlinkSync(modem.tty, node);
    return links[0] === undefined ? node : join(byId, links[0]);
  }

  plugEc25(answers?: Answers): Promise<string> {
    return this.plug('ec25', { at: '1-1.2', name: 'ttyUSB2' }, answers);
  }

  plugE3372(answers?: Answers): Promise<string> {
    return this.plug('e3372s', { at: '1-1.3', firstTty: 4, name: 'ttyUSB5' }, answers);
  }

  /** Answers the questions of `script`, all of them and in this order. Gives what was said. */
  async runs(script: readonly Line[], ...words: string[]): Promise<string> {
    this.#script = [...script];
    this.#isThere = true;
    const said = await this.#run(words);
    if (this.#script.length > 0)
      throw new Error(`never asked: ${String(this.#script[0]![0])}\n${said}`);
    return said;
  }

  /** Without a terminal. */
  runsAsScript(...words: string[]): Promise<string> {
    this.#isThere = false;
    return this.#run(words);
  }

  async #run(words: readonly string[]): Promise<string> {
    this.lines.length = 0;
    const quiet = { writeOut: () => undefined, writeErr: () => undefined };
    const command = setupCommand(this.environment()).exitOverride().configureOutput(quiet);
    await command.parseAsync(['--config', this.file, ...words], { from: 'user' });
    return this.lines.join('\n');
  }

  environment(): SetupEnvironment {
    return {
      env: this.env,
      terminal: {
        isInteractive: this.#isThere,
        say: (line) => void this.lines.push(line),
        ask: (question) => this.#answer(question),
        askSecret: (question) => this.#answer(`${question}(hidden)`),
      },
      machine: this.machine.toLookAt(),
      place: this.place(),
      log: silent,
      otherFiles: this.otherFiles,
      installation: { command: 'simgate', docs: 'docs', hasService: true },
    };
  }

  /** Written when it is first asked for. */
  place(): SetupPlace {
    const [groupFile, passwdFile] = [
      this.machine.tree.path('group'),
      this.machine.tree.path('passwd'),
    ];
    if (!existsSync(passwdFile)) {
      writeFileSync(groupFile, this.groups);
      writeFileSync(passwdFile, this.users);
    }
    return { uid: process.getuid!(), gid: process.getgid!(), groupFile, passwdFile };
  }

  #answer(question: string): Promise<string> {
    const [expected, answer] = this.#script.shift() ?? [];
    if (expected === undefined || answer === undefined || !expected.test(question))
      return Promise.reject(
        new Error(`asked "${question}" instead of ${String(expected)}\n${this.lines.join('\n')}`),
      );
    this.lines.push(question);
    return Promise.resolve(typeof answer === 'string' ? answer : answer());
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  write(text: string): void {
    writeFileSync(this.file, text, { mode: 0o600 });
  }

  /** What is in the folder. */
  files(): string[] {
    return readdirSync(this.folder).sort();
  }

  mode(name: string): number {
    return statSync(join(this.folder, name)).mode & 0o777;
  }
}
