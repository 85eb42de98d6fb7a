import { OptionSyntaxError } from './option-syntax.js';
import type { Random } from './random.js';

/** How a number is spelled in a report: as it was written, or as it is dialled at home. */
export const spellings = ['international', 'national', 'bare'] as const;
export type Spelling = (typeof spellings)[number];

/**
 * Time stamps of a report: right, of the right hour with the wrong zone, or blank (23.040
 * 9.2.3.11).
 */
export const stampings = ['right', 'zoneless', 'blank'] as const;
export type Stamping = (typeof stampings)[number];

/** How the network reports on what it has taken (3GPP TS 23.040 9.2.3.26). */
export interface ReportHabits {
  /** TP-ST of one report behind the other; of several lists each message draws one. */
  readonly statuses: readonly (readonly number[])[];
  /** Each report comes up to so many milliseconds later than it would: they overtake each other. */
  readonly spreadMs: number;
  /** How often each report is sent. */
  readonly copies: number;
  /** Of several each report draws one. */
  readonly spellings: readonly Spelling[];
  readonly stamping: Stamping;
  /** The first one comes before the modem has said `+CMGS`. */
  readonly isEarly: boolean;
  /** Of 100 messages, so many are never reported on. */
  readonly silentPercent: number;
}

/** One report that every message gets, when it was delivered (TP-ST 0x00, 9.2.3.15). */
export const plainHabits: ReportHabits = {
  statuses: [[0x00]],
  spreadMs: 0,
  copies: 1,
  spellings: ['international'],
  stamping: 'right',
  isEarly: false,
  silentPercent: 0,
};

type Readers = Record<string, (value: string) => Partial<ReportHabits>>;

const readers: Readers = {
  statuses: (value) => ({
    statuses: value.split('|').map((list) => list.split('-').map(readStatus)),
  }),
  spread: (value) => ({ spreadMs: whole(value, 86_400_000) }),
  copies: (value) => ({ copies: whole(value, 9) }),
  spelling: (value) => ({ spellings: value.split('|').map((word) => oneOf(spellings, word)) }),
  stamps: (value) => ({ stamping: oneOf(stampings, value) }),
  early: (value) => ({ isEarly: oneOf(['yes', 'no'], value) === 'yes' }),
  silent: (value) => ({ silentPercent: whole(value, 100) }),
};

/**
 * Reads `statuses=30-00|46,spread=5000,copies=2,spelling=national|bare,stamps=blank,early=yes`;
 * statuses are TP-ST in hexadecimal. Throws {@link OptionSyntaxError}.
 */
export function parseReportHabits(text: string): ReportHabits {
  let habits = plainHabits;
  for (const part of text.split(',')) {
    const [key = '', value = ''] = part.split('=');
    const read = Object.hasOwn(readers, key) ? readers[key] : undefined;
    if (read === undefined)
      throw new OptionSyntaxError(
        `"${part}": expected ${Object.keys(readers).join(', ')}, "=", and a value`,
      );
    habits = { ...habits, ...read(value) };
  }
  return habits;
}

function readStatus(text: string): number {
  if (/^[0-9A-F]{2}$/i.test(text)) return Number.parseInt(text, 16);
  throw new OptionSyntaxError(`"${text}": expected a TP-ST of two hexadecimal digits`);
}

function whole(text: string, most: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) <= most) return Number(text);
  throw new OptionSyntaxError(`"${text}": expected a whole number, 0 to ${most}`);
}

function oneOf<Word extends string>(words: readonly Word[], given: string): Word {
  const known = words.find((word) => word === given);
  if (known !== undefined) return known;
  throw new OptionSyntaxError(`"${given}": expected one of ${words.join(', ')}`);
}

/** One report of a message, as it is to come. */
export interface PlannedReport {
  /** TP-ST. */
  status: number;
  spelling: Spelling;
  /** From acceptance, beside the network's usual delay; undefined: before `+CMGS`. */
  delayMs: number | undefined;
}

/** The reports on one message; none where this one is not reported on. */
export function planReports(habits: ReportHabits, random: Random): PlannedReport[] {
  const { statuses, spreadMs, copies, spellings: spelled, isEarly, silentPercent } = habits;
  // One habit of each draws nothing: what else is drawn is then the same as without reports.
  const among = (count: number) => (count > 1 ? random.below(count) : 0);
  if (silentPercent > 0 && random.below(100) < silentPercent) return [];
  const list = statuses[among(statuses.length)] ?? [];
  return list.flatMap((status, place) =>
    Array.from({ length: copies }, () => ({
      status,
      spelling: spelled[among(spelled.length)] ?? 'international',
      delayMs: isEarly && place === 0 ? undefined : among(spreadMs + 1),
    })),
  );
}

/** Calling codes of the numbers that the tests write to; any other one counts as of two digits. */
const callingCode = /^\+(1|7|2[1-69]\d|35\d|37\d|38\d|42\d|[2-9]\d)/;

/** A recipient as a report spells it; a number without `+` stays as it is. */
export function spell(recipient: string, spelling: Spelling): string {
  if (spelling === 'international' || !recipient.startsWith('+')) return recipient;
  if (spelling === 'bare') return recipient.slice(1);
  return recipient.replace(callingCode, '0');
}
