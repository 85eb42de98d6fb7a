/** Who sends messages, under which URL, and the secret that proves it. */

import { dirname, join, resolve } from 'node:path';
import { whyNotForNew } from '../../config/secret-reader.js';
import { OperatorError } from '../../errors.js';
import { readPrivateFile } from '../../secret/private-file.js';
import { judgeGatewayUrl } from '../auth0/gateway-url.js';
import { generateSecret } from '../auth0/secret.js';
import type { Interview, Reading } from './interview.js';
import { tellFindings } from './modem-step.js';
import { type Present, textAt } from './present.js';
import { valueAt } from './toml-edit.js';

export const callerChoices = ['auth0', 'token'] as const;
export type CallerChoice = (typeof callerChoices)[number];

/** What the flags say of it. */
export interface CallerFlags {
  caller?: CallerChoice;
  subject?: string;
  audience?: string;
  secretFile?: string;
  url?: string;
}

export interface CallerAnswer {
  caller: CallerChoice;
  subject: string;
  audience: string;
  /** Under which the world reaches the gateway; undefined: not known yet. */
  url: string | undefined;
  /** Where the secret is; undefined: in the environment. */
  secretFile: string | undefined;
  /** To be written there, for there is none yet. */
  newSecret: string | undefined;
}

/** Auth0's own samples have these. */
const auth0Defaults = { subject: 'urn:Auth0', audience: 'urn:MySmsGateway' };
const tokenDefaults = { subject: 'urn:simgate:client', audience: 'urn:simgate' };

/**
 * Asks for all of it, as of the table [auth0]; `knownUrl` is that of an earlier `auth0 setup`.
 * Undefined where tables [[caller]] say it without one: they are left as they are. Rejects with
 * `OperatorError` when flags would have them changed.
 */
export async function askForCaller(
  flags: CallerFlags,
  present: Present,
  interview: Interview,
  knownUrl: string | undefined,
): Promise<CallerAnswer | undefined> {
  if (present.hasOnlyCallerTables) {
    leaveCallerTables(flags, present, interview);
    return undefined;
  }
  const auth0 = present.isUntouched ? undefined : present.table.auth0;
  const subject = textAt(auth0, 'subject');
  const caller = await interview.ask({
    what: 'who sends',
    hint: 'auth0: Auth0 passwordless; token: a program of yours',
    flag: '--caller',
    given: flags.caller,
    present: subject && (subject === auth0Defaults.subject ? 'auth0' : 'token'),
    fallback: 'auth0',
    read: readCaller,
  });
  const defaults = caller === 'auth0' ? auth0Defaults : tokenDefaults;
  return {
    caller,
    subject: await interview.ask({
      what: 'the subject (sub) of its tokens',
      flag: '--subject',
      given: flags.subject,
      present: subject,
      fallback: defaults.subject,
      read: readText,
    }),
    audience: await interview.ask({
      what: 'their audience (aud)',
      flag: '--audience',
      given: flags.audience,
      present: textAt(auth0, 'audience'),
      fallback: defaults.audience,
      read: readText,
    }),
    ...(await settleSecret(flags.secretFile, present, interview)),
    url: await askForUrl(flags.url, knownUrl, interview),
  };
}

function leaveCallerTables(
  { caller, subject, audience, secretFile, url }: CallerFlags,
  { file }: Present,
  { terminal }: Interview,
): void {
  const where = `${file} says who sends in tables [[caller]]`;
  if ([caller, subject, audience, secretFile, url].some((flag) => flag !== undefined))
    throw new OperatorError(
      `${where}, which setup does not change: leave out --caller, --subject, --audience, --secret-file and --url, and edit the file (docs/callers.md)`,
    );
  terminal.say(`${where}: they stay as they are.`);
}

function readCaller(answer: string): Reading<CallerChoice> {
  const found = callerChoices.find((one) => one === answer.trim().toLowerCase());
  if (found !== undefined) return { value: found };
  return {
    objection:
      'must be auth0 or token (Supabase, Zitadel and their like are written into the file afterwards: docs/callers.md)',
  };
}

