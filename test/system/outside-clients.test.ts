import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SimulatorProcess } from '../simulator/support/simulator-process.js';

/**
 * Clients that know real modems, and nothing of ours, judge the virtual one. They are Debian's
 * gammu, gammu-smsd and smstools; a missing one fails these tests.
 */
const run = promisify(execFile);
const recipient = '+491701234567';
const gsmText = 'Your code is 123456 {ok} [€] äöüß';
const unicodeText = 'Код: 123456 ✓ 👍';
const longText = 'Code 123456. '.repeat(30).trim();

const patience = { timeout: 120_000 };
const vendorsToIdentify = [
  'generic',
  'huawei',
  'zte',
  'sim800',
  'sim7600',
  'ec25',
  'ublox',
  'telit',
  'cinterion',
];

function gammuConfig(simulator: SimulatorProcess, more = ''): string {
  const path = join(simulator.folder, 'gammurc');
  const log = join(simulator.folder, 'gammu.log');
  const lines = [
    '[gammu]',
    `device=${simulator.link}`,
    'connection=at115200',
    'logformat=textalldate',
    `logfile=${log}`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n${more}`);
  return path;
}

/** What gammu's log says of any plain AT modem on a pseudo-terminal. */
const harmless = [
  /Setting (DTR|RTS) failed/,
  /Unknown model, but it should still work|\[Model data: `unknown'\]/,
  // Makers' own commands that gammu tries, and their refusal.
  /"ERROR"|Checking line: ERROR|AT\+\S+\.{3}ERRO?R?/,
  /Enabling CME errors/,
  // Facts that gammu knows only of Nokia phones.
  /GSM_Get(PPM|Hardware|OriginalIMEI|ManufactureMonth|ProductCode) failed with error NOTSUPPORTED/,
];

/** Lines of gammu's log that complain of the modem. */
function complaints(simulator: SimulatorProcess): string[] {
  return readFileSync(join(simulator.folder, 'gammu.log'), 'utf8')
    .split('\n')
    .filter((line) => /warn|error|fail|timeout|unknown|unhandled|garbage/i.test(line))
    .filter((line) => !harmless.some((pattern) => pattern.test(line)));
}

/** Waits until `isTrue`; the client's own polling sets the pace, the test's timeout the limit. */
async function until(isTrue: () => boolean, client: ChildProcess): Promise<void> {
  while (!isTrue()) {
    if (client.exitCode !== null)
      throw new Error(`the client ended with exit status ${client.exitCode}`);
    await pause(50);
  }
}

async function stop(client: ChildProcess): Promise<void> {
  if (client.exitCode !== null || client.signalCode !== null) return;
  const exited = once(client, 'exit');
  client.kill('SIGTERM');
  await exited;
}

function folders<Name extends string>(
  simulator: SimulatorProcess,
  ...names: Name[]
): Record<Name, string> {
  const made = names.map((name) => [name, `${join(simulator.folder, name)}/`] as const);
  for (const [, path] of made) mkdirSync(path);
  return Object.fromEntries(made) as Record<Name, string>;
}

/** The texts in the record, the segments of one message joined. */
function acceptedTexts(simulator: SimulatorProcess): string[] {
  const texts: string[] = [];
  for (const { concat_sequence: sequence = 1, text = '' } of simulator.accepted()) {
    if (sequence === 1) texts.push(text);
    else texts[texts.length - 1] += text;
  }
  return texts;
}

describe('gammu', () => {
  it.concurrent.each(vendorsToIdentify)(
    'identifies the virtual %s modem',
    patience,
    async (vendor) => {
      await using simulator = await SimulatorProcess.start('--vendor', vendor);
      const { stdout } = await run('gammu', ['-c', gammuConfig(simulator), '--identify']);
      expect(stdout).toMatch(/^IMEI +: \d{15}$/m);
      expect(stdout).toMatch(/^SIM IMSI +: 262010000000001$/m);
      expect(complaints(simulator)).toEqual([]);
    },
  );

  it.concurrent.each([
    ['GSM-7 text with extension characters', gsmText, []],
    ['UCS-2 text with a surrogate pair', unicodeText, ['-unicode']],
    ['text of three segments', longText, ['-autolen', '400']],
  ])('sends a %s, which the network takes once and unchanged', patience, async (_, text, flags) => {
    await using simulator = await SimulatorProcess.start();
    const command = ['-c', gammuConfig(simulator), 'sendsms', 'TEXT', recipient, '-text', text];
    const { stdout } = await run('gammu', command.concat(flags));
    expect(stdout).toContain('message reference=');
    expect(acceptedTexts(simulator)).toEqual([text]);
    expect(simulator.accepted().every((entry) => entry.recipient === recipient)).toBe(true);
    expect(complaints(simulator)).toEqual([]);
  });
});

describe('gammu-smsd', () => {
  it.concurrent('sends what is injected, once, and files what comes in', patience, async () => {
    await using simulator = await SimulatorProcess.start(
      '--submit-latency',
      '200',
      '--status-reports',
    );
    const paths = folders(simulator, 'inbox', 'outbox', 'sent', 'error');
    const log = join(simulator.folder, 'smsd.log');
    const config = gammuConfig(
      simulator,
      [
        '[smsd]',
        'service=files',
        `inboxpath=${paths.inbox}`,
        `outboxpath=${paths.outbox}`,
        `sentsmspath=${paths.sent}`,
        `errorsmspath=${paths.error}`,
        `logfile=${log}`,
        'debuglevel=1',
        'commtimeout=1',
        '',
      ].join('\n'),
    );
    const daemon = spawn('gammu-smsd', ['-c', config], { stdio: 'ignore' });
    try {
      await run('gammu-smsd-inject', ['-c', config, 'TEXT', recipient, '-text', gsmText]);
      await until(() => readdirSync(paths.sent).length > 0, daemon);
      await simulator.control({ inbound: { from: '+491729999999', text: 'Antwort' } });
      await until(() => readdirSync(paths.inbox).length > 0, daemon);
    } finally {
      await stop(daemon);
    }
    expect(acceptedTexts(simulator)).toEqual([gsmText]);
    expect(readdirSync(paths.error)).toEqual([]);
    const [received] = readdirSync(paths.inbox);
    expect(readFileSync(join(paths.inbox, received!), 'utf8')).toBe('Antwort');
    expect(
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => /fail|\((?!NONE)[A-Z]+\[\d+\]\)/i.test(line)),
    ).toEqual([]);
  });
});

