/**
 * Each condition of `[alerts]` as the whole daemon meets it, at a virtual modem: raised once, not
 * again by a reload and a restart, and told to be over once. Hours pass by moved clocks.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { VirtualModem } from '../faults/virtual-modem.js';
import {
  calmMs,
  hold,
  inPhase,
  leap,
  lookMs,
  movedClocks,
  pass,
  passUntil,
  reload,
  restart,
  status,
  webhook,
} from './moved-rig.js';
import { Receiver } from './receiver.js';
import { Rig } from './rig.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

interface Expected {
  kind: string;
  subject?: string;
  severity: 'severe' | 'mild';
  /** In the text that is told. */
  says: RegExp;
  /** In its remedy. */
  remedy: RegExp;
}

interface Scenario {
  title: string;
  expected: Expected[];
  flags?: string[];
  /** The modem's own keys, then tables. */
  config?: string | ((stage: Stage) => Promise<string> | string);
  env?: (stage: Stage) => NodeJS.ProcessEnv;
  phase?: string;
  begin: (stage: Stage) => unknown;
  /** Milliseconds for which it has to be so. */
  holdMs: number;
  /** It goes on as the daemon is started again; else it is begun again. */
  again?: (stage: Stage) => Promise<unknown>;
  end: (stage: Stage) => Promise<unknown>;
}

/** What one scenario has to itself. */
class Stage {
  rig!: Rig;
  second: VirtualModem | undefined;
  other!: Receiver;
  inbound = '';
  lock: Database.Database | undefined;
  readonly #stops: (() => unknown)[] = [];

  /** Done when the scenario is over, the last first. */
  finally(stop: () => unknown): void {
    this.#stops.push(stop);
  }

  receiver(): Receiver {
    const one = new Receiver();
    this.finally(() => one.stop());
    return one;
  }

  temporary(): string {
    const made = mkdtempSync(join(tmpdir(), 'simgate-alerts-'));
    this.finally(() => rmSync(made, { recursive: true }));
    return made;
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }
}

let sent = 0;
/** To somebody who was not written to before. */
const send = ({ rig }: Stage, message: object = {}, init: RequestInit = {}) => {
  sent += 1;
  return rig.post({ recipient: `+491511${String(1_000_000 + sent)}`, ...message }, init);
};
async function sends(stage: Stage, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) await send(stage);
}
const refusedSends = async (stage: Stage, times: number) => {
  await stage.rig.modem.control({ fault: 'cms:50', submits: times });
  await sends(stage, times);
};

/** The configuration is written anew, with `was` replaced, and read. */
async function change({ rig }: Stage, was: string, now: string): Promise<void> {
  const text = readFileSync(rig.configFile, 'utf8');
  expect(text).toContain(was);
  writeFileSync(rig.configFile, text.replace(was, now));
  await reload(rig);
}

const limits = (perCountry: string) =>
  `[policy]\ncountries = ["DE"]\nper_recipient = "off"\nper_block = "off"\nper_client_ip = "off"\nper_country = "${perCountry}"\ntotal = "off"\n`;

