import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Rig } from './rig.js';

let rig: Rig;
afterEach(() => rig.stop());

const json = async (path: string) =>
  (await (await fetch(`http://127.0.0.1:${rig.adminPort}/${path}`)).json()) as {
    series: Record<string, (number | null)[]>;
  };
const accepted = async () =>
  (await json('history.json')).series['messages accepted']?.reduce<number>(
    (sum, count) => sum + (count ?? 0),
    0,
  ) ?? 0;

test('a daemon that is looked at stops as soon as any, and knows its history again', {
  timeout: 25_000,
}, async () => {
  rig = await Rig.start();
  expect((await rig.post({})).status).toBe(200);
  const stream = await fetch(`http://127.0.0.1:${rig.adminPort}/events?view=now`);
  expect(stream.status).toBe(200);
  // As a browser keeps one in store.
  const spare = connect(rig.adminPort, '127.0.0.1').on('error', () => undefined);
  await once(spare, 'connect');
  // What is in a modem would have 30 s, which is longer than this test.
  expect(await rig.daemon.end('SIGTERM')).toMatchObject({ code: 0 });
  await stream.text();
  expect(statSync(join(rig.folder, 'state/history.jsonl')).mode & 0o777).toBe(0o600);
  await rig.startDaemon();
  while ((await accepted()) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await accepted()).toBe(1);
  const page = await (await fetch(`http://127.0.0.1:${rig.adminPort}/`)).text();
  expect(page).toContain('Last code');
});
