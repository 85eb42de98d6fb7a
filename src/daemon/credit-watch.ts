/** The credit of the SIMs of a running daemon: how the carrier is asked, and what is told of it. */

import { randomUUID } from 'node:crypto';
import type { Logger } from 'winston';
import type { Observation } from '../alerts/conditions.js';
import type { CreditConfig } from '../config/credit.js';
import { type AskedModem, CreditKeeper, type SimCredit } from '../credit/credit.js';
import { knownIccid, simKey } from '../dispatch/sim-key.js';
import { askCarrier, GaveWay } from '../doctor/ussd.js';
import { OperatorError } from '../errors.js';
import type { Supervisor } from '../modem/supervisor.js';
import { creditCaller } from './clients.js';
import type { DaemonParts } from './snapshot.js';

/** Milliseconds that a message to the carrier may wait for its modem. */
const deadlineMs = 120_000;
const dayMs = 86_400_000;
/** So many times in a row no answer could be read. */
const mostFailures = 3;

export const creditSettings = (
  { config }: Pick<DaemonParts, 'config'>,
  modem: string,
): CreditConfig | undefined => config().modems.find(({ name }) => name === modem)?.credit;

/** Asks for the credit from now on. */
export function watchCredit(
  daemon: DaemonParts,
  stateDir: string,
  log: Logger,
): Promise<CreditKeeper> {
  const { modems, dispatch, remembered, clock } = daemon;
  const settings = (modem: string) => creditSettings(daemon, modem);
  return CreditKeeper.open({
    stateDir,
    modems: () => modems.map((modem) => askedModem(daemon, modem)),
    settings,
    async askByUssd(name, code, signal) {
      const modem = modems.find((one) => one.name === name);
      if (modem === undefined) throw new OperatorError('the modem was taken away');
      const asking = modem.inspect((lent, demand) => askCarrier(lent, code, { signal, demand }));
      const answer = await asking.catch((error: unknown) => {
        if (error instanceof GaveWay) return undefined;
        throw error;
      });
      if (answer === undefined) return undefined;
      const { text, meaning } = answer;
      if (text === undefined) throw new OperatorError(meaning);
      return text;
    },
    async send(modem, recipient, text, callerLeft) {
      const message = { id: randomUUID(), caller: creditCaller, recipient, text };
      const deadlineAt = performance.now() + deadlineMs;
      // Behind all logins, and not by the limits of others: a storm of alerts would let the SIM
      // lapse. It is sent once an hour at most to the carrier, and once in six to keep it alive.
      const terms = { isAlert: true, isOwn: true, modems: [modem] };
      await dispatch.send({ ...message, ...terms }, { deadlineAt, callerLeft });
    },
    date: () => remembered.date(),
    isClockSet: () => clock.isSet(),
    log,
  });
}

function askedModem({ dispatch, remembered }: DaemonParts, modem: Supervisor): AskedModem {
  return {
    name: modem.name,
    sim: knownIccid(modem) === undefined ? undefined : simKey(modem, remembered.hmac),
    isIdle: modem.phase === 'ready' && dispatch.waiting() === 0,
  };
}

/** What the operator is to be told of. */
export function creditObservations(daemon: DaemonParts): Observation[] {
  return daemon.modems.flatMap(({ name }) => {
    const settings = creditSettings(daemon, name);
    const credit = daemon.credit(name);
    if (settings === undefined || credit === undefined) return [];
    return [
      ...low(name, credit, settings),
      ...expiring(name, credit, settings, daemon.remembered.date()),
      ...unknown(name, credit),
    ];
  });
}

function low(
  name: string,
  { amount }: SimCredit,
  { low: least, ussd }: CreditConfig,
): Observation[] {
  if (amount === undefined || least === undefined || amount >= least) return [];
  const again =
    ussd === undefined ? '' : `; "sudo simgate ussd '${ussd}' --modem ${name}" asks again`;
  return [
    {
      kind: 'credit_low',
      subject: name,
      what: `the SIM of modem ${name} has ${amount} left, and low is ${least}`,
      remedy: `put credit on it${again}`,
    },
  ];
}

function expiring(
  name: string,
  { validUntilMs }: SimCredit,
  { warnDays }: CreditConfig,
  nowMs: number,
): Observation[] {
  if (validUntilMs === undefined || validUntilMs - warnDays * dayMs > nowMs) return [];
  const day = new Date(validUntilMs).toISOString().slice(0, 10);
  return [
    {
      kind: 'credit_expires',
      subject: name,
      what: `the credit of the SIM of modem ${name} is good until ${day} only`,
      remedy: 'put credit on it, as the carrier wants it to be prolonged',
    },
  ];
}

function unknown(name: string, { failures, why }: SimCredit): Observation[] {
  if (failures < mostFailures || why === undefined) return [];
  return [
    {
      kind: 'credit_unknown',
      subject: name,
      what: `the credit of the SIM of modem ${name} was asked for in vain: ${why}`,
      remedy: 'sudo simgate ussd with the code shows what the carrier says; correct [modem.credit]',
    },
  ];
}
