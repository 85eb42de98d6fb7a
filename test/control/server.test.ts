import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askDaemon, askOnce, NoDaemon } from '../../src/control/client.js';
import { maxRequestOctets } from '../../src/control/protocol.js';
import {
  type ControlCommand,
  type ControlServer,
  openControlSocket,
} from '../../src/control/server.js';
import { OperatorError } from '../../src/errors.js';
import { createLog } from '../../src/log.js';

let folder: string;
let path: string;
let server: ControlServer | undefined;
let logged: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-control-'));
  path = join(folder, 'control.sock');
  logged = '';
});
afterEach(async () => {
  vi.useRealTimers();
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

const status: ControlCommand = async function* status() {
  yield { pid: process.pid };
};

const openAt = (
  where: string,
  commands: Record<string, ControlCommand> = {},
  finishing: readonly string[] = [],
) => {
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged += chunk.toString();
      done();
    },
  });
  return openControlSocket({
    path: where,
    commands: { status, ...commands },
    finishing,
    log: createLog({ level: 'debug', format: 'json', stream }),
  });
};

async function open(
  commands: Record<string, ControlCommand> = {},
  finishing: readonly string[] = [],
): Promise<void> {
  server = await openAt(path, commands, finishing);
  expect(server).toBeDefined();
}

const warnings = (): string[] =>
  logged
    .split('\n')
    .filter((line) => line.includes('"level":"warn"'))
    .map((line) => (JSON.parse(line) as { message: string }).message);

