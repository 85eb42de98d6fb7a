/** What the page shows of a running daemon. */

import { simKey } from '../dispatch/sim-key.js';
import type { Health } from '../doctor/finding.js';
import { isSendErrorCode } from '../errors.js';
import type { SecretUse } from '../http/bearer.js';
import { maxLogRows } from '../journal/entries.js';
import type { Activity, CallerActivity } from '../page/activity.js';
import type { ShownCaller } from '../page/callers-view.js';
import type { ShownModem, ShownState } from '../page/shown-state.js';
import { version } from '../version.js';
import { foreignWords } from '../words/foreign.js';
import { creditText } from './credit-shown.js';
import { judgeModem } from './judgement.js';
import { capsOf, type DaemonParts } from './snapshot.js';

/** @param health the judgement of the same moment */
export function pageStateOf(parts: DaemonParts, health: Health, activity: Activity): ShownState {
  const { dispatch, remembered, config } = parts;
  const { fault } = remembered.journal.state();
  return {
    nowMs: remembered.date(),
    version,
    health,
    waiting: dispatch.waiting(),
    maxWaiting: config().message.maxWaiting,
    journalFault: fault,
    modems: modemsOf(parts, activity),
    lastAccepted: activity.lastAccepted,
    inbound: parts.inbound.state().isOn ? parts.inbound.state() : undefined,
    ways: parts.alerts()?.ways.map(({ name, failing }) => ({ name, failing: failing?.why })),
    alerts: parts
      .alerts()
      ?.open.filter(({ what }) => !health.obstacles.some((found) => what.includes(found.what)))
      .map(({ what, remedy, raisedAtMs }) => ({ what, remedy, sinceMs: raisedAtMs })),
  };
}

function modemsOf(parts: DaemonParts, activity: Activity): ShownModem[] {
  const { modems, dispatch, remembered, config } = parts;
  const suspects = new Set(dispatch.suspects());
  return modems.map((modem) => {
    const snapshot = modem.snapshot();
    const { name } = modem;
    const since = snapshot.awaySince ?? snapshot.phaseSince;
    const caps = capsOf(config(), name);
    const used = remembered.simCaps.used(simKey(modem, remembered.hmac));
    const isSuspect = suspects.has(name);
    const judged = { snapshot, isSuspect, wedgedBy: modem.wedgedBy(), caps, used };
    return {
      ...judgeModem(judged),
      name,
      phase: snapshot.phase,
      sinceMs: remembered.date() - (performance.now() - since),
      reason: snapshot.reason,
      device: snapshot.device,
      manufacturer: words(snapshot.manufacturer),
      model: words(snapshot.model),
      operator: words(snapshot.operator),
      technology: snapshot.technology,
      registration: snapshot.registration,
      signalDbm: snapshot.signalDbm,
      isSuspect,
      notices: (snapshot.notices ?? []).map(({ sentence }) => sentence),
      used,
      caps,
      lastAccepted: activity.ofModem(name),
      credit: creditText(parts.credit(name)),
    };
  });
}

const words = (said: string | undefined): string | undefined =>
  said === undefined ? undefined : foreignWords(said);

/** Those of the configuration in force. */
export function pageCallersOf(
  { config }: Pick<DaemonParts, 'config'>,
  secretUse: (caller: string) => SecretUse,
  activity: Activity,
): ShownCaller[] {
  return config().callers.map(({ name, kind, path, class: ofClass }) => {
    const { current, previous } = secretUse(name);
    return {
      ...activity.ofCaller(name),
      name,
      kind,
      path,
      class: ofClass,
      secretSeenMs: current,
      previousSecretSeenMs: previous,
    };
  });
}

/**
 * What the newest rows of the journal know of before the start: when a code was accepted last, by
 * modem and caller. Rejects with `JournalFault`.
 */
export async function recallActivity(
  { remembered: { journal } }: Pick<DaemonParts, 'remembered'>,
  activity: Activity,
): Promise<void> {
  const { rows } = await journal.query({ limit: maxLogRows });
  const callers = new Map<string, CallerActivity>();
  for (const { atMs, caller, modem, outcome } of rows) {
    const known = callers.get(caller) ?? { seenMs: atMs };
    callers.set(caller, known);
    if (outcome?.status === 200) {
      known.acceptedMs ??= atMs;
      if (modem !== undefined)
        activity.recallAccepted(modem, { atMs, tookMs: outcome.tookMs ?? 0 });
    } else if (isSendErrorCode(outcome?.code)) known.refused ??= { atMs, code: outcome.code };
  }
  for (const [caller, known] of callers) activity.recall(caller, known);
}
