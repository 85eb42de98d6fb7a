import {
  type Answer,
  CommandRefused,
  finalResultOf,
  type Prompted,
  type Result,
} from './answer.js';
import { type Command, parseCommandLine } from './command-line.js';
import type { Turn } from './interpreter.js';
import type { Modem } from './modem.js';
import type { Distortion } from './submit-plan.js';

/** A command's behaviour, by the form it was asked in. A form that is absent is refused. */
export interface CommandHandler {
  execute?: (modem: Modem) => Answer;
  read?: (modem: Modem) => Answer;
  test?: (modem: Modem) => Answer;
  set?: (modem: Modem, value: string) => Answer;
  /** Needs an unlocked SIM: `SMS` commands are refused with CMS 311, others with CME 11. */
  needsSim?: 'SMS' | 'other';
}

export type CommandTable = ReadonlyMap<string, CommandHandler>;

/** Runs the commands of one line, in order, until one is refused (V.250 5.4.3). */
export function executeLine(modem: Modem, table: CommandTable, body: string, turn: Turn): void {
  const commands = parseCommandLine(body);
  if (commands === undefined) {
    turn.finish(formatFinal(modem, finalOf(modem, new CommandRefused('bare'))));
    return;
  }
  runFrom(modem, table, commands, 0, '', turn);
}

function runFrom(
  modem: Modem,
  table: CommandTable,
  commands: readonly Command[],
  index: number,
  said: string,
  turn: Turn,
): void {
  const command = commands[index];
  if (command === undefined) {
    turn.finish(said + formatFinal(modem, 'OK'));
    return;
  }
  const settle = (result: Result): void => {
    const output = said + formatResult(modem, result);
    const goesOn = result.kind === 'lines' && index + 1 < commands.length;
    if (goesOn) runFrom(modem, table, commands, index + 1, output, turn);
    else
      turn.finish(
        result.kind === 'lines' ? output + formatFinal(modem, 'OK') : output,
        distorts(result.distortion),
      );
  };
  const answer = handle(modem, table, command);
  if (answer instanceof CommandRefused) settle({ kind: 'refused', refusal: answer });
  else if ('later' in answer) answer.later(settle);
  else if ('prompted' in answer) collect(modem, answer.prompted, settle, turn);
  else if ('unterminated' in answer) settle({ kind: 'unterminated', lines: answer.unterminated });
  else settle({ kind: 'lines', lines: answer });
}

function distorts(distortion: Distortion | undefined): Distortion | undefined {
  return distortion !== undefined && Object.keys(distortion).length > 0 ? distortion : undefined;
}

function handle(modem: Modem, table: CommandTable, command: Command): Answer | CommandRefused {
  const handler = table.get(command.name);
  try {
    if (handler === undefined) throw new CommandRefused('bare');
    modem.requireSim(handler.needsSim);
    const answer = callForm(handler, modem, command);
    if (answer === undefined) throw new CommandRefused('CME', 4);
    return answer;
  } catch (error) {
    if (error instanceof CommandRefused) return error;
    throw error;
  }
}

function callForm(handler: CommandHandler, modem: Modem, command: Command): Answer | undefined {
  return command.form === 'set'
    ? handler.set?.(modem, command.value)
    : handler[command.form]?.(modem);
}

function collect(
  modem: Modem,
  prompted: Prompted,
  settle: (result: Result) => void,
  turn: Turn,
): void {
  modem.after(prompted.delayMs, () => {
    prompted.onPrompt();
    turn.collect({
      ...prompted,
      onComplete: (data) => {
        modem.sayHeld();
        if (modem.options.parallel || prompted.releases) turn.release();
        prompted.onComplete(data, settle);
      },
      onEscape: () => {
        modem.sayHeld();
        settle(prompted.onEscape());
      },
    });
  });
}

function formatResult(modem: Modem, result: Result): string {
  if (result.kind === 'refused') return formatFinal(modem, finalOf(modem, result.refusal));
  return formatLines(modem, result.lines);
}

function finalOf(modem: Modem, refusal: CommandRefused): string {
  const { vendor, settings } = modem;
  return finalResultOf(refusal, settings.cmee, vendor.wordsSmsErrors, vendor.unknownCommand);
}

/** Information text is framed by the header and trailer of V.250 6.2.6 (`ATV`). */
function formatLines(modem: Modem, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `${modem.settings.verbose ? '\r\n' : ''}${lines.join('\r\n')}\r\n`;
}

const numericResults = new Map([
  ['OK', '0'],
  ['NO CARRIER', '3'],
  ['ERROR', '4'],
]);

function formatFinal(modem: Modem, final: string): string {
  if (modem.settings.quiet) return '';
  if (modem.settings.verbose) return `\r\n${final}\r\n`;
  return `${numericResults.get(final) ?? final}\r`;
}
