/** `simgate setup`: asks what must be known, changes what was asked for, and says what comes next. */

import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Auth0Folder } from '../auth0/folder.js';
import { cannot, writePrivateFile } from '../auth0/private-file.js';
import { secretRights } from '../auth0/secret.js';
import { type Config, checkConfig, loadConfig } from '../config.js';
import { judgeMachine } from '../doctor/machine.js';
import { listSticks } from '../modem/discovery/sticks.js';
import { askForCaller, type CallerAnswer, type CallerFlags, urlOfAuth0Setup } from './caller-step.js';
import { guessCountry, namedCountries, readCountries } from './countries.js';
import { firstConfig } from './first-config.js';
import { Interview } from './interview.js';
import { chooseModem, type ModemChoice, type ModemFlags, tellFindings } from './modem-step.js';
import { nextLines } from './next-lines.js';
import { type PinAnswer, settlePin } from './pin-step.js';
import { type Present, readPresent, textAt } from './present.js';
import { fittingRights, mendRights, proveWritable } from './rights.js';
import { type Draft, draftConfig } from './save.js';
import { findDaemon, type RunningDaemon } from './sight.js';
import type { SetupSurroundings } from './surroundings.js';
import { askForRecipient, sendTest } from './test-send.js';
import { assignment, type Edit, editToml, nameOf, valueAt } from './toml-edit.js';

/** Every answer in advance. */
export interface SetupFlags extends ModemFlags, CallerFlags {
  config: string;
  pinFile?: string;
  countries?: string;
  send?: string;
  yes?: boolean;
  dryRun?: boolean;
}

/** All that was answered. */
interface Answers {
  choice: ModemChoice | undefined;
  pin: PinAnswer;
  countries: readonly string[];
  caller: CallerAnswer;
}

/**
 * The whole conversation. False when the configuration stands but something is wrong with it, or the test message was not sent. Rejects
 * with `ControlError`, and then the configuration is as it was.
 */
export async function setUp(flags: SetupFlags, surroundings: SetupSurroundings): Promise<boolean> {
  const { env, terminal, machine } = surroundings;
  const interview = new Interview(terminal, flags.yes ?? false);
  // A number that is none is told before anything is written.
  if (flags.send !== undefined) await askForRecipient(flags.send, interview);
  const present = await readPresent(flags.config, env);
  if (!flags.dryRun) await proveWritable(present.file);
  const daemon = await findDaemon(present.socket);
  tellFindings(await judgeMachine(machine, await listSticks(machine.roots)), terminal);
  const answers = await interviewAll(flags, present, daemon, interview, surroundings);
  const before = present.text ?? firstConfig;
  const edits = editsOf(answers, present);
  const after = editToml(before, edits, present.file);
  const isChanged = tellPlan(edits, answers, present, interview);
  if (flags.dryRun) return true;
  if (isChanged) {
    if (!(await interview.confirms('Write this?'))) {
      terminal.say('Nothing was changed.');
      return true;
    }
    await save(after, answers, present, surroundings);
  } else terminal.say('Nothing is to be changed.');
  await mendAll(answers, present.file, surroundings);
  return finish(flags, answers, { present, daemon, interview, surroundings });
}

async function interviewAll(
  flags: SetupFlags,
  present: Present,
  daemon: RunningDaemon | undefined,
  interview: Interview,
  { env, terminal, machine }: SetupSurroundings,
): Promise<Answers> {
  const choice = await chooseModem(flags, { present, daemon, interview, machine });
  if (choice !== undefined) tellLook(choice, terminal);
  const facts = choice?.look.report.facts;
  const pin = choice
    ? await settlePin(
        {
          name: choice.name,
          configFile: present.file,
          given: flags.pinFile,
          present: present.modems[choice.index]?.pinFile,
          facts,
          env,
        },
        interview,
      )
    : {};
  const written = present.isUntouched ? undefined : valueAt(present.table, ['policy', 'countries']);
  const smsc = typeof facts?.smsc === 'string' ? facts.smsc : undefined;
  const countries = await interview.ask({
    what: 'the countries that may be written to, as DE, AT (* is every one)',
    flag: '--countries',
    given: flags.countries,
    present: Array.isArray(written) ? written.join(', ') : undefined,
    fallback: guessCountry(smsc, env),
    read: readCountries,
  });
  const stateDir = present.config?.stateDir;
  const knownUrl =
    stateDir === undefined ? undefined : await urlOfAuth0Setup(() => new Auth0Folder(stateDir).readSetup());
  return { choice, pin, countries, caller: await askForCaller(flags, present, interview, { env, knownUrl }) };
}

function tellLook({ name, look: { report } }: ModemChoice, terminal: Interview['terminal']): void {
  const [made] = report.findings.filter(({ check, level }) => check === 'modem' && level === 'ok');
  const wrong = report.findings.filter(({ level }) => level !== 'ok');
  terminal.say(`Modem "${name}"${made === undefined ? '' : `: ${made.what}`}`);
  if (wrong.length === 0) terminal.say('     it is ready to send');
  tellFindings(report.facts?.sim === 'pin' ? wrong.filter(({ check }) => check !== 'sim') : wrong, terminal);
}

