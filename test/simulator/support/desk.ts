import { FaultPlanner, parseFault } from '../../../src/simulator/fault-planner.js';
import { Network } from '../../../src/simulator/network.js';
import { defaultOptions, type ModemOptions } from '../../../src/simulator/options.js';
import { seededRandom } from '../../../src/simulator/random.js';
import { NetworkRecord, type RecordEntry } from '../../../src/simulator/record.js';
import { parseTrouble } from '../../../src/simulator/troubles.js';
import type { Distortion } from '../../../src/simulator/uart.js';
import { VirtualModem } from '../../../src/simulator/virtual-modem.js';
import { FakeClock } from './fake-clock.js';

/** "hellohello" to +4915112345678, relative validity; encoded by hand after 23.040, 24 octets. */
export const helloTpdu = '11000D91945111325476F80000000AE8329BFD4697D9EC37';
export const helloPdu = `00${helloTpdu}`;
export const helloOctets = helloTpdu.length / 2;
export const helloRecipient = '+4915112345678';

interface HangUp {
  power: 'kept' | 'lost';
  downMs: number;
}

/** A modem with a fake clock and no tty. Echo is off unless asked for. */
export class Desk {
  readonly clock = new FakeClock();
  readonly entries: RecordEntry[] = [];
  readonly hangUps: HangUp[] = [];
  readonly distortions: Distortion[] = [];
  readonly faults: FaultPlanner;
  readonly network: Network;
  readonly modem: VirtualModem;
  #output = '';

  constructor(
    given: Partial<ModemOptions> & { fault?: readonly string[]; trouble?: readonly string[] } = {},
  ) {
    const { fault = [], trouble = [], ...rest } = given;
    const options = { ...defaultOptions, echo: false, ...rest };
    const record = new NetworkRecord(this.clock);
    record.listen((entry) => this.entries.push(entry));
    this.network = new Network(options, this.clock, seededRandom(options.seed), record);
    this.faults = new FaultPlanner(fault.map(parseFault), seededRandom(options.seed + 1));
    this.modem = new VirtualModem({
      options,
      clock: this.clock,
      random: seededRandom(options.seed + 2),
      record,
      network: this.network,
      faults: this.faults,
      troubles: trouble.map(parseTrouble),
      tty: {
        send: (output, distortion) => {
          this.#output += output;
          if (distortion !== undefined) this.distortions.push(distortion);
        },
        hangUp: (power, downMs) => {
          this.hangUps.push({ power, downMs });
          if (power === 'lost') this.modem.powerOff();
        },
      },
    });
    this.modem.powerOn('long-ago');
  }

  /** Types `bytes` and returns what the modem says at once. */
  type(bytes: string): string {
    this.modem.receive(bytes);
    return this.heard();
  }

  /** Types a command line; returns its lines. */
  command(line: string): string[] {
    return lines(this.type(`${line}\r`));
  }

  /** What was said since the last look. */
  heard(): string {
    const output = this.#output;
    this.#output = '';
    return output;
  }

  /** Lets time pass and returns what was said meanwhile. */
  wait(ms: number): string {
    this.clock.advance(ms);
    return this.heard();
  }

  /** AT+CMGS with the hello PDU; returns everything said. */
  sendHello(): string {
    return this.type(`AT+CMGS=${helloOctets}\r`) + this.type(`${helloPdu}\x1a`);
  }

  kinds(): string[] {
    return this.entries.map(({ kind }) => kind);
  }

  entriesOf<Kind extends RecordEntry['kind']>(kind: Kind): Extract<RecordEntry, { kind: Kind }>[] {
    return this.entries.filter(
      (entry): entry is Extract<RecordEntry, { kind: Kind }> => entry.kind === kind,
    );
  }
}

export function lines(output: string): string[] {
  return output.split(/[\r\n]+/).filter((line) => line !== '');
}
