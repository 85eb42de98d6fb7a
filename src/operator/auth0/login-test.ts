/**
 * A message that Auth0 is made to send, by a real passwordless login or by its phone provider's own
 * test, and watched as it arrives at the daemon.
 */

import * as v from 'valibot';
import { NoDaemon } from '../../control/client.js';
import { OperatorError } from '../../errors.js';
import { maskNumber } from '../../number/mask.js';
import { escapeControls, foreignWords } from '../../words/foreign.js';
import { readPhoneProvider, tryPhoneProvider } from './action/phone-provider.js';
import type { Arrival, DaemonLink } from './daemon-link.js';
import type { Auth0Environment } from './environment.js';
import { type ManagementApi, ManagementError } from './management.js';
import { explainNetworkError, parseTenant } from './tenant.js';

/** Auth0 waits 30 s for a gateway; its own part comes on top. */
const startTimeoutMs = 45_000;
/** In the unified experience Auth0 answers first and sends then, in several tries. */
const arrivalTimeoutMs = 60_000;
/**
 * What Auth0 has refused may have been seen by the daemon all the same; its row is there at once.
 */
const afterRefusalMs = 3_000;

/** A message, and who has Auth0 send it. */
export interface MessageTest {
  domain: string;
  /** E.164. */
  recipient: string;
  /** What is begun, as "a login". */
  what: string;
  start: () => Promise<Started>;
  /** What `simgate auth0 …` needs beside it to mean this caller. */
  callerFlag: string;
}

/** What Auth0 answered to who asked for the message. */
export interface Started {
  status: number;
  description: string;
}

/** What a status of the gateway means for who operates it. Statuses as in README, "The API". */
const meanings = (callerFlag: string): Readonly<Record<number, string>> => ({
  200: 'the network has accepted the message',
  400: 'the message can never work: `simgate log` has the code (text_too_long: shorten the template)',
  401: `the token was refused: secret, subject or audience differ. \`simgate auth0 check${callerFlag}\` compares them`,
  403: 'the number is outside of the policy: `simgate policy explain` with it says why',
  409: 'a newer code to the same number took its place while it waited',
  422: 'the same Idempotency-Key came with another message',
  429: 'a limit of the policy was reached: `simgate log` names it',
  500: 'a bug in simgate: its log has it',
  502: 'the network or the modem refused it: `simgate log` has the code, `simgate doctor` looks at SIM and credit',
  503: 'nothing was sent: no modem was ready, or too much was waiting. `simgate doctor` says what is wrong',
  504: 'the modem gave no answer in time: it may arrive all the same',
});

/** What a status means, for people. */
function meaningOfStatus(status: number, callerFlag: string): string {
  return meanings(callerFlag)[status] ?? 'not a status of simgate: is a proxy in between?';
}

/** What was seen at the daemon: a message, or why nothing could be. */
type Sighting = Arrival | { unwatched: string };

/**
 * Has the message sent and says what became of it; resolves with whether the network took it, as
 * far as it can be known.
 */
export async function testMessage(
  test: MessageTest,
  daemon: DaemonLink,
  environment: Auth0Environment,
): Promise<boolean> {
  const { terminal, now, wait } = environment;
  const left = new AbortController();
  const arrival = firstArrival(daemon, test.recipient, now().getTime(), left.signal);
  // Its failing is told when it is awaited below, which may be later than it comes.
  arrival.catch(() => undefined);
  try {
    terminal.say(`Starting ${test.what} for ${maskNumber(test.recipient)} at ${test.domain} …`);
    const started = await test.start();
    const isTaken = started.status === 200;
    terminal.say(
      isTaken
        ? 'Auth0 has taken it (200).'
        : `Auth0 refuses: ${started.status} ${started.description}`,
    );
    const patience = wait(isTaken ? arrivalTimeoutMs : afterRefusalMs, left.signal).then(
      () => undefined,
    );
    const seen = await Promise.race([arrival, patience]);
    for (const line of conclude(started, seen, test.callerFlag)) terminal.say(line);
    if (seen === undefined) return false;
    return 'unwatched' in seen ? isTaken : seen.status === 200;
  } finally {
    left.abort();
  }
}

