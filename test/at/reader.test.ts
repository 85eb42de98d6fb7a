import { describe, expect, test } from 'vitest';
import { LineReader } from '../../src/at/reader.js';

/** Feeds `chunks`, arming the reader for a prompt before the chunk of index `promptFrom`. */
function read(chunks: (string | Buffer)[], promptFrom = -1): string[] {
  const reader = new LineReader();
  const lines: string[] = [];
  reader.on('data', (line: string) => lines.push(line));
  for (const [index, chunk] of chunks.entries()) {
    if (index === promptFrom) reader.promptAwaited = true;
    reader.write(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk);
  }
  return lines;
}

describe('the line reader', () => {
  test('yields lines without CR, blanks and control characters at the ends', () => {
    expect(
      read([
        '\xff\0\r\nOK\r\n',
        'AT\r\r\n',
        '\0\xff+CREG: 0,1 \xff\r\n',
        '\x1bAT\r\n',
        'no newline yet',
      ]),
    ).toEqual(['OK', 'AT', '+CREG: 0,1', 'AT']);
  });

  // 27.005 writes CR LF > SP; the SIM7670G `\r\n>\r\n` (gammu issue 1176); some leave the blank
  // out; with echo on the command comes first.
  test.each([
    '\r\n> ',
    '\r\n>',
    '\r\n>\r\n',
    'AT+CMGS=23\r\r\n> ',
    'AT+CMGS=23\r\r\n>\r\n',
    'AT+CMGS=23\r> ',
    '\r\n\0\xff> ',
    '\r\n> \r\n> ',
    '\r\n> > ',
  ])('sees the prompt %j once, however it is cut', (prompt) => {
    const bytes = `${prompt}\r\n+CMGS: 5\r\n\r\nOK\r\n`;
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const lines = read([bytes.slice(0, cut), bytes.slice(cut)], 0).filter(
        (line) => !line.startsWith('AT+'),
      );
      expect(lines, `cut at ${cut}`).toEqual(['>', '+CMGS: 5', 'OK']);
    }
    const single = read(bytes.split(''), 0).filter((line) => !line.startsWith('AT+'));
    expect(single).toEqual(['>', '+CMGS: 5', 'OK']);
  });

  // V.250 6.2.6: with ATV0 no line begins with CR LF: it follows what echo or prompt left.
  test.each([
    ['> ', '\r\n> '],
    ['\r\n> ', '> '],
    ['AT+CMGS=23\r> ', '0011AB\x1a'],
    ['> ', '0011AB\x1a\r\n> '],
    ['AT+CMGS=23\r> ', '> 0011AB'],
  ])('sees a response without CR LF before it, when %j and %j came', (prompt, left) => {
    const bytes = `${left}+CMGS: 5\r\nOK\r\n> quoted\r\n`;
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const lines = read([prompt, bytes.slice(0, cut), bytes.slice(cut)], 0).filter(
        (line) => line !== 'AT+CMGS=23' && line !== '0011AB',
      );
      expect(lines, `cut at ${cut}`).toEqual(['>', '+CMGS: 5', 'OK', '> quoted']);
    }
  });

  test.each(['+CMTI: "SM",3', '0011000D91', '+CMGS: 5'])(
    'sees the prompt that %s follows on the same line, however it is cut',
    (rest) => {
      for (const prompt of ['\r\n> ', '\r\n> > ', '\r\n> \r\n> ']) {
        const bytes = `${prompt}${rest}\r\n`;
        for (let cut = 0; cut <= bytes.length; cut += 1)
          expect(read([bytes.slice(0, cut), bytes.slice(cut)], 0), `${prompt} ${cut}`).toEqual([
            '>',
            rest,
          ]);
      }
    },
  );

  test('tells of an echo that shares its line with the prompt', () => {
    expect(read(['AT+CMGS=23\r> '], 0)).toEqual(['AT+CMGS=23', '>']);
  });

  test('takes a > for the prompt only while one is awaited', () => {
    expect(read(['\r\n> quoted text\r\n', 'a > b\r\n'])).toEqual(['> quoted text', 'a > b']);
    expect(read(['\r\n>\r\n', '\r\n> '])).toEqual([]);
  });

  test('takes no late prompt of an earlier command for the next one’s', () => {
    expect(read(['\r\n> ', '\r\n+CREG: 1\r\n'], 1)).toEqual(['+CREG: 1']);
    expect(read(['\r\n> ', '\r\n+CREG: 1\r\n', '\r\n> '], 1)).toEqual(['+CREG: 1', '>']);
  });

  test('sees a prompt behind a URC that came in between', () => {
    expect(read(['\r\n+CMTI: "SM",3\r\n\r\n> '], 0)).toEqual(['+CMTI: "SM",3', '>']);
  });

  test('drops a line longer than any real one, and nothing after it', () => {
    const reader = new LineReader();
    const lines: string[] = [];
    reader.on('data', (line: string) => lines.push(line));
    for (let i = 0; i < 300; i += 1) reader.write(Buffer.alloc(1000, 0xaa));
    expect(reader.buffer.length).toBeLessThanOrEqual(4096);
    reader.write(Buffer.from('tail\r\nOK\r\n'));
    reader.write(Buffer.concat([Buffer.alloc(9000, 0x41), Buffer.from('\r\nRING\r\n')]));
    expect(lines).toEqual(['OK', 'RING']);
    expect(reader.droppedLines).toBe(2);
  });
});
