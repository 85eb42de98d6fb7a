import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createLog, type LogOptions } from '../../src/log.js';

function open(
  format: LogOptions['format'],
  { level = 'info', isTTY = false }: Partial<LogOptions> & { isTTY?: boolean } = {},
) {
  const stream = Object.assign(new PassThrough(), { isTTY });
  const log = createLog({ level, format, stream });
  return { log, written: () => (stream.read() as Buffer | null)?.toString() ?? '' };
}

describe('the JSON format', () => {
  it('is one object a line with timestamp, level, message and the fields', () => {
    const { log, written } = open('json');
    log.info('message sent', { event: 'message', took_ms: 12, modem: undefined, large: 2n ** 70n });
    const lines = written().split('\n');
    expect(lines).toHaveLength(2);
    const entry = JSON.parse(lines[0]!) as Record<string, unknown>;
    expect(entry).toEqual({
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: 'info',
      message: 'message sent',
      event: 'message',
      took_ms: 12,
      large: '1180591620717411303424',
    });
  });

  it('keeps what it was given through its escapes', () => {
    const { log, written } = open('json');
    const hostile = 'a\u001b[31m\u0007\n\u007f\u009b\u2028\u202e"\\';
    log.info(hostile, { operator: hostile });
    const line = written();
    expect(line.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(JSON.parse(line)).toMatchObject({ message: hostile, operator: hostile });
  });

  it('tells an error with stack, code and causes, and no other property of it', () => {
    const { log, written } = open('json');
    const cause = Object.assign(new Error('inner'), { code: 'EIO', pdu: '0001000B91' });
    const error = Object.assign(new TypeError('outer', { cause }), { text: 'Your code is 482915' });
    log.error('failed', { error });
    const line = written();
    expect(JSON.parse(line)).toMatchObject({
      error: {
        name: 'TypeError',
        message: 'outer',
        stack: expect.stringContaining('log.test.ts'),
        causes: [{ name: 'Error', message: 'inner', code: 'EIO' }],
      },
    });
    expect(line).not.toMatch(/482915|0001000B91/);
  });

  it('ends on a chain of causes that leads back to itself', () => {
    const { log, written } = open('json');
    const error = new Error('ring');
    error.cause = error;
    log.error('failed', { error });
    expect(JSON.parse(written())).toMatchObject({ error: { message: 'ring' } });
  });
});

describe('the text format', () => {
  it('is one line of time, level, message and fields', () => {
    const { log, written } = open('text');
    log.warn('not sent', {
      code: 'queue_full',
      detail: 'a "b"',
      took_ms: 3,
      none: undefined,
      list: [1],
    });
    expect(written()).toMatch(
      /^\S+Z warn {2}not sent code=queue_full detail="a \\"b\\"" took_ms=3 list=\[1\]\n$/,
    );
  });

  it('shows nothing that would steer a terminal, break the line or turn its direction', () => {
    const { log, written } = open('text');
    const hostile =
      'op\u001b]0;x\u0007\r\n2026-01-01T00:00:00.000Z error forged\u009b2J\u202e\u2028';
    log.info(hostile, { operator: hostile, nested: { hostile } });
    const text = written();
    expect(text.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(text).toContain('op\\u001b]0;x\\u0007\\u000d\\u000a2026');
  });

  it('shows the stacks of an error and its cause, each line indented', () => {
    const { log, written } = open('text');
    log.error('failed', { error: new Error('outer\nforged', { cause: new Error('inner') }) });
    const [first, ...rest] = written().trimEnd().split('\n');
    expect(first).toMatch(/ error failed error="outer\\nforged"$/);
    expect(rest.join('\n')).toMatch(/Error: outer\n {4}forged\n[\s\S]*Error: inner\n/);
    expect(rest.every((line) => line.startsWith('    '))).toBe(true);
  });
});

describe('a log', () => {
  it.each([
    ['auto', true, false],
    ['auto', false, true],
    ['json', true, true],
    ['text', false, false],
  ] as const)('of format %s on a terminal: %s is JSON: %s', (format, isTTY, isJson) => {
    const { log, written } = open(format, { isTTY });
    log.info('x');
    expect(written().startsWith('{')).toBe(isJson);
  });

  it('leaves out what is below its level', () => {
    const { log, written } = open('json', { level: 'warn' });
    log.info('quiet');
    log.debug('quieter');
    expect(written()).toBe('');
    log.warn('heard');
    expect(written()).toContain('heard');
  });
});

/** A program that has a log, can do something in a later turn, and tells what was lost. */
function running(program: string): string[] {
  const log = new URL('../../src/log.ts', import.meta.url).href;
  const whole = `
    import { createLog, logLoss } from ${JSON.stringify(log)};
    const log = createLog({ level: 'info', format: 'text' });
    process.stdout.on('error', () => undefined);
    let turns = 0;
    const later = (work) => setTimeout(work, 50 * ++turns);
    const told = () => console.error(\`\${logLoss()?.lines} of 1: \${logLoss()?.why}\`);
    ${program}`;
  return ['--import', 'tsx', '--input-type=module', '--eval', whole];
}

describe('standard output', () => {
  it('has every line in order, also those of the turn in which the process exits', () => {
    const log = new URL('../../src/log.ts', import.meta.url).href;
    const program = `
      import { createLog } from ${JSON.stringify(log)};
      const log = createLog({ level: 'info', format: 'json' });
      log.info('one');
      log.debug('left out');
      setImmediate(() => {
        log.info('two');
        log.warn('three');
        process.exit(3);
      });`;
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

  it('is whole when the log has ended', () => {
    const log = new URL('../../src/log.ts', import.meta.url).href;
    const program = `
      import { createLog } from ${JSON.stringify(log)};
      const log = createLog({ level: 'info', format: 'text' });
      log.error('the last word');
      log.once('finish', () => process.kill(process.pid, 'SIGKILL')).end();`;
    const { stdout, signal } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      { encoding: 'utf8' },
    );
    expect([stdout, signal]).toEqual([expect.stringMatching(/ error the last word\n$/), 'SIGKILL']);
  });

  it('that takes nothing ends nobody, and is told', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(
      process.execPath,
      running(`log.info('one'); later(told);`),
      {
        encoding: 'utf8',
        stdio: ['ignore', full, 'pipe'],
      },
    );
    closeSync(full);
    expect([stderr, status]).toEqual([expect.stringMatching(/^1 of 1: the disk is full/), 0]);
  });

  it('whose reader is slow is not kept in memory for it, and the reader hears of it', async () => {
    const flood = `
      log.info('x'.repeat(1_000_000));
      later(() => log.info('y'.repeat(1_000_000)));
      later(() => log.info('lost'));
      later(told);
      later(() => setInterval(() => {
        if (process.stdout.writableLength === 0) process.exit(log.info('the last') && 0);
      }, 20));`;
    const child = spawn(process.execPath, running(flood));
    const [said] = (await once(child.stderr, 'data')) as [Buffer];
    expect(said.toString()).toMatch(/^1 of 1: nobody reads it/);
    const lines = (await text(child.stdout)).trimEnd().split('\n');
    expect(lines.map((line) => line.slice(-60))).toEqual([
      'x'.repeat(60),
      'y'.repeat(60),
      expect.stringMatching(/1 line of the log was lost: nobody reads it event=log$/),
      expect.stringMatching(/ the last$/),
    ]);
  });
});
