/** Where the engine is that boxes share. */

import * as v from 'valibot';
import { hostOf } from './listen.js';

/** A Valkey or Redis as `[shared] url` names it. */
export interface EngineAddress {
  host: string;
  port: number;
  isTls: boolean;
  /** ACL user; the engine's default without one. */
  user: string | undefined;
  /** Number of the database. */
  database: number;
}

const schemes: Readonly<Record<string, boolean>> = {
  'redis:': false,
  'valkey:': false,
  'rediss:': true,
  'valkeys:': true,
};

const form = 'must be as "rediss://user@host:6379/0": scheme redis, rediss, valkey or valkeys';

export const engineUrl = v.pipe(
  v.string(form),
  v.rawTransform(({ dataset, addIssue, NEVER }): EngineAddress => {
    const url = URL.canParse(dataset.value) ? new URL(dataset.value) : undefined;
    const isTls = url && schemes[url.protocol];
    if (url === undefined || isTls === undefined || url.hostname === '') {
      addIssue({ message: form });
      return NEVER;
    }
    if (url.password !== '') {
      addIssue({
        message:
          'must hold no password: put it into a file of its own and name that with password_file',
      });
      return NEVER;
    }
    const user = decoded(url.username);
    if (user === undefined) {
      addIssue({ message: `${form}; a % in the name of the user is written %25` });
      return NEVER;
    }
    const path = /^\/(\d{1,4})?$/.exec(url.pathname || '/');
    if (path === null || url.search !== '' || url.hash !== '') {
      addIssue({ message: `${form}; behind the port is the number of a database, or nothing` });
      return NEVER;
    }
    return {
      host: hostOf(url),
      port: url.port === '' ? 6379 : Number(url.port),
      isTls,
      user: user === '' ? undefined : user,
      database: Number(path[1] ?? 0),
    };
  }),
);

/** Undefined where a % begins no octet (RFC 3986 2.1). */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