const readText = (answer: string): Reading<string> =>
  answer.trim() === '' ? { objection: 'must not be empty' } : { value: answer };

/** A secret that is there stays. Where there is none, one is made, and shown to nobody. */
async function settleSecret(
  flag: string | undefined,
  present: Present,
  interview: Interview,
): Promise<Pick<CallerAnswer, 'secretFile' | 'newSecret'>> {
  const { terminal } = interview;
  const folder = dirname(present.file);
  const written = present.isUntouched ? undefined : textAt(present.table, 'auth0', 'secret_file');
  // Somebody has filled in the rest: with both, the daemon would not know which one counts.
  if (
    flag === undefined &&
    written === undefined &&
    !present.isUntouched &&
    textAt(present.table, 'auth0', 'subject') !== undefined
  ) {
    terminal.say(
      `${present.file} names no secret_file, so the service must have SIMGATE_AUTH0_SECRET in its environment; --secret-file makes one.`,
    );
    return { secretFile: undefined, newSecret: undefined };
  }
  const secretFile =
    flag === undefined ? resolve(folder, written ?? join(folder, 'auth0-secret')) : resolve(flag);
  const isThere = ((await readPrivateFile(secretFile)) ?? '').trim() !== '';
  if (!isThere) return { secretFile, newSecret: generateSecret() };
  const isNew = flag !== undefined || written === undefined || present.isUntouched;
  const isReplaced = await replaces(secretFile, isNew, present, interview);
  return { secretFile, newSecret: isReplaced ? generateSecret() : undefined };
}

/**
 * Whether a secret that will not do gives way to a new one. One that has long been in use may stay,
 * with its warning; none begins so. Throws {@link OperatorError}.
 */
async function replaces(
  file: string,
  isNew: boolean,
  { table }: Present,
  interview: Interview,
): Promise<boolean> {
  const isEncoded = valueAt(table, ['auth0', 'secret_base64_encoded']) === true;
  const why = whyNotForNew(file, { secretBase64Encoded: isEncoded });
  if (why === undefined) return false;
  interview.terminal.say(`The secret in ${file}: ${why}.`);
  const question = isNew
    ? 'Make a new one in its place?'
    : 'Make a new one in its place? Who sends with the old one is refused then.';
  if (interview.canAsk) {
    if (isNew ? await interview.confirms(question) : await interview.insists(question)) return true;
  }
  if (!isNew) return false;
  throw new OperatorError(
    `${file}: ${why}, and no set-up begins with such a secret: remove the file, and setup makes one. Nothing was changed`,
  );
}

/** Not needed by the daemon: only for Auth0's side, and for the next lines. */
async function askForUrl(
  flag: string | undefined,
  knownUrl: string | undefined,
  interview: Interview,
): Promise<string | undefined> {
  const { terminal } = interview;
  const url = await interview.ask({
    what: 'its public URL',
    hint: 'as https://sms.example.com/sms; Enter alone: later',
    flag: '--url',
    given: flag,
    present: knownUrl ?? '',
    read: readUrl,
  });
  if (url !== undefined) tellFindings(judgeGatewayUrl(url), terminal);
  return url;
}

/** A bare name is what most people write. */
function readUrl(answer: string): Reading<string | undefined> {
  if (answer === '') return { value: undefined };
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(answer)
    ? answer
    : `https://${answer.replace(/\/+$/, '')}`;
  const isBare = URL.canParse(url) && new URL(url).pathname === '/' && !url.endsWith('/');
  const whole = isBare ? `${url}/sms` : url;
  const wrong = judgeGatewayUrl(whole).find(({ level }) => level === 'error');
  return wrong === undefined ? { value: whole } : { objection: `cannot be used: ${wrong.what}` };
}

/**
 * The URL that an earlier `simgate auth0 setup` was given; undefined where its folder may not be
 * read.
 */
export async function urlOfAuth0Setup(
  readSetups: () => Promise<{ gateway_url: string }[]>,
): Promise<string | undefined> {
  try {
    return (await readSetups())[0]?.gateway_url;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return undefined; // it is only a proposal
  }
}
