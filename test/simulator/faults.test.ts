import { describe, expect, it } from 'vitest';
import { faultKinds } from '../../src/simulator/fault-kinds.js';
import { FaultPlanner, parseFault } from '../../src/simulator/fault-planner.js';
import { OptionSyntaxError } from '../../src/simulator/option-syntax.js';
import { seededRandom } from '../../src/simulator/random.js';
import { Desk, helloOctets, helloPdu, lines } from './support/desk.js';

const cmgs = expect.stringMatching(/^\+CMGS: \d+$/);
const prompt = '> ';

interface Expected {
  fault: string;
  /** How many the network took of the one that met the fault. */
  accepted: 0 | 1;
  /** Lines said at once, and within the next minute. */
  atOnce: unknown[];
  later?: unknown[];
  hangUp?: { power: 'kept' | 'lost'; downMs: number };
  distortion?: object;
}

const unplugged = (downMs = 500) => ({ power: 'lost' as const, downMs });
const bootLines = ['RDY', '+CFUN: 1', '+CPIN: READY', 'Call Ready', 'SMS Ready'];

const table: Expected[] = [
  { fault: 'cms:38', accepted: 0, atOnce: [prompt, '+CMS ERROR: 38'] },
  {
    fault: 'cms-verbose:Unknown error: 7',
    accepted: 0,
    atOnce: [prompt, '+CMS ERROR: Unknown error: 7'],
  },
  { fault: 'error', accepted: 0, atOnce: [prompt, 'ERROR'] },
  { fault: 'cms-late:332:5000', accepted: 0, atOnce: [prompt], later: ['+CMS ERROR: 332'] },
  {
    fault: 'cms-though-accepted:331:5000',
    accepted: 1,
    atOnce: [prompt],
    later: ['+CMS ERROR: 331'],
  },
  { fault: 'cms-behind-cmgs:198', accepted: 1, atOnce: [prompt, cmgs, '+CMS ERROR: 198'] },
  { fault: 'silence:7000', accepted: 1, atOnce: [prompt], later: [] },
  { fault: 'silence-lost:7000', accepted: 0, atOnce: [prompt], later: [] },
  { fault: 'late:9000', accepted: 1, atOnce: [prompt], later: [cmgs, 'OK'] },
  { fault: 'early-ok:9000', accepted: 1, atOnce: [prompt, 'OK'], later: [cmgs] },
  { fault: 'others-refused:CME515:9000', accepted: 1, atOnce: [prompt], later: [cmgs, 'OK'] },
  { fault: 'busy:CME515:9000', accepted: 1, atOnce: [prompt], later: ['OK'] },
  { fault: 'busy-lost:CME515:9000', accepted: 0, atOnce: [prompt], later: ['OK'] },
  { fault: 'held:100', accepted: 1, atOnce: [prompt], later: [] },
  { fault: 'prompt-refused', accepted: 0, atOnce: ['ERROR'] },
  { fault: 'prompt-refused:CMS304', accepted: 0, atOnce: ['+CMS ERROR: 304'] },
  { fault: 'no-prompt:3000', accepted: 0, atOnce: [], later: [] },
  { fault: 'prompts:2', accepted: 1, atOnce: [prompt, prompt, cmgs, 'OK'] },
  { fault: 'garble', accepted: 1, atOnce: [prompt, cmgs, 'OK'], distortion: { garble: true } },
  { fault: 'drop-bytes', accepted: 1, atOnce: [prompt, cmgs, 'OK'], distortion: { drop: true } },
  { fault: 'split:3', accepted: 1, atOnce: [prompt, cmgs, 'OK'], distortion: { splitPauseMs: 3 } },
  { fault: 'ok-missing', accepted: 1, atOnce: [prompt, cmgs] },
  { fault: 'cmgs-missing', accepted: 1, atOnce: [prompt, 'OK'] },
  { fault: 'air:ok', accepted: 1, atOnce: [prompt, 'OK', cmgs, 'OK'] },
  {
    fault: 'air-lost:ussd:7000',
    accepted: 0,
    atOnce: [
      prompt,
      '+CUSD: 1,"1 Balance',
      'OK',
      '+CMGS: 12',
      'OK',
      '+CMS ERROR: 38',
      'RDY',
      '0 End",15',
    ],
    later: [],
  },
  {
    fault: 'urc-burst:3',
    accepted: 1,
    atOnce: [prompt, expect.any(String), expect.any(String), expect.any(String), cmgs, 'OK'],
  },
  {
    fault: 'flood:2',
    accepted: 1,
    atOnce: [expect.stringMatching(/^> [0-9A-Za-z]{2048}$/), cmgs, 'OK'],
  },
  { fault: 'registration-lost:4000', accepted: 0, atOnce: [prompt, '+CMS ERROR: 331'] },
  { fault: 'reboot-before-prompt', accepted: 0, atOnce: [], later: bootLines },
  { fault: 'reboot-before-ctrlz', accepted: 0, atOnce: [prompt], later: bootLines },
  { fault: 'reboot-after-ctrlz', accepted: 1, atOnce: [prompt], later: bootLines },
  { fault: 'reboot-after-ctrlz-lost', accepted: 0, atOnce: [prompt], later: bootLines },
  { fault: 'hangup-before:700', accepted: 0, atOnce: [], hangUp: unplugged(700) },
  { fault: 'hangup-during-pdu', accepted: 0, atOnce: [prompt], hangUp: unplugged() },
  { fault: 'hangup-after-ctrlz', accepted: 1, atOnce: [prompt], hangUp: unplugged() },
  { fault: 'hangup-after-ctrlz-lost', accepted: 0, atOnce: [prompt], hangUp: unplugged() },
  {
    fault: 'glitch-after-ctrlz:900',
    accepted: 1,
    atOnce: [prompt, cmgs, 'OK'],
    hangUp: { power: 'kept', downMs: 900 },
  },
  {
    fault: 'hangup-after-reply:500:20',
    accepted: 1,
    atOnce: [prompt, cmgs, 'OK'],
    hangUp: unplugged(),
  },
];

