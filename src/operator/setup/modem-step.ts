/** Which modem, and what doctor says of it. */

import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { leavesMachine, parseSelector, type Selector, whyNoDevice } from '../../config/selector.js';
import { entryName } from '../../config/values.js';
import type { Finding, ModemReport } from '../../doctor/finding.js';
import { shownDevice, wishesOf } from '../../doctor/targets.js';
import type { Machine } from '../../doctor/this-machine.js';
import { OperatorError } from '../../errors.js';
import { type Interview, type Reading, valid } from './interview.js';
import {
  type FoundModem,
  findModems,
  type InspectedModem,
  inspectModem,
  type ModemEntry,
  type RunningDaemon,
} from './modem-search.js';
import { type OtherModem, otherModemAt, usualBaud } from './other-gateways.js';
import { type Present, type PresentModem, selectorOf } from './present.js';

/** What the flags say of it. */
export interface ModemFlags {
  modem?: string;
  device?: string;
}

/** The entry that is set up. */
export interface ModemChoice {
  /** Of its `[[modem]]`; that of a new one is behind the last. */
  index: number;
  name: string;
  device: string;
  inspected: InspectedModem;
  /** What another program was told of it. */
  other?: OtherModem | undefined;
  /** Bits per second at which it answers; undefined: as usual, or as configured. */
  baud?: number | undefined;
  /** What the configuration is to say of it; undefined: nothing, or what it says already. */
  smsc?: string | undefined;
}

interface ModemStepContext {
  present: Present;
  /** The modems of other SMS programs. */
  others: readonly OtherModem[];
  daemon: RunningDaemon | undefined;
  interview: Interview;
  machine: Machine;
}

/**
 * Chooses entry and device, and looks. Undefined: there are several, and none of them is asked
 * about. Rejects with {@link OperatorError} naming the flag where nobody can be asked.
 */
export async function askForModem(
  flags: ModemFlags,
  context: ModemStepContext,
): Promise<ModemChoice | undefined> {
  const { present, interview } = context;
  const entry = await chooseEntry(flags, present.modems, interview);
  if (entry === undefined) return undefined;
  const found = await chooseDevice(flags, entry, context);
  const tty = found.inspected.answered?.candidate.tty ?? found.inspected.report.tty;
  const baud = found.inspected.answered?.target.baud;
  return {
    ...entry,
    ...found,
    other: otherModemAt(context.others, tty),
    ...(baud !== usualBaud && { baud }),
  };
}

async function chooseDevice(
  flags: ModemFlags,
  entry: Entry,
  context: ModemStepContext,
): Promise<{ device: string; inspected: InspectedModem }> {
  const { present, interview } = context;
  const { index, name } = entry;
  const taken = present.modems.flatMap(({ selector }, other) =>
    other === index || selector === undefined ? [] : [selector],
  );
  if (flags.device !== undefined) {
    const device = valid(readDevice(flags.device, taken), '--device');
    return { device, inspected: await see({ ...entry, device }, taken, context) };
  }
  const device = present.modems[index]?.device;
  if (device !== undefined) {
    const inspected = await see({ ...entry, device }, taken, context);
    interview.terminal.say(
      `Modem "${name}" is configured as ${shownDevice(device)}: ${presence(inspected)}.`,
    );
    if (await interview.confirms('Keep it?')) return { device, inspected };
  }
  return discover(entry, taken, context);
}

interface Entry {
  index: number;
  name: string;
}

const presence = ({ report }: InspectedModem) =>
  report.facts === undefined ? 'it does not answer here now' : 'it answers';

/** By name; a name that is none's makes a new entry. */
async function chooseEntry(
  { modem: flag, device }: ModemFlags,
  modems: readonly PresentModem[],
  interview: Interview,
): Promise<Entry | undefined> {
  const name = await chooseName(flag, device, modems, interview);
  if (name === undefined) return undefined;
  const index = modems.findIndex((modem) => modem.name === name);
  if (index >= 0) return { index, name };
  // An entry that nobody has filled in yet is the one that is meant.
  const blank = modems.findIndex((modem) => modem.name === undefined || modem.device === undefined);
  return { index: blank >= 0 ? blank : modems.length, name };
}

async function chooseName(
  flag: string | undefined,
  device: string | undefined,
  modems: readonly PresentModem[],
  interview: Interview,
): Promise<string | undefined> {
  if (flag !== undefined) return valid(readName(flag), '--modem');
  if (modems.length <= 1) return modems[0]?.name ?? 'main';
  const names = modems.map(({ name }) => name ?? 'one without a name').join(', ');
  if (!interview.canAsk) {
    if (device === undefined) return undefined;
    throw new OperatorError(`--device is of which modem? Give it as --modem: there is ${names}`);
  }
  return interview.ask<string | undefined>({
    what: 'which modem to look at',
    hint: `${names}; a new name adds one; Enter alone: none`,
    flag: '--modem',
    read: (answer) => (answer === '' ? { value: undefined } : readName(answer)),
  });
}

function readName(answer: string): Reading<string> {
  const parsed = v.safeParse(entryName, answer);
  return parsed.success ? { value: parsed.output } : { objection: parsed.issues[0].message };
}

const elsewhere =
  'is on another machine, and PINs and codes would travel there in the clear: give the local end of a stunnel, or write ' +
  'its [[modem]] by hand, with insecure = true: see docs/modems.md, "Modems over the network"';

