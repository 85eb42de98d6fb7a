/**
 * What doctor says. All of it is JSON as it stands (keys in snake_case), so that it can come from a
 * running daemon.
 */

import * as v from 'valibot';

export const levels = ['ok', 'warning', 'error'] as const;
export type Level = (typeof levels)[number];

export const findingSchema = v.object({
  /** What was looked at, as `sim`; a name that programs may rely on. */
  check: v.string(),
  level: v.picklist(levels),
  /** A sentence for people. */
  what: v.string(),
  /** The way out, where something is wrong. */
  remedy: v.optional(v.string()),
});

/**
 * One thing that was looked at. Holds no whole number, PIN or IMSI, and no characters that steer a
 * terminal.
 */
export type Finding = v.InferOutput<typeof findingSchema>;

/** What was found at one modem, or at one stick that is none. */
export const modemReportSchema = v.object({
  /** As in the configuration, else what is plugged in. */
  name: v.string(),
  /** What the configuration names; undefined without one. */
  device: v.optional(v.string()),
  /** The tty that was, or would be, talked to. */
  tty: v.optional(v.string()),
  /** What the modem said of itself; undefined when it was not asked. */
  facts: v.optional(v.record(v.string(), v.unknown())),
  findings: v.array(findingSchema),
});
export type ModemReport = v.InferOutput<typeof modemReportSchema>;

/** Everything doctor found. */
export interface DoctorReport {
  version: string;
  /** The running daemon that was asked; undefined when the modems were opened instead. */
  daemon?: { pid: number };
  /** About the machine and the configuration. */
  findings: Finding[];
  modems: ModemReport[];
}

export const ok = (check: string, what: string): Finding => ({ check, level: 'ok', what });

export const warning = (check: string, what: string, remedy?: string): Finding => ({
  check,
  level: 'warning',
  what,
  ...(remedy !== undefined && { remedy }),
});

export const error = (check: string, what: string, remedy?: string): Finding => ({
  check,
  level: 'error',
  what,
  ...(remedy !== undefined && { remedy }),
});

/** How many findings of each level. */
export function countLevels(findings: readonly Finding[]): Record<Level, number> {
  const counts: Record<Level, number> = { ok: 0, warning: 0, error: 0 };
  for (const { level } of findings) counts[level] += 1;
  return counts;
}