async function firstArrival(
  daemon: DaemonLink,
  recipient: string,
  sinceMs: number,
  signal: AbortSignal,
): Promise<Sighting> {
  try {
    for await (const arrival of daemon.watch(recipient, sinceMs, signal)) return arrival;
    return { unwatched: 'the daemon has stopped' };
  } catch (error) {
    if (error instanceof NoDaemon || error instanceof OperatorError)
      return { unwatched: error.message };
    throw error;
  }
}

function conclude(started: Started, seen: Sighting | undefined, callerFlag: string): string[] {
  if (seen !== undefined && 'status' in seen) {
    const code = seen.code === undefined ? '' : ` ${escapeControls(seen.code)}`;
    return [
      `simgate answered ${seen.status}${code}: ${meaningOfStatus(seen.status, callerFlag)} (message ${escapeControls(seen.id)}).`,
      ...(seen.status === 200 ? ['Look at the phone: the code should be there.'] : []),
    ];
  }
  const [, status] = /SMS gateway: ?(\d{3})/.exec(started.description) ?? [];
  const unwatched =
    seen === undefined
      ? []
      : [`Its arrival cannot be watched (${seen.unwatched}): look at the phone.`];
  if (status !== undefined)
    return [`The gateway answered ${status}: ${meaningOfStatus(Number(status), callerFlag)}.`];
  if (started.status !== 200) return ['Auth0 sent nothing to simgate.'];
  if (seen !== undefined) return unwatched;
  return [
    `Nothing arrived at simgate. Auth0's logs (dashboard: Monitoring › Logs, type fn) say why: a wrong gateway URL, TLS, or an Action that failed. \`simgate auth0 check${callerFlag}\` compares tenant and configuration.`,
  ];
}

const errorSchema = v.object({
  error: v.optional(v.string()),
  error_description: v.optional(v.string()),
});

/** Whose login it is. */
export interface Login {
  domain: string;
  /** Name of the connection. */
  connection: string;
  /** An application for which the connection and the grant "Passwordless OTP" are on. */
  clientId: string;
  /** For applications that authenticate (regular web applications). */
  clientSecret: string | undefined;
  /** E.164. */
  recipient: string;
}

/**
 * Has the tenant's phone provider send a test message, which the Action gets like any other.
 * Rejects with {@link OperatorError} when there is no provider, or with {@link ManagementError}
 * when a scope is lacking or Auth0 was not reached.
 */
export async function startProviderTest(
  api: ManagementApi,
  recipient: string,
  callerFlag: string,
): Promise<Started> {
  const provider = await readPhoneProvider(api);
  if (provider === undefined)
    throw new OperatorError(
      `the tenant has no phone provider: run \`simgate auth0 setup${callerFlag}\` first`,
    );
  try {
    await tryPhoneProvider(api, provider.id, recipient);
    return { status: 200, description: '' };
  } catch (error) {
    if (!(error instanceof ManagementError) || error.status === undefined) throw error;
    if (error.errorCode === 'insufficient_scope') throw error;
    return {
      status: error.status,
      description: error.message.replaceAll(recipient, maskNumber(recipient)),
    };
  }
}

/**
 * POST /passwordless/start (Auth0's Authentication API). Rejects with {@link ManagementError} when
 * Auth0 was not reached.
 */
export async function startLogin(
  test: Login,
  { fetch: send, env }: Auth0Environment,
): Promise<Started> {
  const tenant = parseTenant(test.domain);
  try {
    const response = await send(`${tenant.origin}/passwordless/start`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({
        client_id: test.clientId,
        ...(test.clientSecret !== undefined && { client_secret: test.clientSecret }),
        connection: test.connection,
        phone_number: test.recipient,
        send: 'code',
      }),
      redirect: 'manual',
      signal: AbortSignal.timeout(startTimeoutMs),
    });
    return { status: response.status, description: describe(await response.text(), test) };
  } catch (thrown) {
    const message = explainNetworkError(thrown, tenant.domain, env);
    if (message === undefined) throw thrown;
    // The cause is left out on purpose: it may hold the request.
    throw new ManagementError(message);
  }
}

function describe(text: string, { recipient, clientSecret }: Login): string {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return 'without a reason';
  }
  const parsed = v.safeParse(errorSchema, answer);
  if (!parsed.success) return 'without a reason';
  const { error = '', error_description: description = '' } = parsed.output;
  const bare = `${error}: ${description}`.replaceAll(recipient, maskNumber(recipient));
  return foreignWords(clientSecret ? bare.replaceAll(clientSecret, '…') : bare, 400);
}
