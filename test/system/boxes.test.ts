/** Boxes that share a real engine: what each promise of theirs looks like at the networks. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
} from 'vitest';
import type { SharedConfig } from '../../src/config/config.js';
import type { ExplanationJson } from '../../src/policy/explain-text.js';
import { Engine } from '../../src/shared/engine.js';
import { wireOpener } from '../../src/shared/engine-wire.js';
import { type Box, Boxes } from './boxes.js';
import { EngineProcess } from './engine.js';

let engine: EngineProcess;
let boxes: Boxes;
let numbers = 0;
/** Nobody was written to at it before. */
function newNumber(): string {
  numbers += 1;
  return `+49151${String(10_000_000 + numbers * 10_007)}`;
}
/** By the engine's own port, and with time enough for a machine that has other things to do. */
const shared = (): string => `url = "redis://127.0.0.1:${engine.enginePort}"\nbudget_ms = 1000`;
const at = (index: number): Box => boxes.all[index]!;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until it is so; vitest's own timeout is the limit. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(20);
}

/** How many messages its modems were given whole. */
const submits = (box: Box): number =>
  box.modems.flatMap((modem) => modem.record()).filter(({ kind }) => kind === 'ctrl_z').length;

/** How many messages of its callers wait for a modem. */
async function waiting(box: Box): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${box.adminPort}/metrics`);
  const [, count] = /^simgate_messages_waiting (\d+)$/m.exec(await response.text()) ?? [];
  return Number(count);
}

/** Boxes with a key that the engine has not seen. */
async function start(...own: Parameters<typeof Boxes.start>): Promise<void> {
  await engine.ask('FLUSHALL');
  boxes = await Boxes.start(...own);
  for (const box of boxes.all) await joined(box);
}

async function joined(box: Box, from = 0): Promise<void> {
  await box.until((line) => line.event === 'shared_told', from);
}

const openLimits =
  '[policy]\ncountries = ["*"]\nper_recipient = "off"\nper_block = "off"\nlock_out_first_s = 0\ncool_down_block_s = 0\n';

beforeAll(async () => {
  engine = await EngineProcess.start();
});
afterAll(() => engine.stop());

describe('a box whose clock is behind', () => {
  afterEach(() => boxes.stop());

  /** Two boxes; what is given back sets the clock of the second one years back. */
  async function startWithLeaping(modemFlags: readonly string[] = []): Promise<() => void> {
    const folder = mkdtempSync(join(tmpdir(), 'simgate-behind-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const leapFile = join(folder, 'leap');
    writeFileSync(leapFile, '0');
    await start(1, { shared: shared(), modemFlags });
    const preload = join(import.meta.dirname, '../faults/leaping-clock.mjs');
    const env = { NODE_OPTIONS: `--import=${preload}`, LEAP_FILE: leapFile };
    await joined(await boxes.add(1, { shared: shared(), env }));
    return () => writeFileSync(leapFile, String(-2000 * 86_400_000));
  }

  test('tells a repeat what became of the first at another box, and nothing is sent by it', async () => {
    const fallBehind = await startWithLeaping();
    const [well, behind] = [at(0), at(1)];
    const keyed = (key: string, body = key) =>
      [{ recipient: newNumber(), body }, { 'idempotency-key': key }] as const;
    const [before, sent, lost, fresh] = ['before', 'sent', 'lost', 'fresh'].map((key) =>
      keyed(key),
    );
    // What was sent while its clock was right, too.
    const first = await well.post(...before!);
    fallBehind();
    const second = await well.post(...sent!);
    expect([first.status, second.status]).toEqual([200, 200]);
    await well.modems[0]!.control({ fault: 'hangup-after-ctrlz:200' });
    const from = well.log.length;
    expect((await well.post(...lost!)).status).toBe(504);
    await well.until(({ event, phase }) => event === 'modem' && phase === 'ready', from);
    const texts = boxes.texts();
    expect(texts).toEqual(['before', 'sent', 'lost']);

    for (const [asked, answer] of [
      [before!, first],
      [sent!, second],
    ] as const) {
      const repeat = await behind.post(...asked);
      expect([repeat.status, repeat.body.id]).toEqual([200, answer.body.id]);
    }
    const unknown = await behind.post(...lost!);
    expect([unknown.status, unknown.body]).toMatchObject([504, { submitted: 'unknown' }]);
    const refused = { status: 503, body: { code: 'clock_unset', submitted: 'no' } };
    expect(await behind.post(...fresh!)).toMatchObject(refused);
    const { recipient } = sent![0];
    const other = await behind.post({ recipient, body: 'another' }, sent![1]);
    expect(other).toMatchObject(refused);
    expect(boxes.texts()).toEqual(texts);

    // To ask has kept nothing from being sent.
    expect((await well.post(...fresh!)).status).toBe(200);
    expect(boxes.texts()).toEqual([...texts, 'fresh']);
  });

  test('tells a repeat of what is under way at another box that nobody knows yet', async () => {
    const fallBehind = await startWithLeaping(['--submit-latency', '2500']);
    fallBehind();
    const asked = [{ recipient: newNumber() }, { 'idempotency-key': 'under way' }] as const;
    const first = at(0).post(...asked);
    await until(() => submits(at(0)) === 1);
    const repeat = await at(1).post(...asked);
    expect([repeat.status, repeat.body]).toMatchObject([504, { submitted: 'unknown' }]);
    expect((await first).status).toBe(200);
    expect(boxes.texts()).toHaveLength(1);
  });
});

describe('what one box knows of a message', () => {
  beforeAll(async () => {
    await start(3, { shared: shared(), modemFlags: ['--submit-latency', '600'] });
  });
  afterAll(() => boxes.stop());

  test('a repeat with its key is told at another, and nothing is sent again', async () => {
    const recipient = newNumber();
    const first = await at(0).post({ recipient }, { 'idempotency-key': 'known' });
    const again = await at(1).post({ recipient }, { 'idempotency-key': 'known' });
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.body.id).toBe(first.body.id);
    expect(again.body.references).toEqual(first.body.references);
    expect(boxes.texts()).toHaveLength(1);
  });

  test('a repeat that comes while it is sent waits for it at another', async () => {
    const recipient = newNumber();
    const before = boxes.texts().length;
    const first = at(0).post({ recipient }, { 'idempotency-key': 'joined' });
    await pause(100);
    const [one, two] = await Promise.all([
      at(1).post({ recipient }, { 'idempotency-key': 'joined' }),
      at(2).post({ recipient }, { 'idempotency-key': 'joined' }),
    ]);
    const { status, body } = await first;
    expect([status, one.status, two.status]).toEqual([200, 200, 200]);
    expect([one.body.id, two.body.id]).toEqual([body.id, body.id]);
    expect(boxes.texts()).toHaveLength(before + 1);
  });

  test('thirty requests with one key at three boxes in one instant are one message', async () => {
    const recipient = newNumber();
    const before = boxes.texts().length;
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        at(index % 3).post({ recipient }, { 'idempotency-key': 'thirty' }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(boxes.texts()).toHaveLength(before + 1);
  });

  test('another request with its key is refused at another box, too', async () => {
    await at(0).post({ recipient: newNumber() }, { 'idempotency-key': 'reused' });
    const other = await at(1).post({ recipient: newNumber() }, { 'idempotency-key': 'reused' });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  test('GET /sms/{id} tells it at any', async () => {
    const sent = await at(0).post({ recipient: newNumber() });
    const id = String(sent.body.id);
    await until(async () => (await at(1).read(id)).body.state === 'sent');
    const { status, body } = await at(2).read(id);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id, state: 'sent', submitted: 'yes', segments: 1, modem: 'm1' });
    expect(body.references).toEqual(sent.body.references);
    const none = await at(2).read('00000000-0000-4000-8000-000000000000');
    expect(none.status).toBe(404);
  });

  test('what was surely not sent at one is sent at another when it is asked for again', async () => {
    const recipient = newNumber();
    let from = at(0).log.length;
    await at(0).modems[0]!.control({ registration: 'searching' });
    await at(0).until((line) => line.event === 'modem' && line.phase === 'registering', from);
    const refused = await at(0).post({ recipient }, { 'idempotency-key': 'again' });
    const sent = await at(1).post({ recipient }, { 'idempotency-key': 'again' });
    expect([refused.status, sent.status]).toEqual([503, 200]);
    from = at(0).log.length;
    await at(0).modems[0]!.control({ registration: 'home' });
    await at(0).until((line) => line.event === 'modem' && line.phase === 'ready', from);
    const told = await at(0).post({ recipient }, { 'idempotency-key': 'again' });
    expect(told.body.id).toBe(sent.body.id);
  });

  test('no number, no text and no key is in the engine', async () => {
    const recipient = newNumber();
    await at(0).post({ recipient, body: 'Your code is 417093' }, { 'idempotency-key': 'seen?' });
    const keys = (await engine.ask('KEYS', '*')).split('\n');
    const values = await Promise.all(
      keys.map(async (key) => {
        const [kind] = (await engine.ask('TYPE', key)).split('\n');
        if (kind === 'hash') return engine.ask('HGETALL', key);
        return kind === 'zset' ? engine.ask('ZRANGE', key, '0', '-1') : engine.ask('GET', key);
      }),
    );
    const all = [...keys, ...values].join('\n');
    expect(keys.length).toBeGreaterThan(20);
    expect(all).not.toMatch(new RegExp(`${recipient.slice(3)}|417093|seen\\?`));
    const lasting = await Promise.all(
      keys.map(async (key) => ({ key, ttl: Number(await engine.ask('TTL', key)) })),
    );
    const forEver = lasting.filter(({ ttl }) => ttl === -1).map(({ key }) => key);
    expect(forEver.sort()).toEqual(['simgate:epoch', 'simgate:key', 'simgate:seq']);
  });
});

describe('limits over all boxes', () => {
  const limited = (lines: string) => `[policy]\ncountries = ["*"]\nlock_out_first_s = 0\n${lines}`;
  afterEach(() => boxes.stop());

  test('of 200 requests at three boxes in one instant a limit of 5 lets exactly 5 through', async () => {
    const policy = limited('per_recipient = "off"\nper_block = "off"\ntotal = "5 in 1 h"\n');
    await start(3, { shared: shared(), policy });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => at(index % 3).post({ recipient: newNumber() })),
    );
    expect(boxes.texts()).toHaveLength(5);
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    // Who came while the limit had room and the box none was told so.
    expect(answers.filter(({ status }) => status === 503)).toHaveLength(195 - refused.length);
    expect(String(refused[0]!.body.detail)).toMatch(/policy\.total/);
  });

  test('are explained at any of them as all have filled them; to ask changes nothing, and without the engine it is said that this box alone is counted', async () => {
    const policy =
      '[policy]\ncountries = ["*"]\nper_recipient = "2 in 10 min"\ntotal = "9 in 1 h"\n';
    const own = await EngineProcess.start();
    try {
      await start(2, {
        shared: `url = "redis://127.0.0.1:${own.port}"\nbudget_ms = 1000`,
        policy,
      });
      const recipient = newNumber();
      const explained = async (box: Box) =>
        JSON.parse(await box.cli('policy', 'explain', recipient, '--json')) as ExplanationJson;
      for (const box of boxes.all) expect((await box.post({ recipient })).status).toBe(200);
      const keys = async () => (await own.ask('KEYS', '*')).split('\n').sort();
      const before = await keys();
      for (const box of boxes.all)
        for (let time = 0; time < 2; time += 1)
          expect(await explained(box)).toMatchObject({
            own_box_only: false,
            is_allowed: false,
            code: 'rate_limited',
            reason: 'lock_out',
            limits: expect.arrayContaining([
              expect.objectContaining({ name: 'per_recipient', used: 2 }),
              expect.objectContaining({ name: 'total', count: 9, used: 2, free_in_ms: 0 }),
            ]),
            holds: [],
          });
      // The lock-out that a message would begin has not begun.
      expect(await keys()).toEqual(before);
      await own.kill();
      await at(0).until((line) => line.event === 'shared_away');
      expect(await explained(at(0))).toMatchObject({
        own_box_only: true,
        is_allowed: true,
        limits: expect.arrayContaining([expect.objectContaining({ name: 'total', used: 1 })]),
      });
    } finally {
      await own.stop();
    }
  });
});

describe('what is told of limits', () => {
  test('is what all boxes have sent: on the page, in the judgement and to the operator, also of a country that this box has not written to', async () => {
    const own = await EngineProcess.start();
    const policy =
      '[policy]\ncountries = ["*"]\nper_recipient = "off"\nper_block = "off"\nper_country = "9 in 1 h"\ntotal = "5 in 1 h"\n';
    try {
      await start(2, { shared: `url = "redis://127.0.0.1:${own.port}"\nbudget_ms = 1000`, policy });
      const page = async (box: Box) =>
        (await box.admin('/policy')).replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
      const status = async (box: Box) =>
        JSON.parse(await box.admin('/status.json')) as {
          health: { grade: string; obstacles: { what: string }[] };
          alerts: { open: { kind: string; subject?: string }[] };
        };
      const alerts = async (box: Box) =>
        (await status(box)).alerts.open.map(({ kind, subject = '' }) => `${kind} ${subject}`);
      for (let index = 0; index < 3; index += 1)
        expect((await at(0).post({ recipient: `+4366412345${60 + index}` })).status).toBe(200);
      expect((await at(1).post({ recipient: newNumber() })).status).toBe(200);
      for (const box of boxes.all) {
        expect(await page(box)).toContain('By what all boxes of [shared] have sent.');
        expect(await page(box)).toMatch(/ total 4 of 5 in 1 h .*nearly full, for everybody/);
        expect(await page(box)).toMatch(/ per_country: AT 3 of 9 in 1 h .* per_country: DE 1 of 9/);
      }
      await until(async () => (await alerts(at(1))).includes('nearly_full policy.total'));
      expect((await at(0).post({ recipient: '+4366412345670' })).status).toBe(200);
      // It has sent one, and refuses all the same.
      await until(async () => (await status(at(1))).health.grade === 'down');
      expect((await status(at(1))).health.obstacles[0]?.what).toMatch(
        /policy\.total .* is reached/,
      );
      expect((await at(1).post({ recipient: newNumber() })).status).toBe(429);
      await until(async () => (await alerts(at(1))).includes('full a limit'));
      await own.kill();
      await at(1).until((line) => line.event === 'shared_away');
      await until(async () => (await page(at(1))).includes('By what this box alone has sent'));
      expect(await page(at(1))).toMatch(/ total 1 of 5 in 1 h /);
      // Its own books let them through again, and nobody knows whether the others have stopped.
      await until(async () => (await status(at(1))).health.grade === 'degraded');
      expect((await at(1).post({ recipient: newNumber() })).status).toBe(200);
      expect(await alerts(at(1))).toEqual(
        expect.arrayContaining(['nearly_full policy.total', 'full a limit']),
      );
    } finally {
      await boxes.stop();
      await own.stop();
    }
  });
});

describe('the newest code', () => {
  beforeAll(async () => {
    const modemFlags = ['--submit-latency', '2500'];
    await start(2, { shared: shared(), modemFlags });
  });
  afterAll(() => boxes.stop());

  test('wins over an older one that still waits at another box', async () => {
    const recipient = newNumber();
    // Both modems are busy, so that what comes next has to wait.
    const before = boxes.all.map(submits);
    const busy = boxes.all.map((box) => box.post({ recipient: newNumber(), body: 'busy' }));
    await until(() => boxes.all.every((box, index) => submits(box) > before[index]!));
    const older = at(0).post({ recipient, body: 'older' });
    await until(async () => (await waiting(at(0))) === 1);
    const newer = at(1).post({ recipient, body: 'newer' });
    const [first, second] = await Promise.all([older, newer, ...busy]);
    expect([first.status, first.body.code]).toEqual([409, 'superseded']);
    expect(second.status).toBe(200);
    expect(boxes.texts().filter((text) => text !== 'busy')).toEqual(['newer']);
  });

  test('wins over an older one whose repeat comes late, at another box', async () => {
    const recipient = newNumber();
    await at(0).modems[0]!.control({ fault: 'cms:38', submits: 1 });
    const older = await at(0).post({ recipient, body: 'first' }, { 'idempotency-key': 'first' });
    expect(older.body.submitted).toBe('no');
    const newer = await at(1).post({ recipient, body: 'second' });
    const late = await at(1).post({ recipient, body: 'first' }, { 'idempotency-key': 'first' });
    expect([newer.status, late.status]).toEqual([200, 409]);
    expect(boxes.texts().filter((text) => text === 'first')).toEqual([]);
  });
});

describe('what a recipient has to wait for', () => {
  afterEach(() => boxes.stop());

  test('a lock-out that began at one holds at another, until an operator lifts it', async () => {
    const policy = `[policy]\ncountries = ["*"]\nper_recipient = "2 in 10 min"\n`;
    await start(2, { shared: shared(), policy });
    const recipient = newNumber();
    const answers = [await at(0).post({ recipient }), await at(1).post({ recipient })];
    const locked = [await at(0).post({ recipient }), await at(1).post({ recipient })];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(locked.map(({ status }) => status)).toEqual([429, 429]);
    expect(locked.map(({ body }) => body.detail)).toEqual([
      expect.stringContaining('lock_out: '),
      expect.stringContaining('lock_out: '),
    ]);
    await at(0).cli('policy', 'unlock', recipient);
    expect((await at(1).post({ recipient })).status).toBe(200);
  });

  test('a cool-down after a stall holds at another', async () => {
    const policy = `${openLimits}cool_down_recipient_s = 60\n`;
    await start(2, { shared: shared(), policy, deadlineS: 3 });
    const recipient = newNumber();
    await at(0).modems[0]!.control({ fault: 'silence', submits: 1 });
    const lost = await at(0).post({ recipient });
    expect(lost.status).toBe(504);
    const next = await at(1).post({ recipient });
    expect([next.status, next.body.code]).toEqual([429, 'rate_limited']);
    expect(next.body.detail).toContain('cool_down_recipient');
  });
});

describe('the caps of a SIM', () => {
  afterEach(() => boxes.stop());

  test('follow it to another box', async () => {
    const inBoth = { shared: shared(), policy: openLimits, more: 'per_day = 3\n' };
    const own = { ...inBoth, modemFlags: ['--iccid', '89490000000000004242'] };
    await start(1, own);
    for (let sent = 0; sent < 3; sent += 1)
      expect((await at(0).post({ recipient: newNumber() })).status).toBe(200);
    expect((await at(0).post({ recipient: newNumber() })).body.code).toBe('sim_cap_reached');
    await at(0).end('SIGTERM');
    await boxes.add(1, own);
    await until(async () =>
      (await at(1).admin('/metrics')).includes('simgate_sim_cap_used{modem="m1",cap="per_day"} 3'),
    );
    expect((await at(1).post({ recipient: newNumber() })).body.code).toBe('sim_cap_reached');
    expect(boxes.texts()).toHaveLength(3);
  });
});

describe('what an engine is told', () => {
  const prefix = 'told:';
  const [rec, blk, recWindow] = ['r', 'b', 'l:per_recipient:r'];
  const alertWindow = 'a:per_recipient:r';
  let own: Engine;
  beforeAll(async () => {
    const url = { host: '127.0.0.1', port: engine.enginePort, isTls: false, database: 0 };
    const openWire = wireOpener({ url } as SharedConfig);
    const none = { onState: () => undefined, onJoined: () => undefined };
    own = new Engine({ openWire, prefix, box: 'n', budgetMs: 1_000, fingerprint: 'f', ...none });
    await own.start();
  });
  afterAll(() => own.stop());

  const coolDown = async () => {
    const [strikes, until] = (
      await engine.ask('HMGET', `${prefix}h:cool_down_recipient:${rec}`, 'n', 'u')
    ).split('\n');
    return { strikes: Number(strikes), leftMs: Number(until) - Date.now() };
  };

  /** A message of nobody's limits; what came before the others has more age. */
  const message = (id: string, sk: string, age: number) => ({
    id,
    sk,
    age,
    caller: 'c',
    segments: 1,
    box: 'n',
    alert: true,
    rec,
    blk,
    recWindow: 'none',
    first: 0,
    longest: 0,
    windows: [],
    left: 60_000,
  });
  const claim = async (...of: Parameters<typeof message>) =>
    (await own.tell('claim', { ...message(...of), mode: 'wait' }))?.kind;
  const begin = async (...of: Parameters<typeof message>) =>
    (await own.tell('begin', message(...of)))?.kind;
  const tell = (of: Parameters<typeof message>, news: object) =>
    own.tell('tell', { ...message(...of), keptFor: 60_000, sq: 0, ...news });

  test.each([
    ['was sent', { st: 'd', begun: true, counts: true, rank: 3, out: '{"ok":true}' }],
    ['is being sent', { st: 's', begun: true, counts: true, rank: 1 }],
  ])(
    'a message of before, which %s while the engine was away, makes no newer one void',
    async (what, news) => {
      expect(await claim(`newer ${what}`, what, 0)).toBe('granted');
      await tell([`older ${what}`, what, 30_000], news);
      expect(await begin(`newer ${what}`, what, 0)).toBe('granted');
    },
  );

  test('one that was asked for since, and was sent, does', async () => {
    expect(await claim('waits', 'since', 5_000)).toBe('granted');
    await pause(5);
    await tell(['newest', 'since', 0], {
      st: 'd',
      begun: true,
      counts: true,
      rank: 3,
      out: '{"ok":true}',
    });
    expect(await begin('waits', 'since', 5_000)).toBe('superseded');
  });

  test('one that was surely not sent does not', async () => {
    expect(await claim('waits2', 'unsent', 5_000)).toBe('granted');
    await pause(5);
    await tell(['failed', 'unsent', 0], { st: 'n', begun: true, counts: false, rank: 0 });
    expect(await begin('waits2', 'unsent', 5_000)).toBe('granted');
  });

  test.each([
    ['a day behind', -24],
    ['three hours ahead, as by a wrong time zone,', 3],
    ['some minutes off', 0.2],
  ])(
    'what a box whose clock is %s sent with a SIM counts in the hour in which it was',
    async (sim, by) => {
      const hourMs = 3_600_000;
      const clock = { right: Date.now(), wrong: Date.now() + by * hourMs };
      const hour = Math.floor(clock.wrong / hourMs);
      const news = { sim, box: 'wrong', now: clock.wrong, recipients: [] };
      await own.tell('use', { ...news, id: `of ${sim}`, hours: [[hour, 2]] });
      // As from its journal, to an engine that may not know it.
      await own.tell('use', { ...news, hours: [[hour, 2]] });
      const asked = (box: string, now: number) =>
        own.tell('usedElsewhere', { sim, box, now, recipients: true });
      const shift = Math.round(by);
      expect(await asked('right', clock.right)).toMatchObject({ hours: [[hour - shift, 2]] });
      expect(await asked('wrong too', clock.wrong)).toMatchObject({ hours: [[hour, 2]] });
    },
  );

  test('a stall counts once, however often it is told, and from when it was', async () => {
    const stall = { rec, blk, recMs: 60_000, blkMs: 0, age: 40_000 };
    for (let count = 0; count < 3; count += 1) await own.tell('stalled', { ...stall, once: '1' });
    const { strikes, leftMs } = await coolDown();
    expect(strikes).toBe(1);
    expect(leftMs).toBeLessThanOrEqual(20_000);
    await own.tell('stalled', { ...stall, once: '2' });
    expect((await coolDown()).strikes).toBe(2);
  });

  test('what an operator lifts is not lifted again, as it is told again', async () => {
    await own.tell('unlock', { rec, blk, recWindow, alertWindow, once: '3' });
    expect(await coolDown()).toMatchObject({ strikes: 0 });
    await own.tell('stalled', { rec, blk, recMs: 60_000, blkMs: 0, age: 0, once: '4' });
    await own.tell('unlock', { rec, blk, recWindow, alertWindow, once: '3' });
    expect((await coolDown()).strikes).toBe(1);
  });
});

describe('an engine that fails', () => {
  let frail: EngineProcess;
  const one = { 'idempotency-key': 'one' };
  beforeEach(async () => {
    frail = await EngineProcess.start();
    const own = `url = "redis://127.0.0.1:${frail.port}"\nbudget_ms = 200`;
    boxes = await Boxes.start(2, { shared: own, policy: `${openLimits}total = "4 in 1 h"\n` });
    for (const box of boxes.all) await joined(box);
  });
  afterEach(async () => {
    await boxes.stop();
    await frail.stop();
  });
  const isAway = (box: Box) =>
    until(async () => (await box.admin('/metrics')).includes('\nsimgate_shared_up 0\n'));
  const isBack = (box: Box) =>
    until(async () => (await box.admin('/metrics')).includes('\nsimgate_shared_up 1\n'));

  test('that is dead: logins go on, it is said everywhere, and it hears of them when it is back', async () => {
    const recipient = newNumber();
    await frail.kill();
    const first = await at(0).post({ recipient }, one);
    const again = await at(0).post({ recipient }, one);
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.body.id).toBe(first.body.id);
    const state = JSON.parse(await at(0).admin('/')) as { health: object; shared: object };
    expect(state.shared).toMatchObject({ up: false });
    expect(state.health).toMatchObject({ grade: 'degraded', obstacles: [{ check: 'engine' }] });
    expect(at(0).log.some(({ event }) => event === 'shared_away')).toBe(true);
    expect(await at(0).cli('doctor')).toContain('warning  engine');
    await frail.launch();
    await isBack(at(0));
    await isBack(at(1));
    const told = await at(1).post({ recipient }, one);
    expect(told.body.id).toBe(first.body.id);
    for (let more = 0; more < 3; more += 1)
      expect((await at(1).post({ recipient: newNumber() })).status).toBe(200);
    // The one that was sent by itself counts.
    expect((await at(1).post({ recipient: newNumber() })).status).toBe(429);
    expect(boxes.texts()).toHaveLength(4);
  });

  test('that says nothing: nobody waits longer than the budget, and one after it not at all', async () => {
    frail.pause();
    const answers = [];
    for (let asked = 0; asked < 4; asked += 1)
      answers.push(await at(0).post({ recipient: newNumber() }));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await isAway(at(0));
    frail.goOn();
    await isBack(at(0));
    await isBack(at(1));
    await until(async () =>
      (await at(0).admin('/metrics')).includes('\nsimgate_shared_untold 0\n'),
    );
    expect((await at(1).post({ recipient: newNumber() })).status).toBe(429);
  });

  test('that is emptied is told again what its boxes know', async () => {
    const recipient = newNumber();
    const first = await at(0).post({ recipient }, one);
    const from = boxes.all.map(({ log }) => log.length);
    await frail.ask('FLUSHALL');
    for (const [index, box] of boxes.all.entries()) await joined(box, from[index]);
    const told = await at(1).post({ recipient }, one);
    expect(told.body.id).toBe(first.body.id);
    for (let more = 0; more < 3; more += 1)
      expect((await at(1).post({ recipient: newNumber() })).status).toBe(200);
    expect((await at(1).post({ recipient: newNumber() })).status).toBe(429);
  });

  test('whose box dies before it has an answer: nobody knows, and nobody sends it again', async () => {
    const recipient = newNumber();
    await at(0).modems[0]!.control({ fault: 'late:4000', submits: 1 });
    const asked = at(0)
      .post({ recipient }, { ...one, prefer: 'wait=2' })
      .catch(() => undefined);
    await until(() => boxes.texts().length === 1);
    await at(0).end('SIGKILL');
    await asked;
    const joining = await at(1).post({ recipient }, one);
    expect([joining.status, joining.body.submitted]).toEqual([504, 'unknown']);
    expect(boxes.texts()).toHaveLength(1);
    // Back, and with what its journal knows, it says the same.
    await at(0).start();
    expect((await at(0).post({ recipient }, one)).status).toBe(504);
    expect(boxes.texts()).toHaveLength(1);
  });
});

describe('an engine that cannot be shared', () => {
  afterEach(() => boxes.stop());
  const away = (box: Box) =>
    box.until(
      ({ event, reason }) => event === 'shared_away' && !/not reached/.test(String(reason)),
    );

  test('is told so, and why: one that forgets, one behind another key, one without its password', async () => {
    await start(1, { shared: shared() });
    await engine.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const forgetful = await boxes.add(1, { shared: shared() });
    expect((await away(forgetful)).reason).toContain('noeviction');
    await engine.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    const stranger = await new Boxes().add(0, { shared: shared() });
    boxes.all.push(stranger);
    expect((await away(stranger)).reason).toContain('key_file');
    await engine.ask('CONFIG', 'SET', 'requirepass', 'a password');
    const nameless = await boxes.add(3, { shared: shared() });
    const { reason } = await away(nameless);
    await engine.ask('-a', 'a password', 'CONFIG', 'SET', 'requirepass', '');
    expect(reason).toContain('NOAUTH');
    expect((await nameless.post({ recipient: newNumber() })).status).toBe(200);
  });
});

describe('an engine behind TLS, with the ACL user of config/boxes', () => {
  let guarded: EngineProcess;
  const password = 'a-password-for-boxes-0123456789';
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'simgate-tls-'));
    const file = (name: string) => join(folder, name);
    const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const named = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const out = ['-keyout', file('key.pem'), '-out', file('ca.pem')];
    openssl('req', '-x509', ...key, ...named, ...out, '-days', '2');
    writeFileSync(file('users.acl'), shippedUsers(password));
    writeFileSync(file('password'), password, { mode: 0o600 });
    guarded = await EngineProcess.start(
      ['--tls-cert-file', file('ca.pem'), '--tls-key-file', file('key.pem')].concat([
        '--tls-auth-clients',
        'no',
        '--aclfile',
        file('users.acl'),
      ]),
      'tls',
    );
    const place = `url = "rediss://simgate@127.0.0.1:${guarded.enginePort}/0"`;
    const files = `password_file = "${file('password')}"\nca_file = "${file('ca.pem')}"`;
    boxes = await Boxes.start(2, { shared: `${place}\nbudget_ms = 1000\n${files}` });
    for (const box of boxes.all) await joined(box);
  });
  afterAll(async () => {
    await boxes.stop();
    await guarded.stop();
  });

  test('lets boxes do all that they do', async () => {
    const recipient = newNumber();
    const first = await at(0).post({ recipient }, { 'idempotency-key': 'tls' });
    const again = await at(1).post({ recipient }, { 'idempotency-key': 'tls' });
    expect(again.body.id).toBe(first.body.id);
    await at(0).cli('policy', 'unlock', recipient);
    const explained = await at(0).cli('policy', 'explain', recipient, '--json');
    expect(JSON.parse(explained)).toMatchObject({ own_box_only: false });
    await until(async () => (await at(1).admin('/policy')).includes('By what all boxes'));
    await until(async () => (await at(1).read(String(first.body.id))).body.state === 'sent');
    for (const box of boxes.all)
      expect(box.log.filter(({ event }) => event === 'shared_away')).toEqual([]);
    for (const box of boxes.all)
      expect(await box.admin('/metrics')).toContain('\nsimgate_shared_untold 0\n');
  });

  test('is away for a box that does not trust its certificate', async () => {
    const place = `url = "rediss://simgate@127.0.0.1:${guarded.enginePort}"`;
    const stranger = await boxes.add(2, { shared: place });
    const { reason } = await stranger.until(({ event }) => event === 'shared_away');
    expect(reason).toContain('self-signed certificate');
  });
});

/** The users that config/boxes has. */
function shippedUsers(password: string): string {
  const hash = createHash('sha256').update(password).digest('hex');
  const file = join(import.meta.dirname, '../../config/boxes/users.acl');
  return readFileSync(file, 'utf8').replace('HASH', hash);
}
