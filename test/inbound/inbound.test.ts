import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Inbound, type ReadSms } from '../../src/inbound/inbound.js';
import type { InboundOutcome } from '../../src/inbound/news.js';
import { Receiver, webhookSecret } from './receiver.js';

/** The receiver's clock is the machine's: signatures are as old as they say. */
const startMs = Date.now();
let folder: string;
let receiver: Receiver;
let opened: Inbound[] = [];
let outcomes: InboundOutcome[] = [];
let logged: string[] = [];
let rooms = 0;
let isOn = true;
let spoolMax = 10;
let nowMs = startMs;
let monotonicMs = 0;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-inbound-'));
  writeFileSync(join(folder, 'secret'), `${webhookSecret}\n`);
  receiver = new Receiver();
  await receiver.listen();
  opened = [];
  outcomes = [];
  logged = [];
  rooms = 0;
  isOn = true;
  spoolMax = 10;
  nowMs = startMs;
  monotonicMs = 0;
});

afterEach(async () => {
  for (const inbound of opened) await inbound.stop();
  await receiver.stop();
  rmSync(folder, { recursive: true });
});

/** For both clocks. */
function pass(ms: number): void {
  nowMs += ms;
  monotonicMs += ms;
}

async function open(): Promise<Inbound> {
  const log = (message: string, more: object) =>
    void logged.push(`${message} ${JSON.stringify(more)}`);
  const inbound = await Inbound.open({
    stateDir: folder,
    settings: () =>
      isOn
        ? {
            url: `http://127.0.0.1:${receiver.port}/`,
            secretFile: join(folder, 'secret'),
            spoolMax,
            partsWaitMs: 600_000,
            keepDays: 7,
          }
        : undefined,
    carrierRules: () => [
      { kind: 'credit', from: ['22922', 'Carrier'], match: 'balance is (very )?low' },
      { kind: 'top-up', from: ['0177 1234567', '+49 (177) 123-4567'], match: 'top up' },
      { kind: 'expiry', from: undefined, match: 'SIM (will )?expire' },
    ],
    hmac: (domain, text) =>
      Buffer.from(`${domain}${text}`).toString('hex').padEnd(32, '0').slice(-32),
    date: () => nowMs,
    now: () => monotonicMs,
    listener: { inboundText: ({ outcome }) => void outcomes.push(outcome) },
    onRoom: () => (rooms += 1),
    log: { info: log, warn: log, error: log } as never,
  });
  opened.push(inbound);
  return inbound;
}

const files = () => {
  try {
    const names = readdirSync(join(folder, 'inbound')).sort();
    return names.map((name) => name.replace(/^.*\./, ''));
  } catch {
    return [];
  }
};

let count = 0;
const sms = (text: string, more: Partial<ReadSms> = {}): ReadSms => {
  count += 1;
  const pdu = count.toString(16).padStart(8, '0');
  return {
    modem: 'main',
    from: '+4917012345678',
    text,
    sentAt: undefined,
    part: undefined,
    pdu,
    ...more,
  };
};
const parts = (texts: string[], reference = 7) =>
  texts.map((text, index) =>
    sms(text, { part: { reference, total: texts.length, index: index + 1 } }),
  );
/** As {@link vi.waitFor}, but on a machine that has other things to do, too. */
const waitFor = (check: () => void) => vi.waitFor(check, 10_000);
const told = (number: number) => waitFor(() => expect(receiver.told).toHaveLength(number));

