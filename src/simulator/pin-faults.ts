import { OptionSyntaxError } from './option-syntax.js';
import { CommandRefused, refusedAs } from './result-codes.js';
import type { Break } from './submit-plan.js';

/** What goes wrong around one `AT+CPIN=`. */
export interface PinFault {
  /** As written. */
  readonly text: string;
  /** False: the SIM never sees the PIN, and no try is counted. */
  readonly reachesSim: boolean;
  /** The answer whatever the SIM says. */
  readonly refusal?: CommandRefused;
  /** Milliseconds before the answer. */
  readonly replyDelayMs?: number;
  /** No answer ever; the modem takes commands again after so many milliseconds. */
  readonly silenceMs?: number;
  /** The modem goes away instead of answering. */
  readonly break?: Break;
}

interface PinFaultEntry {
  /** Milliseconds when none are given; undefined when the fault takes no argument. */
  presetMs: number | undefined;
  /** For `--help` and for people. */
  does: string;
  make: (ms: number) => Omit<PinFault, 'text'>;
}

const breaks =
  (how: Break['how'], reachesSim: boolean): PinFaultEntry['make'] =>
  (downMs) => ({ reachesSim, break: { at: 'after-reply', how, downMs, delayMs: 0 } });

/** Every fault that can be played on an `AT+CPIN=` (3GPP TS 27.007 8.3). */
export const pinFaultKinds = {
  late: {
    presetMs: 3000,
    does: 'the SIM judges the PIN, the answer comes MS later',
    make: (ms) => ({ reachesSim: true, replyDelayMs: ms }),
  },
  silence: {
    presetMs: 30_000,
    does: 'the SIM judges the PIN, no answer; deaf for MS, then free again',
    make: (ms) => ({ reachesSim: true, silenceMs: ms }),
  },
  'silence-lost': {
    presetMs: 30_000,
    does: 'the SIM never sees the PIN, no answer; deaf for MS, then free again',
    make: (ms) => ({ reachesSim: false, silenceMs: ms }),
  },
  hangup: {
    presetMs: 500,
    does: 'the SIM judges the PIN, unplugged without an answer, back after MS',
    make: breaks('unplug', true),
  },
  'hangup-lost': {
    presetMs: 500,
    does: 'unplugged before the SIM sees the PIN, back after MS',
    make: breaks('unplug', false),
  },
  glitch: {
    presetMs: 500,
    does: 'the SIM judges the PIN; the tty goes without an answer and is back after MS, the modem keeps its power',
    make: breaks('glitch', true),
  },
  reboot: {
    presetMs: undefined,
    does: 'the SIM judges the PIN, then the modem restarts without an answer',
    make: breaks('reboot', true),
  },
  'reboot-lost': {
    presetMs: undefined,
    does: 'restarts before the SIM sees the PIN',
    make: breaks('reboot', false),
  },
  busy: {
    presetMs: undefined,
    does: '+CME ERROR: 14 (SIM busy); no try is counted',
    make: () => ({ reachesSim: false, refusal: new CommandRefused('CME', 14) }),
  },
  'ok-locked': {
    presetMs: undefined,
    does: 'OK, but the SIM never sees the PIN and stays locked, with all its tries',
    make: () => ({ reachesSim: false }),
  },
  error: {
    presetMs: undefined,
    does: 'a bare ERROR; no try is counted',
    make: () => ({ reachesSim: false, refusal: refusedAs('ERROR') }),
  },
} satisfies Record<string, PinFaultEntry>;

export type PinFaultKind = keyof typeof pinFaultKinds;

/** Reads `KIND[:MS]`. Throws {@link OptionSyntaxError}. */
export function parsePinFault(text: string): PinFault {
  const [kind = '', argument, ...rest] = text.split(':');
  if (!Object.hasOwn(pinFaultKinds, kind)) {
    throw new OptionSyntaxError(
      `unknown PIN fault "${kind}"; known: ${Object.keys(pinFaultKinds).join(', ')}`,
    );
  }
  const { presetMs, make }: PinFaultEntry = pinFaultKinds[kind as PinFaultKind];
  const takesNone = presetMs === undefined && argument !== undefined;
  if (takesNone || rest.length > 0 || !/^\d{1,9}$/.test(argument ?? '0')) {
    throw new OptionSyntaxError(
      `"${text}": expected ${kind}${presetMs === undefined ? '' : '[:MS]'}`,
    );
  }
  return { text, ...make(Number(argument ?? presetMs ?? 0)) };
}
