import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { deviceLink } from '../../src/serial/device-link.js';
import type { SerialLink } from '../../src/serial/link.js';
import { openPty } from '../../src/simulator/pty.js';
import { freePort } from './free-port.js';
import { documented, NetworkRig, replaced, Ser2net, Service } from './network-modems-rig.js';

const protocols = ['tcp', 'rfc2217'] as const;
type Protocol = (typeof protocols)[number];

const at = (protocol: Protocol) => (ser2net: Ser2net) =>
  `${protocol}://127.0.0.1:${protocol === 'tcp' ? ser2net.raw : ser2net.rfc2217}`;

const everyOctet = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));

describe.each(protocols)('octets by %s through ser2net', (protocol) => {
  test('are the same at the other end, each of the 256, both ways', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'simgate-octets-'));
    let heard = Buffer.alloc(0);
    const pty = await openPty({
      onData: (bytes) => {
        heard = Buffer.concat([heard, bytes]);
      },
      onError: () => undefined,
    });
    const ser2net = await Ser2net.start(folder, pty.slavePath);
    let link: SerialLink | undefined;
    onTestFinished(async () => {
      await link?.close();
      await ser2net.end();
      await pty.hangUp();
      rmSync(folder, { recursive: true });
    });
    let back = Buffer.alloc(0);
    link = await deviceLink(
      at(protocol)(ser2net),
      57_600,
    )({
      onData: (bytes) => {
        back = Buffer.concat([back, bytes]);
      },
      onClose: () => undefined,
    });
    link.write(everyOctet.toString('latin1'));
    await expect.poll(() => heard.toString('hex')).toBe(everyOctet.toString('hex'));
    pty.write(everyOctet);
    await expect.poll(() => back.toString('hex')).toBe(everyOctet.toString('hex'));
    // RFC 2217 sets what the configuration says; raw is as ser2net's own file has it.
    const speed = execFileSync('stty', ['-F', pty.slavePath, 'speed']).toString().trim();
    expect(speed).toBe(protocol === 'tcp' ? '115200' : '57600');
  });
});

describe.each(protocols)('a modem by %s behind ser2net', (protocol) => {
  let rig: NetworkRig;
  beforeAll(async () => {
    rig = await NetworkRig.startBehind(at(protocol), { extra: 'idle_probe_s = 2' });
  });
  afterAll(() => rig.stop());
  afterEach(() => {
    // Whatever became of the link, nothing was done to the modem.
    expect(rig.wasReset()).toBe(false);
  });

  test('sends', async () => {
    const { status, body } = await rig.post({ body: 'over the network' });
    expect([status, body.modem]).toEqual([200, 'main']);
    expect(rig.texts()).toEqual(['over the network']);
  });

  test('whose link is cut after Ctrl-Z: nobody knows, and nothing is sent again', async () => {
    const before = rig.texts();
    const from = rig.log.length;
    await rig.modem.control({ fault: 'late:3000', submits: 1 });
    const ctrlZs = () => rig.modem.record().filter(({ kind }) => kind === 'ctrl_z').length;
    const sent = ctrlZs();
    const answer = rig.post({ body: 'cut' });
    await expect.poll(ctrlZs, { timeout: 10_000 }).toBeGreaterThan(sent);
    await rig.ser2net.end();
    expect(await answer).toMatchObject({
      status: 504,
      body: { code: 'outcome_unknown', submitted: 'unknown' },
    });
    await rig.untilPhase('absent', from);
    await rig.ser2net.run();
    await rig.untilPhase('ready', from);
    expect((await rig.post({ body: 'after the cut' })).status).toBe(200);
    expect(rig.texts()).toEqual([...before, 'cut', 'after the cut']);
  });

  test('that another client takes is told so, and taken back when that one has left', async () => {
    const from = rig.log.length;
    const port = at(protocol)(rig.ser2net).split(':').at(-1);
    const thief = connect(Number(port), '127.0.0.1');
    await once(thief, 'connect');
    const lost = await rig.untilPhase('lost', from);
    expect(String(lost.reason)).toMatch(/another client has taken the port/);
    thief.destroy();
    await rig.untilPhase('ready', from);
  });

  test('whose ser2net hangs is lost, and back when that goes on', async () => {
    const from = rig.log.length;
    rig.ser2net.signal('SIGSTOP');
    await rig.untilPhase('lost', from);
    // Reached and lost again, as often as it would take to reset a modem that is silent.
    for (let losses = 0, line = from; losses < 4 && protocol === 'tcp'; losses += 1) {
      await rig.untilPhase('lost', line);
      line = rig.log.length;
    }
    rig.ser2net.signal('SIGCONT');
    await rig.untilPhase('ready', rig.log.length);
    expect((await rig.post({ body: `after the ${protocol} hang` })).status).toBe(200);
  });

  test('that is unplugged over there is told so, and sends when it is back', async () => {
    const from = rig.log.length;
    await rig.modem.control({ hangup: true, power: 'kept', reattach_ms: 3000 });
    await rig.untilPhase('lost', from);
    await rig.until((line) => /cannot open its tty/.test(String(line.reason)), from);
    await rig.untilPhase('ready', from);
    expect((await rig.post({ body: 'plugged in again' })).status).toBe(200);
  });
});

