/** The walk goes on: faults of one modem, and what configuration and use bring about. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { TroubleKind } from '../../src/simulator/troubles.js';
import { openPolicy } from '../config-text.js';
import { Rig } from './rig.js';
import { doctor, expectCured, expectNamed, type Fault, reconfigure, walkOver } from './walk.js';

const probing = 'idle_probe_s = 1';
const uptime = join(import.meta.dirname, '../faults/leaping-uptime.mjs');
/** With this key of the modem, or table after it. */
const withMore = (rig: Rig, more: string) => reconfigure(rig, `${probing}\n${more}`);
const patience = { headers: { Prefer: 'wait=2' } };

/** The modem says so from its next opening on, for some seconds. */
async function openedWith(rig: Rig, trouble: string): Promise<void> {
  await rig.modem.control({ fault: `${trouble}:12000` });
  await rig.modem.control({ hangup: true, reattach_ms: 100 });
}

/** It is over by itself, as what its remedy asks for would end it. */
const waiting = () => undefined;

const faults: readonly Fault[] = [
  {
    name: 'a modem that answers nothing',
    grade: 'down',
    check: 'modem',
    what: /modem main is (absent|opening|probing|lost): /,
    remedy: /plug (it|the modem) in again|ask again/,
    begin: (rig) => rig.modem.control({ fault: 'deaf:30000' }),
    follow: waiting,
  },
  {
    name: 'one that is stalled after Ctrl-Z',
    grade: 'down',
    check: 'modem',
    what: /modem main is stalled/,
    remedy: /wait 3 minutes/,
    begin: async (rig) => {
      await rig.modem.control({ fault: 'late:40000' });
      expect(await rig.post({}, patience)).toMatchObject({ status: 504 });
    },
    follow: waiting,
  },
  {
    name: 'a SIM with a network lock',
    grade: 'down',
    check: 'sim',
    what: /locked to another network or SIM/,
    remedy: /network lock code/,
    begin: (rig) => openedWith(rig, 'sim-says:PH-NET PIN'),
    follow: waiting,
  },
  {
    name: 'a tty that is the GPS port of the modem',
    grade: 'down',
    check: 'modem',
    what: /what comes are positions \(NMEA\)/,
    remedy: /which tty is for AT commands/,
    begin: (rig) => openedWith(rig, 'gps-port'),
    follow: waiting,
  },
  {
    name: 'a tty that is no text port of the modem',
    grade: 'down',
    check: 'modem',
    what: /what comes is no text/,
    remedy: /which tty is for AT commands/,
    begin: (rig) => openedWith(rig, 'qmi-port'),
    follow: waiting,
  },
  {
    name: 'a SIM that cannot be read',
    grade: 'down',
    check: 'sim',
    what: /cannot read its SIM/,
    remedy: /^take the SIM out/,
    begin: async (rig) => {
      await rig.modem.control({ registration: 'none' });
      await openedWith(rig, 'refuse:+CPIN?:CME13');
    },
    follow: (rig) => rig.modem.control({ registration: 'home' }),
  },
  {
    name: 'a SIM whose PIN is asked for by an error',
    grade: 'down',
    check: 'sim',
    what: /the SIM asks for its PIN/,
    remedy: /set pin_file/,
    begin: (rig) => openedWith(rig, 'refuse:+CPIN?:CME11'),
    follow: waiting,
  },
  {
    name: 'a SIM that is busy',
    grade: 'down',
    check: 'sim',
    what: /SIM/,
    remedy: /wait a few seconds/,
    begin: (rig) => openedWith(rig, 'refuse:+CPIN?:CME14'),
    follow: waiting,
  },
  {
    name: 'a modem that takes no number of an SMSC',
    grade: 'degraded',
    check: 'smsc',
    what: /modem main: the modem says that it knows no SMSC/,
    remedy: /^set smsc = "\+…" for this modem, and "sudo simgate reload"/,
    begin: async (rig) => {
      // At first, when what the SIM holds was written to it, and when that stands in the PDU.
      await rig.modem.control({ fault: 'cms:330', submits: 3 });
      expect(await rig.post({})).toMatchObject({ status: 502 });
    },
    follow: (rig) => withMore(rig, 'smsc = "+491710760000"'),
  },
  {
    name: 'a modem that is not ready for SMS',
    grade: 'down',
    check: 'registration',
    what: /the modem is not ready for SMS/,
    remedy: /^it needs up to a minute after power-on/,
    begin: (rig) => openedWith(rig, 'refuse:+CMGF=0:CMS314'),
    follow: waiting,
  },
  {
    name: 'a radio that is off, and stays so',
    grade: 'down',
    check: 'registration',
    what: /the radio is off \(\+CFUN: 4\), and the modem does not take AT\+CFUN=1/,
    remedy: /^plug the modem in again.*"sudo rfkill unblock all"/,
    begin: async (rig) => {
      await rig.modem.control({ fault: 'refuse:+CFUN=1:ERROR:15000' });
      await rig.modem.control({ fault: 'radio-off' });
    },
    follow: (rig) => rig.modem.control({ hangup: true, reattach_ms: 100 }),
  },
  {
    name: 'a search for the network without an end',
    grade: 'down',
    check: 'registration',
    what: /searching for a network/,
    remedy: /^look at the antenna/,
    begin: (rig) => rig.modem.control({ registration: 'searching' }),
    follow: (rig) => rig.modem.control({ registration: 'home' }),
  },
  {
    name: 'a registration that hangs',
    grade: 'down',
    check: 'registration',
    what: /the network denies the SIM/,
    remedy: /is it activated, paid/,
    begin: (rig) => rig.modem.control({ fault: 'registration-stuck:20000' }),
    follow: waiting,
  },
  {
    name: 'a modem that answers with nothing but errors',
    grade: 'down',
    check: 'registration',
    what: /the modem does not say whether it is registered/,
    remedy: /^plug the modem in again/,
    begin: (rig) => rig.modem.control({ fault: 'refuse-all:CME3:20000' }),
    follow: waiting,
  },
  {
    name: 'a foreign network',
    grade: 'down',
    check: 'registration',
    what: /roaming, and roaming = false/,
    remedy: /set roaming = true/,
    begin: async (rig) => {
      await withMore(rig, 'roaming = false');
      await rig.modem.control({ registration: 'roaming' });
    },
    follow: (rig) => withMore(rig, 'roaming = true'),
  },
  {
    name: 'a SIM that has sent all it may',
    grade: 'down',
    check: 'sim_cap',
    what: /the SIM of modem main has sent \d+ segments.*\(per_day = 1\)/,
    remedy: /raise per_day/,
    begin: (rig) => withMore(rig, 'per_day = 1'),
    follow: (rig) => withMore(rig, 'per_day = 1000'),
  },
  {
    name: 'a limit that all share',
    grade: 'down',
    check: 'limit',
    what: /policy\.total \(1 in 1 h\) is reached: every request is answered 429/,
    remedy: /raise total and "sudo simgate reload"/,
    begin: (rig) => withMore(rig, openPolicy.replace('50000 in 1 s', '1 in 1 h')),
    follow: (rig) => withMore(rig, openPolicy),
  },
  {
    name: 'a queue that is full',
    grade: 'down',
    check: 'queue',
    what: /1 message waits, and no more may/,
    remedy: /it passes as they are sent/,
    begin: async (rig) => {
      await withMore(rig, '[message]\nmax_waiting = 1');
      await rig.modem.control({ fault: 'late:9000' });
      for (const last of [1, 2]) void rig.post({ recipient: `+491511234560${last}` });
    },
    follow: waiting,
  },
];

