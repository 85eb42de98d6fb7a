import { type ArrivedReport, Deliveries, type ReportOutcome } from '../../src/delivery/reports.js';
import type { SegmentOfMessage } from '../../src/dispatch/recorder.js';
import type { AwaitedMessage, JournalDelivery } from '../../src/journal/entries.js';
import { readInbound } from '../../src/modem/inbound-event.js';
import { tailOf } from '../../src/number/tail.js';
import { decodeSubmit, fromHex } from '../../src/simulator/decode-submit.js';
import { Network } from '../../src/simulator/network.js';
import { defaultOptions, type ReferenceStyle } from '../../src/simulator/options.js';
import type { Random } from '../../src/simulator/random.js';
import { seededRandom } from '../../src/simulator/random.js';
import { NetworkRecord, type RecordEntry } from '../../src/simulator/record.js';
import { encodeSubmit } from '../../src/sms/tpdu.js';

/** No key: what is compared is compared all the same. */
export const hmac = (domain: string, text: string): string => `${domain} ${text}`;

/** What the network will say that was asked, as a TPDU of a modem's `+CDS`. */
export const asPdu = (tpdu: Uint8Array): string =>
  `00${Buffer.from(tpdu).toString('hex').toUpperCase()}`;

/** A SIM with its network, in faked time; what comes back is handed on as a modem would. */
export class Sim {
  readonly entries: RecordEntry[] = [];
  readonly network: Network;
  readonly modem: string;
  readonly iccid: string;

  constructor(
    modem: string,
    iccid: string,
    seed: number,
    onReport: (report: ArrivedReport) => void,
    references: ReferenceStyle = 'accepted',
  ) {
    this.modem = modem;
    this.iccid = iccid;
    const clock = {
      nowNs: () => BigInt(Math.round(performance.now() * 1e6)),
      after: (delayMs: number, run: () => void) => {
        const timer = setTimeout(run, Math.max(0, delayMs));
        return () => clearTimeout(timer);
      },
    };
    const record = new NetworkRecord(clock);
    record.listen((entry) => this.entries.push(entry));
    const options = {
      ...defaultOptions,
      references,
      statusReports: true,
      statusReportDelayMs: 500,
    };
    this.network = new Network(options, clock, seededRandom(seed), record);
    this.network.subscribe({
      takeDelivery: ({ tpdu }) => {
        const report = readInbound(asPdu(tpdu));
        if (report?.kind !== 'status_report') throw new Error('the network sent no report');
        const time = (iso: string | undefined) => (iso === undefined ? undefined : Date.parse(iso));
        onReport({
          modem,
          simHmac: iccid,
          recipient: report.recipient,
          reference: report.reference,
          status: report.status,
          takenAtMs: time(report.takenAt),
          endedAtMs: time(report.at),
        });
        return true;
      },
      registrationChanged: () => undefined,
    });
  }

  /** TP-ST of what was reported on each acceptance, by its number. */
  said(): Map<number, number[]> {
    const found = new Map<number, number[]>();
    for (const entry of this.entries)
      if (entry.kind === 'status_report')
        found.set(entry.of, [...(found.get(entry.of) ?? []), entry.status]);
    return found;
  }

  /** The network takes one segment: its reference, and the number of its acceptance. */
  accept(recipient: string): { reference: number; seq: number } {
    const { hex } = encodeSubmit({ recipient, alphabet: 'gsm7', text: 'x', statusReport: true });
    const tpdu = fromHex(hex)!;
    const reference = this.network.accept(tpdu, decodeSubmit(tpdu), {
      imei: '1',
      iccid: this.iccid,
      serviceCentre: '+49',
      submit: 0,
      faults: [],
    });
    return { reference, seq: this.network.accepted };
  }
}

/** A message as the test has sent it. */
export interface Sent {
  id: string;
  sim: Sim;
  recipient: string;
  /** Of each segment; undefined: the network never had it. */
  seqs: (number | undefined)[];
  awaited: AwaitedMessage;
}

/** The gateway's side: what it tells {@link Deliveries}, and what it would find in its journal. */
export class Desk {
  readonly told = new Map<string, JournalDelivery>();
  readonly outcomes: ReportOutcome[] = [];
  readonly ends: string[] = [];
  readonly sent: Sent[] = [];
  /** How far the box's clock is off. */
  offMs = 0;
  deliveries: Deliveries;

  constructor() {
    this.deliveries = this.#make();
    this.deliveries.restore([], []);
  }

  #make(): Deliveries {
    return new Deliveries({
      journal: { delivered: (id, delivery) => void this.told.set(id, delivery) },
      hmac,
      date: () => this.date(),
      listener: {
        report: ({ outcome }) => void this.outcomes.push(outcome),
        delivery: ({ state }) => void this.ends.push(state),
      },
      log: { info: () => undefined, warn: () => undefined } as never,
    });
  }

  date(): number {
    return Date.now() + this.offMs;
  }

  /** A process that ends, and another that finds what the journal has. */
  restart(): { finish: () => void } {
    this.deliveries.stop();
    this.deliveries = this.#make();
    return {
      finish: () => {
        const messages = this.sent.map(({ id, awaited }) => ({
          ...awaited,
          delivery: this.told.get(id),
        }));
        this.deliveries.restore(messages.reverse().slice(0, 10_000), []);
      },
    };
  }

  /** A segment's events, as a modem's submission tells them. */
  tell(of: Sent, index: number, more: Pick<SegmentOfMessage, 'outcome' | 'reference'>, at: number) {
    const { id, sim, recipient, seqs } = of;
    this.deliveries.segment({
      id,
      modem: sim.modem,
      simHmac: sim.iccid,
      tailHmac: hmac('tail', tailOf(recipient)),
      country: 'DE',
      blockHmac: recipient.slice(0, -4),
      index,
      total: seqs.length,
      validityMs: 300_000,
      committedAt: at,
      settledAt: performance.now(),
      ...more,
    });
  }

  begin(sim: Sim, recipient: string, segments: number): Sent {
    const id = `message ${this.sent.length}`;
    const sent: Sent = {
      id,
      sim,
      recipient,
      seqs: Array<undefined>(segments).fill(undefined),
      awaited: {
        id,
        modem: sim.modem,
        simHmac: sim.iccid,
        tailHmac: hmac('tail', tailOf(recipient)),
        country: 'DE',
        blockHmac: recipient.slice(0, -4),
        segments,
        references: undefined,
        fromMs: this.date(),
        untilMs: this.date() + 600_000,
        reportsUntilMs: this.date() + 900_000,
        delivery: undefined,
      },
    };
    this.sent.push(sent);
    return sent;
  }
}

export const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)]!;