/** A submit as a client makes it that waits for the prompt. */
function submit(desk: Desk): string {
  const prompted = desk.type(`AT+CMGS=${helloOctets}\r`);
  return prompted.includes('>') ? prompted + desk.type(`${helloPdu}\x1a`) : prompted;
}

const said = (output: string): string[] =>
  lines(output).flatMap((line) => (line === '> > ' ? ['> ', '> '] : [line]));

describe('each fault, on the wire and in the record', () => {
  it.each(table)('$fault', ({ fault, accepted, atOnce, later = [], hangUp, distortion }) => {
    const desk = new Desk({ fault: [`${fault}@1`], bootMs: 1000 });
    expect(said(submit(desk))).toEqual(atOnce);
    expect(said(desk.wait(60_000))).toEqual(later);
    expect(desk.entriesOf('accepted')).toHaveLength(accepted);
    expect(desk.entriesOf('fault')).toMatchObject([{ fault: `${fault}@1`, submit: 1 }]);
    expect(desk.hangUps).toEqual(hangUp === undefined ? [] : [hangUp]);
    expect(desk.distortions).toEqual(distortion === undefined ? [] : [distortion]);
  });

  it('has a row for every kind that is not tested on its own below', () => {
    const own = ['prompt-late', 'garble-rx', 'smsc-unwritten', 'smsc-not-in-pdu'];
    const inTable = new Set(table.map(({ fault }) => parseFault(fault).kind));
    expect([...inTable, ...own].sort()).toEqual(Object.keys(faultKinds).sort());
  });

  it('smsc-unwritten lasts until +CSCA is written', () => {
    const desk = new Desk({ fault: ['smsc-unwritten@1'] });
    const refused = [prompt, '+CMS ERROR: 330'];
    expect([said(submit(desk)), said(submit(desk))]).toEqual([refused, refused]);
    desk.command('AT+CSCA="+491710760000",145');
    expect(said(submit(desk))).toEqual([prompt, cmgs, 'OK']);
    expect(desk.entriesOf('service_centre')).toMatchObject([{ number: '+491710760000' }]);
  });

  it('smsc-not-in-pdu lasts for PDUs without an SMSC', () => {
    const desk = new Desk({ fault: ['smsc-not-in-pdu@1'] });
    const refused = [prompt, '+CMS ERROR: 330'];
    expect([said(submit(desk)), said(submit(desk))]).toEqual([refused, refused]);
    desk.type(`AT+CMGS=${helloOctets}\r`);
    const named = desk.type(`0791947101670000${helloPdu.slice(2)}\x1a`);
    expect(said(named)).toEqual([cmgs, 'OK']);
    expect(desk.entriesOf('accepted')).toMatchObject([{ service_centre: '+491710760000' }]);
  });

  it.each(table.filter(({ hangUp }) => hangUp === undefined))(
    '$fault leaves the next submit alone',
    ({ fault }) => {
      const desk = new Desk({ fault: [`${fault}@1`], bootMs: 1000 });
      submit(desk);
      desk.wait(60_000);
      desk.command('ATE0');
      expect(lines(submit(desk))).toEqual([prompt, cmgs, 'OK']);
    },
  );

  it('held frees the reply at the next command, and keeps none back that had its pause', () => {
    const desk = new Desk({ fault: ['held:100'] });
    submit(desk);
    expect(desk.wait(60_000)).toBe('');
    expect(desk.command('AT')).toEqual([cmgs, 'OK', 'OK']);
    desk.type(`AT+CMGS=${helloOctets}\r`);
    desk.wait(100);
    expect(said(desk.type(`${helloPdu}\x1a`))).toEqual([cmgs, 'OK']);
  });

  it.each(['others-refused', 'busy', 'busy-lost'])(
    '%s answers whatever else is asked meanwhile',
    (kind) => {
      const desk = new Desk({ fault: [`${kind}:CMS314:9000@1`] });
      submit(desk);
      expect(desk.command('AT')).toEqual(['+CMS ERROR: 314']);
      desk.wait(9000);
      expect(desk.command('AT')).toEqual(['OK']);
    },
  );

  it('registration-lost ends, though a second submit met it meanwhile', () => {
    const desk = new Desk({ fault: ['registration-lost:4000@1-2'] });
    submit(desk);
    desk.wait(1000);
    submit(desk);
    desk.wait(60_000);
    expect(said(submit(desk))).toEqual([prompt, cmgs, 'OK']);
  });

  it('prompt-late prints the prompt late', () => {
    const desk = new Desk({ fault: ['prompt-late:2000'] });
    expect(desk.type(`AT+CMGS=${helloOctets}\r`)).toBe('');
    expect(desk.wait(1999)).toBe('');
    expect(desk.wait(1)).toBe('\r\n> ');
    expect(lines(desk.type(`${helloPdu}\x1a`))).toEqual([cmgs, 'OK']);
  });

  it('garble-rx changes one received character', () => {
    const desk = new Desk({ fault: ['garble-rx'] });
    submit(desk);
    const { data } = desk.entriesOf('ctrl_z')[0]!;
    expect(data.split('').filter((character, index) => character !== helloPdu[index])).toHaveLength(
      1,
    );
  });

  it('a glitch lets the reply come when it is due', () => {
    const desk = new Desk({ fault: ['glitch-after-ctrlz'], submitLatencyMs: 3000 });
    submit(desk);
    expect(desk.hangUps).toEqual([{ power: 'kept', downMs: 500 }]);
    expect(lines(desk.wait(3000))).toEqual([cmgs, 'OK']);
  });

  it('silence leaves a parallel modem answering other commands', () => {
    const desk = new Desk({ fault: ['silence'], parallel: true });
    submit(desk);
    expect(desk.command('AT')).toEqual(['OK']);
  });

  it('a stuck prompt ends with ESC, and records a Ctrl-Z that would have submitted garbage', () => {
    const escaped = new Desk({ fault: ['stuck-prompt'] });
    expect(escaped.command('AT')).toEqual([]);
    expect(lines(escaped.type('\x1bAT\r'))).toEqual(['OK', 'OK']);
    expect(escaped.kinds()).not.toContain('foreign_ctrl_z');

    const careless = new Desk({ fault: ['stuck-prompt'] });
    expect(lines(careless.type('\x1a'))).toEqual(['+CMS ERROR: 304']);
    expect(careless.kinds()).toContain('foreign_ctrl_z');
  });
});

