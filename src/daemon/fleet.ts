import { join } from 'node:path';
import type { Logger } from 'winston';
import type { Config, ModemConfig } from '../config/config.js';
import type { MetricsListener } from '../metrics/listener.js';
import { HabitMemory } from '../modem/habits.js';
import { InFlightRecord } from '../modem/in-flight-record.js';
import { InFlightSubmits } from '../modem/in-flight-submits.js';
import { createLocator, StickLocks } from '../modem/locator.js';
import { pinReader } from '../modem/pin-file.js';
import { PinMemory } from '../modem/pin-memory.js';
import type { InboundEvent } from '../modem/storage.js';
import { Supervisor } from '../modem/supervisor.js';
import { maskNumber } from '../number/mask.js';
import { leaveNote, whyNoNotes } from '../recovery-hook/note.js';
import { type Roots, systemRoots } from '../usb/sysfs.js';
import type { StateDir } from './state-dir.js';

/** What is worth counting about modems. */
export type FleetListener = Partial<Pick<MetricsListener, 'atError' | 'recovery' | 'inbound'>>;

/** The modems of a configuration, each with its supervisor, none of them started. */
export async function createFleet(
  config: Config,
  stateDir: StateDir,
  log: Logger,
  listener: FleetListener = {},
  roots: Roots = systemRoots,
): Promise<Supervisor[]> {
  if (config.modems.some(({ recoveryHook }) => recoveryHook)) await warnWithoutDropDir(config, log);
  const pinMemory = await PinMemory.open(stateDir.path);
  const habits = await HabitMemory.open(stateDir.path, (error) =>
    log.error(
      `habits.json in ${stateDir.path} cannot be used: what was learnt of modems is learnt anew`,
      {
        event: 'state_fault',
        error,
      },
    ),
  );
  const locks = new StickLocks();
  const fleet: Supervisor[] = [];
  for (const modem of config.modems) {
    const locator = createLocator({
      owner: modem.name,
      device: modem.device,
      selector: modem.selector,
      baudRate: modem.baud,
      locks,
      roots,
      others: () =>
        config.modems.filter((_, i) => fleet[i]?.isOpen === false).map((other) => other.selector),
    });
    fleet.push(
      new Supervisor({
        name: modem.name,
        number: modem.number,
        locator,
        tuning: modem,
        idleProbeMs: modem.idleProbeMs,
        inFlight: await openInFlight(modem, stateDir, log),
        readPin: modem.pinFile === undefined ? undefined : pinReader(modem.pinFile),
        pinMemory,
        habits,
        callHook: modem.recoveryHook
          ? (reason) => callHook(modem.name, reason, config.recoveryDropDir, log)
          : undefined,
        onInbound: (event) => {
          listener.inbound?.({ modem: modem.name, kind: event.kind });
          logInbound(log, modem.name, event);
        },
        onAttemptFailed: (cause) => listener.atError?.({ modem: modem.name, cause }),
        onRecovery: (rung) => listener.recovery?.({ modem: modem.name, rung }),
        log,
      }),
    );
  }
  return fleet;
}

async function openInFlight(
  modem: ModemConfig,
  stateDir: StateDir,
  log: Logger,
): Promise<InFlightSubmits> {
  const file = join(stateDir.path, `${encodeURIComponent(modem.name)}.flight`);
  const [record, left] = await InFlightRecord.open(file, (error) =>
    log.error(`${file} cannot be written: after a crash a late result may go unrecognised`, {
      event: 'state_fault',
      error,
    }),
  );
  return new InFlightSubmits(record, left);
}

async function warnWithoutDropDir({ recoveryDropDir }: Config, log: Logger): Promise<void> {
  const why = await whyNoNotes(recoveryDropDir);
  if (why === undefined) return;
  log.warn(
    `recovery_hook is set, but no note can be left in ${recoveryDropDir} (${why}): as root, "systemd-tmpfiles --create" makes it; ` +
      'then restart simgate',
    { event: 'state_fault' },
  );
}

/** Asks root for help with a modem; the daemon itself has no right to do more. */
async function callHook(
  modem: string,
  reason: string,
  dropDir: string,
  log: Logger,
): Promise<void> {
  try {
    await leaveNote(dropDir, modem, reason);
  } catch (error) {
    log.error(`the recovery hook of modem ${modem} was not called: ${(error as Error).message}`, {
      event: 'state_fault',
      error,
    });
  }
}

/** Who wrote, and what became of what we wrote; never the text (I6). */
function logInbound(log: Logger, modem: string, event: InboundEvent): void {
  if (event.kind === 'sms') {
    log.info('an SMS came in', { event: 'inbound', modem, from: maskNumber(event.from) });
    return;
  }
  if (event.kind === 'unreadable') {
    const { octets } = event;
    log.warn('a stored SMS could not be decoded, and was deleted', {
      event: 'inbound',
      modem,
      octets,
    });
    return;
  }
  const { recipient, reference, state } = event;
  log.info('a status report came in', {
    event: 'inbound',
    modem,
    recipient: maskNumber(recipient),
    reference,
    state,
  });
}
