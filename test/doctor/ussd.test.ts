import { afterEach, describe, expect, it } from 'vitest';
import { withModem } from '../../src/doctor/direct.js';
import { askCarrier } from '../../src/doctor/ussd.js';
import { OperatorError } from '../../src/errors.js';
import type { Modem } from '../../src/modem/modem.js';
import { requestUssd, UssdTimeout } from '../../src/modem/ussd.js';
import { ScriptedModem } from './support/scripted-modem.js';

let modem: ScriptedModem | undefined;
afterEach(async () => {
  const unknown = modem?.unknown;
  await modem?.stop();
  modem = undefined;
  expect(unknown ?? []).toEqual([]);
});

const tuning = { guardMs: 0, submitTimeoutMs: undefined, roaming: true, statusReport: false };
const request = 'AT+CUSD=1,"*100#",15';

async function lend<T>(
  answers: Record<string, readonly string[]>,
  work: (lent: Modem) => Promise<T>,
): Promise<T> {
  modem = await ScriptedModem.start(answers);
  return withModem(modem.tty, { baud: 115_200, tuning }, work);
}

const ask = (answers: Record<string, readonly string[]>) =>
  lend(answers, (lent) => askCarrier(lent, '*100#', { signal: new AbortController().signal }));

describe('the carrier', () => {
  it('is heard when it answers after the OK', async () => {
    const answer = await ask({ [request]: ['OK', '+CUSD: 0,"Balance: 10.00 EUR",15'] });
    expect(answer).toEqual({
      status: 0,
      meaning: 'the network answered',
      text: 'Balance: 10.00 EUR',
    });
    expect(modem?.heard).not.toContain('AT+CUSD=2');
    expect(modem?.heard.at(-1)).toBe('AT+CUSD=0');
  });

  it('is heard when it answers before the OK', async () => {
    expect(await ask({ [request]: ['+CUSD: 2,"Balance: 3 EUR",15', 'OK'] })).toMatchObject({
      status: 2,
      text: 'Balance: 3 EUR',
    });
  });

  it('may answer in several lines, with other news between them', async () => {
    const lines = ['OK', '+CUSD: 0,"1 Balance', '^RSSI:19', '2 "Data"', '3 More",15'];
    expect((await ask({ [request]: lines })).text).toBe('1 Balance\n2 "Data"\n3 More');
  });

  it('may write what looks like results of the modem', async () => {
    const lines = ['+CUSD: 0,"1 OK', 'OK', '+CME ERROR: 3', 'RDY', 'NO CARRIER', 'end",15', 'OK'];
    expect((await ask({ [request]: lines })).text).toBe('1 OK\nOK\n+CME ERROR: 3\nend');
  });

  it('is hung up on when it waits for a choice', async () => {
    const answer = await ask({
      [request]: ['OK', '+CUSD: 1,"1 Yes 2 No",15'],
      'AT+CUSD=2': ['OK'],
    });
    expect(answer).toMatchObject({ status: 1, text: '1 Yes 2 No' });
    expect(modem?.heard.slice(-2)).toEqual(['AT+CUSD=2', 'AT+CUSD=0']);
  });

  it.each([
    ['+CUSD: 4', 4, 'the network does not support this code'],
    ['+CUSD: 5', 5, 'the network gave up waiting'],
    ['+CUSD: 2', 2, 'the network ended the session'],
    ['+CUSD: 0,"",15', 0, 'the network answered'],
    ['+CUSD: 7', 7, 'the modem says 7'],
  ])('that says %s has said nothing', async (line, status, meaning) => {
    expect(await ask({ [request]: ['OK', line] })).toEqual({ status, meaning });
  });

  it('cannot steer the terminal of who asked', async () => {
    const answer = await ask({
      [request]: ['OK', '+CUSD: 0,"\u001b]0;pwned\u0007 5 EUR\u009b2J",15'],
    });
    expect(answer.text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(answer.text).toContain('5 EUR');
  });

  it('may leave the coding scheme out', async () => {
    expect((await ask({ [request]: ['OK', '+CUSD: 0,"say "yes""'] })).text).toBe('say "yes"');
  });

  it('may write a text without end: what came is given', async () => {
    expect((await ask({ [request]: ['OK', '+CUSD: 0,"Balance: 3 EUR'] })).text).toBe(
      'Balance: 3 EUR',
    );
  });

  it('may write without bounds: 32 lines are kept', async () => {
    const lines = [
      'OK',
      '+CUSD: 0,"0',
      ...Array.from({ length: 99 }, (_, n) => `${n + 1}`),
      'end",15',
    ];
    expect((await ask({ [request]: lines })).text?.split('\n')).toHaveLength(32);
  });
});

describe('the modem', () => {
  it('that refuses the code is told as that', async () => {
    await expect(ask({ [request]: ['+CME ERROR: 30'] })).rejects.toThrow(OperatorError);
  });

  it('of Huawei is asked in packed septets first, then in plain ones', async () => {
    const answer = await ask({
      'AT+CGMI': ['huawei', 'OK'],
      'AT+CGMM': ['E173', 'OK'],
      'AT^CURC=0': ['OK'],
      'AT+CUSD=1,"AA180C3602",15': ['ERROR'],
      [request]: ['OK', '+CUSD: 0,"E8329BFD4697D9EC37",15'],
    });
    expect(answer.text).toBe('hellohello');
    expect(modem?.heard.filter((line) => line.startsWith('AT+CUSD'))).toEqual([
      'AT+CUSD=1,"AA180C3602",15',
      request,
      'AT+CUSD=0',
    ]);
  });

  it('that works in UCS-2 is asked and read in UCS-2', async () => {
    const answer = await ask({
      'AT+CSCS?': ['+CSCS: "UCS2"', 'OK'],
      'AT+CUSD=1,"002A0031003000300023",15': [
        'OK',
        '+CUSD: 0,"003600310031002E0032003000200440002E",72',
      ],
    });
    expect(answer.text).toBe('611.20 р.');
  });

  it('that gets no answer ends the session, and forgets who waited', async () => {
    await lend({ [request]: ['OK'], 'AT+CUSD=2': ['OK'] }, async (lent) => {
      const asking = requestUssd(lent, ['*100#'], {
        timeoutMs: 50,
        signal: new AbortController().signal,
      });
      await expect(asking).rejects.toThrow(new UssdTimeout(50));
      expect(lent.urcListeners.size).toBe(0);
    });
    expect(modem?.heard.slice(-2)).toEqual(['AT+CUSD=2', 'AT+CUSD=0']);
  });

  it('ends the session when who asked has left', async () => {
    await lend({ [request]: ['OK'], 'AT+CUSD=2': ['OK'] }, async (lent) => {
      const left = new AbortController();
      const asking = requestUssd(lent, ['*100#'], { timeoutMs: 5_000, signal: left.signal });
      setTimeout(() => left.abort(new Error('left')), 50);
      await expect(asking).rejects.toThrow('left');
    });
    expect(modem?.heard.slice(-2)).toEqual(['AT+CUSD=2', 'AT+CUSD=0']);
  });
});
