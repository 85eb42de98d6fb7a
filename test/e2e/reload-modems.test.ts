import { execFile } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VirtualModem } from '../faults/virtual-modem.js';
import { Rig } from './rig.js';

const run = promisify(execFile);
const cli = join(import.meta.dirname, '../../dist/cli.js');

let rig: Rig;
let others: VirtualModem[];
beforeEach(() => {
  others = [];
});
afterEach(async () => {
  await rig.stop();
  for (const modem of others) await modem.stop();
});

const command = async (...words: string[]) => {
  const { stdout, stderr } = await run(process.execPath, [
    cli,
    ...words,
    '--config',
    rig.configFile,
  ]).catch((error: unknown) => error as { stdout: string; stderr: string });
  return stdout + stderr;
};

/** The configuration of the start, with these entries instead of its own. */
const reload = async (...entries: string[]): Promise<string> => {
  const text = readFileSync(rig.configFile, 'utf8');
  const [head] = text.split('[[modem]]');
  // Whole at any moment, for a SIGHUP may still be on its way.
  writeFileSync(`${rig.configFile}.new`, [head, ...entries].join('\n'));
  renameSync(`${rig.configFile}.new`, rig.configFile);
  return command('reload');
};

const entry = (name: string, modem: VirtualModem, keys = '') =>
  `[[modem]]\nname = "${name}"\ndevice = "${modem.link}"\nguard_ms = 0\n${keys}\n`;

const another = async (name: string, ...flags: string[]): Promise<VirtualModem> => {
  const modem = await VirtualModem.start(rig.folder, name, flags);
  others.push(modem);
  return modem;
};

const isReady = (name: string) => (line: Record<string, unknown>) =>
  line.event === 'modem' && line.modem === name && line.phase === 'ready';

/** The texts that this network has taken. */
const taken = (modem: VirtualModem) =>
  modem.record().flatMap((one) => (one.kind === 'accepted' ? [one.text] : []));

/** Every text once, on whichever modem; and what was answered 200 among them. */
function judge(answers: readonly { text: string; status: number }[]): void {
  const all = [rig.modem, ...others].flatMap(taken);
  expect(all).toEqual([...new Set(all)]);
  for (const { text, status } of answers) {
    if (status === 200) expect(all).toContain(text);
    else expect(all).not.toContain(text);
  }
}

test('under load modems come, change and go, and nobody notices', async () => {
  rig = await Rig.start(['--submit-latency', '250']);
  const second = await another('second', '--submit-latency', '250');
  const third = await another('third', '--submit-latency', '250');
  const answers: Promise<{ text: string; status: number }>[] = [];
  let isOver = false;
  const load = (async () => {
    for (let number = 0; !isOver; number += 1) {
      const text = `message ${number}`;
      const recipient = `+49151${10_000_000 + number * 7}`;
      answers.push(rig.post({ recipient, body: text }).then(({ status }) => ({ text, status })));
      await new Promise((resolve) => setTimeout(resolve, 130));
    }
  })();
  const takenBy = (modem: VirtualModem, more: number) => {
    const before = taken(modem).length;
    return expect
      .poll(() => taken(modem).length, { timeout: 20_000 })
      .toBeGreaterThan(before + more);
  };
  const main = () => entry('main', rig.modem);

  expect(await reload(main(), entry('second', second))).toContain('modem second is new');
  await takenBy(second, 5);
  // What is opened anew ends its message first.
  const from = rig.log.length;
  expect(await reload(main(), entry('second', second, 'idle_probe_s = 61\nbaud = 9600'))).toContain(
    'modem second has changed (baud, idle_probe_s): it is opened anew',
  );
  await rig.until(isReady('second'), from);
  await takenBy(second, 3);
  // Another takes its place, and one is renamed, on the same tty.
  await reload(main(), entry('third', third));
  await takenBy(third, 3);
  const renamed = rig.log.length;
  await reload(main(), entry('fourth', third));
  await rig.until(isReady('fourth'), renamed);
  await takenBy(third, 3);
  expect(await reload(main())).toContain('modem fourth is taken away');
  await takenBy(rig.modem, 5);
  isOver = true;
  await load;

  const verdicts = await Promise.all(answers);
  expect(verdicts.length).toBeGreaterThan(40);
  expect(verdicts.filter(({ status }) => status !== 200)).toEqual([]);
  judge(verdicts);
  // Main was opened at the start, and never again.
  const opened = rig.log.filter(({ modem, phase }) => modem === 'main' && phase === 'opening');
  expect(opened).toHaveLength(1);
  expect(rig.log.filter(({ level }) => level === 'error')).toEqual([]);
  const state = JSON.parse(await command('status', '--json')) as { modems: { name: string }[] };
  expect(state.modems.map(({ name }) => name)).toEqual(['main']);
});

