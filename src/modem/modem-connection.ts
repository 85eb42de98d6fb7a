import { AtLinkLost, AtTimeout } from '../at/errors.js';
import { foreignWords } from '../words/foreign.js';
import { BringUp } from './bring-up.js';
import { closeOpened, type OpenedModem } from './finder.js';
import type { InFlightSubmits } from './in-flight-submits.js';
import type { InboundEvent } from './inbound-event.js';
import { type Liveness, stepMs } from './liveness.js';
import type { ModemLog } from './modem-log.js';
import type { ModemPhase } from './sms-modem.js';
import {
  type InboundKeeper,
  Storage,
  type SweepEnd,
  type SweepLeave,
  type SweepSoFar,
} from './storage.js';
import { Sweeper } from './sweeper.js';
import type { Unlocker } from './unlock.js';

/** What outlives a connection, and is told of what comes in by it. */
export interface ArrivalParts {
  inFlight: InFlightSubmits;
  modemLog: ModemLog;
  onInbound: (event: InboundEvent) => void;
  keeper: InboundKeeper | undefined;
  /** Carries out what may find the modem lost; `what` names its end where that is overdue. */
  run(work: () => Promise<void>, what: string): void;
}

export interface ModemConnectionParts extends ArrivalParts {
  unlocker: Unlocker;
  liveness: Liveness;
  /** Milliseconds between liveness probes of an idle modem. */
  idleProbeMs(): number;
  whySendsFail(): string | undefined;
  phase(): ModemPhase;
}

/** What is overdue when a look at the storages does not end. */
const sweeping = 'the end of a sweep';

/** An opened modem, and what ends with its tty: a new connection is a new one of these. */
export class ModemConnection {
  readonly opened: OpenedModem;
  readonly bringUp: BringUp;
  readonly storage: Storage;
  readonly sweeper: Sweeper;
  readonly #parts: ModemConnectionParts;
  #isClosed = false;

  constructor(opened: OpenedModem, parts: ModemConnectionParts) {
    this.opened = opened;
    this.#parts = parts;
    const { modem } = opened;
    this.storage = new Storage(modem, parts.onInbound, parts.keeper);
    this.sweeper = new Sweeper({
      isIdle: () => parts.phase() === 'ready',
      expectsLateResult: () => parts.inFlight.expectsLateResult(performance.now()),
      isThere: () => !this.#isClosed && ['ready', 'sending'].includes(parts.phase()),
      sweep: (leave, news) => modem.tolerateSilence(() => this.#sweep(leave, news)),
      run: (work) => parts.run(work, sweeping),
    });
    this.bringUp = new BringUp(modem, this.storage, parts.inFlight, {
      unlocker: parts.unlocker,
      idleProbeMs: () => parts.idleProbeMs(),
      notices: parts.modemLog,
      whySendsFail: () => parts.whySendsFail(),
      onStored: () => this.sweeper.soon(),
    });
  }

  get modem(): OpenedModem['modem'] {
    return this.opened.modem;
  }

  /** A storage that no pause between messages left time for is looked at before the next one. */
  async takeStorageShare(): Promise<void> {
    try {
      await this.sweeper.takeShare();
    } catch (error) {
      if (!(error instanceof AtTimeout || error instanceof AtLinkLost)) throw error;
      // The message that waits meets the same, and its error is told.
    }
  }

  async #sweep(leave: SweepLeave, news: boolean): Promise<SweepEnd> {
    const { liveness, modemLog } = this.#parts;
    await this.modem.wakeUart();
    const mayLook = (far: SweepSoFar): boolean => {
      // A full storage takes long: each slot has its time.
      liveness.expect(sweeping, stepMs);
      return leave.mayLook(far);
    };
    try {
      const end = await this.storage.sweep({ ...leave, mayLook }, news);
      if (end === 'unsure') modemLog.outOfStep();
      return end;
    } finally {
      liveness.met(sweeping);
    }
  }

  /** Gives the tty back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.sweeper.stop();
    await closeOpened(this.opened);
  }
}

/** What a snapshot has of the modem itself; without a connection only `device` is known. */
export const factsOf = (connection: ModemConnection | undefined, device: string) => ({
  device: connection?.opened.claimed.tty ?? device,
  manufacturer: shown(connection?.modem.identity.manufacturer),
  model: shown(connection?.modem.identity.model),
  operator: shown(connection?.bringUp.operator),
  technology: connection?.bringUp.technology,
  iccid: connection?.bringUp.iccid,
  sim: connection?.bringUp.sim,
  registration: connection?.bringUp.registration,
  signalDbm: connection?.bringUp.signalDbm,
  undeletable: connection?.storage.undeletable ?? 0,
});

/** What modems said last, as it may be shown: a snapshot is taken several times a message. */
const shownWords = new Map<string, string>();
const mostShownWords = 64;

/** What it says of itself and of its network. */
function shown(words: string | undefined): string | undefined {
  if (words === undefined) return undefined;
  const known = shownWords.get(words);
  if (known !== undefined) return known;
  if (shownWords.size >= mostShownWords) shownWords.clear();
  const safe = foreignWords(words);
  shownWords.set(words, safe);
  return safe;
}
