import Counter from 'prom-client/lib/counter.js';
import Histogram from 'prom-client/lib/histogram.js';
import type Registry from 'prom-client/lib/registry.js';
import { AtCancelled, AtCommandError, AtLinkLost, AtNoResult, AtTimeout } from '../at/errors.js';
import { limitNames } from '../config/policy.js';
import type { ReportOutcome } from '../delivery/reports.js';
import type { SendErrorCode } from '../errors.js';
import type { InboundOutcome } from '../inbound/news.js';
import type { JournalFaultKind } from '../journal/faults.js';
import type { InboundEvent } from '../modem/inbound-event.js';
import type { Rung } from '../modem/ladder.js';
import { holdKinds } from '../policy/holds.js';
import type { Refusal } from '../policy/request.js';
import type { MetricsListener, SubmittedOrYes } from './listener.js';

/**
 * Which values the labels can have; each begins at 0, for `increase()` does not see a series begin
 * at 1.
 */
export interface LabelValues {
  /** The configured names. */
  modems: readonly string[];
  callers: readonly string[];
  /** The HTTP status of each code. */
  problems: Readonly<Record<SendErrorCode, { status: number }>>;
}

/**
 * Seconds at a modem. An ordinary send takes 2–5 s and has taken up to 14.4 s; 180 s is the longest
 * wait after Ctrl-Z.
 */
const submitSeconds = [1, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 60, 120, 180];
/** Seconds a person waits; Auth0 hangs up at 30 s. */
const answerSeconds = [1, 2, 3, 4, 5, 7.5, 10, 15, 20, 25, 30];

const submittedValues: Readonly<Record<SubmittedOrYes, true>> = {
  yes: true,
  no: true,
  partly: true,
  unknown: true,
};
/** Those that are neither a limit nor a hold. */
type OtherReason = Exclude<Refusal['reason'], (typeof limitNames | typeof holdKinds)[number]>;
const otherReasons: Readonly<Record<OtherReason, true>> = {
  countries: true,
  refuse_types: true,
  refuse_prefixes: true,
  length: true,
  memory: true,
};
const faultKinds: Readonly<Record<JournalFaultKind, true>> = {
  corrupt: true,
  full: true,
  read_only: true,
  cannot_open: true,
  busy: true,
  io: true,
  newer: true,
  worker: true,
  silent: true,
  entry: true,
};
const rungs: Readonly<Record<Rung, true>> = { reopen: true, radio: true, reset: true, hook: true };

/** The counters and histograms: everything that is told as it happens. */
export function createEventMetrics(registry: Registry, values: LabelValues): MetricsListener {
  const registers = [registry];
  const answers = answerMetrics(registers, values);
  const refusals = refusalMetrics(registers);
  const outcomes = outcomeMetrics(registers, values.modems);
  const moves = moveMetrics(registers, values.modems);
  const troubles = troubleMetrics(registers, values.modems);
  const deliveries = deliveryMetrics(registers, values.modems);
  const texts = inboundMetrics(registers);
  return { ...answers, ...refusals, ...outcomes, ...moves, ...troubles, ...deliveries, ...texts };
}

function answerMetrics(
  registers: Registry[],
  { problems, callers }: LabelValues,
): Pick<MetricsListener, 'answered' | 'callerLeft'> {
  const messages = new Counter({
    name: 'simgate_messages_total',
    help: 'Answers of the public listener by HTTP status, code and caller; 200 has the code "sent", 202 "promised", and a caller who is not known none.',
    labelNames: ['status', 'code', 'caller'],
    registers,
  });
  // A reload may bring callers, whose series begin when they do.
  for (const caller of [...callers, '']) {
    messages.inc({ status: 200, code: 'sent', caller }, 0);
    messages.inc({ status: 202, code: 'promised', caller }, 0);
    for (const [code, { status }] of Object.entries(problems))
      messages.inc({ status, code, caller }, 0);
  }
  const duration = new Histogram({
    name: 'simgate_message_duration_seconds',
    help: 'Seconds from the admission of a message to its answer 200.',
    buckets: answerSeconds,
    registers,
  });
  const wait = new Histogram({
    name: 'simgate_message_wait_seconds',
    help: 'The part of simgate_message_duration_seconds before the modem was given the message.',
    buckets: answerSeconds,
    registers,
  });
  const callersLeft = new Counter({
    name: 'simgate_callers_left_total',
    help: 'Callers that hung up before their answer.',
    registers,
  });
  return {
    answered(answer) {
      const { code, caller = '' } = answer;
      if (code !== undefined) {
        messages.inc({ status: code === 'promised' ? 202 : problems[code].status, code, caller });
        return;
      }
      messages.inc({ status: 200, code: 'sent', caller });
      if (answer.isReplay) return;
      duration.observe(answer.tookMs / 1000);
      wait.observe(answer.waitedMs / 1000);
    },
    callerLeft: () => callersLeft.inc(),
  };
}

