/**
 * `simgate setup`: asks what must be known, changes what was asked for, and says what comes next.
 */

import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkConfig, loadConfig } from '../../config/config.js';
import { hostAndPort } from '../../config/listen.js';
import { judgeMachine } from '../../doctor/this-machine.js';
import {
  cannot,
  draftPrivateFile,
  type PrivateDraft,
  readPrivateFile,
} from '../../secret/private-file.js';
import { listSticks } from '../../usb/sticks.js';
import { Auth0Folder } from '../auth0/folder.js';
import {
  fittingRights,
  mendRights,
  proveWritable,
  refuseForeignFolder,
  secretRights,
} from '../rights.js';
import { askForCaller, type CallerFlags, urlOfAuth0Setup } from './caller-step.js';
import { guessCountry, readCountries } from './countries.js';
import type { SetupEnvironment } from './environment.js';
import { Interview } from './interview.js';
import { findDaemon, type RunningDaemon } from './modem-search.js';
import { askForModem, type ModemChoice, type ModemFlags, tellFindings } from './modem-step.js';
import { nextLines } from './next-lines.js';
import { readOtherModems } from './other-gateways.js';
import { type PinAnswer, settlePin } from './pin-step.js';
import { type Answers, editsOf, needsReload, tellPlan } from './plan.js';
import { firstConfig, type Present, readPresent, textAt } from './present.js';
import { type Draft, draftConfig } from './save.js';
import { askForSmsc } from './smsc-step.js';
import { askForRecipient, sendTest, whyNoTest } from './test-send.js';
import { editToml, valueAt } from './toml-edit.js';

/** Every answer in advance. */
export interface SetupFlags extends ModemFlags, CallerFlags {
  config: string;
  pinFile?: string;
  countries?: string;
  send?: string;
  yes?: boolean;
  dryRun?: boolean;
}

/**
 * The whole conversation. False when the configuration stands but something is wrong with it, or
 * the test message was not sent. Rejects with `OperatorError`, and then the configuration is as it
 * was.
 */
export async function setUp(flags: SetupFlags, environment: SetupEnvironment): Promise<boolean> {
  const { env, terminal, machine } = environment;
  const interview = new Interview(terminal, flags.yes ?? false);
  // A number that is none is told before anything is written.
  if (flags.send !== undefined) await askForRecipient(flags.send, interview);
  const present = await readPresent(flags.config, env);
  if (!flags.dryRun) await proveWritable(present.file);
  const daemon = await findDaemon(present.socket);
  tellFindings(await judgeMachine(machine, await listSticks(machine.roots)), terminal);
  const answers = await interviewAll(flags, present, daemon, interview, environment);
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
    await save(after, answers, present, environment);
  } else terminal.say('Nothing is to be changed.');
  await mendAll(answers, present, environment);
  return finish(flags, answers, { present, daemon, interview, environment });
}

async function interviewAll(
  flags: SetupFlags,
  present: Present,
  daemon: RunningDaemon | undefined,
  interview: Interview,
  { env, terminal, machine, otherFiles }: SetupEnvironment,
): Promise<Answers> {
  const others = readOtherModems(otherFiles);
  const choice = await askForModem(flags, { present, others, daemon, interview, machine });
  if (choice !== undefined) {
    tellInspected(choice, terminal);
    choice.smsc = await askForSmsc(choice, present, interview);
  }
  const pin = choice ? await askForPin(choice, flags.pinFile, present, interview, env) : {};
  const countries = await askForCountries(choice, flags.countries, present, interview, env);
  const stateDir = present.config?.stateDir;
  const knownUrl =
    textAt(present.table, 'http', 'public_url') ??
    (stateDir && (await urlOfAuth0Setup(() => new Auth0Folder(stateDir).readSetups())));
  return {
    choice,
    pin,
    countries,
    caller: await askForCaller(flags, present, interview, knownUrl),
  };
}

function askForPin(
  { index, name, inspected, other }: ModemChoice,
  given: string | undefined,
  present: Present,
  interview: Interview,
  env: NodeJS.ProcessEnv,
): Promise<PinAnswer> {
  const { facts } = inspected.report;
  const pinFile = present.modems[index]?.pinFile;
  return settlePin(
    { name, configFile: present.file, given, present: pinFile, facts, env, other },
    interview,
  );
}

function askForCountries(
  choice: ModemChoice | undefined,
  given: string | undefined,
  present: Present,
  interview: Interview,
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const written = present.isUntouched ? undefined : valueAt(present.table, ['policy', 'countries']);
  const smsc = choice?.inspected.report.facts?.smsc;
  return interview.ask({
    what: 'the countries that may be written to',
    hint: 'as DE, AT; * is every one',
    flag: '--countries',
    given,
    present: Array.isArray(written) ? written.join(', ') : undefined,
    fallback: guessCountry(typeof smsc === 'string' ? smsc : undefined, env),
    read: readCountries,
  });
}