/** Of the programs that might know whether the clock is right, each says that it is not. */
function unsureClock(stage: Stage): NodeJS.ProcessEnv {
  const bin = stage.temporary();
  writeFileSync(join(bin, 'timedatectl'), '#!/bin/sh\necho no\n', { mode: 0o755 });
  for (const name of ['chronyc', 'ntpq'])
    writeFileSync(join(bin, name), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  return { PATH: `${bin}:${process.env.PATH ?? ''}` };
}

const lockJournal = (stage: Stage) => {
  stage.lock = new Database(join(stage.rig.folder, 'state', 'journal.db'));
  stage.lock.exec('BEGIN EXCLUSIVE');
};
const unlockJournal = (stage: Stage) => {
  stage.lock?.exec('ROLLBACK');
  stage.lock?.close();
  stage.lock = undefined;
};

const inbound = ({ rig }: Stage, text: string, from = '+4915100000000') =>
  rig.modem.control({ inbound: { from, text } });

async function refusingInbound(stage: Stage, more: string): Promise<string> {
  const other = stage.receiver();
  stage.other = other;
  other.mood = 'refuses';
  return `[inbound]\nurl = "${await other.start()}"\nsecret_file = "hook"\n${more}`;
}

/** The receiver is back, and all that came in has reached it. */
async function takesAll({ rig, other }: Stage, count: number): Promise<void> {
  other.mood = 'well';
  const taken = () => rig.log.filter(({ event }) => event === 'inbound_delivered').length;
  while (taken() < count) await pass(rig, minuteMs);
}

const scenarios: Scenario[] = [
  {
    title: 'one of two modems is away for ten minutes',
    expected: [
      {
        kind: 'modem_away',
        subject: 'second',
        severity: 'mild',
        says: /modem second is (opening|lost|absent)/i,
        remedy: /plug (?:it|the modem) in again/,
      },
    ],
    config: async (stage) => {
      stage.second = await VirtualModem.start(stage.temporary(), 'second', []);
      stage.finally(() => stage.second?.stop());
      return `[[modem]]\nname = "second"\ndevice = "${stage.second.link}"\nguard_ms = 0\n`;
    },
    begin: async (stage) => {
      const gone = inPhase(stage.rig, 'lost', 'second');
      await stage.second!.control({ hangup: true, reattach_ms: 500_000 });
      await gone;
    },
    holdMs: 10 * minuteMs,
    end: async (stage) => {
      const back = inPhase(stage.rig, 'ready', 'second');
      await stage.second!.stop();
      stage.second = await VirtualModem.start(dirname(stage.second!.link), 'second', []);
      // Time that leaps would end the dialogue with it.
      await back;
    },
  },
  {
    title: 'a SIM that the network refuses is suspect',
    expected: [
      {
        kind: 'sim_suspect',
        subject: 'main',
        severity: 'severe',
        says: /suspect/,
        remedy: /put credit on it/,
      },
    ],
    begin: (stage) => refusedSends(stage, 3),
    holdMs: 0,
    end: (stage) => sends(stage, 1),
  },
  {
    title: 'a SIM wants its PIN',
    expected: [
      {
        kind: 'pin_wanted',
        subject: 'main',
        severity: 'severe',
        says: /PIN/,
        remedy: /pin_file|pin enter/,
      },
      {
        kind: 'no_modem_ready',
        severity: 'severe',
        says: /no code goes out: modem main is unlocking/i,
        remedy: /pin/,
      },
    ],
    flags: ['--pin', '4711'],
    phase: 'unlocking',
    begin: () => undefined,
    holdMs: 2 * minuteMs,
    end: async (stage) => {
      const ready = inPhase(stage.rig, 'ready');
      await stage.rig.modem.control({ phone: 'remove_lock' });
      await pass(stage.rig, minuteMs);
      await ready;
    },
  },
  {
    title: "a SIM's cap is used up to 80 %, and whole",
    expected: [
      {
        kind: 'nearly_full',
        subject: 'per_day of main',
        severity: 'mild',
        says: /80 % of the 5 segments/,
        remedy: /raise per_day/,
      },
      {
        kind: 'full',
        subject: 'the cap of main',
        severity: 'severe',
        says: /has sent 5 segments, and may send no more/,
        remedy: /raise per_day/,
      },
    ],
    config: 'per_day = 5\n',
    begin: (stage) => sends(stage, 5),
    holdMs: 31_000,
    end: (stage) => change(stage, 'per_day = 5\n', 'per_day = 500\n'),
  },
  {
    title: 'a limit is used up to 80 %, and whole',
    expected: [
      {
        kind: 'nearly_full',
        subject: 'policy.per_country for DE',
        severity: 'mild',
        says: /80 % of policy\.per_country/,
        remedy: /raise per_country/,
      },
      {
        kind: 'full',
        subject: 'a limit for DE',
        severity: 'severe',
        says: /per_country/,
        remedy: /./,
      },
    ],
    config: limits('5 in 1 h'),
    begin: (stage) => sends(stage, 5),
    holdMs: 31_000,
    end: (stage) => pass(stage.rig, hourMs),
  },
  {
    title: 'more outcomes than usual are unknown',
    expected: [
      {
        kind: 'unknown_outcomes',
        severity: 'severe',
        says: /of more than 1 messages of the last hour nobody knows/i,
        remedy: /simgate log --since 1h --code outcome_unknown/,
      },
    ],
    config: 'submit_timeout_s = 2\n[alerts]\nunknown_outcomes_per_hour = 1\n',
    begin: async (stage) => {
      for (let n = 0; n < 2; n += 1) {
        await stage.rig.modem.control({ fault: 'silence-lost:2500' });
        const free = inPhase(stage.rig, 'ready');
        expect(await send(stage, {}, { headers: { prefer: 'wait=1' } })).toMatchObject({
          status: 504,
        });
        await free;
      }
      await pass(stage.rig, minuteMs);
    },
    holdMs: 0,
    end: async (stage) => {
      await pass(stage.rig, hourMs);
      await pass(stage.rig, minuteMs);
    },
  },
  {
    title: 'the journal cannot be written',
    expected: [
      {
        kind: 'journal_fault',
        severity: 'severe',
        says: /journal is out of order/,
        remedy: /make room on the disk/,
      },
    ],
    begin: async (stage) => {
      lockJournal(stage);
      const told = stage.rig.until(({ event, level }) => event === 'journal' && level === 'error');
      await send(stage);
      await told;
    },
    holdMs: 2 * minuteMs,
    end: async (stage) => {
      unlockJournal(stage);
      await pass(stage.rig, 2 * minuteMs);
      await send(stage);
      await pass(stage.rig, lookMs);
    },
  },
  {
    title: 'the clock is behind',
    expected: [
      {
        kind: 'clock_unset',
        severity: 'severe',
        says: /wall clock says/,
        remedy: /timedatectl set-ntp true/,
      },
    ],
    env: unsureClock,
    begin: (stage) => leap(stage.rig, -400 * dayMs),
    holdMs: 2 * minuteMs,
    end: (stage) => leap(stage.rig, 400 * dayMs),
  },
  {
    title: "a SIM's credit is low, and soon void",
    expected: [
      {
        kind: 'credit_low',
        subject: 'main',
        severity: 'mild',
        says: /has 3\.2 left, and low is 5/,
        remedy: /put credit on it/,
      },
      {
        kind: 'credit_expires',
        subject: 'main',
        severity: 'mild',
        says: /good until /,
        remedy: /put credit on it/,
      },
    ],
    flags: ['--credit', '3.20'],
    config: () => {
      const soon = new Date(Date.now() + 3 * dayMs).toISOString().slice(0, 10);
      return `[modem.credit]\nussd = "*100#"\nlow = 5\nexpression = 'Balance: (?<amount>[\\d.]+) EUR(?: until (?<valid>[\\d-]+))?'\n#${soon}\n`;
    },
    begin: async (stage) => {
      const soon = /#([\d-]+)\n/.exec(readFileSync(stage.rig.configFile, 'utf8'))?.[1];
      await stage.rig.modem.control({ balance_text: `Balance: {credit} EUR until ${soon}` });
      await passUntil(stage.rig, 16_000, ({ event }) => event === 'credit');
    },
    holdMs: 0,
    end: async (stage) => {
      await stage.rig.modem.control({ credit: 20 });
      await stage.rig.modem.control({ balance_text: 'Balance: {credit} EUR until 2099-12-31' });
      // While it is low it is asked for every six hours.
      await passUntil(stage.rig, 6 * hourMs, ({ event }) => event === 'credit');
    },
  },
  {
    title: "a SIM's credit is asked for in vain",
    expected: [
      {
        kind: 'credit_unknown',
        subject: 'main',
        severity: 'mild',
        says: /asked for in vain: the expression finds no amount/,
        remedy: /correct \[modem\.credit\]/,
      },
    ],
    flags: ['--balance-text', 'Service not available'],
    config: '[modem.credit]\nussd = "*100#"\n',
    begin: async (stage) => {
      for (const ms of [16_000, hourMs, 2 * hourMs])
        await passUntil(stage.rig, ms, ({ event }) => event === 'credit');
    },
    holdMs: 0,
    end: async (stage) => {
      await stage.rig.modem.control({ balance_text: 'Balance: 20.00' });
      await passUntil(stage.rig, 4 * hourMs, ({ event }) => event === 'credit');
    },
  },
  {
    title: 'a version that was just upgraded does not send',
    expected: [
      {
        kind: 'upgrade_does_not_send',
        severity: 'severe',
        says: /has taken no message: the last 3 messages were not sent/,
        remedy: /install the version before/,
      },
      {
        kind: 'other',
        subject: 'sends of main',
        severity: 'severe',
        says: /registered, but every send fails \(CMS 38/,
        remedy: /init/,
      },
    ],
    begin: async (stage) => {
      await stage.rig.daemon.end('SIGTERM');
      const file = join(stage.rig.folder, 'state', 'alerts.json');
      const saved = JSON.parse(readFileSync(file, 'utf8')) as { release: object };
      saved.release = { ...saved.release, version: '0.0.1', hasSent: true };
      writeFileSync(file, JSON.stringify(saved));
      const from = stage.rig.log.length;
      await stage.rig.startDaemon();
      await inPhase(stage.rig, 'ready', 'main', from);
      await stage.rig.modem.control({ fault: 'cms:38', submits: 3 });
      await sends(stage, 3);
      // The modem says then where it is registered.
      await pass(stage.rig, minuteMs);
      await stage.rig.until(({ notice }) => notice === 'sends', from);
    },
    holdMs: 2 * minuteMs,
    again: async (stage) => {
      await stage.rig.modem.control({ fault: 'cms:38', submits: 3 });
      await sends(stage, 3);
    },
    end: (stage) => sends(stage, 1),
  },
  {
    title: 'codes to a country do not arrive',
    expected: [
      {
        kind: 'undelivered',
        subject: 'DE',
        severity: 'severe',
        says: /12 of 12 messages to DE were not delivered/,
        remedy: /pumping/,
      },
    ],
    flags: ['--status-reports', '--status-report-delay', '50', '--report-habits', 'statuses=46'],
    config: 'status_report = true\n',
    begin: async (stage) => {
      for (let n = 0; n < 12; n += 1) {
        const heard = stage.rig.until(({ event }) => event === 'delivery', stage.rig.log.length);
        await send(stage);
        await heard;
      }
    },
    holdMs: 0,
    end: (stage) => pass(stage.rig, hourMs),
  },
  {
    title: 'what comes in finds no room',
    expected: [
      {
        kind: 'inbound_full',
        severity: 'mild',
        says: /left on the SIM: 1 wait for the receiver/,
        remedy: /raise inbound\.spool_max/,
      },
    ],
    config: (stage) => refusingInbound(stage, 'spool_max = 1\n'),
    begin: async (stage) => {
      const full = stage.rig.until(({ event }) => event === 'inbound_full');
      await inbound(stage, 'one');
      await stage.other.until(() => stage.other.calls > 0);
      await inbound(stage, 'two');
      await full;
    },
    holdMs: 0,
    end: (stage) => takesAll(stage, 2),
  },
  {
    title: 'what comes in waits for an [inbound] that was switched off',
    expected: [
      {
        kind: 'inbound_left',
        severity: 'mild',
        says: /1 text of an earlier \[inbound\] wait/,
        remedy: /configure \[inbound\] again/,
      },
    ],
    config: (stage) => refusingInbound(stage, ''),
    begin: async (stage) => {
      await inbound(stage, 'one');
      await stage.other.until(() => stage.other.calls > 0);
      const text = readFileSync(stage.rig.configFile, 'utf8');
      stage.inbound = /\[inbound\]\n(?:\w+ = .*\n)+/.exec(text)![0];
      await change(stage, stage.inbound, '');
      expect((await status(stage.rig)).health.obstacles).toMatchObject([{ check: 'inbound' }]);
    },
    holdMs: 0,
    end: async (stage) => {
      await change(stage, '[[alerts.webhook]]', `${stage.inbound}[[alerts.webhook]]`);
      await takesAll(stage, 1);
    },
  },
  {
    title: 'the receiver of what comes in does not take it',
    expected: [
      {
        kind: 'inbound_receiver',
        severity: 'mild',
        says: /receiver of SMS that come in does not take them: it answers 500/,
        remedy: /look at the receiver behind inbound\.url/,
      },
    ],
    config: (stage) => refusingInbound(stage, ''),
    begin: async (stage) => {
      await inbound(stage, 'one');
      await stage.other.until(() => stage.other.calls > 0);
    },
    holdMs: 11 * minuteMs,
    end: (stage) => takesAll(stage, 1),
  },
];

async function play(
  stage: Stage,
  {
    expected,
    flags,
    config = '',
    env = () => ({}),
    phase = 'ready',
    begin,
    holdMs,
    again,
    end,
  }: Scenario,
): Promise<void> {
  const phone = stage.receiver();
  const url = await phone.start();
  const extra = typeof config === 'string' ? config : await config(stage);
  const rig = await Rig.start(flags, `${extra}${webhook(url)}`, {
    env: { ...movedClocks((stop) => stage.finally(stop)), ...env(stage) },
    phase,
    files: { hook: `whsec_${Buffer.alloc(32, 7).toString('base64')}` },
  });
  stage.rig = rig;
  stage.finally(() => rig.stop());
  await begin(stage);
  await hold(rig, holdMs);
  for (const { kind, subject } of expected)
    await phone.until(() => phone.was('raised', kind, subject));
  const { open } = (await status(rig)).alerts;
  for (const { kind, subject, says, remedy } of expected) {
    const shown = open.find((one) => one.kind === kind && (subject ?? one.subject) === one.subject);
    expect(shown?.what, kind).toMatch(says);
    expect(shown?.remedy, kind).toMatch(remedy);
  }
  await reload(rig);
  await hold(rig, holdMs);
  await restart(rig, phase);
  await again?.(stage);
  await hold(rig, holdMs);
  for (const { kind, subject } of expected)
    expect(phone.of(kind, subject).map(({ state }) => state)).toEqual(['raised']);
  await end(stage);
  await pass(rig, lookMs);
  await pass(rig, calmMs);
  await pass(rig, lookMs);
  for (const { kind, subject, severity, says, remedy } of expected) {
    await phone.until(() => phone.was('cleared', kind, subject));
    const told = phone.of(kind, subject);
    expect(told.map(({ state }) => state)).toEqual(['raised', 'cleared']);
    expect(new Set(told.map(({ id }) => id)).size).toBe(1);
    expect(told.map((one) => one.severity)).toEqual([severity, severity]);
    expect(told[0]?.text).toMatch(says);
    expect(told[0]?.text.split('What to do: ')[1]).toMatch(remedy);
    expect(told[1]?.text).toMatch(/^It is over, after \d+ (s|min|h) \(since /);
  }
  expect((await status(rig)).alerts.open.map(({ kind }) => kind)).toEqual([]);
  // Nothing else was told of.
  const kinds = expected.map(({ kind }) => kind);
  expect(phone.told.filter(({ kind }) => !kinds.includes(kind))).toEqual([]);
}

// Each waits most of its time, for its own daemon.
describe.concurrent('told once, and once that it is over', () => {
  it.each(scenarios)('$title', { timeout: 180_000 }, async (scenario) => {
    const stage = new Stage();
    try {
      await play(stage, scenario);
    } finally {
      await stage.stop();
    }
  });
});
