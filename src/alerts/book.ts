import type { AlertKind, AlertsConfig } from '../config/alert-settings.js';
import { type AlertSeverity, conditions, holdMsOf, type Observation } from './conditions.js';
import { type AlertNotice, noticeOf } from './notice.js';

/** What is so at one moment. */
export interface Look {
  holding: readonly Observation[];
  /** Whether nobody can say now if it is so: then all stays as it was. */
  isUnknown: (kind: AlertKind, subject: string) => boolean;
}

/** An alert as it outlives a restart. */
export interface SavedAlert extends Observation {
  /** Wall-clock milliseconds; undefined while it is not open. */
  raisedAtMs?: number | undefined;
  /** Of one that is over, and whose end waits for that of the quiet hours; the same. */
  overAtMs?: number | undefined;
  /** False while it waits for the end of the quiet hours. */
  isTold: boolean;
  /** Wall-clock milliseconds of when it was raised lately. */
  raises: number[];
}

/** An alert that is open. */
export interface RaisedAlert extends Observation {
  severity: AlertSeverity;
  title: string;
  raisedAtMs: number;
  isTold: boolean;
}

/** When a look was taken. */
export interface Moment {
  /** `performance.now()` milliseconds. */
  atMs: number;
  /** Wall-clock milliseconds. */
  dateMs: number;
  isQuiet: boolean;
}

interface Entry extends SavedAlert {
  /** `performance.now()` milliseconds since when it is so, or is not so any more. */
  holdingSince?: number | undefined;
  calmSince?: number | undefined;
}

/** Milliseconds of calm after which an alert is over; each further time four times as long. */
const calmMs = 30_000;
const longestCalmMs = 1_800_000;
/** How long it is remembered that an alert was raised. */
const rememberedMs = 21_600_000;
const dayMs = 86_400_000;
/** Alerts that are remembered: more than there are modems, ways and limits. */
const mostEntries = 200;

/**
 * Which alerts are open. Each is raised once, when its condition has held for long enough, and is
 * over when it has not held for a while: for longer each time that it comes back within six hours,
 * so that what comes and goes does not tell so all night.
 */
export class Book {
  readonly #entries = new Map<string, Entry>();
  readonly #settings: () => AlertsConfig;

  constructor(settings: () => AlertsConfig, saved: readonly SavedAlert[]) {
    this.#settings = settings;
    for (const alert of saved) this.#entries.set(keyOf(alert), { ...alert });
  }

  /** Those that are open, the weightiest first, and of those the oldest. */
  get open(): RaisedAlert[] {
    return [...this.#entries.values()]
      .flatMap(({ kind, subject, what, remedy, raisedAtMs, overAtMs, isTold }): RaisedAlert[] => {
        if (raisedAtMs === undefined || overAtMs !== undefined) return [];
        const { severity, title } = conditions[kind];
        return [
          { kind, subject, severity, title: title(subject), what, remedy, raisedAtMs, isTold },
        ];
      })
      .toSorted((a, b) => rank(a) - rank(b) || a.raisedAtMs - b.raisedAtMs);
  }

  /** What has to outlive the process. */
  get saved(): SavedAlert[] {
    return [...this.#entries.values()]
      .filter(({ raisedAtMs, raises }) => raisedAtMs !== undefined || raises.length > 0)
      .map(({ kind, subject, what, remedy, raisedAtMs, overAtMs, isTold, raises }) => {
        return { kind, subject, what, remedy, raisedAtMs, overAtMs, isTold, raises };
      });
  }

  /** What is to be told now. */
  take({ holding, isUnknown }: Look, moment: Moment): AlertNotice[] {
    const { off } = this.#settings();
    const wanted = holding.filter(({ kind }) => !off.includes(kind));
    const held = new Set(wanted.map(keyOf));
    const notices = wanted.flatMap((observation) => this.#holds(observation, moment));
    for (const [key, entry] of this.#entries) {
      if (held.has(key)) continue;
      if (off.includes(entry.kind)) this.#entries.delete(key);
      else if (!isUnknown(entry.kind, entry.subject))
        notices.push(...this.#rests(key, entry, moment));
    }
    return notices;
  }

  #holds(observation: Observation, moment: Moment): AlertNotice[] {
    const key = keyOf(observation);
    const known = this.#entries.get(key);
    if (known === undefined && this.#entries.size >= mostEntries) return [];
    const entry: Entry = known ?? { ...observation, isTold: false, raises: [] };
    this.#entries.set(key, entry);
    entry.what = observation.what;
    entry.remedy = observation.remedy;
    entry.calmSince = undefined;
    // Nobody was told that it was over: it goes on.
    entry.overAtMs = undefined;
    entry.holdingSince ??= moment.atMs;
    if (entry.raisedAtMs === undefined) this.#raise(entry, moment);
    return this.#tell(entry, moment);
  }

  #raise(entry: Entry, { atMs, dateMs }: Moment): void {
    const heldMs = atMs - (entry.holdingSince ?? atMs);
    if (heldMs < holdMsOf(entry.kind, this.#settings())) return;
    const { isEvent } = conditions[entry.kind];
    const last = entry.raises.at(-1);
    if (isEvent && last !== undefined && last + dayMs > dateMs) return;
    entry.raisedAtMs = dateMs;
    entry.isTold = false;
    entry.raises = [...entry.raises, dateMs].slice(-8);
  }

  /** Of an alert that nobody was told of yet; a mild one waits for the end of the quiet hours. */
  #tell(entry: Entry, { dateMs, isQuiet }: Moment): AlertNotice[] {
    const { raisedAtMs, isTold, kind } = entry;
    if (raisedAtMs === undefined || isTold) return [];
    if (isQuiet && conditions[kind].severity === 'mild') return [];
    entry.isTold = true;
    return [noticeOf(entry, 'raised', dateMs, raisedAtMs)];
  }

  /** The end of a mild one waits for that of the quiet hours, as its beginning does. */
  #rests(key: string, entry: Entry, { atMs, dateMs, isQuiet }: Moment): AlertNotice[] {
    const { kind, raisedAtMs, isTold } = entry;
    const { isEvent = false } = conditions[kind];
    entry.holdingSince = undefined;
    const keptMs = isEvent ? dayMs : rememberedMs;
    entry.raises = entry.raises.filter((at) => at + keptMs > dateMs && at <= dateMs);
    if (raisedAtMs === undefined) {
      if (entry.raises.length === 0) this.#entries.delete(key);
      return [];
    }
    entry.calmSince ??= atMs;
    const isCalm = atMs - entry.calmSince >= calmNeededMs(entry.raises.length);
    if (entry.overAtMs === undefined && !isCalm) return [];
    entry.overAtMs ??= dateMs;
    const isToBeTold = !isEvent && isTold;
    if (isToBeTold && isQuiet && conditions[kind].severity === 'mild') return [];
    const notice = noticeOf(entry, 'cleared', entry.overAtMs, raisedAtMs);
    entry.raisedAtMs = undefined;
    entry.overAtMs = undefined;
    entry.calmSince = undefined;
    return isToBeTold ? [notice] : [];
  }
}

const keyOf = ({ kind, subject }: Pick<Observation, 'kind' | 'subject'>): string =>
  `${kind} ${subject}`;

const rank = ({ severity }: Pick<RaisedAlert, 'severity'>): number =>
  severity === 'severe' ? 0 : 1;

const calmNeededMs = (raises: number): number =>
  Math.min(longestCalmMs, calmMs * 4 ** Math.max(0, raises - 1));
