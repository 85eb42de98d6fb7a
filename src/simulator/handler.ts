import { integer } from './command-line.js';
import type { DataEntry } from './interpreter.js';
import { CommandRefused } from './result-codes.js';
import type { ModemPort } from './state.js';
import type { Distortion } from './uart.js';

/** What a command comes to in the end. */
export type Result = { distortion?: Distortion | undefined } & (
  | {
      /**
       * `lines`: information response; then the next command of the line, or OK. `unterminated`:
       * without a final result code: a vendor's slip, or a fault.
       */
      kind: 'lines' | 'unterminated';
      lines: readonly string[];
    }
  | { kind: 'refused'; refusal: CommandRefused }
);

export type Settle = (result: Result) => void;

/** A prompt, the data behind it, and what comes of that. */
export interface Prompted extends Pick<DataEntry, 'onProgress' | 'receive'> {
  /** The vendor's where it is not said. */
  prompt?: string;
  /** Milliseconds before the prompt. */
  delayMs?: number;
  /** Told when the prompt was printed. */
  onPrompt?: () => void;
  /** Other commands are answered before this one is. */
  releases?: boolean;
  onComplete: (data: string, settle: Settle) => void;
  onEscape?: () => void;
}

/**
 * What a command handler returns: at once lines, or a prompt, or a result that comes later.
 * Refusals are thrown.
 */
export type Answer =
  | readonly string[]
  | { unterminated: readonly string[] }
  | { prompted: Prompted }
  | { later: (settle: Settle) => void };

/** A command's behaviour, by the form it was asked in. A form that is absent is refused. */
export interface CommandHandler {
  execute?: (modem: ModemPort) => Answer;
  read?: (modem: ModemPort) => Answer;
  test?: (modem: ModemPort) => Answer;
  set?: (modem: ModemPort, value: string) => Answer;
  /** Needs an unlocked SIM: `SMS` commands are refused with CMS 311, others with CME 11. */
  needsSim?: 'SMS' | 'other';
}

export type CommandTable = ReadonlyMap<string, CommandHandler>;

/** A handler that takes a whole number in a range and answers OK. An absent number is `preset`. */
export function numberSetting(
  max: number,
  preset: number,
  apply: (modem: ModemPort, value: number) => void,
): Pick<CommandHandler, 'set' | 'execute'> {
  return {
    execute: (modem) => {
      apply(modem, preset);
      return [];
    },
    set: (modem, value) => {
      const chosen = integer(value, 0, max);
      if (chosen === undefined) throw new CommandRefused('CME', 50);
      apply(modem, chosen);
      return [];
    },
  };
}

/** The commands that set, read and describe one number of the settings, from 0 to `max`. */
export function keptNumber(
  name: string,
  key: 'cgsms' | 'cmee' | 'cmgf' | 'cmms' | 'csdh',
  max: number,
  preset = 0,
): Record<string, CommandHandler> {
  return {
    [name]: {
      ...numberSetting(max, preset, (modem, value) => {
        modem.settings[key] = value;
      }),
      read: ({ settings }) => [`${name}: ${settings[key]}`],
      test: () => [`${name}: (0${max === 1 ? ',' : '-'}${max})`],
    },
  };
}