test('where the first client keeps the port, the second is told that another has it', async () => {
  const rig = await NetworkRig.startBehind(at('tcp'), { kickOldUser: false });
  onTestFinished(() => rig.stop());
  // A second gateway, as somebody might start one in haste.
  const said: string[] = [];
  const link = await deviceLink(
    at('tcp')(rig.ser2net),
    115_200,
  )({
    onData: () => undefined,
    onClose: (cause) => said.push(cause?.message ?? ''),
  });
  await expect.poll(() => said.join('\n')).toMatch(/another client has the port/);
  await link.close();
  expect((await rig.post({ body: 'undisturbed' })).status).toBe(200);
});

test('through stunnel at both ends, the way to another machine is closed to others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-stunnel-'));
  const [outer, inner] = [await freePort(), await freePort()];
  let ends: Service[] = [];
  const rig = await NetworkRig.startBehind((ser2net) => {
    ends = stunnels(folder, ser2net.rfc2217, outer, inner);
    return `rfc2217://127.0.0.1:${inner}`;
  });
  onTestFinished(async () => {
    await rig.stop();
    for (const end of ends) await end.end();
    rmSync(folder, { recursive: true });
  });
  expect((await rig.post({ body: 'through the tunnel' })).status).toBe(200);
  expect(rig.texts()).toEqual(['through the tunnel']);
  // Who has no key of its own gets no octet out of it.
  const stranger = connect(outer, '127.0.0.1');
  let heard = '';
  stranger.on('data', (bytes) => {
    heard += bytes.toString('latin1');
  });
  stranger.on('error', () => undefined);
  stranger.write('AT+CGMI\r');
  await new Promise((resolve) => stranger.once('close', resolve));
  expect(heard).not.toContain('OK');
});

/** As docs/modems.md has them, with a key that both ends know and nobody else. */
function stunnels(folder: string, modem: number, outer: number, inner: number): Service[] {
  const psk = join(folder, 'psk');
  writeFileSync(psk, `simgate:${'0123456789abcdef'.repeat(4)}\n`, { mode: 0o600 });
  const secrets = ['/etc/stunnel/modem.psk', psk] as const;
  const far = replaced(documented('ini', 0), [
    ['accept = 2217', `accept = 127.0.0.1:${outer}`],
    ['connect = 127.0.0.1:2001', `connect = 127.0.0.1:${modem}`],
    secrets,
  ]);
  const near = replaced(documented('ini', 1), [
    ['127.0.0.1:2001', `127.0.0.1:${inner}`],
    ['modem-box.example.net:2217', `127.0.0.1:${outer}`],
    secrets,
  ]);
  return [far, near].map((text, index) => {
    const file = join(folder, `${index}.conf`);
    writeFileSync(file, `foreground = yes\npid =\n${text}`);
    return new Service('stunnel4', [file]);
  });
}