/** `taken` is what other entries name. */
function readDevice(answer: string, taken: readonly Selector[]): Reading<string> {
  const objection = whyNoDevice(answer);
  if (objection !== undefined) return { objection };
  const parsed = parseSelector(answer);
  if (!parsed.ok) return { objection: parsed.message };
  const { selector } = parsed;
  if (selector.kind === 'network' && leavesMachine(selector)) return { objection: elsewhere };
  const isTaken =
    !['auto', 'usb'].includes(selector.kind) &&
    taken.some((other) => isDeepStrictEqual(other, selector));
  if (isTaken) return { objection: 'is that of another [[modem]]: every one has its own' };
  return { value: answer };
}

/** The daemon has its modems open: it is asked about its own, unless it is to be another device. */
async function see(
  { index, name, device }: { index: number; name: string; device: string },
  others: readonly Selector[],
  { present, daemon, machine, others: files }: ModemStepContext,
): Promise<InspectedModem> {
  const own = daemon?.reports.find((report) => report.name === name);
  if (own !== undefined && present.modems[index]?.device === device) return { report: own };
  const config = present.config?.modems[index];
  const entry: ModemEntry = {
    name,
    device,
    selector: selectorOf(device, present.file),
    settings: config && {
      baud: config.baud,
      tuning: config,
      wishes: { ...wishesOf(config), hasPin: true },
    },
  };
  return inspectModem(entry, others, machine, files);
}

/**
 * One of the modems that answer, or what a person writes instead; what does not answer is taken
 * only from one who insists.
 */
async function discover(
  entry: Entry,
  taken: readonly Selector[],
  context: ModemStepContext,
): Promise<{ device: string; inspected: InspectedModem }> {
  const { interview, machine, others } = context;
  const { terminal } = interview;
  for (;;) {
    terminal.say('Looking for modems …');
    const { found, inVain } = await findModems(taken, machine, others);
    tellInVain(inVain, interview);
    const known = tellFound(found, others, terminal);
    if (found.length === 0) terminal.say('No modem was found that answers.');
    const only = found.length === 1 ? found[0] : known;
    if (!terminal.isInteractive) return only ?? refuse(found);
    if (!interview.canAsk && only !== undefined) return only;
    const chosen = await pick(found, only, taken, interview);
    if (chosen === undefined) continue;
    if ('inspected' in chosen) return chosen;
    const inspected = await see({ ...entry, ...chosen }, taken, context);
    if (inspected.report.facts !== undefined) return { ...chosen, inspected };
    tellFindings(inspected.report.findings, terminal);
    if (await interview.insists('It does not answer here now. Take it all the same?'))
      return { ...chosen, inspected };
  }
}

/** What was found; gives the one that another program uses. */
function tellFound(
  found: readonly FoundModem[],
  others: readonly OtherModem[],
  terminal: Interview['terminal'],
): FoundModem | undefined {
  const known: FoundModem[] = [];
  for (const [index, modem] of found.entries()) {
    const { label, device, inspected } = modem;
    terminal.say(`  ${index + 1}  ${label}\n     device = ${JSON.stringify(device)}`);
    const other = otherModemAt(others, inspected.answered?.candidate.tty);
    if (other === undefined) continue;
    terminal.say(`     that of ${other.file} [${other.section}]`);
    known.push(modem);
  }
  const told = new Set(known.map(({ inspected }) => inspected.answered?.candidate.tty));
  for (const { file, section, device } of others)
    if (![...told].some((tty) => otherModemAt([{ ...noOther, device }], tty)))
      terminal.say(`  –  ${file} [${section}] names ${device}, which does not answer here`);
  return known.length === 1 ? known[0] : undefined;
}

const noOther = { file: '', section: '', pin: undefined, smsc: undefined, baud: undefined };

function refuse(found: readonly FoundModem[]): never {
  if (found.length === 0)
    throw new OperatorError(
      'the modem is missing: plug it in, or give what it will be as --device',
    );
  const devices = found.map(({ device }) => device).join(', ');
  throw new OperatorError(`there are several modems: choose with --device (${devices})`);
}

/** Undefined: look again. */
async function pick(
  found: readonly FoundModem[],
  proposed: FoundModem | undefined,
  taken: readonly Selector[],
  { terminal }: Interview,
): Promise<FoundModem | { device: string } | undefined> {
  const shown = proposed === undefined ? '' : ` [${found.indexOf(proposed) + 1}]`;
  const question =
    found.length === 0
      ? 'Plug it in and press Enter to look again, or write its device: '
      : `Which one, by number, or another device${shown}: `;
  for (;;) {
    const answer = await terminal.ask(question);
    if (answer === '' && found.length === 0) return undefined;
    const chosen = answer === '' ? proposed : found[Number(answer) - 1];
    if (chosen !== undefined) return chosen;
    const reading = readDevice(answer, taken);
    if ('value' in reading) return { device: reading.value };
    terminal.say(`  ${JSON.stringify(answer)} ${reading.objection}`);
  }
}

function tellInVain(reports: readonly ModemReport[], { terminal }: Interview): void {
  for (const { name, findings } of reports) {
    terminal.say(`  –  ${name}`);
    tellFindings(findings, terminal);
  }
}

/** What is not well, and the way out. */
export function tellFindings(
  findings: readonly Finding[],
  terminal: Pick<Interview['terminal'], 'say'>,
): void {
  for (const { level, what, remedy } of findings) {
    if (level === 'ok') continue;
    terminal.say(`     ${level}: ${what}`);
    if (remedy !== undefined) terminal.say(`       → ${remedy}`);
  }
}