/** With the daemon down: its start would not help. */
async function expectRefusedPinFirst(rig: Rig): Promise<void> {
  const [first] = await vi.waitFor(
    async () => {
      const { report } = await doctor(rig);
      expect(report.modems[0]?.facts).toMatchObject({ sim: 'pin' });
      return report.findings;
    },
    { timeout: 60_000, interval: 500 },
  );
  expect(first).toMatchObject({
    check: 'sim',
    about: 'main',
    level: 'error',
    what: expect.stringMatching(/^modem main: the PIN in pin_file was refused/),
    remedy: expect.stringMatching(/sudo simgate pin enter/),
  });
}

/** With a daemon and a modem of its own. */
async function within(
  args: Parameters<typeof Rig.start>,
  work: (rig: Rig) => Promise<void>,
): Promise<void> {
  const rig = await Rig.start(...args);
  try {
    await work(rig);
  } finally {
    await rig.stop();
  }
}

describe.concurrent('each is named first, and its remedy cures it', () => {
  test.each(faults)(
    '$name',
    (fault) =>
      within([[], probing], async (rig) => {
        await expectCured(rig);
        await walkOver(rig, [fault]);
      }),
    240_000,
  );

  test(
    'SMS on the circuit-switched side, where the network takes them packet-switched alone',
    () =>
      within([['--only-cgsms', '2'], probing], async (rig) => {
        for (const last of [1, 2, 3])
          expect(await rig.post({ recipient: `+491511234560${last}` })).toMatchObject({
            status: 504,
          });
        expect(rig.texts()).toEqual([]);
        const report = await expectNamed(rig, {
          grade: 'degraded',
          check: 'sends',
          what: /registered, but every send fails \(CMS .*\): try init = \["AT\+CGSMS=2"\]/,
          remedy: /^write the first init line that is named .*"sudo simgate reload"/,
        });
        expect(report.modems[0]?.findings).toContainEqual(
          expect.objectContaining({ check: 'sms_path' }),
        );
        await withMore(rig, 'init = ["AT+CGSMS=2"]');
        await expectCured(rig);
      }),
    240_000,
  );

  test('a supervisor that makes no progress', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'simgate-uptime-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'uptime');
    writeFileSync(file, '0');
    const env = { NODE_OPTIONS: `--import=${uptime}`, UPTIME_FILE: file };
    await within([[], probing, { env }], async (rig) => {
      await rig.modem.control({ fault: 'late:60000' });
      expect(await rig.post({}, patience)).toMatchObject({ status: 504 });
      // Longer than any modem may be silent after Ctrl-Z.
      writeFileSync(file, '900000');
      await expectNamed(rig, {
        grade: 'down',
        check: 'modem',
        what: /modem main: its supervisor makes no progress: a result is \d+ s overdue/,
        remedy: /^sudo systemctl restart simgate, and report it with the log$/,
      });
      // As systemd does it with one that does not end.
      await rig.daemon.end('SIGKILL');
      await rig.modem.control({ hangup: true, reattach_ms: 100 });
      await rig.startDaemon();
      await expectCured(rig);
    });
  }, 240_000);

  test(
    'a SIM without a message centre',
    () =>
      within([['--smsc', ''], probing], async (rig) => {
        await expectNamed(rig, {
          grade: 'degraded',
          check: 'smsc',
          what: /modem main: the SIM holds no number of an SMSC/,
          remedy: /set smsc = "\+…" for this modem/,
        });
        await withMore(rig, 'smsc = "+491710760000"');
        await expectCured(rig);
      }),
    240_000,
  );

  test(
    'a PIN of which nobody knows what became of it',
    () =>
      within([['--pin', '1234'], probing, { pin: '1234', phase: 'unlocking' }], async (rig) => {
        await rig.modem.control({ pin_fault: 'ok-locked' });
        await withMore(rig, 'pin_file = "pin"');
        await expectNamed(rig, {
          grade: 'down',
          check: 'sim',
          what: /what became of the last try with the PIN in pin_file is not known/,
          remedy: /^"sudo simgate pin enter".*put the SIM into a phone, and enter the PIN/,
        });
        const tries = () => rig.modem.record().filter(({ kind }) => kind === 'pin').length;
        const before = tries();
        await rig.modem.control({ phone: 'enter_pin' });
        writeFileSync(join(rig.folder, 'pin'), '1234', { mode: 0o600 });
        await rig.modem.control({ hangup: true, reattach_ms: 100 });
        await expectCured(rig);
        // By itself it was tried once, and once more for the file that was written anew.
        expect([before, tries()]).toEqual([1, 2]);
      }),
    240_000,
  );

  /**
   * Each trouble of the virtual modem: which fault of the walk it is, or that it heals by itself.
   */
  const troubles: Readonly<Record<TroubleKind, 'in the walk' | `heals: ${string}`>> = {
    deaf: 'in the walk',
    'gps-port': 'in the walk',
    'qmi-port': 'in the walk',
    refuse: 'in the walk',
    'sim-says': 'in the walk',
    'radio-off': 'in the walk',
    // Three recipients are refused before: test/modem/networks.test.ts.
    'radio-off-untold': 'in the walk',
    'registration-stuck': 'in the walk',
    // A SIM that asks for its PIN, or for which it is known.
    'sim-relocked': 'in the walk',
    mute: 'heals: mute:+CSQ',
    'refuse-all': 'heals: refuse-all:ERROR',
    'refuse-late': 'heals: refuse-late:+CSQ:CME14:300',
    babble: 'heals: babble:+COPS?',
    'air-within': 'heals: air-within:+CREG?:call',
    'results-off': 'heals: results-off',
    'results-in-numbers': 'heals: results-in-numbers',
    'no-indications': 'heals: no-indications',
    'routes-directly': 'heals: routes-directly',
    'broken-off': 'heals: broken-off:+COPS?',
    'sms-starting': 'heals: sms-starting',
    'sim-error': 'heals: sim-error',
    'text-mode': 'heals: text-mode',
    'silent-restart': 'heals: silent-restart',
    'stat-alone': 'heals: stat-alone',
  };
  const healing = Object.values(troubles).filter((how) => how.startsWith('heals: '));
  const half = Math.ceil(healing.length / 2);

  test.each([[healing.slice(0, half)], [healing.slice(half)]])(
    'what a modem gets over by itself leaves nothing behind: %j',
    (hows) =>
      within([[], probing], async (rig) => {
        let sent = 0;
        for (const how of hows) {
          const trouble = `${how.replace('heals: ', '')}:2000`;
          await rig.modem.control({ fault: trouble });
          await vi.waitFor(
            () =>
              expect(rig.modem.record()).toContainEqual(
                expect.objectContaining({ kind: 'fault_over', fault: trouble }),
              ),
            { timeout: 60_000, interval: 200 },
          );
          await vi.waitFor(
            async () => {
              const { status } = await rig.post({ body: how });
              if (status === 200) sent += 1;
              expect(status, how).toBe(200);
            },
            { timeout: 120_000, interval: 500 },
          );
          await expectCured(rig);
          sent += 1;
        }
        expect(rig.texts()).toHaveLength(sent);
      }),
    400_000,
  );

  test(
    'a PIN that was refused',
    () =>
      within(
        [['--pin', '1234'], `${probing}\npin_file = "pin"`, { pin: '9999', phase: 'unlocking' }],
        async (rig) => {
          await expectNamed(rig, {
            grade: 'down',
            check: 'sim',
            what: /was refused and is not tried again/,
            remedy: /^"sudo simgate pin enter" shows the tries left/,
          });
          expect((await doctor(rig)).report.modems[0]?.findings).toContainEqual(
            expect.objectContaining({
              check: 'sim',
              level: 'error',
              what: expect.stringMatching(/^the PIN in pin_file was refused/),
            }),
          );
          // Two tries are left, and simgate spends none of them by itself.
          await rig.daemon.end('SIGTERM');
          await expectRefusedPinFirst(rig);
          // In a phone all tries come back, and the file has the same PIN.
          await rig.modem.control({ phone: 'enter_pin' });
          await rig.modem.control({ hangup: true, reattach_ms: 100 });
          await expectRefusedPinFirst(rig);
          await rig.startDaemon();
          await rig.modem.control({ phone: 'enter_pin' });
          writeFileSync(join(rig.folder, 'pin'), '1234', { mode: 0o600 });
          await rig.modem.control({ hangup: true, reattach_ms: 100 });
          await expectCured(rig);
        },
      ),
    240_000,
  );
});
