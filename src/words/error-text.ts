import { escapeControls, withoutNumbers } from './foreign.js';
import { sourcePlaces } from './source-places.js';
import { systemFault } from './system-fault.js';

const inSources = sourcePlaces(new URL('.', import.meta.url).href);

/**
 * What may be told of an error: its name, message, stack and codes, and nothing else of it, for it
 * may carry the text, PDU or token that it is about as a property.
 */
export function errorFields(error: Error) {
  const code = 'code' in error ? error.code : undefined;
  const submitted = 'submitted' in error ? error.submitted : undefined;
  // Where it is known why, the way to the call tells nobody more.
  const isKnown = systemFault(error) !== undefined || isForPeople(error);
  const stack = isKnown ? undefined : stackOf(error);
  return { name: error.name, message: error.message, code, submitted, stack };
}

/** Errors whose message says to a person what is wrong, where, and the way out. */
const namesForPeople: ReadonlySet<string> = new Set([
  'ConfigError',
  'OpenProcessError',
  'StateDirError',
  'OperatorError',
  'ListenError',
  'HmacKeyError',
  'ManagementError',
  'LinkRefused',
  'PtyUnavailable',
  'RecordRefused',
  'ReloadError',
]);

/** Whether a person can mend what it says; anything else is a bug and shows its stack. */
export function isForPeople(error: unknown): error is Error {
  return error instanceof Error && namesForPeople.has(error.name);
}

/**
 * The errors that led to this one, nearest first; bounded, since a chain may lead back to itself.
 */
export function causesOf(error: Error): Error[] {
  const causes: Error[] = [];
  let { cause } = error;
  while (cause instanceof Error && causes.length < 8) {
    causes.push(cause);
    ({ cause } = cause);
  }
  return causes;
}

/** With the places in the sources, also where the bundle runs. */
function stackOf(error: Error): string {
  return error.stack === undefined ? `${error.name}: ${error.message}` : inSources(error.stack);
}

/**
 * The stacks of a thrown thing and its causes, for the standard error of a process that ends by it.
 * Node's own way prints every property. What is no error is not told at all.
 */
export function fatalText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `something was thrown that is no error (${typeof thrown})`;
  const fault = systemFault(thrown);
  if (fault !== undefined)
    return escapeControls(withoutNumbers(`simgate: ${thrown.message}: ${fault}`));
  const stacks = [
    stackOf(thrown),
    ...causesOf(thrown).map((cause) => `caused by ${stackOf(cause)}`),
  ];
  return stacks
    .join('\n')
    .split('\n')
    .map((line) => escapeControls(withoutNumbers(line)))
    .join('\n');
}
