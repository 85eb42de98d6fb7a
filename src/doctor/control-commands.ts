import * as v from 'valibot';
import type { Logger } from 'winston';
import { AtLinkLost } from '../at/errors.js';
import { inTime } from '../clock/within.js';
import type { ModemConfig } from '../config/config.js';
import type { CreditConfig } from '../config/credit.js';
import type { UssdService } from '../config/schema.js';
import type { ControlRequest } from '../control/protocol.js';
import type { ControlCommand } from '../control/server.js';
import type { Send } from '../dispatch/message.js';
import { OperatorError } from '../errors.js';
import type { Demand, Modem } from '../modem/modem.js';
import { canSend, type ModemSnapshot } from '../modem/sms-modem.js';
import { maskNumber } from '../number/mask.js';
import { readRecipient } from '../number/recipient.js';
import type { Stick } from '../usb/stick.js';
import { listSticks } from '../usb/sticks.js';
import { stoppedAnswering } from './direct.js';
import { examine, factsAsJson } from './facts.js';
import { error, type Finding, type ModemReport, ok, warning } from './finding.js';
import { judgeFacts } from './judge.js';
import { entryFor, listModems } from './modem-list.js';
import { rememberedPin } from './remembered-pin.js';
import { chooseModem, reportSpareSticks, shownDevice, wishesOf } from './targets.js';
import { sendTestMessage } from './test-message.js';
import type { Machine } from './this-machine.js';
import { judgeTty } from './tty.js';
import { askCarrier, whyNotUssd, withCredit } from './ussd.js';

/** A modem as the daemon has it. `snapshot().device` is its tty while it is open. */
export interface OwnModem {
  readonly name: string;
  snapshot(): ModemSnapshot;
  inspect<T>(work: (modem: Modem, demand: Demand) => Promise<T>): Promise<T>;
}

/** What the daemon lends to the control socket. */
export interface OwnDaemon {
  modems: readonly OwnModem[];
  /** As in force. */
  configs: () => readonly ModemConfig[];
  send: Send;
  /** Milliseconds within which the queue answers, as the configuration in force has it. */
  deadlineMs: () => number;
  /** What USSD codes may change, as configured now. */
  ussdAllow: () => readonly UssdService[];
  /** `[modem.credit]` of a modem, as configured now. */
  creditOf: (modem: string) => CreditConfig | undefined;
  /** The carrier has said something of its credit. */
  creditAnswered: (modem: string, text: string) => void;
  snapshot(): object;
  /** Where `pins.json` is. */
  stateDir: string;
  machine: Machine;
  log: Logger;
}

/** The commands by which the CLI asks a running daemon. */
export function controlCommands(daemon: OwnDaemon): Readonly<Record<string, ControlCommand>> & {
  status: ControlCommand;
} {
  return {
    status: async function* status() {
      yield { pid: process.pid, ...daemon.snapshot() };
    },
    doctor: (_request, signal) => doctor(daemon, signal),
    modems: () => modems(daemon),
    ussd: createUssd(daemon),
    send: (request, signal) => send(daemon, request, signal),
  };
}

/** Yields `{report}` for each modem, then for each stick that is none of the daemon's. */
async function* doctor(daemon: OwnDaemon, signal: AbortSignal): AsyncGenerator<object> {
  const sticks = await listSticks(daemon.machine.roots);
  const usedKeys = new Set<string>();
  // A reload may change both meanwhile.
  for (const modem of daemon.modems.slice()) {
    const config = daemon.configs().find(({ name }) => name === modem.name);
    if (config === undefined) continue;
    const stick = stickOf(modem.snapshot().device, sticks);
    if (stick !== undefined) usedKeys.add(stick.key);
    yield { report: await reportOwn(modem, config, stick, daemon, signal) };
  }
  for (const report of reportSpareSticks(sticks, usedKeys)) yield { report };
}

const stickOf = (tty: string, sticks: readonly Stick[]) =>
  sticks.find((stick) => stick.ports.some((port) => port.tty === tty));

/** Milliseconds for one modem, which may be sending meanwhile. */
const examineMs = 60_000;

async function reportOwn(
  modem: OwnModem,
  config: ModemConfig,
  stick: Stick | undefined,
  { machine, stateDir }: Pick<OwnDaemon, 'machine' | 'stateDir'>,
  signal: AbortSignal,
): Promise<ModemReport> {
  const snapshot = modem.snapshot();
  const tty = isOpen(snapshot) ? snapshot.device : undefined;
  const head = {
    name: modem.name,
    device: shownDevice(config.device),
    ...(tty !== undefined && { tty }),
  };
  const findings = [judgePhase(snapshot)];
  if (tty === undefined) return { ...head, findings };
  const why = stick?.atPorts.find((port) => port.tty === tty)?.why ?? `found as ${head.device}`;
  const key = stick?.key ?? tty;
  const judged = await judgeTty(
    { tty, why, stickKey: key, ...(stick && { stick }) },
    machine,
    process.pid,
  );
  findings.unshift(...judged.findings);
  if (snapshot.phase === 'stalled') return { ...head, findings };
  const asked = await askOwn(modem, config, stateDir, signal);
  return { ...head, ...asked, findings: [...findings, ...asked.findings] };
}

/**
 * Asks the modem between its messages. Gives up after a minute, so that the person at the terminal
 * hears something.
 */
