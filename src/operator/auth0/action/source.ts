import { actionAnswers } from './answers.js';

/** What the Action needs to know beside its secret. */
export interface UnifiedOptions {
  /** Where Auth0 reaches `POST /sms`, with https. */
  gatewayUrl: string;
  /** The token's `sub`, as in the daemon's configuration. */
  subject: string;
  /** The token's `aud`, as in the daemon's configuration. */
  audience: string;
  /**
   * Whether the HS256 key is the secret's octets as base64url (RFC 4648 5) rather than its UTF-8
   * text.
   */
  secretBase64Encoded: boolean;
  /**
   * What `simgate auth0 …` needs beside it to mean this caller, for what is said; none of it is in
   * the source. Default: nothing.
   */
  callerFlag?: string;
}

/** The name of the Action's one secret. */
export const secretName = 'SIMGATE_SECRET';

/** Longest value of an Action's secret, in characters (Auth0, "Actions Limitations"). */
export const maxSecretLength = 4096;

/** The first words of the source, by which it is known again in a tenant, whoever pasted it. */
const marker = '// simgate: ';

/** Whether an Action's code is one that simgate wrote, of whatever version. */
export function isWrittenBySimgate(code: string): boolean {
  return code.trimStart().startsWith(marker);
}

/** Whether it is what Auth0's dashboard puts there at first: it sends nothing. */
export function isPlaceholder(code: string): boolean {
  const bare = code.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replace(/[\s;]/g, '');
  return /^(?:exports\.onExecuteCustomPhoneProvider=async\(event,api\)=>\{(?:return)?\})?$/.test(
    bare,
  );
}

/** The lines of the source that hold the options, by the option's name in words. */
export function settingLines(options: UnifiedOptions): Record<string, string> {
  return {
    'gateway URL': `const gatewayUrl = ${literal(options.gatewayUrl)};`,
    subject: `const subject = ${literal(options.subject)};`,
    audience: `const audience = ${literal(options.audience)};`,
    'encoding of the secret': `const secretIsBase64Encoded = ${options.secretBase64Encoded};`,
  };
}

/**
 * The whole source of the Action, for the trigger `custom-phone-provider` (v1) and Node 18 or 22:
 * plain JavaScript, no dependency.
 * It holds no secret: that is {@link secretName} of the Action.
 */
export function actionSource(options: UnifiedOptions): string {
  const answers = Object.entries(actionAnswers).map(([code, answer]) => `  ${code}: '${answer}',`);
  return `${marker}Auth0's phone messages go out through your own SMS gateway (trigger custom-phone-provider).
// Written by "simgate auth0 setup": change the settings there, not here. Needs the secret
// ${secretName} and no dependency.
const { createHmac, randomUUID } = require('node:crypto');

${Object.values(settingLines(options)).join('\n')}

/** Seconds that the gateway may take (RFC 7240 4.3). */
const waitS = 15;
/** Auth0 ends an Action after 20 s: before, it must have said what is to become of the message. */
const abortAfterMs = 18_000;
/** Enough for clocks that differ a little. */
const tokenLifeS = 120;
/** A code lives for about 3 minutes: one that may only be sent later than this helps nobody. */
const longestRetryAfterS = 120;
/** Auth0 cuts reasons at this length. */
const maxReasonLength = 1024;

/** What to ask of Auth0, by the code in the gateway's answer. */
const answers = {
${answers.join('\n')}
};

exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { answer, reason } = await deliver(event);
  if (answer === 'sent') console.log('simgate: ' + reason);
  else api.notification[answer](('simgate: ' + reason).slice(0, maxReasonLength));
};

async function deliver(event) {
  const { delivery_method: method } = event.notification;
  if (method !== 'text') return drop('only text messages can be sent, not ' + method);
  const secret = event.secrets.${secretName};
  if (!secret) return drop('the Action has no secret ${secretName}');
  const key = Buffer.from(secret, secretIsBase64Encoded ? 'base64url' : 'utf8');
  const request = buildRequest(event, key);
  let response;
  try {
    response = await post(request);
  } catch (error) {
    // Whatever the gateway made of the request: the repeat has the same Idempotency-Key.
    return retry('no answer from the gateway: ' + causeOf(error));
  }
  return judge(response);
}

function buildRequest({ notification, request, tenant, transaction }, key) {
  const { recipient, as_text: text, from, message_type: type, code } = notification;
  const { ip, user_agent } = request ?? {};
  // What makes this one notification. A code names it: the same one to the same number is the same
  // message, whichever way it came here. What has none, as a warning, may be due again with the
  // same words. No JWT begins with a bracket, so a key is no signature.
  const occasion = code ? ['code', code] : ['transaction', transaction?.correlation_id];
  const identity = JSON.stringify([tenant?.id, type, recipient, text, from, ...occasion]);
  return {
    method: 'POST',
    headers: {
      Authorization: 'Bearer ' + signToken(key),
      'Content-Type': 'application/json',
      'Idempotency-Key': createHmac('sha256', key).update(identity).digest('base64url'),
      Prefer: 'wait=' + waitS,
    },
    // What is undefined is left out.
    body: JSON.stringify({
      recipient,
      body: text,
      sender: from,
      message_type: type,
      req: { ip, user_agent },
    }),
    // Followed, the token would go to wherever it points.
    redirect: 'manual',
  };
}

/** A JWT (RFC 7519), HS256. */
function signToken(key) {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { sub: subject, aud: audience, iat, exp: iat + tokenLifeS, jti: randomUUID() };
  const input = encode({ alg: 'HS256', typ: 'JWT' }) + '.' + encode(claims);
  return input + '.' + createHmac('sha256', key).update(input).digest('base64url');
}

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

async function post(request) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), abortAfterMs);
  try {
    const response = await fetch(gatewayUrl, { ...request, signal: abort.signal });
    const retryAfterS = Number(response.headers.get('retry-after'));
    return { status: response.status, retryAfterS, said: parse(await response.text()) };
  } finally {
    clearTimeout(timer);
  }
}

function judge({ status, retryAfterS, said }) {
  if (status === 200) {
    // Many a server answers 200 to anything.
    if (typeof said.segments === 'number')
      return { answer: 'sent', reason: 'sent, request ' + said.id };
    return drop('200, but not from simgate: is the gateway URL right?');
  }
  const isKnown = Object.hasOwn(answers, said.code ?? '');
  const reason = isKnown ? describe(status, said) : status + ' from something in front of simgate';
  const answer = isKnown ? answers[said.code] : answerTo(status);
  if (answer === 'retry' && retryAfterS > longestRetryAfterS) {
    return drop(reason + '; free again in ' + retryAfterS + ' s, too late for a code');
  }
  return { answer, reason };
}

/** Without a code of simgate's: a proxy that finds it gone or overloaded, or a wrong address. */
function answerTo(status) {
  return status >= 500 || status === 408 || status === 429 ? 'retry' : 'drop';
}

function describe(status, { code, detail, id }) {
  return status + ' ' + code + (detail ? ': ' + detail : '') + ' (request ' + id + ')';
}

/** The object in a body of JSON; an empty one for anything else, as a proxy's page. */
function parse(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** A code as ECONNREFUSED, never a message: nobody knows what that may quote. */
function causeOf(error) {
  if (error.name === 'AbortError') return 'none within ' + abortAfterMs / 1000 + ' s';
  return error.cause?.code ?? error.name;
}

function retry(reason) {
  return { answer: 'retry', reason };
}

function drop(reason) {
  return { answer: 'drop', reason };
}
`;
}

/** As a JavaScript string in single quotes. */
function literal(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
