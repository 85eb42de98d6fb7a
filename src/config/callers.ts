/**
 * Who may ask for messages: the tables `[[caller]]`, and `[auth0]`, which is a caller of that name.
 */

import * as v from 'valibot';
import { callerKindNames, kinds } from './caller-kinds.js';
import { countries, windows } from './policy.js';
import { inCode, type Keys, plainTable, required, table } from './table.js';
import { flag, oneOf, type pathsFrom, telephoneNumber, text, whole } from './values.js';

type Paths = ReturnType<typeof pathsFrom>;

/** Keys of whoever is known by a JWT (RFC 7519). */
const token = {
  subject: text('must be the text that Auth0 puts into the token as sub'),
  audience: text('must be the text that Auth0 puts into the token as aud'),
  // Whether the secret is base64url (RFC 4648 5) of the key, else its UTF-8 octets are the key.
  secret_base64_encoded: v.optional(flag, false),
  // Oldest `iat` that is taken; without it `iat` is not looked at.
  max_token_age_s: v.optional(whole('seconds', 1, 31_536_000)),
  // Leeway for `exp`, `nbf` and `iat`.
  clock_tolerance_s: v.optional(whole('seconds', 0, 300), 30),
};

const secretFiles = ({ path }: Paths) => ({
  secret_file: v.optional(path),
  previous_secret_file: v.optional(path),
});

const subjectHint = 'the subject of gateway_authentication in Auth0, as "urn:Auth0"';
const audienceHint = 'the audience of gateway_authentication in Auth0, as "urn:MySmsGateway"';

/** The table `[auth0]`. */
export const auth0 = (paths: Paths) =>
  table({
    ...token,
    subject: required(token.subject, subjectHint),
    audience: required(token.audience, audienceHint),
    ...secretFiles(paths),
  });

/** Seconds that need not be whole; the shortest patience of a caller is a few of them. */
const seconds = (min: number, max: number) => {
  const message = `must be a number of seconds, ${min} to ${max}`;
  return v.pipe(v.number(message), v.minValue(min, message), v.maxValue(max, message));
};

/** Clients and proxies take the steps `.` and `..` out before they ask (RFC 3986 5.2.4). */
const callerPath = text(
  'must be a path of letters, digits, ".", "_", "-" and "/", as "/sms", without a step "." or ".."',
  /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]{1,64}){1,8}$/,
);

/** Texts with `{code}`, `{type}` and `{locale}` in them and no other braces. */
const template = v.pipe(
  text('must be a text with {code} in it, as "Your code is {code}"', /\{code\}/),
  v.regex(/^(?:[^{}]|\{(?:code|type|locale)\})*$/, 'may have only {code}, {type} and {locale}'),
);

const headerName = text('must be the name of a header, as "X-API-Key"', /^[A-Za-z0-9-]{1,64}$/);
const host = text('must be a host name, as "example.com"', /^[A-Za-z0-9.-]{1,253}$/);
const country = text('must be a two-letter code of ISO 3166-1, as "DE"', /^[A-Z]{2}$/);

function keysOfCaller(paths: Paths) {
  return {
    name: required(
      text('must be 1 to 32 letters, digits, ".", "_" or "-"', /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/),
      'a short name for logs and limits, as "production"',
    ),
    kind: required(oneOf(...callerKindNames), 'what it speaks, as "auth0" or "bearer"'),
    path: v.optional(callerPath),
    ...secretFiles(paths),
    ...token,
    subject: v.optional(token.subject),
    audience: v.optional(token.audience),
    // `basic` and `alerts`: the user; default: the name.
    username: v.optional(text('must be a user name without ":"', /^[^:\s]+$/)),
    // `header`: which.
    header: v.optional(headerName, 'X-API-Key'),
    deadline_s: v.optional(seconds(0.5, 600)),
    on_slow: v.optional(oneOf('202', '504')),
    // What was promised with 202 is given up so long after the request came.
    late_deadline_s: v.optional(seconds(1, 60)),
    // For so long the same text to the same number is a repeat, where there is no key.
    repeats_s: v.optional(whole('seconds', 0, 86_400)),
    template: v.optional(template),
    // By type, locale, or both with a "." between.
    templates: v.optional(v.record(v.string(), template, 'must be a table of texts'), {}),
    webotp_host: v.optional(host),
    // Of numbers that are written without their country code.
    default_country: v.optional(country),
    // `alerts`: whom they go to.
    recipients: v.optional(v.array(telephoneNumber, 'must be a list of numbers'), []),
    max_segments: v.optional(whole('segments', 1, 255)),
    per_caller: v.optional(windows),
    // Instead of those of [policy].
    countries: v.optional(countries),
    modems: v.optional(v.array(v.string('must be a name'), 'must be a list of names of modems')),
    class: v.optional(oneOf('login', 'alert')),
    // Whether to ask the network for reports on its messages; without it as the modem is set.
    status_report: v.optional(flag),
  } satisfies Keys;
}

