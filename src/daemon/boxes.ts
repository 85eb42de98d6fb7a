import type { Logger } from 'winston';
import type { SharedConfig } from '../config/config.js';
import type { Dispatch } from '../dispatch/dispatch.js';
import type { KeptCharge } from '../dispatch/sim-budget.js';
import { simKey } from '../dispatch/sim-key.js';
import type { Supervisor } from '../modem/supervisor.js';
import type { Policy } from '../policy/policy.js';
import type { Explanation } from '../policy/request.js';
import { overAllBoxes } from '../policy/terms.js';
import type { Truth } from '../shared/truth.js';
import type { Remembered } from './remembered.js';

export interface BoxesParts {
  config: SharedConfig;
  remembered: Remembered;
  /** Known once it is made. */
  dispatch: () => Pick<Dispatch, 'stateOf'>;
  log: Logger;
}

/**
 * What this box and others know together. The rooms for it are read only where it is configured.
 */
export async function openTruth({ config, remembered, dispatch, log }: BoxesParts): Promise<Truth> {
  const [{ Truth }, { wireOpener }] = await Promise.all([
    import('../shared/truth.js'),
    import('../shared/engine-wire.js'),
  ]);
  const { hmac, policy } = remembered;
  return new Truth({
    openWire: wireOpener(config),
    box: config.box,
    budgetMs: config.budgetMs,
    hmac,
    policy,
    log,
    date: () => remembered.date(),
    earlier: async () => {
      const isOnItsWay = (id: string) => dispatch().stateOf(id) !== undefined;
      const recent = await remembered.recent({ ofThisRunToo: true });
      return { ...recent, nowMs: remembered.date(), isOnItsWay };
    },
  });
}

/**
 * What the policy would do with a request, and why; by what all boxes have sent, where the engine
 * answers. Changes nothing.
 */
export async function explainOverBoxes(
  policy: Policy,
  truth: Pick<Truth, 'look'> | undefined,
  request: Parameters<Policy['explain']>[0],
): Promise<Explanation> {
  const look = await truth?.look(policy.subjectOf(request));
  const own = policy.explain(request);
  return look === undefined ? own : overAllBoxes(own, look);
}

/** Has the SIMs' counts follow them: what they sent here is told, and what elsewhere is asked. */
export class SimsAcrossBoxes {
  readonly #truth: Truth;
  readonly #remembered: Remembered;
  readonly #followed = new WeakSet<Supervisor>();
  /** The SIM that each modem was seen with last; none since it was closed. */
  readonly #present = new WeakMap<Supervisor, string>();

  constructor(truth: Truth, remembered: Remembered) {
    this.#truth = truth;
    this.#remembered = remembered;
  }

  /** From now on; those that are followed already go on. */
  follow(modems: readonly Supervisor[]): void {
    for (const modem of modems) {
      if (this.#followed.has(modem)) continue;
      this.#followed.add(modem);
      modem.onPhase(() => this.#look(modem));
    }
  }

  kept({ sim, ...charge }: KeptCharge): void {
    // A SIM without a known ICCID is counted by its modem, which no other box has.
    if (sim.startsWith('modem:')) return;
    this.#truth.sims.charge({ sim, ...charge, atMs: this.#remembered.date() });
  }

  /** One that comes, or comes back, may have been in another box meanwhile. */
  #look(modem: Supervisor): void {
    if (modem.snapshot().iccid === undefined) {
      this.#present.delete(modem);
      return;
    }
    const { simCaps, hmac } = this.#remembered;
    const sim = simKey(modem, hmac);
    if (this.#present.get(modem) === sim) return;
    this.#present.set(modem, sim);
    this.#truth.sims.watch(sim, (history) => simCaps.sentElsewhere(sim, history));
  }
}
