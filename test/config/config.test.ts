import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, type Problem } from '../../src/config/config.js';
import { policySchema } from '../../src/config/policy.js';

const directory = mkdtempSync(join(tmpdir(), 'simgate-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

const auth0 =
  'policy.countries = ["DE"]\n[auth0]\nsubject = "urn:Auth0"\naudience = "urn:MySmsGateway"\n';
const modem = '[[modem]]\nname = "main"\ndevice = "/dev/ttyUSB2"\n';

function write(toml: string | Buffer): string {
  const file = join(directory, 'simgate.toml');
  writeFileSync(file, toml);
  return file;
}

const load = (toml: string, env: NodeJS.ProcessEnv = {}) => loadConfig(write(toml), env);

function problemsOf(toml: string | Buffer): readonly Problem[] {
  try {
    loadConfig(write(toml), {});
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('a configuration with what must be there', () => {
  it('is filled up with the defaults', () => {
    expect(load(auth0 + modem)).toEqual({
      file: join(directory, 'simgate.toml'),
      stateDir: '/var/lib/simgate',
      recoveryDropDir: '/run/simgate-drop',
      http: { listen: { host: '127.0.0.1', port: 8080 }, trustedProxies: [] },
      admin: {
        listen: { host: '127.0.0.1', port: 8081 },
        passwordFile: undefined,
        userHeader: undefined,
        trustedProxies: [],
      },
      control: { socket: '/run/simgate/control.sock', ussdAllow: [] },
      auth0: {
        subject: 'urn:Auth0',
        audience: 'urn:MySmsGateway',
        secretFile: undefined,
        previousSecretFile: undefined,
        secretBase64Encoded: false,
        maxTokenAgeMs: undefined,
        clockToleranceMs: 30_000,
      },
      modems: [
        {
          name: 'main',
          device: '/dev/ttyUSB2',
          pinFile: undefined,
          number: undefined,
          baud: 115_200,
          recoveryHook: false,
          selector: { kind: 'path', path: '/dev/ttyUSB2' },
          insecure: false,
          guardMs: undefined,
          submitTimeoutMs: undefined,
          roaming: true,
          statusReport: undefined,
          callersWantReports: false,
          init: [],
          smsc: undefined,
          idleProbeMs: 60_000,
          caps: { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined },
          credit: undefined,
        },
      ],
      callers: [expect.objectContaining({ name: 'auth0', kind: 'auth0', path: '/sms' })],
      policy: v.parse(policySchema, { countries: ['DE'] }),
      inbound: undefined,
      carrierMessage: [],
      journal: { retentionDays: 30 },
      alerts: {
        name: undefined,
        quietHours: undefined,
        off: [],
        noModemReadyMs: 120_000,
        modemAwayMs: 600_000,
        unknownOutcomesPerHour: 5,
        heartbeatUrl: undefined,
        heartbeatUrlFile: undefined,
        webhooks: [],
        mail: undefined,
        sms: undefined,
      },
      message: { deadlineMs: 25_000, validityMs: 300_000, maxSegments: 3, maxWaiting: 50 },
      log: { level: 'info', format: 'auto' },
      warnings: [],
    });
  });

  it('takes a Unix socket for the admin listener, beside the file or anywhere', () => {
    const listenOf = (written: string) =>
      load(`admin.listen = "${written}"\n${auth0}${modem}`).admin.listen;
    expect(listenOf('unix:admin.sock')).toEqual({ path: join(directory, 'admin.sock') });
    expect(listenOf('unix:/run/simgate/admin.sock')).toEqual({ path: '/run/simgate/admin.sock' });
  });

  it('takes the admin listener off this machine with a password or a user, and no more lightly', () => {
    const { admin, warnings } = load(
      `admin = { listen = "0.0.0.0:8081", password_file = "hash" }\n${auth0}${modem}`,
    );
    expect(admin.passwordFile).toBe(join(directory, 'hash'));
    expect(warnings.join()).toContain('admin.listen can be reached from other machines');
    const lock = 'user_header = "Remote-User", trusted_proxies = ["192.0.2.0/24"]';
    expect(load(`admin = { listen = "[::]:8081", ${lock} }\n${auth0}${modem}`).admin).toMatchObject(
      {
        userHeader: 'Remote-User',
        trustedProxies: ['192.0.2.0/24'],
      },
    );
  });

  it('takes every key', () => {
    const config = load(`
      state_dir = "state"
      http = { listen = "[::1]:0", trusted_proxies = ["127.0.0.1", "10.0.0.0/8", "::1"] }
      admin.listen = "localhost:9"
      control.socket = "control.sock"
      message = { deadline_s = 15, validity_s = 600, max_segments = 5, max_waiting = 9 }
      log = { level = "debug", format = "text" }
      [auth0]
      subject = "s"
      audience = "a"
      secret_file = "secret"
      previous_secret_file = "/old"
      secret_base64_encoded = true
      max_token_age_s = 300
      clock_tolerance_s = 0
      [[modem]]
      name = "a"
      device = "auto"
      pin_file = "../pin"
      number = "+49 (151) 12345-678"
      baud = 9600
      guard_ms = 0
      submit_timeout_s = 90
      roaming = false
      status_report = true
      idle_probe_s = 5
      per_day = 50
      per_month = 500
      recipients_per_month = 20
      [policy]
      countries = ["de", "AT"]
      total = "9 in 1 h"
      [journal]
      retention_days = 7
    `);
    expect(config).toMatchObject({
      stateDir: join(directory, 'state'),
      http: {
        listen: { host: '::1', port: 0 },
        trustedProxies: ['127.0.0.1', '10.0.0.0/8', '::1'],
      },
      admin: { listen: { host: 'localhost', port: 9 } },
      control: { socket: join(directory, 'control.sock'), ussdAllow: [] },
      auth0: {
        secretFile: join(directory, 'secret'),
        previousSecretFile: '/old',
        secretBase64Encoded: true,
        maxTokenAgeMs: 300_000,
        clockToleranceMs: 0,
      },
      modems: [
        {
          device: 'auto',
          pinFile: join(directory, '../pin'),
          number: '+4915112345678',
          baud: 9600,
          guardMs: 0,
          submitTimeoutMs: 90_000,
          roaming: false,
          statusReport: true,
          idleProbeMs: 5_000,
        },
      ],
      message: { deadlineMs: 15_000, validityMs: 600_000, maxSegments: 5, maxWaiting: 9 },
      log: { level: 'debug', format: 'text' },
      warnings: [],
    });
  });

  it.each([
    ['a/b', '/x:/y', 'the key before the environment', (dir: string) => join(dir, 'a/b')],
    [undefined, '/x:/y', 'the first directory of systemd', () => '/x'],
    [undefined, '', 'the default', () => '/var/lib/simgate'],
  ])('finds state_dir %j with $STATE_DIRECTORY %j: %s', (key, environment, _title, expected) => {
    const toml = (key === undefined ? '' : `state_dir = "${key}"\n`) + auth0 + modem;
    expect(load(toml, { STATE_DIRECTORY: environment }).stateDir).toBe(expected(directory));
  });
});

it.each([
  ['"c"', '/x:/y', 'the key before the environment', () => join(directory, 'c')],
  [undefined, '/x:/y', 'the first directory of systemd', () => '/x/control.sock'],
  [undefined, '', 'the default', () => '/run/simgate/control.sock'],
])(
  'finds control.socket %s with $RUNTIME_DIRECTORY %j: %s',
  (key, environment, _title, expected) => {
    const toml = auth0 + modem + (key === undefined ? '' : `[control]\nsocket = ${key}\n`);
    expect(load(toml, { RUNTIME_DIRECTORY: environment }).control.socket).toBe(expected());
  },
);

const over = (device: string, more = '') =>
  problemsOf(`${auth0}[[modem]]\nname = "far"\ndevice = "${device}"\n${more}`);

describe('a modem over the network', () => {
  it.each(['tcp://127.0.0.1:2001', 'rfc2217://localhost:2001', 'rfc2217://[::1]:2001'])(
    'on this machine needs no more: %s',
    (device) => {
      expect(over(device)).toEqual([]);
    },
  );

  it.each([
    'tcp://192.0.2.7:2001',
    'rfc2217://modem-box.example.net:2001',
    'tcp://127.0.0.1.example.net:2001',
    'tcp://[fd00::7]:2001',
  ])(
    'on another machine is a problem, unless the operator says that the way is safe: %s',
    (device) => {
      expect(over(device)).toEqual([
        {
          path: 'modem[0].device',
          message: expect.stringMatching(
            /in the clear: lead it through stunnel, or, .*insecure = true/,
          ),
          value: JSON.stringify(device),
        },
      ]);
      expect(over(device, 'insecure = true')).toEqual([]);
    },
  );

  it.each([
    'telnet://127.0.0.1:23',
    'tcp://127.0.0.1',
    'tcp://:2001',
    'tcp://127.0.0.1:0',
    'tcp://a:1/b',
  ])('is not %s', (device) => {
    expect(over(device)).toEqual([
      {
        path: 'modem[0].device',
        message: expect.stringMatching(/^must be "tcp:\/\/host:port" or "rfc2217:/),
        value: JSON.stringify(device),
      },
    ]);
  });

  it('is named with its protocol, in small letters', () => {
    expect(over('RFC2217://127.0.0.1:2001')[0]?.message).toBe(
      'must have "rfc2217://" in small letters',
    );
    expect(over('10.0.0.7:2001')[0]?.message).toBe(
      'must begin with "tcp://" or "rfc2217://", as "rfc2217://10.0.0.7:2001"',
    );
  });

  it('is one modem, by whichever protocol it is reached', () => {
    const second = '[[modem]]\nname = "again"\ndevice = "rfc2217://127.0.0.1:2001"\n';
    expect(over('tcp://127.0.0.1:2001', second)).toEqual([
      {
        path: 'modem[1].device',
        message: 'is already that of modem[0]: every modem has its own',
        value: '"rfc2217://127.0.0.1:2001"',
      },
    ]);
  });
});

describe('what is wrong', () => {
  it('is told all at once, each with its path, its value and the way out', () => {
    const problems = problemsOf(`
      deadline_s = 5
      [auth0]
      subject = ""
      clock_tolerance = 5
      [http]
      listen = ":8080"
      [message]
      deadline_s = 0
      max_segments = 2.5
      [[modem]]
      name = "main"
      device = "/dev/ttyUSB2"
      baud = "fast"
      [[modem]]
      name = "main"
      device = "/dev/../dev/ttyUSB2"
      roming = true
      [log]
      level = "loud"
      [nonsense]
    `);
    expect([...problems].sort((a, b) => a.path.localeCompare(b.path))).toEqual([
      { path: 'auth0.audience', message: expect.stringMatching(/^is missing: the audience/) },
      { path: 'auth0.clock_tolerance', message: 'unknown key: did you mean clock_tolerance_s?' },
      { path: 'auth0.subject', message: expect.stringMatching(/^must be the text/), value: '""' },
      { path: 'deadline_s', message: 'unknown key: it belongs to message' },
      {
        path: 'http.listen',
        message: expect.stringContaining('"127.0.0.1:8080"'),
        value: '":8080"',
      },
      {
        path: 'log.level',
        message: 'must be one of "error", "warn", "info", "debug"',
        value: '"loud"',
      },
      {
        path: 'message.deadline_s',
        message: 'must be a whole number of seconds, 1 to 600',
        value: '0',
      },
      {
        path: 'message.max_segments',
        message: 'must be a whole number of segments, 1 to 255',
        value: '2.5',
      },
      {
        path: 'modem[0].baud',
        message: 'must be a whole number of bits per second, 300 to 4000000',
        value: '"fast"',
      },
      {
        path: 'modem[1].device',
        message: 'is already that of modem[0]: every modem has its own',
        value: '"/dev/../dev/ttyUSB2"',
      },
      {
        path: 'modem[1].name',
        message: 'is already that of modem[0]: every modem has its own',
        value: '"main"',
      },
      { path: 'modem[1].roming', message: 'unknown key: did you mean roaming?' },
      {
        path: 'nonsense',
        message: expect.stringContaining(
          'unknown key: known are state_dir, recovery_drop_dir, http',
        ),
      },
      { path: 'policy.countries', message: expect.stringMatching(/^is missing: the countries/) },
    ]);
  });

  it('makes a message that a person can read', () => {
    const file = write(`${auth0}${modem}baud = 1\n`);
    expect(() => loadConfig(file, {})).toThrow(
      `${file} has a problem:\n  modem[0].baud: must be a whole number of bits per second, 300 to 4000000 (it is 1)`,
    );
  });

  it.each([
    ['127.0.0.1', 'no port'],
    ['127.0.0.1:65536', 'too large a port'],
    ['127.0.0.1:', 'an empty port'],
    ['::1:8080', 'IPv6 without brackets'],
    ['[127.0.0.1]:80', 'IPv4 in brackets'],
    ['999.0.0.1:80', 'no address'],
    ['*:80', 'a star'],
    ['http://localhost:80', 'a URL'],
  ])('is the listen address %s: %s', (listen) => {
    expect(problemsOf(`http.listen = "${listen}"\n${auth0}${modem}`)).toMatchObject([
      { path: 'http.listen' },
    ]);
  });

  it.each([
    ['no modem', auth0, 'modem', 'at least one modem'],
    ['a modem in single brackets', `${auth0}[modem]\nname = "main"\n`, 'modem', 'two brackets'],
    ['a section that is no table', `http = 5\n${auth0}${modem}`, 'http', 'must be a table'],
    [
      'admin pages for everyone',
      `admin.listen = "0.0.0.0:8081"\n${auth0}${modem}`,
      'admin.listen',
      'loopback',
    ],
    [
      'a user that anybody may name',
      `admin = { listen = "0.0.0.0:8081", user_header = "Remote-User" }\n${auth0}${modem}`,
      'admin.user_header',
      'needs admin.trusted_proxies',
    ],
    [
      'one address twice',
      `admin.listen = "127.0.0.1:8080"\n${auth0}${modem}`,
      'admin.listen',
      'another port',
    ],
    [
      'an admin socket without a path',
      `admin.listen = "unix:"\n${auth0}${modem}`,
      'admin.listen',
      'as "unix:/run/simgate/admin.sock"',
    ],
    [
      'an admin socket with a path that no socket can have',
      `admin.listen = "unix:/run/${'x'.repeat(103)}"\n${auth0}${modem}`,
      'admin.listen',
      '107 octets',
    ],
    [
      'one socket for two',
      `admin.listen = "unix:a.sock"\ncontrol.socket = "a.sock"\n${auth0}${modem}`,
      'admin.listen',
      'another one',
    ],
    [
      'one socket for two, spelled in two ways',
      `admin.listen = "unix:./x/../a.sock"\ncontrol.socket = "a.sock"\n${auth0}${modem}`,
      'admin.listen',
      'is the path of control.socket',
    ],
    [
      'the socket that control has when nothing is said of it',
      `admin.listen = "unix:/run/simgate/control.sock"\n${auth0}${modem}`,
      'admin.listen',
      'is the path of control.socket',
    ],
    [
      'a socket for the public listener',
      `http.listen = "unix:/run/http.sock"\n${auth0}${modem}`,
      'http.listen',
      'must be "host:port"',
    ],
    [
      'a socket path that no socket can have',
      `control.socket = "/run/${'x'.repeat(103)}"\n${auth0}${modem}`,
      'control.socket',
      '107 octets',
    ],
    [
      'a name with a slash',
      `${auth0}[[modem]]\nname = "a/b"\ndevice = "/dev/x"\n`,
      'modem[0].name',
      '1 to 32 letters',
    ],
    ['a national number', `${auth0}${modem}number = "0151 1234567"\n`, 'modem[0].number', 'E.164'],
    [
      'a validity below 5 minutes',
      `message.validity_s = 299\n${auth0}${modem}`,
      'message.validity_s',
      '300 to',
    ],
    [
      'a proxy by name',
      `http.trusted_proxies = ["proxy"]\n${auth0}${modem}`,
      'http.trusted_proxies[0]',
      'range',
    ],
    [
      'a range too wide',
      `http.trusted_proxies = ["::/129"]\n${auth0}${modem}`,
      'http.trusted_proxies[0]',
      'range',
    ],
    [
      'an init that is no list',
      `${auth0}${modem}init = "AT+CGSMS=1"\n`,
      'modem[0].init',
      'must be a list',
    ],
    [
      'an SMSC in words',
      `${auth0}${modem}smsc = "my carrier"\n`,
      'modem[0].smsc',
      'the number of the SMSC',
    ],
    ['a policy for an empty list', auth0.replace('"DE"', '') + modem, 'policy.countries', '["*"]'],
  ])('is %s', (_title, toml, path, message) => {
    expect(problemsOf(toml)).toEqual([
      expect.objectContaining({ path, message: expect.stringContaining(message) }),
    ]);
  });

  it('is a file that sets nothing, as the package ships it', () => {
    expect(problemsOf('# nothing yet\n')).toEqual([
      {
        path: '',
        message: expect.stringContaining('"sudo simgate setup" asks for what is needed'),
      },
    ]);
  });

  it('is no TOML: line and column are told, and not what stands there', () => {
    const problems = problemsOf(`${auth0}secret = "hunter2\n`);
    expect(problems).toEqual([
      { path: '', message: expect.stringMatching(/^line 5, column \d+: Invalid TOML/) },
    ]);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('is a file that is missing or no UTF-8', () => {
    expect(() => loadConfig(join(directory, 'none.toml'), {})).toThrow(
      /none\.toml has a problem:\n {2}cannot be read: there is no such file or folder \(ENOENT\)\. "sudo simgate setup"/,
    );
    expect(problemsOf(Buffer.from([0x61, 0xff]))).toMatchObject([
      { message: expect.stringContaining('cannot be read') },
    ]);
  });

  it('is a folder: what to do about it is told', () => {
    expect(() => loadConfig(directory, {})).toThrow(
      'cannot be read: a folder is where a file belongs: move it away (EISDIR)',
    );
  });

  it.each([
    ['auth0.secret', `${auth0}secret = "hunter2"\n${modem}`, 'secret_file'],
    [
      'auth0.previous_secret',
      `${auth0}previous_secret = "hunter2"\n${modem}`,
      'previous_secret_file',
    ],
    ['modem[0].pin', `${auth0}${modem}pin = "hunter2"\n`, 'pin_file'],
    ['auth0.secert', `${auth0}secert = "hunter2"\n${modem}`, 'unknown key'],
    ['auth0.secret_file', `${auth0}secret_file = ["hunter2"]\n${modem}`, 'must be a path'],
    ['modem[0].pin_file', `${auth0}${modem}pin_file = 7482\n`, 'must be a path'],
    [
      'modem[0].init[1]',
      `${auth0}${modem}init = ["AT", "at+cpin=7482"]\n`,
      'must not hold +CPIN: it touches PIN',
    ],
  ])('is a secret in the file, at %s, which is not repeated', (path, toml, way) => {
    const problems = problemsOf(toml);
    expect(problems).toEqual([{ path, message: expect.stringContaining(way) }]);
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|7482/);
  });

  it('does not grow with a hostile key', () => {
    const [problem] = problemsOf(`${'k'.repeat(100_000)} = 1\n${auth0}${modem}`);
    expect(problem?.message).toContain('unknown key: known are');
  });
});
