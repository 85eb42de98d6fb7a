/**
 * The kinds of callers as the configuration knows them, one entry each; how they are understood is
 * a file of `http/callers`.
 */

/** What a kind of caller is set to where the file says nothing. */
interface KindDefaults {
  /** Of the public listener. */
  path: string;
  deadlineMs: number;
  onSlow: '202' | '504';
  lateDeadlineMs: number;
  repeatsMs: number;
  class: 'login' | 'alert';
}

const patient = {
  deadlineMs: 25_000,
  onSlow: '504',
  lateDeadlineMs: 25_000,
  repeatsMs: 0,
  class: 'login',
} as const;
/** An alert is worth something for longer than a code, and waits behind all of those. */
const alert = { ...patient, onSlow: '202', lateDeadlineMs: 60_000, class: 'alert' } as const;
/**
 * Whoever repeats, and sends no key: at once (Ory Kratos), or for five minutes (Zitadel, and
 * Alertmanager by its default `group_interval`).
 */
const repeating = { ...patient, repeatsMs: 300_000 } as const;
/** They hang up after 5 s, less the time for TLS and the proxy. */
const hasty = { ...patient, deadlineMs: 4_000, onSlow: '202' } as const;

/** What a request shows, of which two callers of one path cannot have the same. */
type Shown = readonly (string | undefined)[];

/** Of a caller, what its requests are known by beside its secret. */
interface Known {
  username: string;
  header: string;
  subject?: string | undefined;
  audience?: string | undefined;
}

interface Kind {
  defaults: KindDefaults;
  /**
   * How it proves who it is. `token`: a JWT · `secret`: the secret as it is, in a header · `user`:
   * the same, behind a user's name · `signature`: of each request and its body.
   */
  credential: 'token' | 'secret' | 'user' | 'signature';
  /** All that its requests may show its secret as. */
  shows: (caller: Known) => readonly Shown[];
  /** It sends a code, and leaves the words to us. */
  isWordless?: true;
}

const bearer: Shown = ['authorization', 'bearer'];
const basic = ({ username }: Known): Shown => ['authorization', 'basic', username];
/** In `Authorization` it may stand with or without the word Bearer. */
const inHeader = (name: string): Shown[] => [[name], ...(name === 'authorization' ? [bearer] : [])];

const table = {
  auth0: {
    defaults: { ...patient, path: '/sms' },
    credential: 'token',
    shows: ({ subject, audience }) => [['jwt', subject, audience]],
  },
  bearer: {
    defaults: { ...repeating, path: '/sms' },
    credential: 'secret',
    shows: () => [bearer],
  },
  basic: {
    defaults: { ...repeating, path: '/sms' },
    credential: 'user',
    shows: (caller) => [basic(caller)],
  },
  header: {
    defaults: { ...repeating, path: '/sms' },
    credential: 'secret',
    shows: ({ header }) => inHeader(header.toLowerCase()),
  },
  supabase: {
    defaults: { ...hasty, path: '/supabase' },
    credential: 'signature',
    shows: () => [['supabase']],
    isWordless: true,
  },
  zitadel: {
    defaults: { ...hasty, repeatsMs: 300_000, path: '/zitadel' },
    credential: 'signature',
    shows: () => [['zitadel']],
  },
  logto: {
    defaults: { ...patient, path: '/logto' },
    credential: 'secret',
    shows: () => inHeader('authorization'),
    isWordless: true,
  },
  authgear: {
    // Its signature has no time in it: what was overheard must not be sent again.
    defaults: { ...repeating, path: '/authgear' },
    credential: 'signature',
    shows: () => [['authgear']],
  },
  uptime_kuma: {
    defaults: { ...alert, path: '/api/v1/sms/send' },
    credential: 'secret',
    shows: () => inHeader('x-api-key'),
  },
  alerts: {
    // Longer than the time to a repeat of what failed for one of the recipients (Alertmanager's
    // `group_interval`, 5 min), shorter than that to a reminder (`repeat_interval`, 4 h).
    // Alertmanager waits, and repeats what got a 5xx: a 202 would end that too early.
    defaults: {
      ...alert,
      deadlineMs: 60_000,
      onSlow: '504',
      repeatsMs: 3_600_000,
      path: '/alerts',
    },
    credential: 'secret',
    shows: (caller) => [bearer, basic(caller), ['x-grafana-alert-signature']],
  },
} satisfies Record<string, Kind>;

export type CallerKind = keyof typeof table;
export const kinds: Readonly<Record<CallerKind, Kind>> = table;
export const callerKindNames = Object.keys(kinds) as CallerKind[];

/** Whether its credential never changes, so that it is as good as its length. */
export const isFixed = (kind: CallerKind): boolean =>
  ['secret', 'user'].includes(kinds[kind].credential);
