import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bootSign } from '../../src/modem/life.js';
import { type Dialogue, parseDialogue, readDialogues } from '../dialogues/dialogue.js';
import { isResync } from '../dialogues/player.js';
import {
  type End,
  type HandedUp,
  type Rehearsal,
  type Run,
  rehearse,
} from '../dialogues/rehearsal.js';

beforeEach(() => {
  // setImmediate stays real: it lets everything that is due happen before time passes.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const dialogues = readDialogues(fileURLToPath(new URL('../dialogues', import.meta.url)));

/** A status report for a message that nobody here sent; SMSC address of length 0. */
const report = '00060C0D91945111325476F8621132210000406211322105004000';

/** URCs any modem may say, and how they arrive at `onUrc`. */
const commonUrcs: Urc[] = [
  { bytes: '\r\n^RSSI: 17\r\n', line: '^RSSI: 17', pdu: undefined },
  { bytes: '\r\n+CMTI: "SM",3\r\n', line: '+CMTI: "SM",3', pdu: undefined },
  { bytes: `\r\n+CDS: 26\r\n${report}\r\n`, line: '+CDS: 26', pdu: report },
];

interface Urc {
  bytes: string;
  line: string;
  pdu: string | undefined;
}

function urcsOf(dialogue: Dialogue): Urc[] {
  const own = dialogue.urcs.map((bytes) => ({ bytes, line: bytes.trim(), pdu: undefined }));
  return [...commonUrcs, ...own];
}

/** The start, and each scenario: what a delivery is varied over. */
function partsOf(dialogue: Dialogue): (string | undefined)[] {
  return [undefined, ...dialogue.scenarios.keys()];
}

async function compare(
  dialogue: Dialogue,
  plain: Run,
  rehearsal: Rehearsal,
  urc?: Urc,
): Promise<Run> {
  const what = `${dialogue.name} ${JSON.stringify(rehearsal)}`;
  const run = await rehearse(dialogue, rehearsal).catch((error: unknown) => {
    throw new Error(what, { cause: error });
  });
  expect<End>(comparable(run, rehearsal), what).toEqual(comparable(plain, rehearsal));
  const [seen, expected] = [run, plain].map(({ handedUp }) =>
    handedUp.urcs.filter((one) => isSame(one, urc)),
  );
  const missing = (expected?.length ?? 0) + run.player.insertions - (seen?.length ?? 0);
  expect(missing, what).toBeGreaterThanOrEqual(0);
  // What comes in one breath with the news that the modem restarted goes down with the session.
  expect(missing, what).toBeLessThanOrEqual(
    plain.end.phases.filter((phase) => phase === 'lost').length,
  );
  expect(without(run.handedUp, urc), what).toEqual(without(plain.handedUp, urc));
  return run;
}

function comparable({ end }: Run, { mayResynchronise }: Rehearsal): End {
  return mayResynchronise
    ? { ...end, written: end.written.filter((bytes) => !isResync(bytes)) }
    : end;
}

const isSame = (one: HandedUp['urcs'][number], urc: Urc | undefined): boolean =>
  one.line === urc?.line && one.pdu === urc.pdu;

const without = ({ urcs }: HandedUp, urc: Urc | undefined) =>
  urcs.filter((one) => !isSame(one, urc));

describe.each(dialogues.map((dialogue) => ({ name: dialogue.name, dialogue })))(
  '$name',
  ({ dialogue }) => {
    test('is understood: every scenario of its dialogue ends as it says', async () => {
      for (const scenario of partsOf(dialogue))
        await rehearse(dialogue, { ...(scenario ? { scenario } : {}), guardMs: undefined });
    });

    test('is understood the same when its bytes are cut at any offset', async () => {
      for (const scenario of partsOf(dialogue)) {
        const part = scenario ? { scenario } : {};
        const plain = await rehearse(dialogue, part);
        await compare(dialogue, plain, { ...part, delivery: { bytewise: true } });
        for (let splitAt = 1; splitAt < plain.player.longestSpeech; splitAt += 1)
          await compare(dialogue, plain, { ...part, delivery: { splitAt } });
      }
    });

    test('is understood the same with a URC at any line boundary, which arrives as one', async () => {
      for (const scenario of partsOf(dialogue)) {
        const part = scenario ? { scenario } : {};
        const plain = await rehearse(dialogue, part);
        for (const urc of urcsOf(dialogue)) {
          for (let boundary = 0; boundary < plain.player.mostBoundaries; boundary += 1) {
            const delivery = { insert: { bytes: urc.bytes, boundary } };
            const mayResynchronise =
              /^\+(CMTI|CDSI):/.test(urc.line) || bootSign(urc.line) === 'look';
            const run = await compare(
              dialogue,
              plain,
              { ...part, delivery, mayResynchronise },
              urc,
            );
            expect(run.player.insertions).toBeGreaterThan(0);
          }
        }
      }
    });
  },
);

describe('a modem', () => {
  test.each(dialogues)('as the $name routes its indications to us', async ({ name, ...rest }) => {
    const dialogue = { name, ...rest };
    const { end } = await rehearse(dialogue);
    const routing = end.written.filter((bytes) => bytes.startsWith('AT+CNMI=')).at(-1) ?? '';
    const answer = dialogue.table.get(routing)?.flat() ?? [];
    expect(
      answer.some((step) => step.kind === 'say' && step.bytes.trim() === 'OK'),
      routing,
    ).toBe(true);
  });
});

describe('a dialogue', () => {
  const start = 'device: none\n[start]\n> ^[\n> AT\n< OK\n';

  test('fails on a command that it does not know, and names it', async () => {
    const dialogue = parseDialogue('short.txt', start);
    await expect(rehearse(dialogue)).rejects.toThrow(
      'short: the daemon wrote "ATE0", which [start] does not',
    );
  });

  test('that is mistyped is refused with its file and line', () => {
    expect(() => parseDialogue('typo.txt', `${start}<< OK`)).toThrow(
      'typo.txt:6: not understood: << OK',
    );
    expect(() => parseDialogue('typo.txt', `${start}!silense 5s`)).toThrow('typo.txt:6');
    expect(() => parseDialogue('typo.txt', 'vendor: x')).toThrow('typo.txt:1');
  });
});
