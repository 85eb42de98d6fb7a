import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { expect, it } from 'vitest';
import { agrees, type Terminal } from '../../src/operator/terminal.js';
import { openPty } from '../../src/simulator/pty.js';

const question = 'Which tenant? ';
const program = (method: 'ask' | 'askSecret') => `
  const { ownTerminal } = await import(${JSON.stringify(new URL('../../src/operator/terminal.ts', import.meta.url).href)});
  const terminal = ownTerminal();
  try {
    terminal.say('heard ' + JSON.stringify(await terminal.${method}(${JSON.stringify(question)})));
  } catch (error) {
    terminal.say(error.name + ': ' + error.message);
  }`;

/** What a real terminal shows while somebody presses `keys` after the question. */
async function shownFor(keys: string, method: 'ask' | 'askSecret' = 'ask') {
  let shown = '';
  let hasPressed = false;
  const pty = await openPty({
    onData: (bytes) => {
      shown += bytes.toString();
      if (hasPressed || !shown.includes(question)) return;
      hasPressed = true;
      shown = '';
      pty.write(Buffer.from(keys));
    },
    onError: () => undefined,
  });
  const tty = openSync(pty.slavePath, 'r+');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program(method)],
    { stdio: [tty, tty, tty], env: { PATH: process.env.PATH, TERM: 'xterm' } },
  );
  closeSync(tty);
  const [code] = (await once(child, 'close')) as [number | null];
  await pty.hangUp();
  return { code, shown };
}

it.each([
  ['a line', 'staging\r', 'heard "staging"'],
  ['Enter alone', '\r', 'heard ""'],
  ['a line that was begun anew (Ctrl-U)', 'production\u0015staging\r', 'heard "staging"'],
  ['Ctrl-C', 'stag\u0003', 'OperatorError: stopped, before anything more was changed'],
  ['Ctrl-D', '\u0004', 'OperatorError: stopped, before anything more was changed'],
])('a person answers with %s', async (_title, keys, told) => {
  const { code, shown } = await shownFor(keys);
  expect(shown.trimEnd().split('\r\n').at(-1)).toBe(told);
  expect(code).toBe(0);
});

it('a secret is heard and not shown', async () => {
  const { shown } = await shownFor('hunter2\r', 'askSecret');
  expect(shown).toContain('heard "hunter2"');
  expect(shown.replace('heard "hunter2"', '')).not.toContain('hunter');
});

/** Somebody who gives these answers, one a question. */
function answering(...answers: string[]): Terminal & { said: string[] } {
  const said: string[] = [];
  const ask = (question: string): Promise<string> => {
    said.push(question);
    const answer = answers.shift();
    return answer === undefined
      ? Promise.reject(new Error('asked once more'))
      : Promise.resolve(answer);
  };
  return { isInteractive: true, said, say: (line) => void said.push(line), ask, askSecret: ask };
}

it.each([
  [['y'], true],
  [['Yes'], true],
  [[''], false],
  [['n'], false],
  [['yess', 'j', 'yes'], true],
  [['deploy', 'no'], false],
])(
  'asked whether to go on, %j is %s: what is neither yes nor no is asked again',
  async (answers, isYes) => {
    const asked = answering(...answers);
    expect(await agrees(asked, 'Deploy it?', false)).toBe(isYes);
    expect(asked.said.filter((line) => line === 'Deploy it? [y/N] ')).toHaveLength(answers.length);
  },
);