describe('smsd of smstools', () => {
  it.concurrent('sends what is spooled, once, and files what comes in', patience, async () => {
    await using simulator = await SimulatorProcess.start('--submit-latency', '200');
    const paths = folders(simulator, 'outgoing', 'checked', 'sent', 'failed', 'incoming');
    const log = join(simulator.folder, 'smsd.log');
    const config = join(simulator.folder, 'smsd.conf');
    writeFileSync(
      config,
      [
        'devices = GSM1',
        `outgoing = ${paths.outgoing}`,
        `checked = ${paths.checked}`,
        `incoming = ${paths.incoming}`,
        `sent = ${paths.sent}`,
        `failed = ${paths.failed}`,
        `logfile = ${log}`,
        `infofile = ${join(simulator.folder, 'smsd.info')}`,
        `pidfile = ${join(simulator.folder, 'smsd.pid')}`,
        'loglevel = 7',
        'delaytime = 1',
        'receive_before_send = no',
        '[GSM1]',
        `device = ${simulator.link}`,
        'incoming = yes',
        'baudrate = 115200',
        'check_memory_method = 1',
        '',
      ].join('\n'),
    );
    const daemon = spawn('smsd', ['-t', `-c${config}`], { stdio: 'ignore' });
    try {
      const draft = join(simulator.folder, 'draft');
      writeFileSync(draft, `To: ${recipient.slice(1)}\n\nCode 123456`);
      renameSync(draft, join(paths.outgoing, 'message'));
      await until(() => existsSync(join(paths.sent, 'message')), daemon);
      await simulator.control({ inbound: { from: '+491729999999', text: 'Antwort' } });
      await until(() => readdirSync(paths.incoming).length > 0, daemon);
    } finally {
      await stop(daemon);
    }
    expect(acceptedTexts(simulator)).toEqual(['Code 123456']);
    expect(simulator.accepted()[0]?.recipient).toBe(recipient);
    expect(readdirSync(paths.failed)).toEqual([]);
    const [received] = readdirSync(paths.incoming);
    expect(readFileSync(join(paths.incoming, received!), 'latin1')).toContain('Antwort');
    expect(readFileSync(log, 'latin1')).not.toMatch(/ERROR|Unexpected|Modem is not ready/);
  });
});
