import { spawnSync } from 'node:child_process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { afterAnswers } from '../../src/http/after-answers.js';

describe('what no caller waits for', () => {
  it('is done in order, after all promises and ticks of this turn', async () => {
    const done: string[] = [];
    const answer = async (of: string) => {
      await Promise.resolve();
      afterAnswers(() => done.push(`line of ${of}`));
      await new Promise<void>((resolve) => process.nextTick(resolve));
      done.push(`answer to ${of}`);
    };
    await Promise.all(['one', 'two'].map(answer));
    expect(done).toEqual(['answer to one', 'answer to two']);
    await nextTurn();
    expect(done.slice(2)).toEqual(['line of one', 'line of two']);
  });

  it('is done once, and what it brings about comes after it', async () => {
    const done: string[] = [];
    afterAnswers(() => {
      done.push('first');
      afterAnswers(() => done.push('third'));
    });
    afterAnswers(() => done.push('second'));
    await nextTurn();
    await nextTurn();
    expect(done).toEqual(['first', 'second', 'third']);
  });

  it('is in the log of a process that exits in the same turn', () => {
    const source = (path: string) =>
      JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
    const program = `
      import { createLog } from ${source('log.ts')};
      import { afterAnswers } from ${source('http/after-answers.ts')};
      const log = createLog({ level: 'info', format: 'json' });
      log.info('one');
      afterAnswers(() => log.info('two'));
      afterAnswers(() => log.info('three'));
      process.exit(3);`;
    const { stdout, status } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      { encoding: 'utf8' },
    );
    const messages = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { message: string }).message);
    expect([messages, status]).toEqual([['one', 'two', 'three'], 3]);
  });
});
