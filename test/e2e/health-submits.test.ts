/** The walk over what can become of a submit: where no message gets through, it is named. */

import { describe, expect, test, vi } from 'vitest';
import type { faultKinds } from '../../src/simulator/fault-kinds.js';
import { Rig } from './rig.js';
import { command, expectCured, expectNamed, health } from './walk.js';

type FaultKind = keyof typeof faultKinds;

const settings = `idle_probe_s = 1
submit_timeout_s = 6
[message]
deadline_s = 9`;
/** More than a message is tried. */
const submits = 60;

/** By the check under which it is found that nothing gets through. */
type Outcome = 'sends' | 'smsc' | 'through' | 'by chance';

/** Every fault of a submit, with its parameters, and what comes of it where each one meets it. */
const faults: Readonly<Record<FaultKind, [fault: string, Outcome]>> = {
  cms: ['cms:38', 'sends'],
  'cms-verbose': ['cms-verbose:Unspecified failure', 'sends'],
  error: ['error', 'sends'],
  'cms-late': ['cms-late:38:2000', 'sends'],
  'cms-though-accepted': ['cms-though-accepted:41:2000', 'sends'],
  'cms-behind-cmgs': ['cms-behind-cmgs:500', 'sends'],
  silence: ['silence:8000', 'sends'],
  'silence-lost': ['silence-lost:8000', 'sends'],
  late: ['late:7500', 'sends'],
  'early-ok': ['early-ok:7500', 'sends'],
  'others-refused': ['others-refused:CME515:2000', 'through'],
  busy: ['busy:ERROR:8000', 'sends'],
  'busy-lost': ['busy-lost:CME515:8000', 'sends'],
  held: ['held', 'through'],
  'prompt-refused': ['prompt-refused:CMS304', 'sends'],
  'no-prompt': ['no-prompt:6000', 'sends'],
  'prompt-late': ['prompt-late:3000', 'through'],
  prompts: ['prompts:2', 'through'],
  garble: ['garble', 'sends'],
  // The modem may find out, and may not.
  'garble-rx': ['garble-rx', 'by chance'],
  'drop-bytes': ['drop-bytes', 'sends'],
  split: ['split:2', 'through'],
  'ok-missing': ['ok-missing', 'through'],
  'cmgs-missing': ['cmgs-missing', 'sends'],
  'urc-burst': ['urc-burst:5', 'through'],
  air: ['air:call', 'through'],
  'air-lost': ['air-lost:call:8000', 'sends'],
  flood: ['flood:64', 'through'],
  'registration-lost': ['registration-lost:1000', 'sends'],
  'smsc-unwritten': ['smsc-unwritten', 'smsc'],
  'smsc-not-in-pdu': ['smsc-not-in-pdu', 'through'],
  'reboot-before-prompt': ['reboot-before-prompt', 'sends'],
  'reboot-before-ctrlz': ['reboot-before-ctrlz', 'sends'],
  'reboot-after-ctrlz': ['reboot-after-ctrlz', 'sends'],
  'reboot-after-ctrlz-lost': ['reboot-after-ctrlz-lost', 'sends'],
  'hangup-before': ['hangup-before:300', 'sends'],
  'hangup-during-pdu': ['hangup-during-pdu:300', 'sends'],
  'hangup-after-ctrlz': ['hangup-after-ctrlz:300', 'sends'],
  'hangup-after-ctrlz-lost': ['hangup-after-ctrlz-lost:300', 'sends'],
  'glitch-after-ctrlz': ['glitch-after-ctrlz:300', 'sends'],
  // The next may be on its way when the modem goes.
  'hangup-after-reply': ['hangup-after-reply', 'by chance'],
};

const poll = { timeout: 90_000, interval: 100 };

const isReady = async ({ port }: Rig): Promise<boolean> =>
  (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
const untilReady = (rig: Rig) =>
  vi.waitFor(async () => expect(await isReady(rig)).toBe(true), poll);

/** What a first finding says of a modem that can send, and does not. */
const sentences: Readonly<Record<Exclude<Outcome, 'through' | 'by chance'>, RegExp>> = {
  sends:
    /^modem main(?: gets nothing through: its last \d+ messages failed|: registered, but every send fails| sends nothing in time)/,
  smsc: /^modem main: the modem says that it knows no SMSC/,
};

/** To somebody else each time, when the modem is ready. */
async function send(rig: Rig, body: string, last: number): Promise<number> {
  await untilReady(rig);
  return (await rig.post({ recipient: `+491511234560${last}`, body })).status;
}

async function play(rig: Rig, [fault, outcome]: [string, Outcome]): Promise<void> {
  await rig.modem.control({ fault, submits });
  if (outcome === 'through') {
    for (const last of [1, 2, 3]) expect(await send(rig, fault, last), fault).toBe(200);
  } else if (outcome !== 'by chance') {
    // One that comes while the modem is brought up anew never gets to it.
    for (let last = 1, isNamed = false; !isNamed; last += 1) {
      expect(last, `${fault} is not named`).toBeLessThan(9);
      expect(await send(rig, fault, last), fault).not.toBe(200);
      await untilReady(rig);
      const { grade, obstacles } = await health(rig);
      isNamed = grade === 'degraded';
      if (!isNamed) continue;
      const what = expect.stringMatching(sentences[outcome]);
      expect(obstacles[0], fault).toMatchObject({ check: outcome, about: 'main', what });
      expect(obstacles[0]?.remedy, fault).toBeTruthy();
    }
  }
  await rig.modem.control({ no_faults: true });
  // It forgets its number once more after it was written: that is done once.
  if (outcome === 'smsc') await restartModem(rig);
  await vi.waitFor(async () => {
    expect(await rig.post({ body: `after ${fault}` })).toMatchObject({ status: 200 });
  }, poll);
  await vi.waitFor(
    async () => expect(await health(rig), fault).toEqual({ grade: 'ok', obstacles: [] }),
    poll,
  );
}

/** Whatever it still owes is gone with it. */
async function restartModem(rig: Rig): Promise<void> {
  const from = rig.log.length;
  await rig.modem.control({ reboot: true });
  await rig.until(({ event, phase }) => event === 'modem' && phase === 'ready', from);
}

const all = Object.values(faults);
const rigs = 5;

describe.concurrent('where no message gets through it is named, and over with the first', () => {
  test.each(
    Array.from({ length: rigs }, (_, rig) => [all.filter((__, index) => index % rigs === rig)]),
  )(
    '%j',
    async (some) => {
      const rig = await Rig.start([], settings);
      try {
        for (const fault of some) {
          await play(rig, fault);
          await restartModem(rig);
        }
      } finally {
        await rig.stop();
      }
    },
    600_000,
  );

  test('by doctor, too, whose remedy ends it', async () => {
    const rig = await Rig.start([], settings);
    try {
      await rig.modem.control({ fault: 'cmgs-missing', submits });
      for (const last of [1, 2, 3])
        expect(await rig.post({ recipient: `+491511234560${last}` })).toMatchObject({
          status: 504,
        });
      await expectNamed(rig, {
        grade: 'degraded',
        check: 'sends',
        what: /^modem main gets nothing through: its last 3 messages failed, the last one so: /,
        remedy: /^send one to a telephone of your own, "sudo simgate send \+49… TEXT"/,
      });
      await restartModem(rig);
      await rig.modem.control({ no_faults: true });
      expect(await command(rig, 'send', '+4915112345678', 'is all well?')).toMatchObject({
        code: 0,
      });
      await expectCured(rig);
    } finally {
      await rig.stop();
    }
  }, 240_000);
});
