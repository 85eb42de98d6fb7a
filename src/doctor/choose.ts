import { OperatorError } from '../errors.js';

/**
 * The modem that is named, or the only one. Throws {@link OperatorError}, which names those there
 * are.
 */
export function chooseModem<Named extends { readonly name: string }>(
  modems: readonly Named[],
  name: string | undefined,
): Named {
  const names = modems.map((modem) => `"${modem.name}"`).join(', ');
  if (name === undefined) {
    if (modems.length === 1) return modems[0]!;
    throw new OperatorError(
      modems.length === 0 ? 'there is no modem' : `say which one with --modem: ${names}`,
    );
  }
  const found = modems.find((modem) => modem.name === name);
  if (found === undefined)
    throw new OperatorError(`there is no modem "${name}"; there is ${names || 'none'}`);
  return found;
}
