import { join } from 'node:path';
import type { Logger } from 'winston';
import type { Config, ModemConfig } from '../config/config.js';
import type { Selector } from '../config/selector.js';
import { RepeatedFaults } from '../log.js';
import type { MetricsListener } from '../metrics/listener.js';
import { HabitMemory } from '../modem/habits.js';
import { InFlightRecord } from '../modem/in-flight-record.js';
import { InFlightSubmits } from '../modem/in-flight-submits.js';
import type { InboundEvent } from '../modem/inbound-event.js';
import { createLocator, StickLocks } from '../modem/locator.js';
import { pinReader, type ReadPin } from '../modem/pin-file.js';
import { PinMemory } from '../modem/pin-memory.js';
import type { InboundKeeper } from '../modem/storage.js';
import { Supervisor } from '../modem/supervisor.js';
import { leaveNote, whyNoNotes } from '../recovery-hook/note.js';
import { type Roots, systemRoots } from '../usb/sysfs.js';
import { whyFailed } from '../words/system-fault.js';
import { logInbound } from './over-the-air.js';
import { type StateDir, StateDirError } from './state-dir.js';

/** What is worth counting about modems. */
export interface FleetListener
  extends Partial<Pick<MetricsListener, 'atError' | 'recovery' | 'inbound'>> {
  /** What came in over the air. Must not throw. */
  cameIn?(event: InboundEvent, modem: Supervisor): void;
  /** What keeps the SMS of the modem of that name. */
  keeperOf?(modem: string): InboundKeeper;
}

/** What all modems of a daemon share. */
interface SharedParts {
  stateDir: StateDir;
  log: Logger;
  listener: FleetListener;
  roots: Roots;
  recoveryDropDir: string;
  pins: PinMemory;
  habits: HabitMemory;
}

/** Makes the supervisor of a `[[modem]]`. */
export class ModemMaker {
  readonly #shared: SharedParts;
  readonly #locks = new StickLocks();
  /** One that still closes must not share its claims with the next of its name. */
  #made = 0;
  #hasLookedForDropDir = false;

  private constructor(shared: SharedParts) {
    this.#shared = shared;
  }

  static async open(
    { recoveryDropDir }: Config,
    stateDir: StateDir,
    log: Logger,
    listener: FleetListener = {},
    roots: Roots = systemRoots,
  ): Promise<ModemMaker> {
    const faults = new RepeatedFaults(log);
    const pins = new PinMemory(stateDir.path, ({ message }) =>
      faults.error('pins', message, { event: 'state_fault' }),
    );
    const habits = await HabitMemory.open(stateDir.path, (error) => {
      const what = `habits.json in ${stateDir.path} cannot be used: what was learnt of modems is learnt anew`;
      faults.error('habits', `${what}: ${whyFailed(error)}`, { event: 'state_fault' });
    });
    return new ModemMaker({ stateDir, log, listener, roots, recoveryDropDir, pins, habits });
  }

  /** `others` are the selectors of the other entries that have no stick now. */
  async make(config: ModemConfig, others: () => readonly Selector[]): Promise<Supervisor> {
    const { name, device, selector, baud, number, idleProbeMs } = config;
    const { stateDir, log, listener, roots, recoveryDropDir, pins, habits } = this.#shared;
    if (config.recoveryHook && !this.#hasLookedForDropDir) {
      this.#hasLookedForDropDir = true;
      await warnWithoutDropDir(recoveryDropDir, log);
    }
    this.#made += 1;
    const supervisor: Supervisor = new Supervisor({
      name,
      number,
      locator: createLocator({
        owner: `${name} ${this.#made}`,
        device,
        selector,
        baudRate: baud,
        locks: this.#locks,
        roots,
        others,
      }),
      tuning: config,
      idleProbeMs,
      inFlight: await openInFlight(config, stateDir, log),
      readPin: pinReaderOf(config),
      pinMemory: pins,
      habits,
      callHook: config.recoveryHook
        ? (reason) => callHook(name, reason, recoveryDropDir, log)
        : undefined,
      onInbound: (event) => {
        listener.inbound?.({ modem: name, kind: event.kind });
        logInbound(log, name, event);
        listener.cameIn?.(event, supervisor);
      },
      keeper: listener.keeperOf?.(name),
      onAttemptFailed: (cause) => listener.atError?.({ modem: name, cause }),
      onRecovery: (rung) => listener.recovery?.({ modem: name, rung }),
      log,
    });
    return supervisor;
  }
}

/** Undefined when no PIN is configured. */
export function pinReaderOf({ pinFile }: ModemConfig): ReadPin | undefined {
  return pinFile === undefined ? undefined : pinReader(pinFile);
}

/** @throws StateDirError naming the file and the way out */
async function openInFlight(
  modem: ModemConfig,
  stateDir: StateDir,
  log: Logger,
): Promise<InFlightSubmits> {
  const file = join(stateDir.path, `${encodeURIComponent(modem.name)}.flight`);
  const faults = new RepeatedFaults(log);
  const [record, left] = await InFlightRecord.open(file, (error) => {
    const what = `${file} cannot be written: after a crash a late result may go unrecognised`;
    faults.error(file, `${what}: ${whyFailed(error)}`, { event: 'state_fault' });
  }).catch((error: unknown) => {
    throw new StateDirError(
      `${file} cannot be opened: ${whyFailed(error)}. It notes what modem ${modem.name} still has to answer for: move away what is there, and start again`,
    );
  });
  return new InFlightSubmits(record, left);
}

async function warnWithoutDropDir(recoveryDropDir: string, log: Logger): Promise<void> {
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
    log.error(`the recovery hook of modem ${modem} was not called: ${whyFailed(error)}`, {
      event: 'state_fault',
    });
  }
}
