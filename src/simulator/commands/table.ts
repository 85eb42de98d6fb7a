import type { CommandHandler, CommandTable } from '../executor.js';
import type { Vendor } from '../vendors.js';
import { basicCommands } from './basic.js';
import { identityCommands } from './identity.js';
import { indicationCommands } from './indication.js';
import { networkCommands } from './network.js';
import { securityCommands } from './security.js';
import { smsCommands } from './sms.js';
import { storageCommands } from './storage.js';
import { vendorCommands } from './vendor.js';

/** The commands a vendor's modem knows, by name. */
export function commandTable(vendor: Vendor): CommandTable {
  const table = new Map<string, CommandHandler>(
    [
      basicCommands,
      identityCommands,
      securityCommands,
      networkCommands,
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
