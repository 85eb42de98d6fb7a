import { airTextNames, airTexts, isAirText } from './air-texts.js';
import { setDenied, startRegistration, statAlone } from './commands/network-registration.js';
import { OptionSyntaxError } from './option-syntax.js';
import { final, refusal } from './result-codes.js';
import type { ModemPort } from './state.js';

/** Something that is wrong with the modem itself for a while, whatever it is asked for. */
export interface Trouble {
  /** As written. */
  readonly text: string;
  readonly kind: TroubleKind;
  readonly args: readonly string[];
  /** Milliseconds that it lasts; undefined: until the simulator ends. */
  readonly forMs: number | undefined;
}

interface TroubleEntry {
  /** Before the `MS` that each may end with. */
  parameters: readonly string[];
  /** For `--help` and for people. */
  does: string;
  /**
   * What a command line (without its AT) is answered with, as it goes over the wire; undefined when
   * it is answered as ever.
   */
  answer?: (body: string, args: readonly string[], modem: ModemPort) => string | undefined;
  /** Once, as it begins. */
  begin?: (modem: ModemPort) => void;
  /** Once, as its time is over. */
  end?: (modem: ModemPort) => void;
}

/** Longer than a client may trust what it set. */
const quietMs = 1200;

/** Whether a command line begins with `name`, as `+COPS?` or `+CNMI=`; `AT` is the bare one. */
const isNamed = (body: string, name = ''): boolean =>
  name.toUpperCase() === 'AT' ? body === '' : body.toUpperCase().startsWith(name.toUpperCase());

/** Every trouble. COMMAND is what a command line begins with behind its AT, or AT alone. */
export const troubleKinds = {
  deaf: {
    parameters: [],
    does: 'nothing at all is answered',
    answer: () => '',
  },
  'gps-port': {
    parameters: [],
    does: 'no command is answered: what comes are positions, as from the GPS port of a modem',
    answer: () =>
      '$GPRMC,120000.00,A,5231.2,N,01324.3,E,0.0,,231126,,,A*6C\r\n$GPGSV,1,1,01,07,45,120,38*4F\r\n',
  },
  'qmi-port': {
    parameters: [],
    does: 'no command is answered: what comes are frames of QMI, as from another port of the modem',
    answer: () => '\x01\x0c\x00\x80\x00\x00\x01\x21\x00\x00\x00\x7e'.repeat(4),
  },
  mute: {
    parameters: ['COMMAND'],
    does: 'COMMAND is never answered; all others are',
    answer: (body, [command]) => (isNamed(body, command) ? '' : undefined),
  },
  refuse: {
    parameters: ['COMMAND', 'CODE'],
    does: 'COMMAND is answered with CODE: ERROR, CME10, CMS314 …',
    answer: (body, [command, code]) => (isNamed(body, command) ? refusal(code) : undefined),
  },
  'refuse-all': {
    parameters: ['CODE'],
    does: 'each command, a bare AT too, is answered with CODE: ERROR, CME515, CMS314 …',
    answer: (_body, [code]) => refusal(code),
  },
  'refuse-late': {
    parameters: ['COMMAND', 'CODE', 'DELAY_MS'],
    does: 'COMMAND is answered with CODE, and only DELAY_MS later; all others are answered meanwhile',
    answer: (body, [command, code, delayMs], modem) => {
      if (!isNamed(body, command)) return undefined;
      modem.after(Number(delayMs), () => modem.sayRaw(refusal(code)));
      return '';
    },
  },
  babble: {
    parameters: ['COMMAND'],
    does: 'COMMAND is answered with a line that means nothing, and OK',
    answer: (body, [command]) =>
      isNamed(body, command) ? `\r\n%/& 17,"\r\n${final('OK')}` : undefined,
  },
  'air-within': {
    parameters: ['COMMAND', 'WHAT'],
    does: `within COMMAND, before its answer, comes what is not the modem’s own: ${airTextNames.join(', ')}`,
    answer: (body, [command, what], modem) => {
      if (isNamed(body, command) && isAirText(what))
        for (const line of airTexts[what]) modem.say(line);
      return undefined;
    },
  },
  'results-off': {
    parameters: [],
    does: 'somebody leaves ATQ1 in it: it obeys, and says no result code',
    begin: (modem) => {
      modem.settings.quiet = true;
    },
  },
  'results-in-numbers': {
    parameters: [],
    does: 'somebody leaves ATV0 in it: result codes are numbers, and end with CR alone',
    begin: (modem) => {
      modem.settings.verbose = false;
    },
  },
  'no-indications': {
    parameters: [],
    does: 'nothing is said of what is stored, as where another port has the indications',
  },
  'routes-directly': {
    parameters: [],
    does: 'somebody has left +CNMI: 2,2,0,1,0 in it, and it takes no other: what comes in is said as +CMT and +CDS, and stored nowhere',
    answer: (body) => (isNamed(body, '+CNMI=') ? final('+CMS ERROR: 303') : undefined),
    begin: (modem) => {
      modem.settings.cnmi = [2, 2, 0, 1, 0];
    },
  },
  'broken-off': {
    parameters: ['COMMAND'],
    does: 'the answer to COMMAND ends in the middle of its first line',
    answer: (body, [command = '']) =>
      isNamed(body, command) ? `\r\n${command.replace(/[=?].*/, '')}: 1` : undefined,
  },
  'sim-says': {
    parameters: ['STATE'],
    does: '+CPIN? says STATE, as SIM PIN2, of a SIM that is ready',
    answer: (body, [state], { sim }) =>
      isNamed(body, '+CPIN?') && sim.state === 'READY'
        ? `\r\n+CPIN: ${state}\r\n${final('OK')}`
        : undefined,
  },
  'sim-error': {
    parameters: [],
    does: '+CPIN? of a SIM that asks for its PIN or PUK is answered with CME 11 or 12',
    answer: (body, _args, { sim }) => {
      if (!isNamed(body, '+CPIN?') || sim.state === 'READY') return undefined;
      return refusal(sim.state === 'SIM PIN' ? 'CME11' : 'CME12');
    },
  },
  'sms-starting': {
    parameters: [],
    does: '+CNMI and +CPMS are refused with CMS 314, as while a modem starts; then it says +QIND: SMS DONE',
    answer: (body) =>
      isNamed(body, '+CNMI=') || isNamed(body, '+CPMS=') ? final('+CMS ERROR: 314') : undefined,
    begin: (modem) => {
      modem.settings.cnmi = [0, 0, 0, 0, 0];
    },
    end: (modem) => modem.say('+QIND: SMS DONE'),
  },
  'radio-off': {
    parameters: [],
    does: 'its radio falls to +CFUN: 4 without a word',
    begin: (modem) => {
      modem.settings.cfun = 4;
      startRegistration(modem);
    },
  },
  'radio-off-untold': {
    parameters: [],
    does: 'its radio falls to +CFUN: 4 without a word, and +CREG stays as it was: each message is refused with CMS 302',
    begin: (modem) => {
      modem.settings.cfun = 4;
    },
  },
  'registration-stuck': {
    parameters: [],
    does: '+CREG: 3 until its radio is switched off and on',
    begin: (modem) => setDenied(modem, true),
    end: (modem) => setDenied(modem, false),
  },
  'stat-alone': {
    parameters: [],
    does: '+CREG? and its kin are answered with <stat> alone',
    answer: (body, _args, modem) => {
      const told = statAlone(modem, body);
      return told && `\r\n${told}\r\n${final('OK')}`;
    },
  },
  'text-mode': {
    parameters: [],
    does: 'another program sets text mode, once the line is quiet for 1.2 s',
    begin: (modem) => {
      modem.whenQuiet(quietMs, () => {
        modem.settings.cmgf = 1;
      });
    },
  },
  'silent-restart': {
    parameters: [],
    does: 'it restarts without a word, once the line is quiet for 1.2 s; ATE0 and text mode are saved in it',
    begin: (modem) => modem.whenQuiet(quietMs, () => modem.restartSilently()),
  },
  'sim-relocked': {
    parameters: [],
    does: 'its SIM asks for the PIN again without a word, while +CREG stays as it is',
    begin: (modem) => modem.sim.reset(),
  },
} satisfies Record<string, TroubleEntry>;

