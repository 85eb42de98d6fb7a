import { type Random, seededRandom } from '../../src/simulator/random.js';
import { type AdapterSecrets, adapterRequest } from './adapters.js';
import { badBodies, badHeads, badTokens, type Spoil } from './mutations.js';
import { type Identity, identityOf, pick, randomOctets, spell, validDraft } from './requests.js';

/**
 * What may become of a request. `sent`: answered 200 and accepted once, with this text. `refused`:
 * never accepted; where its framing is whole, with the statuses in `statuses`. `harmless`: a health
 * check. `open`: octets of a valid one were changed, so it may be either, but the answer must tell
 * the truth.
 */
export type Fate = 'sent' | 'refused' | 'harmless' | 'open';

export interface PlannedRequest {
  fate: Fate;
  /** What was done, for the report. */
  kind: string;
  octets: Buffer;
  identity: Identity;
  /**
   * The only statuses that are right; undefined where the framing is broken, so that no particular
   * answer is due.
   */
  statuses?: readonly number[];
}

/** One connection. */
export interface PlannedSession {
  number: number;
  requests: readonly PlannedRequest[];
  /**
   * Offsets at which the octets of all requests together are cut, and the milliseconds before what
   * follows.
   */
  cuts: readonly { at: number; pauseMs: number }[];
  /**
   * How the caller ends: waits for all it is due, resets after its last octet, or says nothing more
   * until it is thrown out.
   */
  ending: 'waits' | 'resets' | 'stays';
}

interface Kind {
  weight: number;
  make: (
    random: Random,
    token: string,
    identity: Identity,
    secrets: AdapterSecrets,
  ) => Omit<PlannedRequest, 'identity' | 'kind'> & { identity?: Identity };
}

/** What callers prove themselves with. */
export interface Credentials extends AdapterSecrets {
  /** Auth0's. */
  token: string;
}

const ofAdapter =
  (wrong: 'nothing' | 'proof' | 'body', statuses: readonly number[]): Kind['make'] =>
  (random, _token, identity, secrets) => ({
    fate: wrong === 'nothing' ? 'sent' : 'refused',
    statuses,
    ...adapterRequest(random, secrets, identity, wrong),
  });

/** `all`: the whole of the request comes, so that it has an answer of its own. */
const spoiled =
  (spoils: readonly Spoil[], statuses?: readonly number[]): Kind['make'] =>
  (random, token, identity) => {
    const valid = validDraft(random, token, identity);
    const whole = statuses === undefined ? valid : { ...valid, framing: 'length' as const };
    const octets = spell(random, pick(random, spoils)(whole, random, identity));
    return { fate: 'refused', octets, ...(statuses && { statuses }) };
  };

const valid: Kind['make'] = (random, token, identity) => ({
  fate: 'sent',
  octets: spell(random, validDraft(random, token, identity)),
  statuses: [200],
});

const healthCheck: Kind['make'] = (random) => ({
  fate: 'harmless',
  octets: Buffer.from(`GET ${pick(random, ['/livez', '/readyz'])} HTTP/1.1\r\nHost: x\r\n\r\n`),
  statuses: [200],
});

/** Any octets, or such as begin like a request. */
const noise: Kind['make'] = (random) => ({
  fate: 'refused',
  octets: Buffer.concat([
    Buffer.from(
      pick(random, [
        '',
        '\r\n',
        'POST /sms HTTP/1.1\r\n',
        'POST ',
        '\x16\x03\x01\x02',
        'PRI * HTTP/2.0\r\n\r\nSM',
      ]),
    ),
    randomOctets(random, 1 + random.below(400)),
    Buffer.from(pick(random, ['', '\r\n\r\n'])),
  ]),
});

const truncated: Kind['make'] = (random, token, identity, secrets) => {
  const { octets } = valid(random, token, identity, secrets);
  return { fate: 'refused', octets: octets.subarray(0, 1 + random.below(octets.length - 1)) };
};

/**
 * A whole valid request as the body of one that is refused: nobody may take it for the next one.
 */
const smuggled: Kind['make'] = (random, token, identity, secrets) => {
  const inner = valid(random, token, identity, secrets).octets;
  const spoil = pick(random, [...badTokens, ...badHeads.slice(2, 9)]);
  const outer = { ...validDraft(random, token, identity), body: inner, framing: 'length' as const };
  return { fate: 'refused', octets: spell(random, spoil(outer, random, identity)) };
};