function refusalMetrics(registers: Registry[]): Pick<MetricsListener, 'refused'> {
  const refusals = new Counter({
    name: 'simgate_policy_refusals_total',
    help: 'Messages refused by the policy, by what refused them: a key of [policy], the length of the number, a kind of hold, or full memory.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of [...limitNames, ...holdKinds, ...Object.keys(otherReasons)])
    refusals.inc({ reason }, 0);
  return { refused: ({ reason }) => refusals.inc({ reason }) };
}

function outcomeMetrics(
  registers: Registry[],
  modems: readonly string[],
): Pick<MetricsListener, 'submitEnded' | 'lateResult'> {
  const duration = new Histogram({
    name: 'simgate_submit_duration_seconds',
    help: 'Seconds that a modem took for a whole message, until its true end, which may come after the answer.',
    labelNames: ['modem'],
    buckets: submitSeconds,
    registers,
  });
  const submits = new Counter({
    name: 'simgate_submits_total',
    help: 'Messages that a modem was done with after Ctrl-Z, by what became of them: submitted yes, no, partly, or unknown.',
    labelNames: ['modem', 'submitted'],
    registers,
  });
  const lateResults = new Counter({
    name: 'simgate_late_results_total',
    help: 'Messages whose outcome became known after their caller was answered.',
    labelNames: ['modem', 'submitted'],
    registers,
  });
  for (const modem of modems) {
    duration.zero({ modem });
    for (const submitted of Object.keys(submittedValues)) {
      submits.inc({ modem, submitted }, 0);
      lateResults.inc({ modem, submitted }, 0);
    }
  }
  return {
    submitEnded({ modem, tookMs, submitted }) {
      duration.observe({ modem }, tookMs / 1000);
      submits.inc({ modem, submitted });
    },
    lateResult: ({ modem, submitted }) => lateResults.inc({ modem, submitted }),
  };
}

function moveMetrics(
  registers: Registry[],
  modems: readonly string[],
): Pick<MetricsListener, 'failedOver'> {
  const failOvers = new Counter({
    name: 'simgate_fail_overs_total',
    help: 'Messages that went from one modem to another, surely not sent by the first.',
    labelNames: ['from', 'to'],
    registers,
  });
  for (const from of modems) {
    for (const to of modems) if (to !== from) failOvers.inc({ from, to }, 0);
  }
  return { failedOver: ({ from, to }) => failOvers.inc({ from, to }) };
}

/** Seconds by the network's own time stamps: a handset that is on, or was off for hours. */
const deliverySeconds = [2, 5, 10, 20, 30, 60, 120, 300, 900, 3600];
const reportOutcomes: Readonly<Record<ReportOutcome, true>> = {
  matched: true,
  repeated: true,
  ambiguous: true,
  unknown: true,
  mistimed: true,
};

const textOutcomes: Readonly<Record<InboundOutcome, true>> = {
  delivered: true,
  failed_try: true,
  expired: true,
  incomplete: true,
  left_on_sim: true,
  lost: true,
};

function inboundMetrics(registers: Registry[]): Pick<MetricsListener, 'inboundText'> {
  const texts = new Counter({
    name: 'simgate_inbound_texts_total',
    help: 'SMS that came in, by what became of them on the way to the receiver of [inbound]; failed tries, too.',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of Object.keys(textOutcomes)) texts.inc({ outcome }, 0);
  return { inboundText: ({ outcome }) => texts.inc({ outcome }) };
}

/** Countries are those of the numbering plans: a closed set. */
function deliveryMetrics(
  registers: Registry[],
  modems: readonly string[],
): Pick<MetricsListener, 'report' | 'delivery'> {
  const reports = new Counter({
    name: 'simgate_status_reports_total',
    help: 'Status reports by what they came to: matched to a message, repeated, or nobody knows whose.',
    labelNames: ['modem', 'outcome'],
    registers,
  });
  for (const modem of modems)
    for (const outcome of Object.keys(reportOutcomes)) reports.inc({ modem, outcome }, 0);
  const deliveries = new Counter({
    name: 'simgate_deliveries_total',
    help: "The network's last word on messages that a status report was asked for, by country.",
    labelNames: ['country', 'state'],
    registers,
  });
  const duration = new Histogram({
    name: 'simgate_delivery_duration_seconds',
    help: "Seconds from the network's taking a message to its delivery, by the network's time stamps.",
    labelNames: ['country'],
    buckets: deliverySeconds,
    registers,
  });
  return {
    report: ({ modem, outcome }) => reports.inc({ modem, outcome }),
    delivery({ country = '', state, tookMs }) {
      deliveries.inc({ country, state });
      if (tookMs !== undefined) duration.observe({ country }, tookMs / 1000);
    },
  };
}

const inboundKinds = [
  'sms',
  'status_report',
  'unreadable',
] as const satisfies readonly InboundEvent['kind'][];

function troubleMetrics(
  registers: Registry[],
  modems: readonly string[],
): Pick<MetricsListener, 'atError' | 'recovery' | 'inbound' | 'journalFault'> {
  const atErrors = new Counter({
    name: 'simgate_at_errors_total',
    help: 'Failed attempts to submit a segment, retried ones too: CMS (27.005 3.2.5) and CME (27.007 9.2) errors by code, and silences.',
    labelNames: ['modem', 'kind', 'code'],
    registers,
  });
  const recoveries = new Counter({
    name: 'simgate_recoveries_total',
    help: 'What was done to get a modem back: opened anew, restarted by command, or the hook called.',
    labelNames: ['modem', 'rung'],
    registers,
  });
  const inbound = new Counter({
    name: 'simgate_inbound_total',
    help: 'What came in over the air: SMS, status reports, and messages that could not be decoded.',
    labelNames: ['modem', 'kind'],
    registers,
  });
  const journalFaults = new Counter({
    name: 'simgate_journal_faults_total',
    help: 'How often the journal went out of order, by why; sending goes on without it.',
    labelNames: ['kind'],
    registers,
  });
  for (const modem of modems) {
    for (const rung of Object.keys(rungs)) recoveries.inc({ modem, rung }, 0);
    for (const kind of inboundKinds) inbound.inc({ modem, kind }, 0);
  }
  for (const kind of Object.keys(faultKinds)) journalFaults.inc({ kind }, 0);
  return {
    atError({ modem, cause }) {
      const labels = atErrorLabels(cause);
      if (labels !== undefined) atErrors.inc({ modem, ...labels });
    },
    recovery: ({ modem, rung }) => recoveries.inc({ modem, rung }),
    inbound: ({ modem, kind }) => inbound.inc({ modem, kind }),
    journalFault: ({ kind }) => journalFaults.inc({ kind }),
  };
}

/** The labels of an attempt to submit a segment that failed. */
interface AtErrorLabels {
  /** `cms`, `cme` and `error`: the modem's own final result code; the others: how it gave none. */
  kind: 'cms' | 'cme' | 'error' | 'timeout' | 'no_result' | 'link_lost' | 'settings_lost';
  /** Of `cms` and `cme`: the number as the tables have it, else `other`. Of all others: empty. */
  code: string;
}

/**
 * The highest code with a label of its own: 27.005 3.2.5 (`+CMS ERROR`) and 27.007 9.2 (`+CME
 * ERROR`) give meanings up to 511; 512 and above are each manufacturer's. What the modem says is
 * untrusted, and each label is a series kept for ever.
 */
const highestCode = 511;

/**
 * What `cause`, that made an attempt fail, counts as; undefined when it is none of the modem's
 * doing (the caller withdrew), or nothing that the AT dialogue raised.
 */
function atErrorLabels(cause: unknown): AtErrorLabels | undefined {
  if (cause instanceof AtCommandError) {
    const { kind } = cause.final;
    if (kind === 'ERROR') return { kind: 'error', code: '' };
    return { kind: kind === 'CMS' ? 'cms' : 'cme', code: boundedCode(cause.final.code) };
  }
  if (cause instanceof AtTimeout) return { kind: 'timeout', code: '' };
  if (cause instanceof AtNoResult) return { kind: 'no_result', code: '' };
  if (cause instanceof AtLinkLost) return { kind: 'link_lost', code: '' };
  if (cause instanceof AtCancelled && cause.because === 'reset')
    return { kind: 'settings_lost', code: '' };
  return undefined;
}

function boundedCode(code: number | undefined): string {
  return code !== undefined && Number.isInteger(code) && code >= 0 && code <= highestCode
    ? String(code)
    : 'other';
}
