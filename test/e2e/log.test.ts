/** `simgate log` answers the questions: why, how many, and with the daemon down. */

import { afterEach, expect, test } from 'vitest';
import { openPolicy } from '../config-text.js';
import { Child } from '../faults/child.js';
import { Rig } from './rig.js';

let rig: Rig;
afterEach(() => rig.stop());

async function log(...args: readonly string[]): Promise<Record<string, unknown>[]> {
  const shown: Record<string, unknown>[] = [];
  const said: string[] = [];
  const child = new Child(
    ['log', '--json', '--config', rig.configFile, ...args],
    (line, from) => {
      if (from === 'stdout') shown.push(JSON.parse(line) as Record<string, unknown>);
      else said.push(line);
    },
    rig.env,
  );
  const { code } = await child.ended;
  expect([code, said.filter((line) => !/read from the file|no message/.test(line))]).toEqual([
    0,
    [],
  ]);
  return shown;
}

const number = '+12025550123';

test('each refusal has its reason, also after the daemon is gone', async () => {
  rig = await Rig.start([], openPolicy.replace('["*"]', '["DE"]'));
  expect(await rig.post({})).toMatchObject({ status: 200 });
  expect(await rig.post({ recipient: number })).toMatchObject({ status: 403 });
  expect(await rig.post({ recipient: '12' })).toMatchObject({ status: 400 });
  const stranger = { headers: { authorization: 'Bearer nothing' } };
  for (let times = 0; times < 3; times += 1)
    expect(await rig.post({}, stranger)).toMatchObject({ status: 401 });
  await fetch(`http://127.0.0.1:${rig.port}/elsewhere`);
  let refused = 3;
  const expectAll = async () => {
    const all = await log();
    expect(all.filter(({ id }) => id !== undefined)).toMatchObject([
      { status: 200, country: 'DE' },
      {
        status: 403,
        code: 'recipient_not_allowed',
        detail: expect.stringMatching(/^countries: .*\(US\) are outside policy\.countries$/),
      },
    ]);
    const counts = all.filter(({ count }) => count !== undefined);
    const sums = new Map<unknown, number>();
    for (const { code, count } of counts) sums.set(code, (sums.get(code) ?? 0) + Number(count));
    expect(Object.fromEntries(sums)).toEqual({
      recipient_invalid: 1,
      token_invalid: refused,
      not_found: 1,
    });
    expect(counts.find(({ code }) => code === 'recipient_invalid')).toMatchObject({
      caller: 'auth0',
      status: 400,
    });
    expect(await log('--to', number)).toMatchObject([{ status: 403 }]);
    expect(await log('--summary', '--by', 'code')).toMatchObject([
      { key: 'not_found', refused_before: 1 },
      { key: 'recipient_invalid', refused_before: 1 },
      { key: 'recipient_not_allowed', messages: 1, not_sent: 1 },
      { key: 'sent', messages: 1, sent: 1 },
      { key: 'token_invalid', refused_before: refused },
    ]);
    expect(JSON.stringify(all)).not.toContain(number.slice(2, -2));
  };
  await expectAll();
  // Nobody has asked for this one when it ends.
  expect(await rig.post({}, stranger)).toMatchObject({ status: 401 });
  refused += 1;
  await rig.daemon.end('SIGTERM');
  await expectAll();
  await rig.startDaemon();
  await rig.until(({ event, phase }) => event === 'modem' && phase === 'ready');
  await rig.daemon.end('SIGKILL');
  await expectAll();
}, 60_000);

test('a late result says why, too', async () => {
  rig = await Rig.start(['--fault', 'cms-late:38:3000@1']);
  expect(await rig.post({}, { headers: { Prefer: 'wait=1' } })).toMatchObject({ status: 504 });
  await rig.until(({ event }) => event === 'late_result');
  expect(await log()).toMatchObject([
    {
      status: 504,
      code: 'outcome_unknown',
      late: {
        status: 502,
        code: 'network_refused',
        cause_code: expect.stringMatching(/^CMS 38/),
        submitted: 'no',
        detail: expect.stringMatching(/38/),
      },
    },
  ]);
}, 60_000);
