import type { CommandHandler } from '../executor.js';
import type { Modem } from '../modem.js';
import type { Vendor } from '../vendors.js';

/** A vendor's own commands, from its table. Any form is answered alike. */
export function vendorCommands(vendor: Vendor): Record<string, CommandHandler> {
  return Object.fromEntries(
    vendor.extraCommands.map(({ name, line }): [string, CommandHandler] => {
      const answer = (modem: Modem): readonly string[] =>
        line === '' ? [] : [fillIn(line, modem)];
      return [name, { execute: answer, read: answer, set: answer, test: () => [] }];
    }),
  );
}

function fillIn(line: string, { sim }: Modem): string {
  const values: Record<string, string> = {
    pin_code: sim.state === 'READY' ? 'READY' : sim.state,
    pin_tries: String(sim.pinTries),
    puk_tries: String(sim.pukTries),
    iccid: sim.iccid,
  };
  return line.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