describe('what comes in', () => {
  it('is on the disk before its SIM may lose it, for its owner only, and is gone once it was taken', async () => {
    receiver.mood = 'hangs';
    const inbound = await open();
    const one = sms('a secret word');
    expect(await inbound.take(one)).toBe(true);
    expect(files()).toEqual(['new']);
    const [name] = readdirSync(join(folder, 'inbound'));
    const path = join(folder, 'inbound', name!);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'inbound')).mode & 0o777).toBe(0o700);
    expect(readFileSync(path, 'utf8')).toContain('a secret word');
    await inbound.deleted(one);
    expect(files()).toEqual(['msg']);
    await inbound.stop();
    receiver.mood = 'takes';
    await open();
    await told(1);
    expect(receiver.unproven).toEqual([]);
    expect(receiver.told[0]).toMatchObject({
      from: '+4917012345678',
      text: 'a secret word',
      modem: 'main',
      received_at: new Date(startMs).toISOString(),
    });
    await waitFor(() => expect(files()).toEqual([]));
    expect(logged.join('\n')).not.toMatch(/secret word|17012345/);
  });

  it('is known when a SIM whose copy was not deleted gives it again, also after it was taken', async () => {
    const first = await open();
    const one = sms('once');
    await first.take(one);
    await told(1);
    await waitFor(() => expect(files()).toEqual(['done']));
    await first.stop();
    const second = await open();
    expect(await second.take(one)).toBe(true);
    await second.deleted(one);
    expect(files()).toEqual([]);
    expect(receiver.texts).toEqual(['once']);
  });

  it('that says the same twice within a second is two', async () => {
    receiver.mood = 'refuses';
    const inbound = await open();
    const same = sms('same');
    for (let n = 0; n < 2; n += 1) {
      await inbound.take(same);
      await inbound.deleted(same);
    }
    receiver.mood = 'takes';
    inbound.reconfigured();
    await told(2);
    expect(new Set(receiver.told.map(({ id }) => id)).size).toBe(2);
  });

  it('goes nowhere, and not on the disk, where nobody wants it', async () => {
    isOn = false;
    const inbound = await open();
    expect(await inbound.take(sms('nobody'))).toBe(true);
    expect(files()).toEqual([]);
    expect(receiver.told).toEqual([]);
  });

  it('stays on the SIM while the spool is full, which is told, and is fetched when there is room', async () => {
    spoolMax = 2;
    receiver.mood = 'refuses';
    const inbound = await open();
    for (const text of ['a', 'b']) expect(await inbound.take(sms(text))).toBe(true);
    const third = sms('c');
    expect(await inbound.take(third)).toBe(false);
    expect(inbound.conditions().map(({ kind }) => kind)).toEqual(['inbound_full']);
    receiver.mood = 'takes';
    inbound.reconfigured();
    await told(2);
    await waitFor(() => expect(rooms).toBeGreaterThan(0));
    expect(await inbound.take(third)).toBe(true);
    expect(inbound.conditions()).toEqual([]);
    await told(3);
  });

  it('that waits when it is switched off is said, kept for a week in case it is wanted again, and deleted then', async () => {
    receiver.mood = 'refuses';
    const inbound = await open();
    await inbound.take(sms('waits'));
    await inbound.take(sms('waits too'));
    await waitFor(() => expect(outcomes).toContain('failed_try'));
    isOn = false;
    inbound.reconfigured();
    expect(inbound.conditions()).toMatchObject([{ kind: 'inbound_left', sinceMs: startMs }]);
    expect(logged.at(-1)).toMatch(/2 texts of an earlier \[inbound\] wait in .*inbound, and/);
    await inbound.stop();
    receiver.mood = 'takes';
    const again = await open();
    expect(again.conditions()).toMatchObject([{ kind: 'inbound_left' }]);
    await again.take(sms('nobody'));
    isOn = true;
    again.reconfigured();
    await told(2);
    expect(new Set(receiver.texts)).toEqual(new Set(['waits', 'waits too']));
    expect(again.conditions()).toEqual([]);
    receiver.mood = 'refuses';
    outcomes = [];
    await again.take(sms('waits for ever'));
    await waitFor(() => expect(outcomes).toContain('failed_try'));
    isOn = false;
    pass(8 * 86_400_000);
    again.reconfigured();
    await waitFor(() => expect(files()).not.toContain('new'));
    expect(outcomes.at(-1)).toBe('expired');
    expect(again.conditions()).toEqual([]);
  });

  it('without a copy on the SIM goes beyond what may wait, and on from memory without a disk', async () => {
    spoolMax = 1;
    receiver.mood = 'refuses';
    const inbound = await open();
    for (const text of ['a', 'b', 'c']) await inbound.takeOnly(sms(text));
    expect(outcomes.filter((outcome) => outcome === 'lost')).toHaveLength(1);
    expect(files()).toEqual(['new', 'new']);
    receiver.mood = 'takes';
    inbound.reconfigured();
    await told(2);
    await waitFor(() => expect(inbound.state().spooled).toBe(0));
    rmSync(join(folder, 'inbound'), { recursive: true });
    writeFileSync(join(folder, 'inbound'), 'in the way');
    await inbound.takeOnly(sms('d'));
    await told(3);
    expect(receiver.texts).toEqual(['a', 'b', 'd']);
  });

  it('that is taken the moment its SIM loses it leaves no text behind', async () => {
    const inbound = await open();
    const all = Array.from({ length: 8 }, (_, number) => sms(`text ${number}`));
    await Promise.all(
      all.map(async (one) => {
        await inbound.take(one);
        await waitFor(() => expect(receiver.texts).toContain(one.text));
        await inbound.deleted(one);
      }),
    );
    await waitFor(() => expect(files().filter((suffix) => suffix !== 'done')).toEqual([]));
  });

  it('is not told again where a process was killed as its text was to go', async () => {
    receiver.mood = 'hangs';
    const first = await open();
    await first.take(sms('taken'));
    await first.stop();
    const [name = ''] = readdirSync(join(folder, 'inbound'));
    writeFileSync(join(folder, 'inbound', name.replace('.new', '.done')), '');
    receiver.mood = 'takes';
    const second = await open();
    expect(files()).toEqual(['done']);
    expect(second.state().spooled).toBe(0);
    expect(receiver.texts).toEqual([]);
  });

  it('that cannot be read from the disk keeps no daemon from starting', async () => {
    receiver.mood = 'refuses';
    const first = await open();
    await first.take(sms('good'));
    await first.stop();
    // As EIO or EACCES would be, and for root, too.
    mkdirSync(join(folder, 'inbound', `${'0'.repeat(32)}.msg`));
    receiver.mood = 'takes';
    const second = await open();
    await told(1);
    expect(second.state()).toMatchObject({ isOn: true });
    expect(logged.join('\n')).toContain('1 file that hold no SMS or cannot be read');
  });

  it('in a folder that cannot be read keeps no daemon from starting, and is left on its SIM', async () => {
    // As EIO or EACCES would be, and for root, too.
    writeFileSync(join(folder, 'inbound'), 'in the way');
    const inbound = await open();
    expect(logged.join('\n')).toContain('inbound cannot be used');
    expect(await inbound.take(sms('left'))).toBe(false);
    expect(outcomes).toContain('left_on_sim');
    rmSync(join(folder, 'inbound'));
    expect(await inbound.take(sms('left'))).toBe(true);
    await told(1);
  });

  it('is not given up for a clock that leaps, and tried for an hour however old it is', async () => {
    receiver.mood = 'refuses';
    const first = await open();
    await first.take(sms('young'));
    await waitFor(() => expect(outcomes).toContain('failed_try'));
    // A clock that was stale is set.
    nowMs += 400 * 86_400_000;
    first.reconfigured();
    await first.stop();
    const second = await open();
    pass(3_599_000);
    second.reconfigured();
    expect(second.state().spooled).toBe(1);
    pass(2_000);
    await waitFor(() => {
      second.reconfigured();
      expect(second.state().spooled).toBe(0);
    });
    expect(outcomes.filter((outcome) => outcome === 'expired')).toHaveLength(1);
  });

  it('is given up after its days, and told', async () => {
    receiver.mood = 'refuses';
    const inbound = await open();
    await inbound.take(sms('old'));
    await waitFor(() => expect(outcomes).toContain('failed_try'));
    pass(8 * 86_400_000);
    inbound.reconfigured();
    await waitFor(() => expect(outcomes).toContain('expired'));
    await waitFor(() => expect(files()).toEqual(['done']));
    expect(receiver.told).toEqual([]);
  });
});

