import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { ReadStream } from 'node:tty';
import { SerialPort } from 'serialport';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseFault } from '../../src/simulator/fault-planner.js';
import { LinkRefused, type PtyMaker, ptyMakers } from '../../src/simulator/pty.js';
import type { RecordEntry } from '../../src/simulator/record.js';
import {
  runSimulator,
  type Simulator,
  type SimulatorEvent,
  type SimulatorOptions,
} from '../../src/simulator/simulator.js';
import { helloOctets, helloPdu } from './support/desk.js';

/** A client of the tty. */
class Client {
  readonly #stream: Duplex;
  readonly closed: Promise<void>;
  #heard = '';
  #wake: () => void = () => {};

  private constructor(stream: Duplex) {
    this.#stream = stream;
    this.closed = new Promise((resolve) => {
      stream.once('close', () => resolve());
    });
    stream.on('error', () => this.#wake());
    stream.on('data', (bytes: Buffer) => {
      this.#heard += bytes.toString('latin1');
      this.#wake();
    });
  }

  /** Over the `serialport` package. */
  static async open(path: string): Promise<Client> {
    const port = new SerialPort({ path, baudRate: 115_200, autoOpen: false });
    await new Promise<void>((resolve, reject) => {
      port.open((error) => (error === null ? resolve() : reject(error)));
    });
    return new Client(port);
  }

  /**
   * Over a bare descriptor: `serialport` by itself may miss a hang-up that comes close behind data.
   */
  static openBare(path: string): Client {
    const descriptor = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    const stream = new ReadStream(descriptor);
    // libuv works on a descriptor of its own.
    stream.once('close', () => closeSync(descriptor));
    return new Client(stream);
  }

  /** Writes, waits for `end`, and returns what was heard up to there. */
  async ask(bytes: string, end: string): Promise<string> {
    this.#stream.write(bytes);
    while (!this.#heard.includes(end)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const cut = this.#heard.indexOf(end) + end.length;
    const heard = this.#heard.slice(0, cut);
    this.#heard = this.#heard.slice(cut);
    return heard;
  }

  write(bytes: string): void {
    this.#stream.write(bytes);
  }

  async close(): Promise<void> {
    // A serial port gives its lock back only by `close`.
    if (this.#stream instanceof SerialPort) this.#stream.close();
    else this.#stream.destroy();
    await this.closed;
  }
}

describe.each(ptyMakers)('a tty made by %s', (ptyMaker: PtyMaker) => {
  let folder: string;
  let simulator: Simulator;
  const entries: RecordEntry[] = [];
  const events: SimulatorEvent[] = [];
  let wake: () => void = () => {};

  const start = async (options: Partial<SimulatorOptions> = {}): Promise<void> => {
    simulator = await runSimulator(
      { link: join(folder, 'tty'), bootMs: 0, ...options },
      {
        ptyMaker,
        onEntry: (entry) => entries.push(entry),
        onEvent: (event) => {
          events.push(event);
          wake();
        },
      },
    );
  };

  const attached = async (times: number): Promise<void> => {
    while (events.filter(({ event }) => event === 'attached').length < times) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tty-'));
    entries.length = 0;
    events.length = 0;
  });

  afterEach(async () => {
    await simulator.close();
    rmSync(folder, { recursive: true });
  });

  it('carries a whole send, Ctrl-Z included, and echoes only what the modem echoes', async () => {
    await start();
    const client = await Client.open(join(folder, 'tty'));
    expect(await client.ask('ATE0\r', 'OK\r\n')).toBe('ATE0\r\r\nOK\r\n');
    expect(await client.ask(`AT+CMGS=${helloOctets}\r`, '> ')).toBe('\r\n> ');
    expect(await client.ask(`${helloPdu}\x1a`, 'OK\r\n')).toMatch(
      /^\r\n\+CMGS: \d+\r\n\r\nOK\r\n$/,
    );
    expect(entries.filter(({ kind }) => kind === 'accepted')).toMatchObject([
      { text: 'hellohello' },
    ]);
    await client.close();
  });

  it('outlives its clients, and does not hear its own voice while nobody has it open', async () => {
    await start({ echo: false });
    const first = await Client.open(simulator.tty!);
    await first.ask('AT\r', 'OK\r\n');
    await first.close();
    simulator.modem.say('RING');
    const second = await Client.open(simulator.tty!);
    await second.ask('AT\r', 'OK\r\n');
    await second.close();
    const commands = entries.filter((entry) => entry.kind === 'command').map(({ line }) => line);
    expect(commands).toEqual(['AT', 'AT']);
  });

  it('hangs up on its client and comes back under the same link', async () => {
    await start();
    const client = Client.openBare(join(folder, 'tty'));
    const before = readlinkSync(join(folder, 'tty'));
    simulator.hangUp('lost', 30);
    expect(existsSync(join(folder, 'tty'))).toBe(false);
    await client.closed;
    await attached(2);
    const again = await Client.open(join(folder, 'tty'));
    expect(readlinkSync(join(folder, 'tty'))).toBe(simulator.tty);
    expect(before).toMatch(/^\/dev\/pts\/\d+$/);
    await again.ask('AT\r', 'OK\r\n');
    await again.close();
  });

  it('comes back under another link when it is told to move', async () => {
    await start({ linkMoves: true });
    simulator.hangUp('lost', 1);
    await attached(2);
    expect(simulator.link).toBe(join(folder, 'tty.1'));
    expect(existsSync(join(folder, 'tty'))).toBe(false);
  });

  it('unplugged after Ctrl-Z, the client is cut off and the network has the message', async () => {
    await start({ faults: [parseFault('hangup-after-ctrlz:20')] });
    const client = Client.openBare(simulator.tty!);
    await client.ask(`AT+CMGS=${helloOctets}\r`, '> ');
    client.write(`${helloPdu}\x1a`);
    await client.closed;
    expect(entries.filter(({ kind }) => kind === 'accepted')).toHaveLength(1);
  });

  it('carries a reply in single bytes', async () => {
    await start({ faults: [parseFault('split:1')], echo: false });
    const client = await Client.open(simulator.tty!);
    await client.ask(`AT+CMGS=${helloOctets}\r`, '> ');
    expect(await client.ask(`${helloPdu}\x1a`, 'OK\r\n')).toMatch(
      /^\r\n\+CMGS: \d+\r\n\r\nOK\r\n$/,
    );
    await client.close();
  });

  it('leaves no descriptor behind, however often it is hung up', async () => {
    await start();
    const before = readdirSync('/proc/self/fd').length;
    for (let attachments = 2; attachments < 7; attachments++) {
      simulator.hangUp('lost', 1);
      await attached(attachments);
    }
    // The last one is closed a moment after the next is there.
    await vi.waitFor(() => expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before));
  });

  it('removes its link at the end', async () => {
    await start();
    expect(lstatSync(join(folder, 'tty')).isSymbolicLink()).toBe(true);
    await simulator.close();
    expect(existsSync(join(folder, 'tty'))).toBe(false);
    expect(entries.at(-1)).toMatchObject({ kind: 'stopped' });
  });
});

describe('a link', () => {
  it('never takes the place of something that is no link', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tty-'));
    const link = join(folder, 'precious');
    writeFileSync(link, 'kept');
    await expect(runSimulator({ link })).rejects.toThrow(LinkRefused);
    expect(lstatSync(link).isFile()).toBe(true);
    rmSync(folder, { recursive: true });
  });

  it('of another virtual modem that runs stays that one’s, and so does its record', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tty-'));
    const [link, record] = [join(folder, 'modem'), join(folder, 'record')];
    const first = await runSimulator({ link, record });
    await expect(runSimulator({ link, record })).rejects.toThrow(
      `${link} is the link of another virtual modem, which runs (at ${first.tty})`,
    );
    expect(readlinkSync(link)).toBe(first.tty);
    expect(readFileSync(record, 'utf8')).toContain('"attached"');
    await first.close();
    expect(existsSync(link)).toBe(false);
    const second = await runSimulator({ link, record });
    expect(readlinkSync(link)).toBe(second.tty);
    await second.close();
    rmSync(folder, { recursive: true });
  });