export type TroubleKind = keyof typeof troubleKinds;

export const isTroubleKind = (kind: string): kind is TroubleKind =>
  Object.hasOwn(troubleKinds, kind);

/** Reads `KIND[:ARG…][:MS]`. Throws {@link OptionSyntaxError}. */
export function parseTrouble(text: string): Trouble {
  const [kind = '', ...given] = text.split(':');
  if (!isTroubleKind(kind))
    throw new OptionSyntaxError(
      `unknown trouble "${kind}"; known: ${Object.keys(troubleKinds).join(', ')}`,
    );
  const { parameters }: TroubleEntry = troubleKinds[kind];
  const [args, rest] = [given.slice(0, parameters.length), given.slice(parameters.length)];
  const isSound =
    args.length === parameters.length && rest.length <= 1 && /^\d{1,9}$/.test(rest[0] ?? '0');
  if (!isSound || args.includes(''))
    throw new OptionSyntaxError(`"${text}": expected ${[kind, ...parameters].join(':')}[:MS]`);
  if (kind === 'air-within' && !isAirText(args[1]))
    throw new OptionSyntaxError(`"${text}": WHAT must be one of ${airTextNames.join(', ')}`);
  return { text, kind, args, forMs: rest[0] === undefined ? undefined : Number(rest[0]) };
}

/** What is wrong with a modem now. It outlives the modem's restarts. */
export class Troubles {
  readonly #modem: ModemPort;
  readonly #active = new Set<Trouble>();

  constructor(modem: ModemPort) {
    this.#modem = modem;
  }

  /** `trouble` begins. */
  begin(trouble: Trouble): void {
    const { text, kind, forMs } = trouble;
    const entry: TroubleEntry = troubleKinds[kind];
    this.#modem.record.write({ kind: 'fault', fault: text });
    this.#active.add(trouble);
    entry.begin?.(this.#modem);
    if (forMs === undefined) return;
    this.#modem.network.after(forMs, () => {
      if (!this.#active.delete(trouble)) return;
      this.#modem.record.write({ kind: 'fault_over', fault: text });
      entry.end?.(this.#modem);
    });
  }

  isActive(kind: TroubleKind): boolean {
    return [...this.#active].some((trouble) => trouble.kind === kind);
  }

  /**
   * What `body` is answered with instead, as it goes over the wire; undefined when nothing is wrong
   * with it.
   */
  answer(body: string): string | undefined {
    for (const { kind, args } of this.#active) {
      const entry: TroubleEntry = troubleKinds[kind];
      const answer = entry.answer?.(body, args, this.#modem);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }
}