/** One to six changes of single octets or short runs of them, anywhere but in the marker. */
const changed: Kind['make'] = (random, token, identity) => {
  const draft = validDraft(random, token, identity);
  let octets = spell(random, draft);
  const spared = `#${identity.marker}#`;
  // Chunks may cut the marker off its signs, and then it could not be spared.
  if (!octets.includes(spared)) octets = spell(random, { ...draft, framing: 'length' });
  for (let change = 1 + random.below(6); change > 0; change--) {
    const start = octets.indexOf(spared);
    const end = start + spared.length;
    const at = random.below(octets.length);
    // Runs end before the marker, too.
    const length = Math.min(1 + random.below(40), at < start ? start - at : octets.length - at);
    if (at >= start && at < end) continue;
    const run = octets.subarray(at, at + length);
    const other = pick(random, [
      Buffer.from([octets[at]! ^ (1 << random.below(8))]),
      Buffer.from(pick(random, ['\0', '\r\n', '"', '\\', '{', ',', ':', '\xff', ' ', '0'])),
      Buffer.concat([run, run]),
      Buffer.alloc(0),
    ]);
    octets = Buffer.concat([
      octets.subarray(0, at),
      other,
      octets.subarray(at + (other.length > 1 ? length : 1)),
    ]);
  }
  return { fate: 'open', octets };
};

/** Those with an answer of their own may follow one another on a connection. */
const wholeKinds: Readonly<Record<string, Kind>> = {
  valid: { weight: 3, make: valid },
  'health check': { weight: 3, make: healthCheck },
  'bad token': { weight: 16, make: spoiled(badTokens, [401]) },
  // A body over 64 KiB ends its connection; so many of those make no pipeline.
  'bad body': { weight: 22, make: spoiled(badBodies, [400, 413]) },
  "an adapter's": { weight: 3, make: ofAdapter('nothing', [200]) },
  "an adapter's bad proof": { weight: 16, make: ofAdapter('proof', [401]) },
  "an adapter's bad body": { weight: 16, make: ofAdapter('body', [400]) },
};

const brokenKinds: Readonly<Record<string, Kind>> = {
  'bad head': { weight: 18, make: spoiled(badHeads) },
  noise: { weight: 10, make: noise },
  truncated: { weight: 10, make: truncated },
  smuggled: { weight: 8, make: smuggled },
  changed: { weight: 10, make: changed },
};

function drawKind(random: Random, kinds: Readonly<Record<string, Kind>>): [string, Kind] {
  const tickets = Object.entries(kinds).flatMap((entry) =>
    Array.from({ length: entry[1].weight }, () => entry),
  );
  return pick(random, tickets);
}

/**
 * The session whose first request has this number; the same seed and number give the same session.
 * Zero to four whole requests go before the last one, which may be anything.
 */
export function planSession(
  seed: number,
  number: number,
  { token, ...secrets }: Credentials,
  count: number,
): PlannedSession {
  const random = seededRandom(Math.imul(seed + 1, 0x9e3779b1) ^ number);
  const requests: PlannedRequest[] = [];
  for (let index = 0; index < count; index++) {
    const isLast = index === count - 1;
    const [kind, { make }] = drawKind(
      random,
      isLast ? { ...wholeKinds, ...brokenKinds } : wholeKinds,
    );
    const identity = identityOf(random, number + index);
    requests.push({ kind, identity, ...make(random, token, identity, secrets) });
  }
  const length = requests.reduce((sum, { octets }) => sum + octets.length, 0);
  const isSlow = random.below(25) === 0;
  const cuts = Array.from({ length: random.below(isSlow ? 12 : 4) }, () => ({
    at: random.below(length),
    pauseMs: random.below(isSlow ? 40 : 3),
  })).sort((one, other) => one.at - other.at);
  return { number, requests, cuts, ending: endingOf(random, requests) };
}

/** A session of one valid request. */
export function planValid(
  seed: number,
  number: number,
  { token, ...secrets }: Credentials,
): PlannedSession {
  const random = seededRandom(seed ^ number);
  const identity = identityOf(random, number);
  const requests = [{ kind: 'valid', identity, ...valid(random, token, identity, secrets) }];
  return { number, requests, cuts: [], ending: 'waits' };
}

/**
 * Only who has not said all there is to say can stay until it is thrown out; whoever is sure of an
 * answer waits for it.
 */
function endingOf(random: Random, requests: readonly PlannedRequest[]): PlannedSession['ending'] {
  if (requests.at(-1)?.kind === 'truncated')
    return pick(random, ['waits', 'waits', 'waits', 'resets', 'stays']);
  const isSure = requests.some(({ fate }) => fate === 'sent');
  return !isSure && random.below(30) === 0 ? 'resets' : 'waits';
}