/** Lets the daemon look, until it has done so. */
async function untilMadeAnew(): Promise<void> {
  while (!logged.includes('is made anew')) {
    vi.advanceTimersByTime(10_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function ask(command: string, rest: object = {}): Promise<object[]> {
  const answers: object[] = [];
  for await (const answer of askDaemon(path, { ...rest, command })) answers.push(answer);
  return answers;
}

async function connect(): Promise<Socket> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  return socket;
}

/** Everything that a connection says until its end. */
async function read(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe('a command', () => {
  it('is answered by its lines, in order, with what it was asked', async () => {
    const echo: ControlCommand = async function* echo(request) {
      yield { first: request };
      yield { second: 'Grüße 😀\nzweite Zeile' };
    };
    await open({ echo });
    expect(await ask('echo', { modem: 'main' })).toEqual([
      { first: { command: 'echo', modem: 'main' } },
      { second: 'Grüße 😀\nzweite Zeile' },
    ]);
  });

  it('is one line and answered by lines, the last of which says that it is done', async () => {
    await open();
    const socket = await connect();
    socket.write('{"command":');
    socket.write('"status"}\n');
    expect(await read(socket)).toBe(`{"pid":${process.pid}}\n{"done":true}\n`);
  });

  it('that does not exist is refused with those that do', async () => {
    await open();
    await expect(ask('reboot')).rejects.toThrow(
      new OperatorError('unknown command; known are status'),
    );
    await expect(ask('toString')).rejects.toThrow(OperatorError);
    await expect(ask('__proto__')).rejects.toThrow(OperatorError);
  });

  it('that says why it cannot be done says so to who asked', async () => {
    const send: ControlCommand = async function* send() {
      yield {};
      throw new OperatorError('no modem is ready');
    };
    await open({ send });
    await expect(ask('send')).rejects.toThrow('no modem is ready');
    expect(logged).toBe('');
  });

  it('steers no terminal of who asked, whoever sits behind the socket', async () => {
    const hostile: ControlCommand = async function* hostile() {
      yield { 'k\u001bc': ['a\u001b]0;title\u0007\r\nb', { c: '\u009b2J\u202e' }, 7, null, true] };
      throw new OperatorError('no\u001b[2J, and\nno');
    };
    await open({ hostile });
    const answers: object[] = [];
    const asking = async () => {
      for await (const answer of askDaemon(path, { command: 'hostile' })) answers.push(answer);
    };
    await expect(asking()).rejects.toThrow('no\\u001b[2J, and\nno');
    expect(answers).toEqual([
      {
        'k\\u001bc': [
          'a\\u001b]0;title\\u0007\\u000d\nb',
          { c: '\\u009b2J\\u202e' },
          7,
          null,
          true,
        ],
      },
    ]);
  });

  it('of one line is heard once, however long the daemon goes on', async () => {
    let ended = false;
    const endless: ControlCommand = async function* endless() {
      try {
        for (let n = 1; ; n += 1) yield { n };
      } finally {
        ended = true;
      }
    };
    await open({ endless });
    expect(await askOnce(path, { command: 'endless' }, v.object({ n: v.number() }))).toEqual({
      n: 1,
    });
    await vi.waitFor(() => expect(ended).toBe(true));
  });

  it('that fails by a bug is logged, and tells nothing of it', async () => {
    const buggy: ControlCommand = async function* buggy() {
      yield {};
      throw new TypeError('recipient +4915112345678 is undefined');
    };
    await open({ buggy });
    await expect(ask('buggy')).rejects.toThrow('a bug: the log of the daemon has it');
    expect(JSON.parse(logged)).toMatchObject({ level: 'error', error: { name: 'TypeError' } });
  });

  it('waits for a slow reader and gives it everything', async () => {
    const flood: ControlCommand = async function* flood() {
      for (let n = 0; n < 400; n++) yield { n, filling: 'x'.repeat(10_000) };
    };
    await open({ flood });
    let next = 0;
    for await (const { n } of askDaemon(path, { command: 'flood' })) {
      expect(n).toBe(next++);
      if (next % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(next).toBe(400);
  });
});

describe('who asks', () => {
  it('is told of a daemon that says nothing to anybody', async () => {
    const stuck = createServer().listen(path);
    try {
      const answer = askDaemon(path, { command: 'status' }, undefined, 50).next();
      await expect(answer).rejects.toThrow(/answers nobody: its process is stopped/);
    } finally {
      stuck.close();
    }
  });

  it('waits as long as it takes for one that answers others meanwhile', async () => {
    await open({
      slow: async function* slow() {
        await new Promise((resolve) => setTimeout(resolve, 500));
        yield { slept: true };
      },
    });
    const answers: object[] = [];
    for await (const line of askDaemon(path, { command: 'slow' }, undefined, 50))
      answers.push(line);
    expect(answers).toEqual([{ slept: true }]);
  });

  it('takes the request back by leaving', async () => {
    let onLeft: (reason: unknown) => void;
    const left = new Promise<unknown>((resolve) => {
      onLeft = resolve;
    });
    const wait: ControlCommand = async function* wait(_request, signal) {
      signal.addEventListener('abort', () => onLeft(signal.reason));
      yield { waiting: true };
      await left;
    };
    await open({ wait });
    for await (const answer of askDaemon(path, { command: 'wait' })) {
      expect(answer).toEqual({ waiting: true });
      break;
    }
    expect(await left).toEqual(new OperatorError('who asked has left'));
    expect(await ask('status')).toHaveLength(1);
    expect(logged).toBe('');
  });

  it('may leave in the middle of the answer, at any line, and is no fault of ours', async () => {
    let ended = 0;
    const flood: ControlCommand = async function* flood() {
      try {
        for (let n = 0; n < 100; n++) yield { n, filling: 'x'.repeat(20_000) };
      } finally {
        ended += 1;
      }
    };
    await open({ flood });
    for (let lines = 1; lines <= 20; lines++) {
      for await (const { n } of askDaemon(path, { command: 'flood' })) if (n === lines) break;
    }
    await vi.waitFor(() => expect(ended).toBe(20));
    expect(logged).toBe('');
  });

  it('takes it back by its signal too', async () => {
    const wait: ControlCommand = async function* wait(_request, signal) {
      yield { waiting: true };
      await once(signal, 'abort');
    };
    await open({ wait });
    const controller = new AbortController();
    const asking = async () => {
      for await (const _ of askDaemon(path, { command: 'wait' }, controller.signal))
        controller.abort(new Error('Ctrl-C'));
    };
    await expect(asking()).rejects.toThrow('Ctrl-C');
  });

  it('is refused while eight others ask', async () => {
    await open();
    const others = await Promise.all(Array.from({ length: 8 }, connect));
    await expect(ask('status')).rejects.toThrow('8 others ask already');
    others.pop()!.destroy();
    await vi.waitFor(async () => expect(await ask('status')).toHaveLength(1));
    for (const other of others) other.destroy();
  });

  it('must say within ten seconds what it wants', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await open();
    const socket = await connect();
    // The server has taken the connection when it answers another one.
    await ask('status');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await read(socket)).toBe('{"error":"no request came within 10 s"}\n');
  });

  it('is not held in memory: a request has 64 KiB at most', async () => {
    await open();
    const socket = await connect();
    socket.on('error', () => undefined); // the rest of what we write has no reader
    socket.write('x'.repeat(maxRequestOctets + 1));
    expect(await read(socket)).toMatch(/^\{"error":"a line .* more than 65536 octets"\}\n$/);
    const fitting = { command: 'status', filling: 'x'.repeat(maxRequestOctets - 33) };
    expect(JSON.stringify(fitting).length).toBeLessThanOrEqual(maxRequestOctets);
    expect(await ask('status', fitting)).toHaveLength(1);
  });

  it.each([
    ['not JSON', 'AT+CGMI\r\n'],
    ['no object', '[{"command":"status"}]\n'],
    ['null', 'null\n'],
    ['without a command', '{}\n'],
    ['with a command that is no text', '{"command":["status"]}\n'],
    ['empty', '\n'],
  ])('is told when the request is %s', async (_what, request) => {
    await open();
    const socket = await connect();
    socket.write(request);
    expect(JSON.parse(await read(socket))).toEqual({ error: expect.any(String) });
    expect(await ask('status')).toHaveLength(1);
    expect(logged).toBe('');
  });

  it('can send anything without harm', async () => {
    await open();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (octets) => {
        const socket = await connect();
        socket.on('error', () => undefined); // it may be closed before it has read everything
        socket.write(octets);
        socket.end('\n');
        await read(socket);
      }),
      { numRuns: 60 },
    );
    expect(await ask('status')).toEqual([{ pid: process.pid }]);
    expect(logged).toBe('');
  });
});

describe('the socket', () => {
  it('is for its user and group only, and goes with the daemon', async () => {
    await open();
    expect(statSync(path).mode & 0o777).toBe(0o660);
    await server?.close();
    expect(existsSync(path)).toBe(false);
    await expect(ask('status')).rejects.toThrow(NoDaemon);
  });

  it('of a daemon that runs is an error that names its pid', async () => {
    await open();
    await expect(openAt(path)).rejects.toThrow(
      `control.socket ${path} is in use by another simgate (pid ${process.pid}): stop it first`,
    );
    expect(await ask('status')).toHaveLength(1);
  });

  it('of a program that says nothing is an error too', async () => {
    const mute = createServer((socket) => socket.resume().end());
    mute.listen(path);
    await once(mute, 'listening');
    await expect(openAt(path)).rejects.toThrow('(pid unknown)');
    await new Promise((resolve) => mute.close(resolve));
  });

  it('that a dead daemon left is replaced', async () => {
    const dying = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', dying]);
    expect(statSync(path).isSocket()).toBe(true);
    await open();
    expect(await ask('status')).toHaveLength(1);
  });

  it('never replaces what is no socket', async () => {
    writeFileSync(path, 'precious');
    await expect(openAt(path)).rejects.toThrow(`${path} is there and no socket`);
    expect(statSync(path).isFile()).toBe(true);
  });

  it('that cannot be made is a warning, told once: SMS go out without it until it can', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    path = join(folder, 'missing/control.sock');
    await open();
    vi.advanceTimersByTime(60_000);
    mkdirSync(join(folder, 'missing'));
    await untilMadeAnew();
    expect(await ask('status')).toHaveLength(1);
    expect(warnings()).toEqual([
      expect.stringContaining(`${path} cannot be made`),
      expect.stringContaining('is made anew'),
    ]);
  });

  it('that somebody removes is made anew, while what is asked goes on', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    let finish!: () => void;
    const slow: ControlCommand = async function* slow() {
      yield { begun: true };
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    };
    await open({ slow });
    const asked: object[] = [];
    for await (const line of askDaemon(path, { command: 'slow' })) {
      asked.push(line);
      rmSync(path);
      await untilMadeAnew();
      expect(await ask('status')).toHaveLength(1);
      finish();
    }
    expect(asked).toEqual([{ begun: true }]);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(warnings()).toEqual([expect.stringContaining('was gone, and is made anew')]);
    await server?.close();
    expect(existsSync(path)).toBe(false);
  });

  it('in whose place something else stands is left to whoever put it there', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    await open();
    rmSync(path);
    writeFileSync(path, 'precious');
    vi.advanceTimersByTime(60_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(statSync(path).isFile()).toBe(true);
    expect(warnings()).toEqual([]);
  });

  it('lets what finishes by itself finish when the daemon stops, and for its time only', async () => {
    let finish!: () => void;
    const message: ControlCommand = async function* message(_request, signal) {
      yield { sending: true };
      await new Promise<void>((resolve) => {
        finish = resolve;
        signal.addEventListener('abort', () => resolve());
      });
      yield { status: signal.aborted ? 'aborted' : 200 };
    };
    const ask = async (onSending: () => void) => {
      const lines: object[] = [];
      for await (const line of askDaemon(path, { command: 'message' })) {
        if (lines.push(line) === 1) onSending();
      }
      return lines;
    };
    await open({ message }, ['message']);
    let closed: Promise<void> | undefined;
    const told = ask(() => {
      closed = server?.close(30_000);
      setTimeout(() => finish(), 50);
    });
    expect(await told).toEqual([{ sending: true }, { status: 200 }]);
    await closed;
    await open({ message }, ['message']);
    const cut = ask(() => {
      closed = server?.close(50);
    });
    await expect(cut).rejects.toThrow('the daemon ended before it had answered');
    await closed;
  });

  it('ends what is being asked when the daemon stops', async () => {
    const wait: ControlCommand = async function* wait(_request, signal) {
      yield { waiting: true };
      await once(signal, 'abort');
    };
    await open({ wait });
    const asking = async () => {
      for await (const _ of askDaemon(path, { command: 'wait' })) void server?.close();
    };
    await expect(asking()).rejects.toThrow('the daemon ended before it had answered');
  });
});
