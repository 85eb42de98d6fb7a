import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pointMs } from '../../../src/page/history.js';
import { Rig } from '../../e2e/rig.js';

/** A daemon with a week behind it, and a second modem that is not plugged in. */
export async function startWithHistory(): Promise<Rig> {
  const rig = await Rig.start(
    ['--submit-latency', '300'],
    `per_day = 500\n[[modem]]\nname = "spare"\ndevice = "/dev/serial/by-id/usb-HUAWEI_Mobile-if00-port0"\n` +
      '[[caller]]\nname = "shop"\nkind = "bearer"\nsecret_file = "shop-secret"\npath = "/shop"\n',
    { files: { 'shop-secret': 'another-secret-of-this-run-0123456789abcdef' } },
  );
  await rig.daemon.end('SIGTERM');
  writeFileSync(join(rig.folder, 'state/history.jsonl'), week());
  await restart(rig);
  return rig;
}

/** Seven days as a small company has them: quiet nights, and an hour without a network. */
function week(): string {
  const end = Math.floor(Date.now() / pointMs) * pointMs;
  const lines = Array.from({ length: 2_000 }, (_, index) => {
    const at = end - (2_000 - index) * pointMs;
    const hour = new Date(at).getUTCHours() + new Date(at).getUTCMinutes() / 60;
    const busy = Math.max(0, Math.sin(((hour - 6) / 14) * Math.PI));
    const wave = ((Math.sin(index * 12.9898) * 43_758.5453) % 1) * 0.5 + 0.5;
    const isOut = index > 1_300 && index < 1_312;
    const accepted = isOut ? 0 : Math.round(busy * 14 * (0.6 + wave));
    const times = (p50: number) => [Math.round(p50), Math.round(p50 * (2 + wave))];
    return JSON.stringify({
      at: at / 1000,
      counts: {
        accepted,
        refused: Math.round(busy * wave * 1.4),
        ...(isOut && { failed: Math.round(busy * 9) }),
      },
      ...(accepted > 0 && { waited: times(200 + 900 * busy), took: times(2_600 + 900 * wave) }),
      signal: { main: Math.round(-74 - 4 * wave - 9 * drift(index) - (isOut ? 30 : 0)) },
    });
  });
  return `${lines.join('\n')}\n`;
}

const drift = (index: number): number => Math.sin(index / 40) * Math.sin(index / 91);

async function restart(rig: Rig): Promise<void> {
  const from = rig.log.length;
  await rig.startDaemon();
  await rig.until(({ event, phase }) => event === 'modem' && phase === 'ready', from);
}

/** The same daemon with other lines below `[admin]`. */
export async function restartWith(rig: Rig, admin: string): Promise<void> {
  await rig.daemon.end('SIGTERM');
  const text = readFileSync(rig.configFile, 'utf8');
  writeFileSync(rig.configFile, text.replace(/\[admin\]\n(?:\w+ = .*\n)+/, `[admin]\n${admin}\n`));
  await restart(rig);
}

/** A proxy that puts what a socket serves under a path, and keeps the Host. */
export async function proxyUnder(prefix: string, socketPath: string) {
  const server = createServer((req, res) => {
    if (!req.url?.startsWith(prefix)) return void res.writeHead(404).end();
    const { method, headers } = req;
    const path = req.url.slice(prefix.length - 1);
    const upstream = request({ socketPath, path, method, headers }, (answer) => {
      res.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(res);
    });
    upstream.on('error', () => res.destroy());
    res.on('close', () => upstream.destroy());
    req.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
