import * as v from 'valibot';
import { askDaemon, askOnce, parseAnswer } from '../control/client.js';
import {
  type Finding,
  findingSchema,
  type Health,
  healthSchema,
  type ModemReport,
  modemReportSchema,
} from './finding.js';
import type { UssdAnswer } from './ussd.js';

/**
 * The pid of the running daemon. Each function of this file throws `NoDaemon`, or `OperatorError`.
 */
export async function askPid(socket: string): Promise<number> {
  return (await askOnce(socket, { command: 'status' }, v.object({ pid: v.number() }))).pid;
}

const statusSchema = v.object({ pid: v.number(), health: healthSchema });

/** The pid of the running daemon, and its own judgement of whether a code would go out. */
export function askHealth(socket: string): Promise<{ pid: number; health: Health }> {
  return askOnce(socket, { command: 'status' }, statusSchema);
}

/** What it found at its modems, and at the sticks that are none of its own. */
export async function askReports(socket: string): Promise<ModemReport[]> {
  const schema = v.object({ report: modemReportSchema });
  const reports: ModemReport[] = [];
  for await (const answer of askDaemon(socket, { command: 'doctor' }))
    reports.push(parseAnswer(schema, answer).report);
  return reports;
}

/** Has it send the test message. */
export async function askToSend(socket: string, recipient: string): Promise<Finding> {
  const request = { command: 'send', recipient };
  return (await askOnce(socket, request, v.object({ finding: findingSchema }))).finding;
}

const ussdSchema = v.object({
  status: v.number(),
  meaning: v.string(),
  text: v.exactOptional(v.string()),
  credit: v.exactOptional(
    v.object({ amount: v.number(), valid_until: v.exactOptional(v.string()) }),
  ),
});

/** Has it ask the carrier. */
export function askForUssd(
  socket: string,
  code: string,
  modem: string | undefined,
): Promise<UssdAnswer> {
  return askOnce(
    socket,
    { command: 'ussd', code, ...(modem !== undefined && { modem }) },
    ussdSchema,
  );
}

const optionalText = v.optional(v.string());
const listSchema = v.object({
  sticks: v.array(
    v.object({
      name: v.string(),
      kind: v.string(),
      usb_id: optionalText,
      device: optionalText,
      problem: optionalText,
      ports: v.array(
        v.object({
          tty: v.string(),
          by_id: optionalText,
          interface: v.optional(v.number()),
          why: optionalText,
        }),
      ),
      used_by: optionalText,
      state: optionalText,
    }),
  ),
});

/** What is plugged in, and which of it is whose. */
export async function askForModems(
  socket: string,
): Promise<v.InferOutput<typeof listSchema>['sticks']> {
  return (await askOnce(socket, { command: 'modems' }, listSchema)).sticks;
}
