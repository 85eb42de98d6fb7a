import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { statusText } from '../../src/daemon/systemd/status-text.js';
import { leaveNote } from '../../src/recovery-hook/note.js';
import { toldNumber } from '../../src/simulator/vendors.js';
import { fatalText } from '../../src/words/error-text.js';
import { Rig } from '../e2e/rig.js';

const src = resolve(import.meta.dirname, '../../src');

/**
 * What leaves the process, as it is spelled: streams, answers, sockets, files, programs, tables,
 * metrics.
 */
const waysOut = new RegExp(
  [
    String.raw`console\.\w+\(|process\.std(?:out|err)\b|winston\.transports|\b(?:out|notes|stdout)\.write\(`,
    String.raw`ctx\.body =|\b(?:res|response)\.write\(|\banswerHtml\(|toRawAnswer\(|socket\.(?:write|end)\(\S`,
    String.raw`\b(?:writeFile|writeFileSync|appendFile|writeSync)\(|\.#file\.write\(`,
    String.raw`\bwrite(?:State|Private)File\(|\bfetch\(|\bcall\(\{|\.sendMail\(`,
    String.raw`\bexecFile\(|\bspawn(?:Sync)?\(|\.prepare\(|new (?:Counter|Gauge|Histogram)\(`,
  ].join('|'),
);

/**
 * Every file by which something leaves, and why no foreign words leave there as they came. Who adds
 * a way out adds it here: let what a modem, the air or a stranger said pass `foreignWords`
 * (src/words/foreign.ts) on its way, and what is our own sentence `withoutNumbers` where it leaves.
 */
const outlets: Readonly<Record<string, string>> = {
  'alerts/alert-file.ts': 'sentences of our own, made of the judgement',
  'alerts/webhook.ts':
    'wordingOf, by withoutNumbers and escaped; secrets go to their receiver only',
  'alerts/mail.ts': 'the same',
  'alerts/heartbeat.ts': 'nothing but that it beats',
  'cli/alerts.ts': 'what the control socket answered',
  'log.ts': 'every text by withoutNumbers, and escaped',
  'daemon/serve.ts': 'fatalText',
  'cli/cli.ts':
    'fatalText; else messages of our own errors, whose foreign words came through the door',
  'cli/entry.ts': 'Node’s version and path',
  'cli/check-config.ts': 'the operator’s own configuration',
  'cli/commands.ts': 'the operator’s own configuration',
  'cli/daemon.ts': 'what the control socket answered',
  'cli/demo.ts': 'the virtual modem’s words only',
  'control/server.ts':
    'errors by withoutNumbers; answers are made of facts and snapshots, which came through the door',
  'control/client.ts': 'to our own daemon',
  'cli/doctor.ts':
    'facts by foreignWords; USSD by escapeControls, for it is what was asked for, on the terminal of who asked',
  'doctor/service.ts': 'names of our own, to systemctl and its kin',
  'cli/log.ts': 'rows of the journal',
  'cli/status.ts': 'what the control socket answered',
  'journal/schema.ts': 'no foreign words',
  'journal/store.ts':
    'masked numbers, HMACs, our codes, and cause codes and reasons by foreignWords',
  'journal/journal-file.ts': 'queries',
  'journal/hmac-key.ts': 'a key',
  'http/problem.ts': 'asItMayLeave',
  'http/app.ts': 'asItMayLeave',
  'http/error-exit.ts': 'problem.ts; of what was sent, names of our own, numbers and references',
  'http/server.ts': 'problem.ts',
  'http/read-route.ts': 'names of our own, codes and references',
  'page/page-answers.ts': 'markup by asItMayLeave, in html.ts',
  'page/door.ts': 'our own sentences',
  'page/page.ts': 'the same',
  'page/streams.ts': 'the same',
  'page/messages-routes.ts': 'CSV by asItMayLeave, in csv.ts',
  'page/history-file.ts': 'figures, and names of the configuration',
  'metrics/events.ts': 'closed sets (test/metrics/rules.test.ts)',
  'metrics/gauges.ts': 'closed sets',
  'metrics/metrics.ts': 'closed sets',
  'metrics/process.ts': 'figures',
  'daemon/systemd/sd-notify.ts': 'foreignWords, in status-text.ts',
  'recovery-hook/note.ts': 'escapeControls and withoutNumbers',
  'recovery-hook/run.ts': 'the note, and names that it has checked',
  'cli/plan.ts': 'figures',
  'cli/recovery-hook.ts': 'the note, as an argument',
  'serial/port.ts': 'AT commands and TPDUs of our own, to the modem',
  'serial/socket-link.ts': 'the same, to a modem elsewhere',
  'modem/in-flight-record.ts': 'references',
  'inbound/signed-call.ts': 'a text, to the receiver that the operator named; of it, a status only',
  'inbound/spool.ts':
    'the one place that keeps a text, where the operator asks for it: 0600, until it was taken',
  'outgoing/call.ts': 'what alerts and inbound have it tell; of answers, foreignWords or nothing',
  'credit/credit.ts': 'figures, and reasons whose foreign words came through the door',
  'daemon/closed-process.ts': 'a constant',
  'daemon/state-dir.ts': 'constants, to flock(1)',
  'modem/habits.ts': 'hashes',
  'modem/pin-memory.ts': 'HMACs',
  'cli/service.ts': 'the operator’s own words',
  'operator/service/install.ts': 'units',
  'operator/setup/environment.ts': 'what the operator answered',
  'operator/auth0/gateway-url.ts': 'to the gateway’s own address, what a caller would send',
  'operator/terminal.ts':
    'Auth0’s errors by foreignWords, its names and options by escapeControls, for the operator who asked',
  'secret/private-file.ts': 'what those have who write with it',
  'operator/admin/set-password.ts': 'a hash',
  'operator/auth0/folder.ts': 'what restore needs, for root only',
  'operator/setup/save.ts': 'what the operator answered',
  'operator/setup/pin-entry.ts': 'the PIN, into the file that has it',
  'operator/auth0/action/source.ts': 'runs at Auth0: our own sentences',
};