/** A table `[[caller]]`. */
export function caller(paths: Paths) {
  const keys = keysOfCaller(paths);
  const own = plainTable(keys, 'must be a table, written as a line [[caller]] above its keys');
  return v.pipe(
    own,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const { kind, ...rest } = dataset.value;
      const lacks = (key: 'subject' | 'audience' | 'template', hint: string) => {
        if (rest[key] !== undefined) return;
        const input = dataset.value as Record<string, unknown>;
        addIssue({
          message: `is missing: ${hint}`,
          path: [{ type: 'object', origin: 'value', input, key, value: undefined }],
        });
      };
      if (kind === 'auth0') {
        lacks('subject', subjectHint);
        lacks('audience', audienceHint);
      }
      if (kinds[kind].isWordless === true) lacks('template', 'the text, as "Your code is {code}"');
      if (kind === 'alerts' && rest.recipients.length === 0)
        addIssue({ message: 'must name recipients = ["+49…"]: whom the alerts go to' });
    }),
    v.transform((read) => completed(inCode(keys, read))),
  );
}

function completed(read: ReturnType<typeof inCodeOfCaller>) {
  const { defaults } = kinds[read.kind];
  return {
    ...read,
    path: read.path ?? defaults.path,
    deadlineMs: read.deadlineMs ?? defaults.deadlineMs,
    onSlow: read.onSlow ?? defaults.onSlow,
    lateDeadlineMs: read.lateDeadlineMs ?? defaults.lateDeadlineMs,
    repeatsMs: read.repeatsMs ?? defaults.repeatsMs,
    class: read.class ?? defaults.class,
    username: read.username ?? read.name,
    // Its credential is in a header, so it can be shown without a body.
    mayRead: kinds[read.kind].credential !== 'signature',
  };
}

/**
 * As much of a caller as its secrets need, where its table, or another, is not valid: what is wrong
 * in it is left out.
 */
export function salvagedCaller(paths: Paths, entry: unknown, place: string): CallerConfig {
  const keys = keysOfCaller(paths);
  const schemas = new Map<string, v.GenericSchema>(Object.entries(keys));
  const fit = Object.entries(entry ?? {}).filter(([key, value]) => {
    const schema = schemas.get(key);
    return schema !== undefined && v.safeParse(schema, value).success;
  });
  // Of a kind that is none, its secret may be anything, as that of Zitadel.
  const kind = place === 'auth0' ? 'auth0' : 'zitadel';
  const named = plainTable({ ...keys, name: v.string() });
  const read = v.parse(named, { name: place, kind, ...Object.fromEntries(fit) });
  return { ...completed(inCode(keys, read)), place };
}

/** For its type only. */
const inCodeOfCaller = (paths: Paths, read: v.InferOutput<ReturnType<typeof callerTable>>) =>
  inCode(keysOfCaller(paths), read);
const callerTable = (paths: Paths) => plainTable(keysOfCaller(paths));

/** One caller as configured. `undefined` stands for "none", or "as for all". */
export type CallerConfig = ReturnType<typeof completed> & {
  /** How the file calls its table: `auth0`, or `caller[0]`. */
  place: string;
};

/** What `simgate auth0 …` needs beside it to mean this caller: nothing where it is the only one. */
export function callerFlag(
  callers: readonly Pick<CallerConfig, 'name' | 'kind'>[],
  name: string,
): string {
  const ofKind = callers.filter(({ kind }) => kind === 'auth0');
  return ofKind.length > 1 ? ` --caller ${name}` : '';
}

/** How tokens of the kind `auth0` are judged, and where its secrets are. */
export type Auth0Config = v.InferOutput<ReturnType<typeof auth0>>;

/** The table `[auth0]` as the caller that it is. */
export function asCaller(settings: Auth0Config, deadlineMs: number): CallerConfig {
  const read = completed({
    header: 'X-API-Key',
    lateDeadlineMs: undefined,
    templates: {},
    recipients: [],
    path: undefined,
    username: undefined,
    onSlow: undefined,
    repeatsMs: undefined,
    template: undefined,
    webotpHost: undefined,
    defaultCountry: undefined,
    maxSegments: undefined,
    perCaller: undefined,
    countries: undefined,
    modems: undefined,
    class: undefined,
    statusReport: undefined,
    ...settings,
    name: 'auth0',
    kind: 'auth0',
    deadlineMs,
  });
  return { ...read, place: 'auth0' };
}
