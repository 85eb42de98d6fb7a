import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import winston from 'winston';
import { type ControlServer, openControlSocket } from '../../../src/control/server.js';
import { testText } from '../../../src/doctor/test-message.js';
import { openPty } from '../../../src/simulator/pty.js';
import { VirtualModem } from '../../faults/virtual-modem.js';
import { Person } from './support/person.js';

const program = ['--import', 'tsx', join(import.meta.dirname, 'support/run.ts')];

let person: Person;
let virtual: VirtualModem | undefined;
let daemon: ControlServer | undefined;
beforeEach(() => {
  person = new Person();
});
afterEach(async () => {
  process.exitCode = undefined;
  await daemon?.close();
  await virtual?.stop();
  daemon = virtual = undefined;
  await person.leave();
});

const environment = () => ({
  PATH: process.env.PATH,
  RUNTIME_DIRECTORY: person.folder,
  TERM: 'xterm',
});

/** Ends the virtual modem, and gives every PIN that it was given. */
async function pinTries(): Promise<unknown[]> {
  const ended = virtual!;
  virtual = undefined;
  await ended.stop();
  return ended.record().filter(({ kind }) => kind === 'pin');
}

it('a PIN that is typed at a real terminal is not shown there', async () => {
  virtual = await VirtualModem.start(person.folder, 'modem', ['--pin', '471147']);
  let shown = '';
  let heard: () => void = () => undefined;
  const pty = await openPty({
    onData: (bytes) => {
      shown += bytes.toString();
      heard();
    },
    onError: () => undefined,
  });
  const until = async (question: string) => {
    while (!shown.includes(question)) await new Promise<void>((resolve) => (heard = resolve));
    shown = shown.replace(question, '');
  };
  const tty = openSync(pty.slavePath, 'r+');
  const words = [
    '--config',
    person.file,
    '--device',
    virtual.link,
    '--countries',
    'DE',
    '--caller',
    'token',
    '--yes',
  ];
  const child = spawn(process.execPath, [...program, ...words], {
    stdio: [tty, tty, tty],
    env: environment(),
  });
  const ended = once(child, 'close');
  closeSync(tty);
  const whole: string[] = [];
  for (const question of ['PIN (not shown; Enter alone: later): ', 'The same again: ']) {
    await until(question);
    whole.push(shown);
    pty.write(Buffer.from('471147\r'));
  }
  const [code] = (await ended) as [number | null];
  await pty.hangUp();
  expect(code).toBe(0);
  expect(whole.join('') + shown).not.toContain('4711');
  expect(person.read('pin-main')).toBe('471147\n');
  expect(await pinTries()).toEqual([]);
});

it('without a terminal it is plain text, and ends where an answer is missing', async () => {
  const run = async (...words: string[]) => {
    const child = spawn(process.execPath, [...program, '--config', person.file, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment(),
    });
    const closed = once(child, 'close');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await closed) as [number | null];
    return { code, stdout, stderr };
  };
  const failed = await run('--device', 'auto');
  expect(failed).toMatchObject({
    code: 1,
    stderr: 'simgate: --countries is missing: the countries that may be written to\n',
  });
  expect(existsSync(person.file)).toBe(false);
  const done = await run('--device', 'auto', '--countries', 'DE', '--yes');
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout).not.toContain('\u001b');
});

it('the test message goes out through the modem that was chosen', async () => {
  virtual = await VirtualModem.start(person.folder, 'modem', []);
  const said = await person.runsAsScript(
    '--device',
    virtual.link,
    '--countries',
    'DE',
    '--yes',
    '--send',
    '+49 151 12345678',
  );
  expect(said).toMatch(/ok: the network accepted the test message to \+49…78 through main/);
  expect(said).not.toContain('12345678');
  expect(process.exitCode).toBeUndefined();
  await virtual.stop();
  const texts = virtual
    .record()
    .flatMap((entry) => (entry.kind === 'accepted' ? [entry.text] : []));
  virtual = undefined;
  expect(texts).toEqual([testText]);
});

it('a SIM that waits for its PIN sends no test message: only the daemon enters it', async () => {
  virtual = await VirtualModem.start(person.folder, 'modem', ['--pin', '4711']);
  person.env.SIMGATE_PIN = '4711';
  const said = await person.runsAsScript(
    '--device',
    virtual.link,
    '--countries',
    'DE',
    '--yes',
    '--send',
    '+4915112345678',
  );
  expect(said).toContain('the SIM waits for its PIN, which only the daemon enters');
  expect(process.exitCode).toBe(1);
  expect(await pinTries()).toEqual([]);
});

it('a running daemon is asked about its modem and sends the test message, and only what it must do is said', async () => {
  await person.runsAsScript('--device', '/dev/modem', '--countries', 'DE', '--yes');
  const sent: unknown[] = [];
  daemon = await openControlSocket({
    path: join(person.folder, 'control.sock'),
    log: winston.createLogger({ silent: true }),
    commands: {
      status: async function* () {
        yield { pid: 4711 };
      },
      doctor: async function* () {
        yield {
          report: {
            name: 'main',
            device: '/dev/modem',
            findings: [],
            facts: { sim: 'ready', smsc: '+43…78' },
          },
        };
      },
      send: async function* (request) {
        sent.push(request.recipient);
        yield { finding: { check: 'send', level: 'ok', what: 'accepted' } };
      },
    },
  });
  const said = await person.runsAsScript('--countries', 'AT', '--send', '+4915112345678');
  expect(said).toContain('Modem "main" is configured as /dev/modem: it answers.');
  expect(said).toContain('ok: accepted');
  expect(said).toContain(`simgate reload --config ${person.file}`);
  expect(sent).toEqual(['+4915112345678']);
});