  it('that a killed one left is replaced, also when its tty’s number is another’s now', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tty-'));
    const link = join(folder, 'modem');
    symlinkSync('/dev/pts/999999', link);
    const first = await runSimulator({ link });
    const { tty } = first;
    await first.close();
    symlinkSync(tty!, link);
    // Whoever comes now may get the number.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const other = await runSimulator({});
    const second = await runSimulator({ link });
    expect(readlinkSync(link)).toBe(second.tty);
    await second.close();
    await other.close();
    rmSync(folder, { recursive: true });
  });

  it('that udev or a person made is left alone, and the way out is told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tty-'));
    const link = join(folder, 'modem');
    symlinkSync('../../ttyUSB9', link);
    await expect(runSimulator({ link })).rejects.toThrow(
      "is a link to ../../ttyUSB9, which is no virtual modem's: choose another name",
    );
    await expect(runSimulator({ link: join(folder, 'no', 'modem') })).rejects.toThrow(
      'cannot be made: there is no such folder',
    );
    rmSync(folder, { recursive: true });
  });

  it('is not taken away once it points elsewhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tty-'));
    const link = join(folder, 'modem');
    const first = await runSimulator({ link });
    rmSync(link);
    symlinkSync('/dev/pts/999999', link);
    await first.close();
    expect(readlinkSync(link)).toBe('/dev/pts/999999');
    rmSync(folder, { recursive: true });
  });
});

describe('a client that does not read', () => {
  it('loses bytes beyond a bound, which are counted, and the modem goes on when it reads', async () => {
    const simulator = await runSimulator({ echo: false }, { ptyMaker: 'node-pty' });
    const line = 'x'.repeat(64 * 1024);
    for (let count = 0; count < 40; count++) simulator.modem.say(line);
    expect(simulator.stats().octets_dropped).toBeGreaterThan(line.length);
    const client = await Client.open(simulator.tty!);
    expect(await client.ask('AT\r', '\r\nOK\r\n')).toContain('xxxx');
    await client.close();
    await simulator.close();
  });
});