describe('the ways out', () => {
  it('are all known', () => {
    const code = (file: string) =>
      readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    const found = readdirSync(src, { recursive: true, encoding: 'utf8' })
      // What runs in a browser talks to our own listener only: the page's policy sees to that.
      .filter((name) => name.endsWith('.ts') && !/^(?:simulator|page\/browser)\//.test(name))
      .map((name) => join(src, name))
      .filter((file) => waysOut.test(code(file)))
      .map((file) => relative(src, file));
    expect(found.sort()).toEqual(Object.keys(outlets).sort());
  });
});

/**
 * What no outlet may hold: the number however it is written, and controls that steer a terminal.
 */
function expectClean(what: string, said: string): void {
  expect(said.length, `${what} says nothing`).toBeGreaterThan(0);
  expect(said, what).not.toContain(toldNumber.slice(3));
  expect(said, what).not.toMatch(/123[- ]?4567/);
  expect(said, what).not.toMatch(/[\u0080-\u009f\u001b\u202a-\u202e]/);
}

const run = promisify(execFile);
const cli = resolve(src, '../dist/cli.js');

describe('fed with hostile words', () => {
  let rig: Rig | undefined;
  afterEach(() => rig?.stop());

  const command = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await run(process.execPath, [
      cli,
      ...args,
      '--config',
      rig!.configFile,
    ]).catch((error: unknown) => error as { stdout: string; stderr: string });
    return stdout + stderr;
  };
  const pages = [
    '/',
    '/status.json',
    '/messages',
    '/messages.csv',
    '/history',
    '/history.json',
    '/policy',
    '/callers',
  ];
  const page = async (path: string) =>
    (await fetch(`http://127.0.0.1:${rig!.adminPort}${path}`)).text();

  it('log, answers, status page, metrics, journal and command line are clean', {
    timeout: 60_000,
  }, async () => {
    rig = await Rig.start(['--vendor', 'talkative', '--urc-noise', '5', '--boot-ms', '200']);
    for (const path of pages) expectClean(`the page ${path}`, await page(path));
    const answers: unknown[] = [];
    for (const words of [
      `barred: ${toldNumber}`,
      '(0151) 123-4567 \u009b31m',
      `${toldNumber.slice(1)} `,
    ]) {
      await rig.modem.control({ fault: `cms-verbose:${words}` });
      answers.push((await rig.post({ recipient: `+4917612345${answers.length}00` })).body);
    }
    expect(answers).toHaveLength(3);
    const hostile = {
      sub: toldNumber,
      aud: [toldNumber, '(0151) 123-4567'],
      jti: `\u009b31m${toldNumber}`,
      iss: 491_511_234_567,
    };
    const header = { alg: 'HS256', kid: toldNumber };
    const { token } = rig;
    rig.token = await new SignJWT(hostile as never)
      .setProtectedHeader(header)
      .sign(Buffer.alloc(32, 7));
    answers.push((await rig.post({ recipient: '+4917612345900' })).body);
    rig.token = `${token.slice(0, 20)}.${Buffer.from(toldNumber).toString('base64url')}.x`;
    answers.push((await rig.post({})).body);
    expectClean('the answers', JSON.stringify(answers));
    const from = rig.log.length;
    await rig.modem.control({ inject: `^SYSSTART ${toldNumber}` });
    await rig.until((line) => line.phase === 'lost' || line.phase === 'absent', from);
    const away = await rig.post({ recipient: '+4917612345901' });
    expectClean('the answer while it restarts', JSON.stringify(away.body));
    for (const path of pages) expectClean(`the page ${path} while it restarts`, await page(path));
    await rig.until((line) => line.phase === 'ready', from);
    expectClean('the metrics', await page('/metrics'));
    expectClean('simgate doctor', (await command('doctor')) + (await command('doctor', '--json')));
    expectClean('simgate modems', await command('modems', '--json'));
    const journal = await command('log', '--json');
    expect(journal).toContain('CMS ');
    expectClean('simgate log', journal + (await command('log')));
    await rig.daemon.end('SIGTERM');
    const state = join(rig.folder, 'state');
    const files = readdirSync(state, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /journal|flight/.test(name),
    );
    expect(files.length).toBeGreaterThan(0);
    for (const name of files) {
      const octets = readFileSync(join(state, name), 'latin1');
      expect(octets, name).not.toContain(toldNumber.slice(3));
      expect(octets, name).not.toContain('123-4567');
    }
    expect(rig.raw).toContain('+49…67');
    expectClean('the log', rig.raw);
  });

  it('the service manager’s status, the note for the hook and a fatal error are clean', async () => {
    const modem = {
      name: `m ${toldNumber}`,
      phase: 'ready',
      operator: `Net ${toldNumber}\u009b2J`,
      signalDbm: -70,
    } as never;
    expectClean('the status', statusText([modem], { grade: 'ok', obstacles: [] }));
    const folder = mkdtempSync(join(tmpdir(), 'simgate-note-'));
    mkdirSync(join(folder, 'drop'));
    await leaveNote(join(folder, 'drop'), 'main', `it said ${toldNumber}\n\u009b31m`);
    const note = readFileSync(join(folder, 'drop', 'main'), 'utf8');
    rmSync(folder, { recursive: true });
    expectClean('the note', note);
    expect(note.trimEnd()).not.toContain('\n');
    const error = Object.assign(new Error(`it said ${toldNumber}`), {
      lines: ['secret text'],
      final: { text: toldNumber },
    });
    expectClean('a fatal error', fatalText(new Error('outer\u009b31m', { cause: error })));
    expect(fatalText(error)).not.toContain('secret text');
    expect(fatalText({ text: 'secret text' })).not.toContain('secret text');
  });
});
