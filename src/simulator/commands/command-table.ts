import type { CommandHandler, CommandTable } from '../handler.js';
import type { ModemPort } from '../state.js';
import type { Vendor } from '../vendors.js';
import { basicCommands } from './basic.js';
import { identityCommands } from './identity.js';
import { indicationCommands } from './message-indications.js';
import { registrationCommands } from './network-registration.js';
import { securityCommands } from './security.js';
import { smsCommands } from './sms.js';
import { storageCommands } from './stored-messages.js';

/** The commands a vendor's modem knows, by name. */
export function commandTable(vendor: Vendor): CommandTable {
  const table = new Map<string, CommandHandler>(
    [
      basicCommands,
      identityCommands,
      securityCommands,
      registrationCommands,
      smsCommands,
      storageCommands,
      indicationCommands,
      vendorCommands(vendor),
    ].flatMap((commands) => Object.entries(commands)),
  );
  if (!vendor.supportsLte) for (const name of ['+CEREG', '+CESQ', '+CIREG']) table.delete(name);
  if (!vendor.supportsCmms) table.delete('+CMMS');
  table.set('+CLAC', { execute: () => listCommands(table, vendor) });
  return table;
}

/** `+CLAC` (27.007 8.37); Huawei leaves the AT out. */
function listCommands(table: CommandTable, vendor: Vendor): string[] {
  const prefix = vendor.manufacturer === 'huawei' ? '' : 'AT';
  return [...table.keys()].map((name) => `${prefix}${name}`);
}

/** A vendor's own commands, from its table. Any form is answered alike. */
function vendorCommands(vendor: Vendor): Record<string, CommandHandler> {
  return Object.fromEntries(
    vendor.extraCommands.map(({ name, line }): [string, CommandHandler] => {
      const answer = (modem: ModemPort): readonly string[] =>
        line === '' ? [] : [fillIn(line, modem)];
      return [name, { execute: answer, read: answer, set: answer, test: () => [] }];
    }),
  );
}

function fillIn(line: string, { sim }: ModemPort): string {
  const values: Record<string, string> = {
    pin_code: sim.state === 'READY' ? 'READY' : sim.state,
    pin_tries: String(sim.pinTries),
    puk_tries: String(sim.pukTries),
    iccid: sim.iccid,
  };
  return line.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
