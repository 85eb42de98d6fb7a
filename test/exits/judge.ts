/** What must hold of a day on which something was wrong with a modem (I8). */
import { type ExitCase, shown } from './cases.js';
import { type Day, hourMs, minuteMs } from './day.js';

/**
 * Commands without which nothing can be sent: only these may keep a modem from ready. Those of a
 * PIN matter to a SIM that has one.
 */
const needed: readonly string[] = ['AT', '+CMGF=', '+CMGS='];
const neededForPin: readonly string[] = ['+CPIN?', '+CPIN='];

/**
 * How what is missing is told, by the command that tells or does it; else the command stands in the
 * reason.
 */
const tellings: Readonly<Record<string, RegExp>> = {
  '+CPIN=': /PIN/,
  '+CPIN?': /AT\+CPIN\?|not registered|no network/,
  '+CMGS=': /AT\+CMGS|prompt/,
};

/**
 * The rungs that a modem may be met with in a day: with gaps that double from ten minutes to six
 * hours, and a hook an hour.
 */
const mostActs: Readonly<Record<string, number>> = { radio: 4, reset: 10, hook: 24 };
/** In a day without a ready modem. */
const leastActs = 5;
/** Shorter is only from a reset to the hook, when it did not help. */
const leastGapMs = 2 * minuteMs;
/** Four a second would be a loop that nothing slows down. */
const mostCommands = 345_600;
/** However long it has lasted, the modem hears of us at least so often. */
const longestPauseMs = 1.1 * hourMs;

/** Everything that was broken; empty when all is well. */
export function judgeDay(subject: ExitCase, day: Day): string[] {
  const commands = subject.treated.map(({ command }) => command);
  const mayBeKept = commands.some(
    (command) => needed.includes(command) || (subject.withPin && neededForPin.includes(command)),
  );
  const readyHours = day.hours.filter(({ phase }) => phase === 'ready').length;
  // A PIN whose outcome is unknown is a person's business, and that is said.
  const needsPerson = subject.withPin && commands.includes('+CPIN=');
  return [
    ...(day.wedgedBy === undefined ? [] : [`the loop counted as wedged: ${day.wedgedBy}`]),
    ...(day.longestPauseMs <= longestPauseMs
      ? []
      : [`nothing was tried for ${Math.round(day.longestPauseMs / minuteMs)} min`]),
    ...(mayBeKept || isPair(subject) || readyHours === day.hours.length
      ? []
      : [
          `${shown(commands[0] ?? '')} is not needed, but it was ready at ${readyHours} of ${day.hours.length} hours`,
        ]),
    ...(day.commands <= mostCommands ? [] : [`${day.commands} commands were written`]),
    ...unsaid(commands, day),
    ...wildActs(day),
    ...(day.pinsEntered > mostPins(commands, day)
      ? [`AT+CPIN= was written ${day.pinsEntered} times`]
      : []),
    ...(needsPerson ? [] : [...untried(day), ...lostForGood(day)]),
  ];
}

const isPair = ({ treated }: ExitCase): boolean => treated.length > 1;

/** In each hour in which it is not ready it says what is missing. */
function unsaid(commands: readonly string[], { hours }: Day): string[] {
  const isSaid = (reason: string): boolean =>
    commands.some((command) => (tellings[command] ?? literal(shown(command))).test(reason));
  const mute = hours.filter(({ phase, reasons }) => phase !== 'ready' && !reasons.some(isSaid));
  const said = new Set(mute.flatMap(({ reasons }) => reasons));
  return mute.length === 0 ? [] : [`what is missing is not said: ${[...said].join(' | ')}`];
}

const literal = (text: string): RegExp =>
  new RegExp(text.replace(/[+^#?*]/g, '\\$&').replace(/=$/, ''));

function wildActs({ acts }: Day): string[] {
  const counts = Object.keys(mostActs).map(
    (rung) => [rung, acts.filter((act) => act.rung === rung).length] as const,
  );
  const tooMany = counts.filter(([rung, count]) => count > (mostActs[rung] ?? 0));
  const gaps = acts.slice(1).map(({ atMs }, index) => atMs - acts[index]!.atMs);
  return [
    ...tooMany.map(([rung, count]) => `${rung} was done ${count} times in a day`),
    ...(Math.min(...gaps) < leastGapMs
      ? [`two acts were ${Math.round(Math.min(...gaps) / 1000)} s apart`]
      : []),
  ];
}

/**
 * A modem that is not ready all day is met with ever harder means, the same one at growing gaps.
 */
function untried({ hours, acts }: Day): string[] {
  if (hours.some(({ phase }) => phase === 'ready')) return [];
  if (acts.length < leastActs) return [`only ${acts.length} things were done about it in a day`];
  const resets = acts.filter(({ rung }) => rung === 'reset').map(({ atMs }) => atMs);
  const gaps = resets.slice(1).map((atMs, index) => atMs - resets[index]!);
  const isGrowing = gaps.every(
    (gap, index) => index === 0 || gap > (gaps[index - 1] ?? 0) - minuteMs,
  );
  return isGrowing
    ? []
    : [`resets came at gaps of ${gaps.map((gap) => Math.round(gap / minuteMs)).join(', ')} min`];
}

/**
 * At each power-on a PIN that is known to be right; else one try, and a second where an error came
 * that counted none.
 */
function mostPins(commands: readonly string[], { acts }: Day): number {
  return commands.includes('+CPIN=') ? 2 : 2 + acts.length;
}

function lostForGood({ recoveredInMs, firstMessage, hours }: Day): string[] {
  if (recoveredInMs === undefined)
    return [`it did not become ready by itself afterwards: ${JSON.stringify(hours.at(-1))}`];
  return typeof firstMessage === 'string' || firstMessage === undefined
    ? [`the first message afterwards came to ${String(firstMessage)}`]
    : [];
}
