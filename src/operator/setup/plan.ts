/** What was answered, and what it changes. */

import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../../config/config.js';
import { shownDevice } from '../../doctor/targets.js';
import { maskNumber } from '../../number/mask.js';
import type { CallerAnswer } from './caller-step.js';
import { namedCountries, readCountries } from './countries.js';
import type { Interview } from './interview.js';
import type { ModemChoice } from './modem-step.js';
import type { PinAnswer } from './pin-step.js';
import { type Present, textAt } from './present.js';
import { assignment, type Edit, nameOf, valueAt } from './toml-edit.js';

/** All that was answered. */
export interface Answers {
  choice: ModemChoice | undefined;
  pin: PinAnswer;
  countries: readonly string[];
  /** Undefined: tables [[caller]] say it, and stay. */
  caller: CallerAnswer | undefined;
}

/** What the configuration should say. What it says already is no change. */
export function editsOf({ choice, pin, countries, caller }: Answers, present: Present): Edit[] {
  const modem = choice === undefined ? [] : modemEdits(choice, pin, present);
  return [
    ...modem,
    ...countryEdits(countries, present),
    ...(caller === undefined ? [] : callerEdits(caller, present)),
  ];
}

function callerEdits(
  { subject, audience, secretFile, url }: CallerAnswer,
  present: Present,
): Edit[] {
  const written = textAt(present.table, 'auth0', 'secret_file');
  const wasSecretFile = written === undefined ? undefined : resolve(dirname(present.file), written);
  return [
    { path: ['auth0', 'subject'], value: subject },
    { path: ['auth0', 'audience'], value: audience },
    ...(secretFile === undefined || secretFile === wasSecretFile
      ? []
      : [{ path: ['auth0', 'secret_file'], value: secretFile }]),
    ...(url === undefined ? [] : [{ path: ['http', 'public_url'], value: url }]),
  ];
}

/** None when only the spelling differs. */
function countryEdits(countries: readonly string[], { table }: Present): Edit[] {
  const path = ['policy', 'countries'];
  const written = valueAt(table, path);
  const now = readCountries(Array.isArray(written) ? written.join(',') : '');
  return 'value' in now && isDeepStrictEqual(now.value, countries)
    ? []
    : [{ path, value: countries }];
}

function modemEdits(
  { index, name, device, smsc, baud }: ModemChoice,
  pin: PinAnswer,
  present: Present,
): Edit[] {
  const edits: Edit[] = [
    { path: ['modem', index, 'name'], value: name },
    { path: ['modem', index, 'device'], value: device },
  ];
  if (pin.file !== undefined && pin.file !== present.modems[index]?.pinFile)
    edits.push({ path: ['modem', index, 'pin_file'], value: pin.file });
  if (baud !== undefined) edits.push({ path: ['modem', index, 'baud'], value: baud });
  if (smsc !== undefined) edits.push({ path: ['modem', index, 'smsc'], value: smsc });
  return edits;
}

/** Whether there is anything to do. */
export function tellPlan(
  edits: readonly Edit[],
  { pin, caller, countries }: Answers,
  { file, table, text }: Present,
  { terminal }: Interview,
): boolean {
  const changes = edits.filter(({ path, value }) => {
    const now = valueAt(table, path);
    return JSON.stringify(now) !== JSON.stringify(value);
  });
  if (changes.length > 0) terminal.say(`${text === undefined ? 'New' : 'Changes in'} ${file}:`);
  for (const edit of changes)
    terminal.say(`  ${nameOf(edit.path.slice(0, -1))}: ${assignment(masked(edit))}`);
  if (changes.some(({ path }) => path.at(-1) === 'countries'))
    terminal.say(`  (that is ${namedCountries(countries)})`);
  if (caller?.newSecret !== undefined) terminal.say(`A new secret in ${caller.secretFile}`);
  if (pin.pin !== undefined) terminal.say(`The PIN in ${pin.file}`);
  return changes.length > 0 || caller?.newSecret !== undefined || pin.pin !== undefined;
}

/** An IMEI and a number are shown nowhere whole. */
function masked(edit: Edit): Edit {
  if (typeof edit.value !== 'string') return edit;
  const shown = edit.path.at(-1) === 'smsc' ? maskNumber(edit.value) : shownDevice(edit.value);
  return { ...edit, value: shown };
}

/** Whether a running daemon has anything to take up. */
export function needsReload(
  before: Config | undefined,
  after: Config,
  hasNewSecret: boolean,
): boolean {
  const parts = (config: Config | undefined) =>
    JSON.stringify([config?.modems, config?.callers, config?.policy]);
  return hasNewSecret || parts(before) !== parts(after);
}