async function askOwn(
  modem: OwnModem,
  config: ModemConfig,
  stateDir: string,
  signal: AbortSignal,
): Promise<Pick<ModemReport, 'facts' | 'findings'>> {
  const late = new AbortController();
  const lookUpPin =
    config.pinFile === undefined ? undefined : rememberedPin(stateDir, config.pinFile);
  const examining = modem.inspect((lent) =>
    examine(lent, { signal: AbortSignal.any([signal, late.signal]), prepare: false, lookUpPin }),
  );
  try {
    const examination = await inTime(examineMs, examining);
    if (examination === undefined) {
      // It ends at its next command, for nobody waits for it any more.
      examining.catch(() => undefined);
      return {
        findings: [
          error('modem', `the modem did not answer everything within ${examineMs / 1000} s`),
        ],
      };
    }
    const { facts, silent } = examination;
    const findings = [...judgeFacts(facts, wishesOf(config)), ...noticesOf(modem)];
    return {
      facts: factsAsJson(facts),
      findings: silent ? [...findings, stoppedAnswering] : findings,
    };
  } catch (thrown) {
    if (!(thrown instanceof AtLinkLost) && isOpen(modem.snapshot())) throw thrown;
    return {
      findings: [error('modem', `the modem was lost while it was asked: ${messageOf(thrown)}`)],
    };
  } finally {
    late.abort(new OperatorError('nobody waits for the answer any more'));
  }
}

/** What the daemon has noticed of it, but for what the facts already show. */
function noticesOf(modem: OwnModem): Finding[] {
  const notices = modem.snapshot().notices ?? [];
  return notices
    .filter(({ kind }) => kind !== 'smsc')
    .map(({ kind, sentence }) => warning(kind, sentence));
}

const messageOf = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown));

const openPhases = new Set(['probing', 'unlocking', 'registering', 'ready', 'sending', 'stalled']);
const isOpen = ({ phase }: ModemSnapshot) => openPhases.has(phase);

function judgePhase({ phase, phaseSince, reason }: ModemSnapshot): Finding {
  const seconds = Math.round((performance.now() - phaseSince) / 1000);
  const what = `${phase} for ${seconds} s${reason === undefined ? '' : `: ${reason}`}`;
  if (canSend(phase)) return ok('state', what);
  if (phase === 'stalled')
    return warning(
      'state',
      what,
      'it takes nothing else until the network has answered: wait 3 minutes',
    );
  return error('state', what);
}

/** Yields one `{sticks}`. */
async function* modems({ modems, configs, machine }: OwnDaemon): AsyncGenerator<object> {
  const entries = configs().map((config) => {
    const modem = modems.find(({ name }) => name === config.name);
    if (modem === undefined) return entryFor(config);
    const { phase, reason, device: tty } = modem.snapshot();
    return { ...entryFor(config), state: { phase, reason, tty } };
  });
  yield { sticks: listModems(await listSticks(machine.roots), entries) };
}

const text = (key: string) => v.string(`the request needs "${key}", a text`);
const ussdRequest = v.object({ code: text('code'), modem: v.optional(text('modem')) });
const sendRequest = v.object({ recipient: text('recipient') });

function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  request: ControlRequest,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, request);
  if (!parsed.success) throw new OperatorError(parsed.issues[0].message);
  return parsed.output;
}

/**
 * Yields one answer of the carrier; one question at a time for each modem, or the answers would get
 * mixed up.
 */
function createUssd(daemon: OwnDaemon): ControlCommand {
  return async function* ussd(request, signal) {
    const { code, modem: name } = parse(ussdRequest, request);
    const objection = whyNotUssd(code, daemon.ussdAllow());
    if (objection !== undefined) throw new OperatorError(objection);
    const modem = chooseModem(daemon.modems, name);
    const { phase, reason } = modem.snapshot();
    if (!canSend(phase))
      throw new OperatorError(
        `modem "${modem.name}" is ${phase}${reason === undefined ? '' : `: ${reason}`}`,
      );
    try {
      const answer = await modem.inspect((lent, demand) =>
        askCarrier(lent, code, { signal, demand }),
      );
      const settings = daemon.creditOf(modem.name);
      if (settings?.ussd === code && answer.text !== undefined)
        daemon.creditAnswered(modem.name, answer.text);
      yield { modem: modem.name, ...withCredit(answer, code, settings) };
    } catch (thrown) {
      if (!(thrown instanceof AtLinkLost)) throw thrown;
      throw new OperatorError(`modem "${modem.name}" was lost: ${thrown.message}`, {
        cause: thrown,
      });
    }
  };
}

/**
 * Yields one `{finding}`. The message keeps the rules of the queue: it is never started once who
 * asked has left.
 */
async function* send(
  daemon: OwnDaemon,
  request: ControlRequest,
  signal: AbortSignal,
): AsyncGenerator<object> {
  const reading = readRecipient(parse(sendRequest, request).recipient);
  if (reading.objection !== undefined)
    throw new OperatorError(`the recipient ${reading.objection}`);
  const { number: recipient } = reading;
  const finding = await sendTestMessage(daemon.send, recipient, daemon.deadlineMs(), signal);
  const level = finding.level === 'ok' ? 'info' : 'warn';
  daemon.log.log(level, `doctor: ${finding.what}`, {
    event: 'test_message',
    recipient: maskNumber(recipient),
  });
  yield { finding };
}
