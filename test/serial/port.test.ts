import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { LinkLost, type SerialLink } from '../../src/serial/link.js';
import { serialLink } from '../../src/serial/port.js';
import { openPty, type Pty } from '../../src/simulator/pty.js';

const ptys: Pty[] = [];
const links: SerialLink[] = [];

afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()));
  await Promise.all(ptys.splice(0).map((pty) => pty.hangUp()));
});

async function newPty(): Promise<{ pty: Pty; received: () => string }> {
  let text = '';
  const pty = await openPty({
    onData: (bytes) => {
      text += bytes.toString('latin1');
    },
    onError: () => undefined,
  });
  ptys.push(pty);
  return { pty, received: () => text };
}

interface Opened {
  link: SerialLink;
  closes: (LinkLost | undefined)[];
  data: () => string;
  closed: Promise<unknown>;
}

async function open(path: string): Promise<Opened> {
  let text = '';
  const closes: (LinkLost | undefined)[] = [];
  const closedEvent = new EventTarget();
  const closed = new Promise((resolve) =>
    closedEvent.addEventListener('closed', resolve, { once: true }),
  );
  const link = await serialLink(
    path,
    115_200,
  )({
    onData: (bytes) => {
      text += bytes.toString('latin1');
      closedEvent.dispatchEvent(new Event('data'));
    },
    onClose: (cause) => {
      closes.push(cause);
      closedEvent.dispatchEvent(new Event('closed'));
    },
  });
  links.push(link);
  return { link, closes, data: () => text, closed };
}

/** Share of one core this process takes in the next `ms`. */
async function cpuShare(ms: number): Promise<number> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  await sleep(ms);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1000 / (performance.now() - from);
}

describe('a serial link', () => {
  test('carries bytes both ways untouched', async () => {
    const { pty, received } = await newPty();
    const { link, data } = await open(pty.slavePath);
    link.write('AT+CMGS=5\r\x1b\x1a\x03\x00\xff');
    await expect.poll(received).toBe('AT+CMGS=5\r\x1b\x1a\x03\x00\xff');
    pty.write(Buffer.from('\r\n> \x11\x13\x00\xff', 'latin1'));
    await expect.poll(data).toBe('\r\n> \x11\x13\x00\xff');
  });

  // serialport 13 alone spins on a tty that was hung up while a read followed on data, and reports
  // nothing.
  test.each([0, 0.2, 0.4, 0.6, 0.8, 1, 1.2, 2])(
    'reports a hang-up %f ms after data, once',
    async (delayMs) => {
      for (let round = 0; round < 3; round += 1) {
        const { pty } = await newPty();
        const opened = await open(pty.slavePath);
        pty.write(Buffer.from('\r\n+CMGS: 1\r\n'));
        const until = performance.now() + delayMs;
        while (performance.now() < until);
        await pty.hangUp();
        await opened.closed;
        expect(opened.closes).toEqual([expect.any(LinkLost)]);
        expect(await cpuShare(50), 'share of a core: it does not spin').toBeLessThan(0.6);
        expect(opened.closes).toHaveLength(1);
      }
    },
  );

  test('reports a hang-up of a quiet tty', async () => {
    const { pty } = await newPty();
    const { closed, closes } = await open(pty.slavePath);
    await pty.hangUp();
    await closed;
    expect(closes[0]?.message).toContain(`${pty.slavePath} was lost`);
  });

  test('sends nothing that was written after the loss, neither there nor to the next device', async () => {
    const first = await newPty();
    const lost = await open(first.pty.slavePath);
    await first.pty.hangUp();
    await lost.closed;
    lost.link.write('AT+CMGS=1\r');
    const second = await newPty();
    const fresh = await open(second.pty.slavePath);
    fresh.link.write('AT\r');
    await expect.poll(second.received).toBe('AT\r');
    expect(first.received()).toBe('');
  });

  test('closes as often as it is asked to, and says so once', async () => {
    const { pty } = await newPty();
    const { link, closes } = await open(pty.slavePath);
    await Promise.all([link.close(), link.close()]);
    await link.close();
    expect(closes).toEqual([undefined]);
    await open(pty.slavePath); // the lock is gone with it
  });

  test('closes at once although nobody reads what was written', async () => {
    const child = spawn('script', ['-qfec', 'stty raw -echo; tty; exec sleep 30', '/dev/null']);
    const [path] = (await once(child.stdout, 'data')) as [Buffer];
    child.stdout.pause();
    child.kill('SIGSTOP'); // from here on nobody takes bytes from the master side
    try {
      const { link, closes } = await open(path.toString().trim());
      for (let i = 0; i < 64; i += 1) link.write('x'.repeat(4096));
      const before = performance.now();
      await link.close();
      expect(performance.now() - before).toBeLessThan(5_000);
      expect(closes).toEqual([undefined]);
    } finally {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
  });

  test.each([
    ['/dev/does-not-exist', 'does not exist: is the modem plugged in?'],
    ['/dev/null', 'is not a tty'],
  ])('says what is wrong with %s', async (path, words) => {
    await expect(open(path)).rejects.toThrow(words);
    await expect(open(path)).rejects.toBeInstanceOf(LinkLost);
  });

  test('says that another simgate holds the tty', async () => {
    const { pty } = await newPty();
    await open(pty.slavePath);
    await expect(open(pty.slavePath)).rejects.toThrow('is busy');
  });
});