/** What the configuration should say. What it says already is no change. */
function editsOf({ choice, pin, countries, caller }: Answers, present: Present): Edit[] {
  const modem = choice === undefined ? [] : modemEdits(choice, pin, present);
  const secretFile = caller.secretFile;
  const written = textAt(present.table, 'auth0', 'secret_file');
  const wasSecretFile = written === undefined ? undefined : resolve(dirname(present.file), written);
  return [
    ...modem,
    ...countryEdits(countries, present),
    { path: ['auth0', 'subject'], value: caller.subject },
    { path: ['auth0', 'audience'], value: caller.audience },
    ...(secretFile === undefined || secretFile === wasSecretFile
      ? []
      : [{ path: ['auth0', 'secret_file'], value: secretFile }]),
  ];
}

/** None when only the spelling differs. */
function countryEdits(countries: readonly string[], { table }: Present): Edit[] {
  const path = ['policy', 'countries'];
  const written = valueAt(table, path);
  const now = readCountries(Array.isArray(written) ? written.join(',') : '');
  return 'value' in now && isDeepStrictEqual(now.value, countries) ? [] : [{ path, value: countries }];
}

function modemEdits({ index, name, device }: ModemChoice, pin: PinAnswer, present: Present): Edit[] {
  const edits: Edit[] = [
    { path: ['modem', index, 'name'], value: name },
    { path: ['modem', index, 'device'], value: device },
  ];
  if (pin.file !== undefined && pin.file !== present.modems[index]?.pinFile)
    edits.push({ path: ['modem', index, 'pin_file'], value: pin.file });
  return edits;
}

/** Whether there is anything to do. */
function tellPlan(
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
  for (const edit of changes) terminal.say(`  ${nameOf(edit.path.slice(0, -1))}: ${assignment(edit)}`);
  if (changes.some(({ path }) => path.at(-1) === 'countries'))
    terminal.say(`  (that is ${namedCountries(countries)})`);
  if (caller.newSecret !== undefined) terminal.say(`A new secret in ${caller.secretFile}`);
  if (pin.pin !== undefined) terminal.say(`The PIN in ${pin.file}`);
  return changes.length > 0 || caller.newSecret !== undefined || pin.pin !== undefined;
}

/** Secrets first: a configuration never names a file that is not there. Its draft is valid before anything is written for good. */
async function save(
  after: string,
  { pin, caller }: Answers,
  present: Present,
  { env, place, terminal }: SetupSurroundings,
): Promise<void> {
  const { file, text: before } = present;
  await mkdir(dirname(file), { recursive: true, mode: 0o755 }).catch((error: unknown) => {
    throw cannot('be made', dirname(file), error);
  });
  const wanted = secretRights(place);
  const { rights } = await fittingRights(file, place);
  const draft: Draft | undefined =
    after === before
      ? undefined
      : await draftConfig({ file, before, after, rights, backupRights: rights, env });
  try {
    if (caller.newSecret !== undefined && caller.secretFile !== undefined)
      await writePrivateFile(caller.secretFile, `${caller.newSecret}\n`, wanted);
    if (pin.pin !== undefined && pin.file !== undefined)
      await writePrivateFile(pin.file, `${pin.pin}\n`, wanted);
    const backup = await draft?.commit();
    terminal.say(`Written${backup === undefined ? '' : `; the old configuration is ${backup}`}.`);
  } finally {
    await draft?.discard();
  }
}

/** Those that were there before, too: a secret that a person copied there is often for root alone, or for all. */
async function mendAll(
  { pin, caller }: Answers,
  file: string,
  surroundings: SetupSurroundings,
): Promise<void> {
  for (const path of [file, caller.secretFile, pin.file]) {
    if (path === undefined || !(await mendRights(path, surroundings.place))) continue;
    surroundings.terminal.say(`${path} can now be read by the service, and by no stranger.`);
  }
}

interface Ending {
  present: Present;
  daemon: RunningDaemon | undefined;
  interview: Interview;
  surroundings: SetupSurroundings;
}

async function finish(
  flags: SetupFlags,
  { choice, pin, caller }: Answers,
  { present, daemon, interview, surroundings }: Ending,
): Promise<boolean> {
  const { env, terminal } = surroundings;
  const { problems, warnings } = checkConfig(present.file, env);
  for (const { path, message } of problems) terminal.say(`error: ${path}: ${message}`);
  for (const warning of warnings) terminal.say(`warning: ${warning}`);
  const recipient = await askForRecipient(flags.send, interview);
  const sent = recipient && (await sendTest(recipient, choice, daemon, surroundings));
  if (sent) {
    terminal.say(`${sent.level}: ${sent.what}`);
    if (sent.remedy !== undefined) terminal.say(`  → ${sent.remedy}`);
  }
  const config = loadConfig(present.file, env);
  const { host, port } = config.http.listen;
  terminal.say('\nNext:');
  const lines = nextLines({
    configFile: present.file,
    caller: caller.caller,
    url: caller.url,
    listen: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    isDaemonRunning: daemon !== undefined,
    needs: needsOf(present.config, config, pin.pin !== undefined || caller.newSecret !== undefined),
  });
  for (const line of lines) terminal.say(line);
  return problems.length === 0 && (!sent || sent.level === 'ok');
}

/** As reload.ts has it: what belongs to modems needs a new process. */
function needsOf(
  before: Config | undefined,
  after: Config,
  hasNewSecret: boolean,
): 'restart' | 'reload' | undefined {
  const modems = (config: Config | undefined) => JSON.stringify(config?.modems);
  if (modems(before) !== modems(after)) return 'restart';
  const rest = (config: Config | undefined) => JSON.stringify([config?.auth0, config?.policy]);
  return hasNewSecret || rest(before) !== rest(after) ? 'reload' : undefined;
}
