/** What must hold of a day on which something was wrong with a modem (I8). */
import { type ExitCase, shown } from './cases.js';
import { type Day, hourMs, minuteMs } from './day.js';

/** Commands without which nothing can be sent: only these may keep a modem from ready. Those of a PIN matter to a SIM that has one. */
const needed: readonly string[] = ['AT', '+CMGF=', '+CMGS='];
const neededForPin: readonly string[] = ['+CPIN?', '+CPIN='];

/** How what is missing is told, by the command that tells or does it; else the command stands in the reason. */
const tellings: Readonly<Record<string, RegExp>> = {
  '+CPIN=': /PIN/,
  '+CPIN?': /AT\+CPIN\?|not registered|no network/,
  '+CMGS=': /AT\+CMGS|prompt/,
};

/** The rungs that a modem may be met with in a day: with gaps that double from ten minutes to six hours, and a hook an hour. */
const mostActs: Readonly<Record<string, number>> = { radio: 4, reset: 10, hook: 24 };
/** Shorter is only from a reset to the hook, when it did not help. */
const leastGapMs = 2 * minuteMs;
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
    ...unsaid(commands, day),
    ...wildActs(day),
    ...(day.pinsEntered > mostPins(commands, day) ? [`AT+CPIN= was written ${day.pinsEntered} times`] : []),
    ...(needsPerson ? [] : lostForGood(day)),
  ];
}

const isPair = ({ treated }: ExitCase): boolean => treated.length > 1;

/** Whenever it is not ready it says what is missing. */
function unsaid(commands: readonly string[], { hours }: Day): string[] {
  const reasons = hours.flatMap(({ phase, reason }) => (phase === 'ready' ? [] : [reason ?? '']));
  if (reasons.length === 0) return [];
  const named = reasons.filter((reason) =>
    commands.some((command) => (tellings[command] ?? literal(shown(command))).test(reason)),
  );
  // While its tty is being opened anew there is another thing to say.
  return named.length * 2 >= reasons.length
    ? []
    : [`what is missing is not said: ${[...new Set(reasons)].join(' | ')}`];
}

const literal = (text: string): RegExp => new RegExp(text.replace(/[+^#?*]/g, '\\$&').replace(/=$/, ''));

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

/** At each power-on a PIN that is known to be right; else one try, and a second where an error came that counted none. */
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
