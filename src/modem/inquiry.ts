/** What one may ask a modem beside sending through it: the commands of `doctor` and `ussd`. Answers are the modem's and untrusted. */

import { isKnownUrc } from '../at/lines.js';
import { anyText } from '../at/machine.js';
import type { Modem } from './modem.js';
import { type RegistrationStats, registrationAnswer, registrationDomains } from './registration.js';
import { readServiceCentre } from './service-centre.js';

const quickMs = 5_000;
const simMs = 10_000;

/** The modem's firmware (27.007 5.3). */
export async function firmware(modem: Modem): Promise<string | undefined> {
  const lines = await modem.ask('AT+CGMR', anyText, quickMs);
  return lines?.[0]?.replace(/^\+CGMR: */, '').replaceAll('"', '');
}

/** `<fun>` of `+CFUN` (27.007 8.2): 1 is full functionality, 0 and 4 have the radio off. */
export async function functionality(modem: Modem): Promise<number | undefined> {
  const lines = await modem.ask('AT+CFUN?', /^\+CFUN:/, quickMs);
  return wholeNumber(/^\+CFUN: *(\d{1,3})/.exec(lines?.[0] ?? '')?.[1]);
}

/** Every registration, for they disagree on LTE modems. */
export async function registrationStats(modem: Modem): Promise<RegistrationStats> {
  const stats: RegistrationStats = { creg: undefined, cgreg: undefined, cereg: undefined, c5greg: undefined };
  for (const domain of registrationDomains) {
    const response = registrationAnswer(domain);
    const lines = await modem.bear(() => modem.ask(`AT+${domain.toUpperCase()}?`, response, quickMs));
    stats[domain] = wholeNumber(response.exec(lines?.[0] ?? '')?.[1]);
  }
  return stats;
}

/** The SMSC's number as the SIM has it (27.005 3.3.1); an empty text when it has none, undefined when the modem does not tell. */
export async function serviceCentre(modem: Modem): Promise<string | undefined> {
  const lines = await modem.ask('AT+CSCA?', /^\+CSCA:/, simMs);
  return readServiceCentre(lines?.[0])?.number;
}

/** How full a message storage is. */
export interface StorageFill {
  /** `SM` the SIM, `ME` the equipment, `MT` both, `SR` status reports (27.005 3.2.2). */
  storage: string;
  used: number;
  total: number;
}

/** The storages that `+CPMS` has chosen, each once, in its order: for reading, for writing, for what comes in. */
export async function storageFills(modem: Modem): Promise<StorageFill[] | undefined> {
  const lines = await modem.ask('AT+CPMS?', /^\+CPMS:/, simMs);
  if (lines === undefined) return undefined;
  const fills = [...(lines[0] ?? '').matchAll(/"([A-Z]{2})" *, *(\d{1,5}) *, *(\d{1,5})/g)].map(
    ([, storage = '', used, total]) => ({ storage, used: Number(used), total: Number(total) }),
  );
  return fills.filter(({ storage }, index) => fills.findIndex((one) => one.storage === storage) === index);
}

/** mode, mt, bm, ds, bfr of `+CNMI` as they are in force (27.005 3.4.1). */
export async function indicationSettings(modem: Modem): Promise<number[] | undefined> {
  const lines = await modem.ask('AT+CNMI?', /^\+CNMI:/, quickMs);
  const values = /^\+CNMI: *(\d(?: *, *\d){0,4})/.exec(lines?.[0] ?? '')?.[1];
  return values?.split(',').map(Number);
}

/** The character set of strings (27.007 5.5), as `GSM`, `IRA`, `UCS2`. */
export async function characterSet(modem: Modem): Promise<string | undefined> {
  const lines = await modem.ask('AT+CSCS?', /^\+CSCS:/, quickMs);
  return /^\+CSCS: *"?([A-Z0-9-]{2,10})/i.exec(lines?.[0] ?? '')?.[1]?.toUpperCase();
}

/** What came back on a USSD request (27.007 7.15). */
export interface UssdReply {
  /** `<m>`: 0 answered, 1 the network waits for more, 2 it ended the session, 3 another client answered, 4 not supported, 5 timeout. */
  status: number;
  /** As the modem wrote it between the quotes; each character is an octet. Undefined when it wrote none. */
  raw: string | undefined;
  /** Data coding scheme (23.038 clause 5). */
  dcs: number | undefined;
}

