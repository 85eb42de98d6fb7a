import type { Domain, SimulatorOptions } from './options.js';
import type { Vendor } from './vendors.js';

/** What AT commands set and a restart forgets. Field names follow the commands. */
export interface Settings {
  /** ATE, ATV, ATQ. */
  echo: boolean;
  verbose: boolean;
  quiet: boolean;
  cmee: number;
  cmgf: number;
  /** mode, mt, bm, ds, bfr. */
  cnmi: [number, number, number, number, number];
  csms: number;
  cgsms: number;
  cmms: number;
  cscs: string;
  /** First octet, TP-VP, TP-PID, TP-DCS of text mode. */
  csmp: [number, number, number, number];
  csdh: number;
  /** `+CREG`, `+CGREG`, `+CEREG`, `+C5GREG`. */
  registrationReports: Record<Domain, number>;
  copsFormat: number;
  cfun: number;
  clip: number;
  cusd: number;
  /** mem1 (read, delete), mem2 (write, send), mem3 (receive). */
  cpms: [string, string, string];
  /** S3, S4, S5 and any other S-parameter that was set. */
  registers: Map<number, number>;
}

/** Settings at power-on. */
export function freshSettings(options: SimulatorOptions, vendor: Vendor): Settings {
  const storage = vendor.storages[0] ?? 'SM';
  return {
    echo: options.echo,
    verbose: true,
    quiet: false,
    cmee: 0,
    cmgf: vendor.defaultFormat,
    cnmi: [0, 0, 0, 0, 0],
    csms: options.csms,
    cgsms: 1,
    cmms: 0,
    cscs: 'GSM',
    csmp: [17, 167, 0, 0],
    csdh: 0,
    registrationReports: { CREG: 0, CGREG: 0, CEREG: 0, C5GREG: 0 },
    copsFormat: 0,
    cfun: 1,
    clip: 0,
    cusd: 0,
    cpms: [storage, storage, storage],
    registers: new Map([
      [0, 0],
      [3, 13],
      [4, 10],
      [5, 8],
    ]),
  };
}