describe('a receiver', () => {
  it('that hangs is given up, though memory is swept meanwhile', async () => {
    setFlagsFromString('--expose-gc');
    const sweep = runInNewContext('gc') as () => void;
    receiver.mood = 'hangs';
    const inbound = await open();
    await inbound.take(sms('again'));
    await waitFor(() => expect(receiver.ids).toHaveLength(1));
    for (let time = 0; time < 3; time += 1) {
      sweep();
      await setImmediate();
    }
    await vi.waitFor(() => expect(outcomes).toEqual(['failed_try']), { timeout: 20_000 });
    expect(inbound.state().lastFailure).toBe('it did not answer within 10 s');
  }, 30_000);

  it.each([
    ['redirects', 'it answers 307 (it redirects, which is not followed: write the address that'],
    // None of its own words: they may repeat the text.
    ['refuses', /^it answers 503$/],
    ['is away', /^nobody listens there$/],
  ] as const)('that %s is told of with a way out', async (mood, why) => {
    const inbound = await open();
    if (mood === 'is away') await receiver.stop();
    else receiver.mood = mood;
    await inbound.take(sms('again'));
    await waitFor(() => expect(outcomes).toEqual(['failed_try']));
    expect(inbound.state().lastFailure).toMatch(why);
  });

  it.each(['breaks', 'refuses', 'redirects'] as const)(
    'that %s gets it again with the same id',
    async (mood) => {
      receiver.mood = mood;
      const inbound = await open();
      await inbound.take(sms('again'));
      await waitFor(() => expect(outcomes).toEqual(['failed_try']));
      receiver.mood = 'takes';
      inbound.reconfigured();
      await told(1);
      expect(new Set(receiver.ids).size).toBe(1);
      // Its file goes a moment later.
      await waitFor(() =>
        expect(inbound.state()).toMatchObject({ delivered: 1, failedTries: 1, spooled: 0 }),
      );
    },
  );
});