function tellInspected(
  { name, inspected: { report } }: ModemChoice,
  terminal: Interview['terminal'],
): void {
  const [made] = report.findings.filter(({ check, level }) => check === 'modem' && level === 'ok');
  const wrong = report.findings.filter(({ level }) => level !== 'ok');
  terminal.say(`Modem "${name}"${made === undefined ? '' : `: ${made.what}`}`);
  if (wrong.length === 0) terminal.say('     it is ready to send');
  tellFindings(
    report.facts?.sim === 'pin' ? wrong.filter(({ check }) => check !== 'sim') : wrong,
    terminal,
  );
}

/**
 * Everything is on the disk, and the configuration found valid, before anything is put in place. A
 * file that is not there yet comes before the configuration that names it; one that is there is
 * replaced behind it: where the configuration cannot be replaced, who sends with the old secret
 * goes on.
 */
async function save(
  after: string,
  { pin, caller }: Answers,
  present: Present,
  { env, place, terminal }: SetupEnvironment,
): Promise<void> {
  const { file, text: before } = present;
  for (const path of [caller?.secretFile, pin.file])
    if (path !== undefined) await refuseForeignFolder(path);
  await mkdir(dirname(file), { recursive: true, mode: 0o755 }).catch((error: unknown) => {
    throw cannot('be made', dirname(file), error);
  });
  const wanted = secretRights(place);
  const { rights } = await fittingRights(file, place);
  const drafts: Pick<Draft, 'discard'>[] = [];
  const drafted = async <Made extends Pick<Draft, 'discard'>>(making: Promise<Made>) => {
    const made = await making;
    drafts.push(made);
    return made;
  };
  try {
    const draft =
      after === before
        ? undefined
        : await drafted(draftConfig({ file, before, after, rights, backupRights: rights, env }));
    const replaced: PrivateDraft[] = [];
    const first: PrivateDraft[] = [];
    for (const [path, text] of [
      [caller?.secretFile, caller?.newSecret],
      [pin.file, pin.pin],
    ]) {
      if (path === undefined || text === undefined) continue;
      const isThere = (await readPrivateFile(path)) !== undefined;
      const made = await drafted(draftPrivateFile(path, `${text}\n`, wanted));
      (isThere ? replaced : first).push(made);
    }
    for (const each of first) await each.commit();
    const backup = await draft?.commit();
    for (const each of replaced) await each.commit();
    terminal.say(`Written${backup === undefined ? '' : `; the old configuration is ${backup}`}.`);
  } finally {
    for (const draft of drafts) await draft.discard();
  }
}

/**
 * Files that were there before are mended too: a secret that a person copied there is often
 * readable by root alone, or by everybody.
 */
async function mendAll(
  { pin, caller }: Answers,
  { file, callerSecretFiles }: Present,
  environment: SetupEnvironment,
): Promise<void> {
  for (const path of [file, caller?.secretFile, ...callerSecretFiles, pin.file]) {
    if (path === undefined || !(await mendRights(path, environment.place))) continue;
    environment.terminal.say(`${path} can now be read by the service, and by no stranger.`);
  }
}

interface Ending {
  present: Present;
  daemon: RunningDaemon | undefined;
  interview: Interview;
  environment: SetupEnvironment;
}

async function finish(
  flags: SetupFlags,
  { choice, pin, caller }: Answers,
  { present, daemon, interview, environment }: Ending,
): Promise<boolean> {
  const { env, terminal } = environment;
  const config = loadConfig(present.file, env);
  const found = checkConfig(present.file, env);
  // What the service's environment holds cannot be seen from here.
  const problems = found.problems.filter(
    ({ path }) => path !== 'auth0.secret_file' || caller?.secretFile !== undefined,
  );
  for (const { path, message } of problems) terminal.say(`error: ${path}: ${message}`);
  for (const warning of found.warnings) terminal.say(`warning: ${warning}`);
  const obstacle = flags.send === undefined ? whyNoTest(choice, daemon) : undefined;
  if (obstacle !== undefined && interview.canAsk) {
    terminal.say(`No test message can be sent yet: ${obstacle.what}`);
    if (obstacle.remedy !== undefined) terminal.say(`  → ${obstacle.remedy}`);
  }
  const recipient =
    obstacle === undefined ? await askForRecipient(flags.send, interview) : undefined;
  const sent = recipient && (await sendTest(recipient, choice, daemon, environment));
  if (sent) {
    terminal.say(`${sent.level}: ${sent.what}`);
    if (sent.remedy !== undefined) terminal.say(`  → ${sent.remedy}`);
  }
  terminal.say('\nNext:');
  const lines = nextLines({
    ...environment.installation,
    configFile: present.file,
    caller: caller?.caller,
    callers: config.callers,
    url: caller?.url,
    listen: hostAndPort(config.http.listen),
    isDaemonRunning: daemon !== undefined,
    needsReload: needsReload(
      present.config,
      config,
      pin.pin !== undefined || caller?.newSecret !== undefined,
    ),
  });
  for (const line of lines) terminal.say(line);
  return problems.length === 0 && (!sent || sent.level === 'ok');
}