test('the only modem changes: its message ends, what waits is kept and sent by the new one', async () => {
  rig = await Rig.start(['--submit-latency', '6000']);
  const first = rig.post({ body: 'in the modem', recipient: '+4915111111111' });
  await rig.until((line) => line.event === 'at' && String(line.message).includes('AT+CMGS'));
  const second = rig.post({ body: 'waits', recipient: '+4915122222222' });
  await rig.untilWaiting(1);
  const from = rig.log.length;
  await reload(entry('main', rig.modem, 'init = ["AT+CGSMS=1"]'));
  // Meanwhile it says how it is.
  const answer = await rig.post({ body: 'came too early', recipient: '+4915133333333' });
  expect(answer.status).toBe(503);
  expect(String(answer.body.detail)).toMatch(
    /no modem is ready: main is lost \(its settings have changed: it is opened anew/,
  );
  expect(await command('status')).toContain('its settings have changed: it is opened anew');
  expect((await first).status).toBe(200);
  expect((await second).status).toBe(200);
  expect(taken(rig.modem)).toEqual(['in the modem', 'waits']);
  const phases = rig.log.slice(from).filter(({ event }) => event === 'modem');
  expect(phases.map(({ phase }) => phase)).toEqual(
    expect.arrayContaining(['stopped', 'opening', 'ready']),
  );
});

test('a modem that is taken away ends its message, long or not, and takes no other', async () => {
  rig = await Rig.start(['--submit-latency', '100']);
  const slow = await another('slow', '--submit-latency', '1200', '--number', '+4917000000001');
  await reload(entry('main', rig.modem), entry('slow', slow, 'number = "+4917000000001"'));
  await rig.until(isReady('slow'));
  const text = 'three segments '.repeat(25);
  const long = rig.post({ body: text, sender: '+4917000000001' });
  await expect.poll(() => taken(slow).length, { timeout: 10_000 }).toBe(1);
  expect(await reload(entry('main', rig.modem))).toContain('modem slow is taken away');
  const next = await rig.post({
    body: 'next',
    sender: '+4917000000001',
    recipient: '+4915122222222',
  });
  expect(next).toMatchObject({ status: 200, body: { modem: 'main' } });
  expect(await long).toMatchObject({ status: 200, body: { modem: 'slow', segments: 3 } });
  expect(taken(slow).join('')).toBe(text);
  await rig.until((line) => line.modem === 'slow' && line.phase === 'stopped');
});

test('what holds at once opens nothing: the caps, the number, roaming, times, the PIN’s file', async () => {
  rig = await Rig.start();
  const keys =
    'number = "+4917000000009"\nper_day = 1\nroaming = false\nsubmit_timeout_s = 99\nidle_probe_s = 33';
  const said = await reload(entry('main', rig.modem, keys));
  expect(said).toMatch(
    /modem main has changed \(number, submit_timeout_s, roaming, idle_probe_s, per_day\): that holds at once/,
  );
  expect((await rig.post({ body: 'one' })).status).toBe(200);
  expect(await rig.post({ body: 'two', recipient: '+4915122222222' })).toMatchObject({
    status: 503,
    body: { code: 'sim_cap_reached' },
  });
  expect(rig.log.filter(({ phase }) => phase === 'opening')).toHaveLength(1);
});

test('many reloads in a row, while a message is silent in the modem, end where the last one says', async () => {
  rig = await Rig.start(['--fault', 'late:4000@1']);
  const first = rig.post({ body: 'late' });
  await rig.until((line) => line.event === 'at' && String(line.message).includes('AT+CMGS'));
  for (const guard of [1, 2, 3]) {
    await reload(`[[modem]]\nname = "main"\ndevice = "${rig.modem.link}"\nguard_ms = ${guard}\n`);
    process.kill(rig.daemon.pid, 'SIGHUP');
  }
  const from = rig.log.length;
  await reload(entry('main', rig.modem, 'idle_probe_s = 50'));
  expect((await first).status).toBe(200);
  await rig.until(isReady('main'), from);
  expect((await rig.post({ body: 'after', recipient: '+4915122222222' })).status).toBe(200);
  expect(taken(rig.modem)).toEqual(['late', 'after']);
  expect(rig.log.filter(({ level }) => level === 'error')).toEqual([]);
});