describe('a long text', () => {
  it('is put together whatever the order, and outlives a restart between its parts', async () => {
    const [a, b, c] = parts(['one ', 'two ', 'three']);
    const first = await open();
    await first.take(c!);
    await first.take(a!);
    await first.stop();
    const second = await open();
    expect(second.state().incomplete).toBe(1);
    await second.take(b!);
    await told(1);
    expect(receiver.told[0]).toMatchObject({ text: 'one two three' });
    expect(receiver.told[0]).not.toHaveProperty('missing_parts');
    for (const part of [a!, b!, c!]) await second.deleted(part);
    await waitFor(() => expect(files()).toEqual([]));
  });

  it('whose part never comes goes on without it, and says so', async () => {
    const [a, , c] = parts(['one ', 'two ', 'three']);
    const first = await open();
    await first.take(a!);
    await first.take(c!);
    pass(600_000);
    await first.stop();
    vi.useFakeTimers({ toFake: ['setInterval'] });
    await open();
    vi.advanceTimersByTime(10_000);
    vi.useRealTimers();
    await told(1);
    expect(receiver.told[0]).toMatchObject({ text: 'one three', missing_parts: [2] });
    expect(outcomes).toContain('incomplete');
  });

  it('whose number comes round again is another', async () => {
    const inbound = await open();
    const [a] = parts(['old ', 'lost']);
    const [b, c] = parts(['new ', 'whole']);
    for (const part of [a, b, c]) await inbound.take(part!);
    await told(2);
    expect(new Set(receiver.texts)).toEqual(new Set(['new whole', 'old ']));
  });
});

describe('the carrier', () => {
  it('is heard by sender and words, once a kind and day, and never quoted', async () => {
    isOn = false;
    const inbound = await open();
    const low = (from: string) => sms('Dear customer, your BALANCE is very low: 0.42', { from });
    await inbound.take(low('+4917099999999'));
    expect(inbound.conditions()).toEqual([]);
    await inbound.take(low('carrier'));
    await inbound.take(low('22922'));
    await inbound.take(sms('Your SIM will expire on 1 May', { from: 'x' }));
    expect(inbound.conditions().map(({ kind, about }) => `${kind} ${about}`)).toEqual([
      'carrier_message credit main',
      'carrier_message expiry main',
    ]);
    expect(logged.filter((line) => line.includes('carrier_message'))).toHaveLength(2);
    expect(logged.join(' ')).not.toMatch(/0\.42|1 May/);
    nowMs += 86_400_001;
    expect(inbound.conditions()).toEqual([]);
  });

  it('is known by its digits, however the configuration writes them', async () => {
    isOn = false;
    const inbound = await open();
    await inbound.take(sms('Top up now', { from: '+491771234567' }));
    expect(inbound.conditions().map(({ about }) => about)).toEqual(['top-up main']);
  });

  it('is heard in a long text, too', async () => {
    isOn = false;
    const inbound = await open();
    for (const part of parts(['your balance is ', 'low']))
      await inbound.take({ ...part, from: '22922' });
    expect(inbound.conditions()).toHaveLength(1);
  });
});
