import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { linesFor, linesIn } from '../../packaging/terminal-picture.js';
import { Child } from '../faults/child.js';

const root = join(import.meta.dirname, '../..');
const said: string[] = [];
let demo: Child;

/** Until it waits for the person. */
beforeAll(async () => {
  await new Promise<void>((resolve, reject) => {
    demo = new Child(['demo'], (line) => {
      said.push(line);
      if (line.startsWith('curl ')) resolve();
    });
    void demo.ended.then(() => reject(new Error(`it ended:\n${said.join('\n')}`)));
  });
}, 60_000);
afterAll(async () => {
  if (!demo.hasEnded) await demo.end('SIGKILL');
});

/** Ports, ids, references and times differ from one run to the next. */
const masked = (line: string): string =>
  line.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID').replace(/\d+/g, '0');

/**
 * Two processes speak, and who is first differs; and the mode is set again where the last result
 * was a second ago.
 */
const comparable = (lines: readonly string[]): string[] =>
  lines.filter((line) => !/AT\+CMGF=|OK$/.test(line)).sort();

test('the demo says what its picture in docs shows ("npm run picture" draws it anew)', async () => {
  const theirTurn = said.findIndex((line) => line.startsWith('Your turn'));
  const picture = readFileSync(join(root, 'docs/demo.svg'), 'utf8');
  const [command, ...shown] = linesIn(picture).map(masked);
  expect(command?.replaceAll('\u00a0', ' ')).toBe('$ npm run demo');
  const saidNow = linesFor(said.slice(0, theirTurn).join('\n')).map(masked);
  expect(comparable(shown)).toEqual(comparable(saidNow));
});

test('it shows four ends of a message, where the status is, and a line to paste that sends; Ctrl-C ends it', async () => {
  expect(said.filter((line) => line.includes('answer: ')).map((line) => line.trim())).toEqual([
    expect.stringMatching(/^answer: 200 \{/),
    'answer: 502 network_refused, submitted: no',
    'answer: 401 token_expired, submitted: no',
    'answer: 504 outcome_unknown, submitted: unknown',
  ]);
  expect(said.filter((line) => /AT\+CMGS=\d+ +send an SMS$/.test(line))).toHaveLength(1);

  const [, status] = /^ {2}status and metrics: (\S+)$/m.exec(said.join('\n')) ?? [];
  expect(await (await fetch(new URL('/readyz', status))).text()).toBe('ready\n');

  const [, url, authorization, body] =
    /^curl -i (\S+) -H 'Authorization: ([^']+)' -d '([^']+)'$/.exec(said.at(-1) ?? '') ?? [];
  const answer = await fetch(url ?? '', {
    method: 'POST',
    headers: { authorization: authorization ?? '' },
    body: body ?? '',
  });
  expect(answer.status).toBe(200);
  // Else the shell's prompt would stand behind it.
  expect(await answer.text()).toMatch(/^\{.*\}\n$/);

  expect(await demo.end('SIGINT')).toEqual({ code: 0, signal: null });
});
