/** What other callers of this configuration have in the same tenant: not to be taken away. */

import type { SmsConnection } from './connection.js';
import type { Auth0Context } from './environment.js';
import type { SetupRecord } from './folder.js';

/** Another caller that was set up in the tenant. */
export interface Neighbour {
  /** Its configured name. */
  caller: string;
  setup: SetupRecord;
}

/** All of them. Rejects with `OperatorError` where a folder is not to be believed. */
export async function neighboursAt(
  domain: string,
  { others }: Pick<Auth0Context, 'others'>,
): Promise<Neighbour[]> {
  const found = await Promise.all(
    others.map(async ({ config: { caller }, folder }) => {
      const setup = await folder.readSetup(domain);
      return setup === undefined ? [] : [{ caller, setup }];
    }),
  );
  return found.flat();
}

/** Whose the connection is, where another caller was set up with it. */
export const ownerOfConnection = (
  { id }: SmsConnection,
  neighbours: readonly Neighbour[],
): Neighbour | undefined => neighbours.find(({ setup }) => setup.connection_id === id);

/** Whose the tenant's one Action is, where another caller was set up with it. */
export const ownerOfAction = (neighbours: readonly Neighbour[]): Neighbour | undefined =>
  neighbours.find(({ setup }) => setup.experience === 'unified');
