import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AtCommand } from '../../src/at/command.js';
import {
  AtCancelled,
  AtCommandError,
  AtLinkLost,
  AtNoResult,
  AtTimeout,
} from '../../src/at/errors.js';
import { openSession } from './support.js';

const pdu = '0001000C9194710123456700F4';
const submit: AtCommand = {
  text: 'AT+CMGS=12',
  response: /^\+CMGS: *\d+/,
  timeoutMs: 10_000,
  payload: {
    text: pdu,
    resultTimeoutMs: 180_000,
    probeAfterMs: 60_000,
    graceMs: 10_000,
    okGraceMs: 10_000,
    pauseMs: 0,
    echoMeansReset: false,
    isOwnError: () => false,
    mayMeetForeignErrors: false,
  },
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Settles later; a rejection is not unhandled meanwhile. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

describe('a session', () => {
  test('lets commands take turns, with the guard time between them', async () => {
    const { session, link } = await openSession(20);
    link.answer = (bytes) => (bytes === 'AT+A\r' || bytes === 'AT+B\r' ? '\r\nOK\r\n' : undefined);
    const a = session.execute({ text: 'AT+A', timeoutMs: 1000 });
    const b = session.execute({ text: 'AT+B', timeoutMs: 1000 });
    await a;
    await vi.advanceTimersByTimeAsync(19);
    expect(link.written).toEqual(['AT+A\r']);
    await vi.advanceTimersByTimeAsync(1);
    await b;
    expect(link.written).toEqual(['AT+A\r', 'AT+B\r']);
  });

  test('asks at the prompt whether the payload may still go', async () => {
    const { session, link } = await openSession();
    link.answer = (bytes) => (bytes.startsWith('AT+CMGS') ? '\r\n> ' : undefined);
    const sent = later(
      session.execute(submit, { mayCommit: () => false, onCommitted: () => expect.unreachable() }),
    );
    await expect(sent).rejects.toBeInstanceOf(AtCancelled);
    expect(link.written).toEqual(['AT+CMGS=12\r', '\x1b']);
  });

  test.each(['AT+CMGS=12\r', undefined])(
    'writes the command at once, and the payload when it is ready: %j is answered by the prompt',
    async (answered) => {
      const { session, link } = await openSession();
      link.answer = (bytes) => (bytes === answered ? '\r\n> ' : undefined);
      let makeReady = (): void => undefined;
      const ready = new Promise<void>((resolve) => {
        makeReady = resolve;
      });
      const mayCommit = vi.fn(() => true);
      const sent = later(session.execute(submit, { ready, mayCommit }));
      await vi.advanceTimersByTimeAsync(400);
      expect(link.written).toEqual(['AT+CMGS=12\r']);
      expect(mayCommit, 'the caller may still leave').not.toHaveBeenCalled();
      makeReady();
      await vi.advanceTimersByTimeAsync(0);
      if (answered === undefined) link.say('\r\n> ');
      expect(link.written).toEqual(['AT+CMGS=12\r', `${pdu}\x1a`]);
      expect(mayCommit).toHaveBeenCalledOnce();
      link.say('\r\n+CMGS: 3\r\n\r\nOK\r\n');
      await expect(sent).resolves.toEqual(['+CMGS: 3']);
    },
  );

  test('leaves the prompt that was kept when the caller withdraws meanwhile, or what it is kept for never comes', async () => {
    for (const ready of [
      new Promise<void>((resolve) => setTimeout(resolve, 400)),
      new Promise<void>(() => undefined),
    ]) {
      const { session, link } = await openSession();
      link.answer = (bytes) => (bytes.startsWith('AT+CMGS') ? '\r\n> ' : undefined);
      const sent = later(session.execute(submit, { ready, mayCommit: () => false }));
      await vi.advanceTimersByTimeAsync(399);
      expect(link.written).toEqual(['AT+CMGS=12\r']);
      await vi.advanceTimersByTimeAsync(10_000);
      await expect(sent).rejects.toBeInstanceOf(AtCancelled);
      expect(link.written).toEqual(['AT+CMGS=12\r', '\x1b']);
    }
  });

  test('writes nothing for a payload that is ready when its command is over', async () => {
    const { session, link } = await openSession();
    link.answer = (bytes) => (bytes.startsWith('AT+CMGS') ? '\r\n> ' : undefined);
    const ready = new Promise<void>((resolve) => setTimeout(resolve, 400));
    const first = later(session.execute(submit, { ready }));
    await vi.advanceTimersByTimeAsync(10);
    link.say('\r\n+CMS ERROR: 500\r\n');
    await expect(first).rejects.toBeInstanceOf(AtCommandError);
    link.answer = (bytes) => (bytes === 'AT\r' ? '\r\nOK\r\n' : undefined);
    const second = later(session.execute(submit));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(link.written.filter((bytes) => bytes.includes('\x1a'))).toEqual([]);
    link.lose(new Error('gone'));
    await expect(second).rejects.toBeInstanceOf(AtLinkLost);
  });

  test('rejects every waiting command with the cause when the link is lost, and tells it once', async () => {
    const { session, link, lost } = await openSession();
    link.answer = (bytes) => (bytes.startsWith('AT+CMGS') ? '\r\n> ' : undefined);
    const first = later(session.execute(submit));
    const second = later(session.execute({ text: 'AT', timeoutMs: 1000 }));
    await vi.advanceTimersByTimeAsync(1);
    const cause = new Error('unplugged');
    link.lose(cause);
    link.lose(new Error('again'));
    await expect(first).rejects.toMatchObject({ name: 'AtLinkLost', stage: 'result', cause });
    await expect(second).rejects.toBeInstanceOf(AtLinkLost);
    expect(lost).toEqual([cause]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('gives up after Ctrl-Z only when its time is over, asking in between', async () => {
    const { session, link } = await openSession();
    link.answer = (bytes) => (bytes.startsWith('AT+CMGS') ? '\r\n> ' : undefined);
    const sent = later(session.execute(submit));
    await vi.advanceTimersByTimeAsync(179_999);
    expect(link.written).toEqual(['AT+CMGS=12\r', `${pdu}\x1a`, 'AT\r', 'AT\r']);
    await vi.advanceTimersByTimeAsync(1);
    await expect(sent).rejects.toMatchObject({ name: 'AtTimeout', stage: 'result' });
    expect(session.needsSynchronising).toBe(true);
  });

  test('ends the wait when the modem answers AT but never gave the result', async () => {
    const { session, link } = await openSession();
    link.answer = (bytes) => {
      if (bytes.startsWith('AT+CMGS')) return '\r\n> ';
      return bytes === 'AT\r' ? '\r\nOK\r\n' : undefined;
    };
    const sent = later(session.execute(submit));
    await vi.advanceTimersByTimeAsync(60_001);
    await expect(sent).rejects.toBeInstanceOf(AtNoResult);
  });

  test('settles a command whose write went nowhere', async () => {
    const { session } = await openSession();
    const sent = later(session.execute({ text: 'AT', timeoutMs: 5_000 }));
    await vi.advanceTimersByTimeAsync(5_000);
    await expect(sent).rejects.toBeInstanceOf(AtTimeout);
  });

  test('keeps PDUs, PINs, USSD texts and whole numbers out of its trace', async () => {
    const { session, link, trace } = await openSession();
    link.answer = (bytes) => (bytes.startsWith('AT+CMGS') ? '\r\n> ' : '\r\nOK\r\n');
    await session.execute({ text: 'AT+CPIN="4711"', timeoutMs: 1000 });
    const sent = session.execute(submit);
    await vi.advanceTimersByTimeAsync(1);
    link.say(
      '\r\n+CLIP: "+4915112345667",145\r\n+CUSD: 0,"Guthaben 7,42 EUR",15\r\n+CMGS: 3\r\n\r\nOK\r\n',
    );
    await sent;
    const text = trace.join('\n');
    expect(text).not.toMatch(/4711|94710123|12345667|Guthaben/);
    expect(text).toContain('<13 octets>');
    expect(text).toContain('+49…67');
  });

  test.each([
    '4711',
    '"4711"',
    '12345678',
    'PIN="4711"',
    '+CPN="4711"',
    'AT+CPIN="4711"',
    'pin 4711',
  ])(
    'keeps a PIN that is echoed as %s out of its trace, while it is in flight and after',
    async (echo) => {
      const { session, link, trace } = await openSession();
      link.answer = (bytes) =>
        bytes.startsWith('AT+CPIN=') ? `\r\n${echo}\r\n\r\nOK\r\n` : '\r\nOK\r\n';
      await session.execute({ text: 'AT+CPIN="4711"', timeoutMs: 1000 });
      if (!/^[+]/.test(echo)) link.say(`\r\n${echo}\r\n`);
      await session.execute({ text: 'AT', timeoutMs: 1000 });
      expect(trace.join('\n')).not.toMatch(/4711|345678/);
      expect(trace).toContain('> AT+CPIN=…');
      expect(trace).toContain('< OK');
    },
  );
});

describe('synchronising', () => {
  test('leaves an open prompt with ESC, never with Ctrl-Z', async () => {
    const { session, link } = await openSession();
    let atPrompt = true;
    link.answer = (bytes) => {
      if (bytes === '\x1b') atPrompt = false;
      return bytes === 'AT\r' && !atPrompt ? '\r\nOK\r\n' : undefined;
    };
    const done = later(session.synchronise(3));
    await vi.advanceTimersByTimeAsync(5_000);
    await done;
    expect(link.written.join('')).not.toContain('\x1a');
  });

  test('waits out the late result of a command that was given up, so that it answers nothing new', async () => {
    const { session, link, urcs } = await openSession();
    const slow = later(
      session.execute({ text: 'AT+COPS?', response: /^\+COPS:/, timeoutMs: 1_000 }),
    );
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(slow).rejects.toBeInstanceOf(AtTimeout);
    const done = later(session.synchronise(3));
    await vi.advanceTimersByTimeAsync(30);
    // The modem works in order: the old answer first, then that of AT.
    link.say('\r\n+COPS: 0,0,"Carrier"\r\n\r\nOK\r\n');
    await vi.advanceTimersByTimeAsync(100);
    link.say('\r\nOK\r\n');
    await vi.advanceTimersByTimeAsync(2_000);
    await done;
    expect(session.needsSynchronising).toBe(false);
    expect(urcs.map((urc) => urc.line)).toContain('+COPS: 0,0,"Carrier"');
    link.answer = () => '\r\nERROR\r\n';
    await expect(session.execute({ text: 'AT+X', timeoutMs: 1_000 })).rejects.toBeInstanceOf(
      AtCommandError,
    );
  });

  test('asks a modem that answers with errors once a second, for as long as it may be busy', async () => {
    const { session, link } = await openSession();
    let answer = '\r\n+CME ERROR: 515\r\n';
    link.answer = (bytes) => (bytes === '\x1b' ? undefined : answer);
    const done = later(session.synchronise(2, { busyForMs: 60_000 }));
    await vi.advanceTimersByTimeAsync(30_000);
    const asked = link.written.filter((bytes) => bytes === 'AT\r').length;
    expect(asked).toBeGreaterThan(25);
    expect(asked).toBeLessThan(35);
    answer = '\r\nOK\r\n';
    await vi.advanceTimersByTimeAsync(1_500);
    await done;
    answer = '\r\n+CME ERROR: 515\r\n';
    const tooLong = later(session.synchronise(2, { busyForMs: 60_000 }));
    await vi.advanceTimersByTimeAsync(64_000);
    await expect(tooLong).rejects.toThrow('AT: the modem answers CME 515, and never OK');
  });

  test('rejects a modem that stays silent, after the tries it was given', async () => {
    const { session, link } = await openSession();
    const done = later(session.synchronise(3));
    await vi.advanceTimersByTimeAsync(10_000);
    await expect(done).rejects.toBeInstanceOf(AtTimeout);
    expect(link.written.filter((bytes) => bytes === 'AT\r')).toHaveLength(3);
  });
});

describe('a modem in which somebody left', () => {
  /** Answers as V and Q say; `end` is what stands behind a result as a number. */
  async function modemLeftWith(
    settings: { v: number; q: number; e: number },
    end = '\r',
    start = '',
  ) {
    const opened = await openSession();
    const { link } = opened;
    link.answer = (bytes) => {
      if (bytes === '\x1b') return undefined;
      const echo = settings.e === 1 ? bytes : '';
      if (bytes === 'ATQ0V1E0\r') Object.assign(settings, { v: 1, q: 0, e: 0 });
      if (settings.q === 1) return echo;
      return echo + (settings.v === 1 ? '\r\nOK\r\n' : `${start}0${end}`);
    };
    return { ...opened, settings };
  }
  const inWords = { v: 1, q: 0, e: 0 };

  test.each([
    ['V0', { v: 0, q: 0, e: 0 }, '\r', ''],
    ['V0 and echo', { v: 0, q: 0, e: 1 }, '\r', ''],
    ['V0, whose results end with CR LF', { v: 0, q: 0, e: 1 }, '\r\n', ''],
    ['V0, whose results end with two CR', { v: 0, q: 0, e: 0 }, '\r\r', ''],
    ['V0, whose results begin with CR LF', { v: 0, q: 0, e: 1 }, '\r', '\r\n'],
    ['V0, whose results end with CR NUL', { v: 0, q: 0, e: 0 }, '\r\0', '\r\0'],
    ['Q1', { v: 1, q: 1, e: 0 }, '\r', ''],
    ['Q1 and echo', { v: 1, q: 1, e: 1 }, '\r', ''],
    ['Q1 and V0', { v: 0, q: 1, e: 0 }, '\r', ''],
  ])('%s speaks in words again', async (_name, left, end, start) => {
    const { session, settings, link } = await modemLeftWith(left, end, start);
    const done = later(session.synchronise(2, { mayBeMute: true }));
    await vi.advanceTimersByTimeAsync(4_000);
    await done;
    expect(settings).toEqual(inWords);
    expect(session.needsSynchronising).toBe(false);
    expect(link.written.join('')).not.toContain('\x1a');
  });

  test('V0 is not believed in mid-session: a line 0 answers nothing there', async () => {
    const { session, link } = await openSession();
    link.answer = () => '0\r\n';
    const asked = later(session.execute({ text: 'AT+X', timeoutMs: 1_000 }));
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(asked).rejects.toBeInstanceOf(AtTimeout);
  });

  test('V0 for good, whatever it is told, is given up', async () => {
    const { session, link } = await openSession();
    link.answer = (bytes) => (bytes === '\x1b' ? undefined : '0\r');
    const done = later(session.synchronise(5, { mayBeMute: true }));
    await vi.advanceTimersByTimeAsync(30_000);
    await expect(done).rejects.toBeInstanceOf(AtTimeout);
  });

  test('an echo tells of it after the cure as well', async () => {
    const { session } = await modemLeftWith({ v: 1, q: 1, e: 1 });
    const done = later(session.synchronise(2, { mayBeMute: true }));
    await vi.advanceTimersByTimeAsync(4_000);
    await done;
    expect(session.echoes).toBe(true);
  });
});

describe('a dialogue that is one answer behind', () => {
  const registered: AtCommand = {
    text: 'AT+CREG?',
    response: /^\+CREG: *\d+ *, *\d/,
    timeoutMs: 5_000,
  };

  /**
   * A modem in order, but for a result that it says before its answer to the command that `foreign`
   * names.
   */
  async function modemThatSays(results: string, before: string, answerMs = 50) {
    const opened = await openSession();
    let isDue = true;
    opened.link.answer = (bytes) => {
      if (bytes === '\x1b') return undefined;
      const answer = bytes === 'AT+CREG?\r' ? '\r\n+CREG: 0,5\r\n\r\nOK\r\n' : '\r\nOK\r\n';
      setTimeout(() => opened.link.say(answer), answerMs);
      if (!isDue || bytes !== `${before}\r`) return undefined;
      isDue = false;
      return results;
    };
    return opened;
  }

  test.each([
    ['at the question itself', 'AT+CREG?'],
    ['at the setting before it', 'AT+CNMI=2,1'],
  ])(
    'is brought back into step, and the question asked again: an OK out of the air %s',
    async (_where, before) => {
      for (const answerMs of [1, 50, 900]) {
        const { session } = await modemThatSays('\r\nOK\r\n', before, answerMs);
        const set = later(session.execute({ text: 'AT+CNMI=2,1', timeoutMs: 5_000 }));
        const asked = later(session.execute(registered));
        await vi.advanceTimersByTimeAsync(15_000);
        await set;
        expect(await asked).toEqual(['+CREG: 0,5']);
        expect(session.outOfStepCount).toBeGreaterThan(0);
        expect(session.needsSynchronising).toBe(false);
      }
    },
  );

  test('asks only once more what a modem answers with OK alone', async () => {
    const { session, link } = await openSession();
    link.answer = (bytes) => (bytes === '\x1b' ? undefined : '\r\nOK\r\n');
    for (let time = 0; time < 3; time += 1) {
      const asked = later(session.execute(registered));
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await asked).toEqual([]);
    }
    expect(link.written.filter((bytes) => bytes === 'AT+CREG?\r')).toHaveLength(4);
  });

  test('may stay where OK alone is an answer: an empty slot is one', async () => {
    const { session, link } = await openSession();
    link.answer = () => '\r\nOK\r\n';
    const read = { text: 'AT+CMGR=4', response: /^\+CMGR:/, timeoutMs: 1_000 };
    expect(await session.execute(read)).toEqual([]);
    expect(link.written).toEqual(['AT+CMGR=4\r']);
  });
});

describe('a text that never ends', () => {
  test('swallows no result for longer than two seconds, and is told as far as it came', async () => {
    const { session, link, urcs, trace } = await openSession();
    link.answer = () => undefined;
    const asked = later(session.execute({ text: 'AT+X', timeoutMs: 5_000 }));
    link.say('\r\n+CUSD: 1,"Your code is 4711\r\nOK\r\n');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(urcs).toEqual([{ line: '+CUSD: 1,"Your code is 4711\nOK', pdu: undefined }]);
    link.say('\r\nOK\r\n');
    await asked;
    expect(trace.join('\n')).not.toContain('4711');
  });

  test('has no timer left when the link is lost', async () => {
    const { link } = await openSession();
    link.say('\r\n+CUSD: 1,"Your code\r\n');
    expect(vi.getTimerCount()).toBe(1);
    link.lose(new Error('gone'));
    expect(vi.getTimerCount()).toBe(0);
  });
});

/**
 * Real dialogues: what is written, and what the modem then says. Each is run in one piece, cut at
 * every offset, and with a URC at every line boundary.
 */
const dialogues: { device: string; echo: string; prompt: string; result: string }[] = [
  {
    device: 'generic (27.005)',
    echo: '',
    prompt: '\r\n> ',
    result: '\r\n+CMGS: 198\r\n\r\nOK\r\n',
  },
  {
    device: 'echo still on',
    echo: 'AT+CMGS=12\r',
    prompt: '\r\n> ',
    result: `${pdu}\x1a\r\n+CMGS: 198\r\n\r\nOK\r\n`,
  },
  {
    device: 'SIM7670G, prompt on a line of its own',
    echo: '',
    prompt: '\r\n>\r\n',
    result: '\r\n+CMGS: 198\r\n\r\nOK\r\n',
  },
  {
    device: 'ZTE MF190, noise between Ctrl-Z and the result',
    echo: '',
    prompt: '\r\n> ',
    result: '\r\n+ZUSIMR:2\r\n\r\n+CMGS: 198\r\n\r\nOK\r\n',
  },
  {
    device: 'with the SCTS of 27.005 3.5.1',
    echo: '',
    prompt: '\r\n>',
    result: '\r\n+CMGS: 198,"26/11/23,10:00:00+04"\r\n\r\nOK\r\n',
  },
];

describe.each(dialogues)('the submit dialogue of $device', ({ echo, prompt, result }) => {
  async function run(promptPieces: string[], resultPieces: string[]): Promise<string[]> {
    const { session, link } = await openSession();
    link.answer = (bytes) => {
      const pieces = bytes.startsWith('AT+CMGS') ? promptPieces : resultPieces;
      for (const piece of pieces) queueMicrotask(() => link.say(piece));
      return undefined;
    };
    const lines = await session.execute(submit);
    expect(link.written).toEqual(['AT+CMGS=12\r', `${pdu}\x1a`]);
    return lines;
  }
  const said = echo + prompt;

  test('works cut at every offset', async () => {
    for (let cut = 0; cut <= said.length; cut += 1) {
      expect((await run([said.slice(0, cut), said.slice(cut)], result.split('')))[0]).toMatch(
        /^\+CMGS: 198/,
      );
    }
    for (let cut = 0; cut <= result.length; cut += 1) {
      expect((await run(said.split(''), [result.slice(0, cut), result.slice(cut)]))[0]).toMatch(
        /^\+CMGS: 198/,
      );
    }
  });

  test.each([
    '\r\nNO CARRIER\r\n',
    '\r\nNO ANSWER\r\n\r\nBUSY\r\n\r\nCONNECT 9600\r\n',
    '\r\n+CUSD: 0,"Menu\r\n\r\n+CMGS: 12\r\n\r\nOK\r\n> \r\nERROR\r\nRDY\r\nend",15\r\n',
    '\r\n^RSSI: 17\r\n',
    '\r\n+CDS: 25\r\n0006D60B911326880736F4\r\n',
    '\r\nRING\r\n',
    '\r\n+CMTI: "SM",3\r\n',
  ])('works with %j at every line boundary', async (urc) => {
    for (const at of [0, echo.length]) {
      const pieces = [said.slice(0, at), urc, said.slice(at)];
      expect((await run(pieces, [result]))[0]).toMatch(/^\+CMGS: 198/);
    }
    for (const boundary of result.matchAll(/\r\n(?=\r\n|$)/g)) {
      const at = boundary.index + 2;
      expect((await run([said], [result.slice(0, at), urc, result.slice(at)]))[0]).toMatch(
        /^\+CMGS: 198/,
      );
    }
    expect((await run([said], [urc, result]))[0]).toMatch(/^\+CMGS: 198/);
  });
});