describe('which submits a fault hits', () => {
  const hits = (when: string, submits: number): number[] => {
    const planner = new FaultPlanner([parseFault(`error@${when}`)], seededRandom(7));
    const plans = Array.from({ length: submits }, () => planner.nextSubmit());
    return plans.filter(({ faults }) => faults.length > 0).map((plan) => plan.submit);
  };

  it('is one, a range, all, or a seeded share', () => {
    expect(hits('3', 5)).toEqual([3]);
    expect(hits('2-4', 5)).toEqual([2, 3, 4]);
    expect(hits('*', 3)).toEqual([1, 2, 3]);
    const share = hits('25%', 1000);
    expect(share.length).toBeGreaterThan(200);
    expect(share.length).toBeLessThan(300);
    expect(hits('25%', 1000)).toEqual(share);
    expect(hits('0%', 1000)).toEqual([]);
  });

  it('can be the next ones, for a test that steers', () => {
    const planner = new FaultPlanner([], seededRandom(7));
    planner.queue(parseFault('error'), 2);
    planner.queue(parseFault('late:5'), 1);
    expect(Array.from({ length: 3 }, () => planner.nextSubmit().faults)).toEqual([
      ['error', 'late:5'],
      ['error'],
      [],
    ]);
  });

  it.each([
    'nonsense',
    'cms',
    'cms:abc',
    'error:1',
    'late:-5',
    'cms-late:38',
    'cms:38@',
    'cms:38@x',
  ])('refuses to read "%s"', (text) => {
    expect(() => parseFault(text)).toThrow(OptionSyntaxError);
  });
});
