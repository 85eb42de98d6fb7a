import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { openPty } from '../../src/simulator/pty.js';
import { Rig } from './rig.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');

let rig: Rig;
afterEach(() => rig.stop());

/** `simgate pin enter` at a terminal, by a person who gives these answers in turn. */
async function entersPin(...answers: string[]): Promise<{ shown: string; code: number }> {
  let shown = '';
  let heard: () => void = () => undefined;
  const pty = await openPty({
    onData: (bytes) => {
      shown += bytes.toString();
      heard();
    },
    onError: () => undefined,
  });
  const tty = openSync(pty.slavePath, 'r+');
  const child = spawn(process.execPath, [cli, 'pin', 'enter', '--config', rig.configFile], {
    stdio: [tty, tty, 'pipe'],
    env: { PATH: process.env.PATH, TERM: 'xterm' },
  });
  const errors = text(child.stderr!);
  let isOver = false;
  const exited = once(child, 'exit').then(([code]) => {
    isOver = true;
    heard();
    return code as number;
  });
  const questions = [/PIN \(not shown/, /The same again/, /Write it into .*\[Y\/n\]/];
  let from = 0;
  for (const [index, answer] of answers.entries()) {
    while (!isOver && !questions[index]!.test(shown.slice(from)))
      await new Promise<void>((resolve) => (heard = resolve));
    from = shown.length;
    pty.write(Buffer.from(`${answer}\r`));
  }
  const code = await exited;
  closeSync(tty);
  shown += await errors;
  await pty.hangUp();
  return { shown, code };
}

const unlocking = { phase: 'unlocking' };
const isReady = (line: Record<string, unknown>) => line.event === 'modem' && line.phase === 'ready';

test('after a typo in pin_file a person enters the right one, and the daemon goes on with it', async () => {
  rig = await Rig.start(['--pin', '4711'], 'pin_file = "pin"', { pin: '1111', ...unlocking });
  await rig.until((line) => String(line.reason).includes('sudo simgate pin enter'));
  const from = rig.log.length;
  const { shown, code } = await entersPin('4711', '4711', 'y');
  expect(shown).toContain('2 of 3 tries are left; a wrong PIN spends one');
  expect(shown).toContain('the SIM took the PIN, and is ready');
  expect(code).toBe(0);
  expect(readFileSync(join(rig.folder, 'pin'), 'utf8')).toBe('4711\n');
  await rig.until(isReady, from);
  expect((await rig.post({})).status).toBe(200);
  // At the next power-on it is the file's that counts.
  const again = rig.log.length;
  await rig.modem.control({ reboot: true });
  await rig.until((line) => line.phase === 'unlocking', again);
  await rig.until(isReady, again);
  const pins = rig.modem.record().filter(({ kind }) => kind === 'pin');
  expect(pins).toHaveLength(3);
  expect(shown + rig.raw).not.toMatch(/4711|1111/);
});

test('a person who mistypes is told what is left, and the last try is left to a telephone', async () => {
  rig = await Rig.start(['--pin', '4711', '--pin-tries', '3'], '', unlocking);
  const first = await entersPin('9999', '9999');
  expect(first.shown).toContain('the SIM refused the PIN: 2 tries left');
  expect(first.code).toBe(1);
  const second = await entersPin('9998', '9998');
  expect(second.shown).toContain('the SIM refused the PIN: 1 try left');
  const third = await entersPin();
  expect(third.shown).toMatch(
    /only 1 try left, and after a wrong one the SIM is blocked.*telephone/,
  );
  expect(third.code).toBe(1);
  const { attempts, tries } = await rig.modem.simCard();
  expect([attempts, tries]).toEqual([2, 1]);
  expect(rig.raw).not.toMatch(/9999|9998/);
});

test('with the daemon down it opens the modem itself, and what it writes the daemon can use', async () => {
  rig = await Rig.start(['--pin', '4711'], 'pin_file = "pin"', { pin: '1111', ...unlocking });
  await rig.until((line) => String(line.reason).includes('sudo simgate pin enter'));
  await rig.daemon.end('SIGTERM');
  const { shown, code } = await entersPin('4711', '4711', '');
  expect(shown).toContain('the SIM took the PIN, and is ready');
  expect(code).toBe(0);
  const from = rig.log.length;
  await rig.startDaemon();
  await rig.until(isReady, from);
  const again = rig.log.length;
  await rig.modem.control({ reboot: true });
  await rig.until((line) => line.phase === 'unlocking', again);
  await rig.until(isReady, again);
  expect(shown).not.toMatch(/4711|1111/);
});

test('what simgate may not try again, as its outcome is unknown, a person enters; the file holds again', async () => {
  rig = await Rig.start(['--pin', '4711'], '', unlocking);
  await rig.modem.control({ pin_fault: 'hangup-lost' });
  writeFileSync(join(rig.folder, 'pin'), '4711\n', { mode: 0o600 });
  const config = readFileSync(rig.configFile, 'utf8');
  writeFileSync(rig.configFile, config.replace('guard_ms = 0', 'guard_ms = 0\npin_file = "pin"'));
  process.kill(rig.daemon.pid!, 'SIGHUP');
  await rig.until((line) => String(line.reason).includes('is not known, so it is not tried again'));
  const from = rig.log.length;
  const { shown } = await entersPin('4711', '4711');
  expect(shown).toContain('3 of 3 tries are left');
  expect(shown).toContain('pin has it: simgate enters it after each power-on');
  await rig.until(isReady, from);
  const again = rig.log.length;
  await rig.modem.control({ reboot: true });
  await rig.until((line) => line.phase === 'unlocking', again);
  await rig.until(isReady, again);
});

test('without a terminal nothing is read, and no option takes a PIN', async () => {
  rig = await Rig.start(['--pin', '4711'], '', unlocking);
  const child = spawn(process.execPath, [cli, 'pin', 'enter', '--config', rig.configFile], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end('4711\n4711\n');
  expect(await text(child.stderr)).toContain('a PIN is read from a terminal only');
  const argv = spawn(process.execPath, [cli, 'pin', 'enter', '4711'], { stdio: 'pipe' });
  expect(await text(argv.stderr)).toContain('too many arguments');
  expect((await rig.modem.simCard()).attempts).toBe(0);
});
