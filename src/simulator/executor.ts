import { type Command, parseCommandLine } from './command-line.js';
import type { Answer, CommandHandler, CommandTable, Prompted, Result, Settle } from './handler.js';
import type { Turn } from './interpreter.js';
import { CommandRefused, finalResultOf } from './result-codes.js';
import type { ModemPort } from './state.js';

/** Runs the commands of one line, in order, until one is refused (V.250 5.4.3). */
export function executeLine(modem: ModemPort, table: CommandTable, body: string, turn: Turn): void {
  const commands = parseCommandLine(body);
  if (commands === undefined) {
    turn.finish(formatResult(modem, { kind: 'refused', refusal: new CommandRefused('bare') }));
    return;
  }
  const runFrom = (index: number, said: string): void => {
    const command = commands[index];
    if (command === undefined) {
      turn.finish(said + formatFinal(modem, 'OK'));
      return;
    }
    const settle: Settle = (result) => {
      const output = said + formatResult(modem, result);
      if (result.kind !== 'lines') turn.finish(output, result.distortion);
      else if (index + 1 < commands.length) runFrom(index + 1, output);
      else turn.finish(output + formatFinal(modem, 'OK'), result.distortion);
    };
    const answer = handle(modem, table.get(command.name), command);
    if (answer instanceof CommandRefused) settle({ kind: 'refused', refusal: answer });
    else if ('later' in answer) answer.later(settle);
    else if ('prompted' in answer) collect(modem, answer.prompted, settle, turn);
    else if ('unterminated' in answer) settle({ kind: 'unterminated', lines: answer.unterminated });
    else settle({ kind: 'lines', lines: answer });
  };
  runFrom(0, '');
}

function handle(
  modem: ModemPort,
  handler: CommandHandler | undefined,
  { form, value }: Command,
): Answer | CommandRefused {
  if (handler === undefined) return new CommandRefused('bare');
  try {
    requireSim(modem, handler.needsSim);
    const answer = form === 'set' ? handler.set?.(modem, value) : handler[form]?.(modem);
    return answer ?? new CommandRefused('CME', 4);
  } catch (error) {
    if (error instanceof CommandRefused) return error;
    throw error;
  }
}

function requireSim({ sim }: ModemPort, need: CommandHandler['needsSim']): void {
  if (need === undefined || sim.state === 'READY') return;
  const isBlocked = sim.state === 'SIM PUK';
  throw need === 'SMS'
    ? new CommandRefused('CMS', isBlocked ? 316 : 311)
    : new CommandRefused('CME', isBlocked ? 12 : 11);
}

function collect(modem: ModemPort, prompted: Prompted, settle: Settle, turn: Turn): void {
  const { vendor, options, settings } = modem;
  const { delayMs = 0, onPrompt, onComplete, onEscape, releases, prompt, ...watches } = prompted;
  const isText = settings.cmgf === 1;
  modem.after(delayMs, () => {
    onPrompt?.();
    turn.collect({
      ...watches,
      prompt: prompt ?? vendor.prompt,
      isText,
      onComplete: (data) => {
        modem.sayHeld();
        if (options.parallel || releases === true) turn.release();
        onComplete(data, settle);
      },
      onEscape: () => {
        modem.sayHeld();
        onEscape?.();
        settle({ kind: vendor.afterEscape === 'OK' ? 'lines' : 'unterminated', lines: [] });
      },
    });
  });
}

function formatResult(modem: ModemPort, result: Result): string {
  const { vendor, settings } = modem;
  if (result.kind !== 'refused') return formatLines(modem, result.lines);
  const { wordsSmsErrors, unknownCommand } = vendor;
  return formatFinal(
    modem,
    finalResultOf(result.refusal, settings.cmee, wordsSmsErrors, unknownCommand),
  );
}

/** Information text is framed by the header and trailer of V.250 6.2.6 (`ATV`). */
function formatLines(modem: ModemPort, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `${modem.settings.verbose ? '\r\n' : ''}${lines.join('\r\n')}\r\n`;
}

const numericResults = new Map([
  ['OK', '0'],
  ['NO CARRIER', '3'],
  ['ERROR', '4'],
]);

function formatFinal(modem: ModemPort, final: string): string {
  if (modem.settings.quiet) return '';
  if (modem.settings.verbose) return `\r\n${final}\r\n`;
  return `${numericResults.get(final) ?? final}\r`;
}