/** Milliseconds for the modem to take the request; most say OK at once, some only when the network has answered. */
const ussdCommandMs = 15_000;
/** Milliseconds for the rest of an answer of several lines. */
const ussdLinesMs = 2_000;

/**
 * Sends a USSD request and waits for the network's answer, `timeoutMs` at most; a session that stays open is ended. `requests` is the request as
 * it may be written, best first: the next is tried when the modem refuses one. Undefined: it refused all; rejects with
 * `UssdTimeout`, or `signal`'s reason, when there was no answer.
 */
export async function requestUssd(
  modem: Modem,
  requests: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<UssdReply | undefined> {
  const collector = new UssdCollector();
  const listener = (line: string) => collector.take(line);
  modem.urcListeners.add(listener);
  let isOpen = false;
  try {
    isOpen = await isTaken(modem, requests);
    if (!isOpen) return undefined;
    const reply = await collector.reply(timeoutMs, signal);
    isOpen = reply.status === 1;
    return reply;
  } finally {
    modem.urcListeners.delete(listener);
    if (isOpen) await modem.bear(() => modem.ask('AT+CUSD=2', undefined, simMs));
  }
}

/** The network did not answer a USSD request. */
export class UssdTimeout extends Error {
  override readonly name = 'UssdTimeout';

  constructor(timeoutMs: number) {
    super(`the network did not answer within ${timeoutMs / 1000} s`);
  }
}

async function isTaken(modem: Modem, requests: readonly string[]): Promise<boolean> {
  for (const request of requests) {
    const command = `AT+CUSD=1,"${request}",15`;
    // Silence may mean that the request is on its way: only a refused one is written in another way.
    const taken = await modem.bear(async () => [await modem.ask(command, undefined, ussdCommandMs)]);
    if (taken === undefined || taken[0] !== undefined) return true;
  }
  return false;
}

/** Most lines of an answer; a USSD string has 182 characters at most (23.038 6.1.2.3). */
const maxUssdLines = 32;

/** Puts a `+CUSD` together: its text may hold line breaks, and then comes as several lines. */
class UssdCollector {
  #status: number | undefined;
  /** What came behind the opening quote. */
  #lines: string[] = [];
  #reply: UssdReply | undefined;
  #onChange: (() => void) | undefined;

  take(line: string): void {
    if (this.#reply !== undefined) return;
    if (this.#status === undefined) this.#takeHead(line);
    else if (!isKnownUrc(line)) this.#takeText(line);
    this.#onChange?.();
  }

  /** Rejects when nothing has come by then; an answer that stays without its end is given as it is. */
  reply(timeoutMs: number, signal: AbortSignal): Promise<UssdReply> {
    return new Promise((resolve, reject) => {
      let lines: NodeJS.Timeout | undefined;
      const settle = (how: () => void) => {
        clearTimeout(lines);
        clearTimeout(answer);
        signal.removeEventListener('abort', onAbort);
        this.#onChange = undefined;
        how();
      };
      const onAbort = () => settle(() => reject(signal.reason as Error));
      this.#onChange = () => {
        const reply = this.#reply;
        if (reply !== undefined) return settle(() => resolve(reply));
        if (this.#status === undefined) return;
        lines ??= setTimeout(() => settle(() => resolve(this.#finish(undefined))), ussdLinesMs);
      };
      const answer = setTimeout(() => settle(() => reject(new UssdTimeout(timeoutMs))), timeoutMs);
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
      else this.#onChange();
    });
  }

  #takeHead(line: string): void {
    const match = /^\+CUSD: *(\d)(?: *, *"(.*)| *,? *)?$/.exec(line);
    if (match === null) return;
    this.#status = Number(match[1]);
    if (match[2] === undefined) this.#reply = { status: this.#status, raw: undefined, dcs: undefined };
    else this.#takeText(match[2]);
  }

  #takeText(line: string): void {
    const end = /^(.*)" *, *(\d{1,3}) *$/.exec(line);
    this.#lines.push(end?.[1] ?? line);
    if (end !== null) this.#reply = this.#finish(wholeNumber(end[2]));
    else if (this.#lines.length >= maxUssdLines) this.#reply = this.#finish(undefined);
  }

  /** Without a data coding scheme a quote at the end of a line may be the text's own, so only silence tells that it was the last. */
  #finish(dcs: number | undefined): UssdReply {
    const text = this.#lines.join('\n');
    return { status: this.#status ?? 0, raw: dcs === undefined ? text.replace(/" *$/, '') : text, dcs };
  }
}

function wholeNumber(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}
