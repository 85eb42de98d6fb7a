import { type BootSign, bootLine } from '../at/boot-lines.js';
import { isTextModeHead } from '../at/open-text.js';
import { canSend, type ModemPhase } from './sms-modem.js';

/** What can happen to a modem, as far as its phase is concerned. */
export type LifeEvent =
  /** The pause before the next try is over. */
  | 'due'
  | 'opened'
  /** It answers, and its SIM is ready. */
  | 'awake'
  /** Its SIM wants a PIN or PUK. */
  | 'locked'
  | 'unlocked'
  | 'registered'
  | 'unregistered'
  /** It may have lost its settings: initialise it again. */
  | 'refresh'
  | 'submitting'
  /** The submit is over, whatever came of it. */
  | 'submitted'
  /** Silent after Ctrl-Z for longer than is usual. */
  | 'overdue'
  /** The tty is gone, the modem restarted, or it does not answer any more. */
  | 'lost'
  /** The link is closed; wait, then try again. */
  | 'closed'
  | 'stopped';

/** An event in a modem's life, and why: for people. */
export interface LifeChange {
  event: LifeEvent;
  reason?: string | undefined;
}

/**
 * One modem's life: in this phase, that event leads there. An event that is not listed changes
 * nothing.
 */
export const transitions: Readonly<Record<ModemPhase, Partial<Record<LifeEvent, ModemPhase>>>> = {
  absent: { due: 'opening', stopped: 'stopped' },
  opening: { opened: 'probing', lost: 'lost', stopped: 'stopped' },
  probing: { awake: 'registering', locked: 'unlocking', lost: 'lost', stopped: 'stopped' },
  unlocking: { unlocked: 'probing', refresh: 'probing', lost: 'lost', stopped: 'stopped' },
  registering: { registered: 'ready', refresh: 'probing', lost: 'lost', stopped: 'stopped' },
  ready: {
    submitting: 'sending',
    unregistered: 'registering',
    refresh: 'probing',
    lost: 'lost',
    stopped: 'stopped',
  },
  sending: {
    submitted: 'ready',
    unregistered: 'registering',
    refresh: 'probing',
    overdue: 'stalled',
    lost: 'lost',
    stopped: 'stopped',
  },
  stalled: {
    submitted: 'ready',
    unregistered: 'registering',
    refresh: 'probing',
    lost: 'lost',
    stopped: 'stopped',
  },
  lost: { closed: 'absent', stopped: 'stopped' },
  stopped: {},
};

/** The phases in which a message is at the modem. */
export const hasMessage = (phase: ModemPhase): boolean =>
  phase === 'sending' || phase === 'stalled';

/** Where a modem is in its life, since when, and why. */
export interface LifeState {
  readonly phase: ModemPhase;
  /** `performance.now()` milliseconds. */
  readonly since: number;
  /** The same since when it can send nothing, in whatever phase; undefined while it can. */
  readonly awaySince: number | undefined;
  /** Counts the changes of phase: work begun in an earlier one has no say any more. */
  readonly epoch: number;
  /** What a person should know, while it can send nothing. */
  readonly reason: string | undefined;
  /** Why it was lost last, until it can send again. */
  readonly lostFor: string | undefined;
}

/** A life that begins at `now`, in `performance.now()` milliseconds. */
export const unopened = (now: number): LifeState => ({
  phase: 'absent',
  since: now,
  awaySince: now,
  epoch: 0,
  reason: 'not opened yet',
  lostFor: undefined,
});

/** Where `change` leads from `life` at `now`; undefined when nowhere else. */
export function lifeAfter(
  life: LifeState,
  { event, reason }: LifeChange,
  now: number,
): LifeState | undefined {
  const phase = transitions[life.phase][event];
  if (phase === undefined) return undefined;
  const begun = { phase, since: now, epoch: life.epoch + 1 };
  if (canSend(phase))
    return { ...begun, awaySince: undefined, reason: undefined, lostFor: undefined };
  return {
    ...begun,
    awaySince: life.awaySince ?? now,
    reason: bestKnown(life, { event, reason }),
    lostFor: phase === 'lost' ? reason : life.lostFor,
  };
}

/** While it is tried again, what stood in the way is the best that is known. */
function bestKnown(life: LifeState, { event, reason }: LifeChange): string | undefined {
  if (event === 'due') return reason ?? life.reason;
  const before = event === 'opened' ? life.lostFor : undefined;
  return before === undefined ? reason : `${reason}; before: ${before}`;
}

/** The modem said so itself; the tty may still be there. */
export class ModemRestarted extends Error {
  override readonly name = 'ModemRestarted';
}

/**
 * What an unsolicited line says about the modem's having restarted, or being further on its way
 * from that; undefined when nothing.
 */
export function bootSign(line: string): BootSign | undefined {
  // An SMS in text mode: it is not in PDU mode, so it has lost what it was told, or another program
  // has told it otherwise.
  return bootLine(line) ?? (isTextModeHead(line) ? 'refresh' : undefined);
}
