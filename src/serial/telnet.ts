/** Interpret-as-command and what follows it (RFC 854); it stands doubled where it is data. */
const IAC = 0xff;
const [SE, SB] = [0xf0, 0xfa];
/** An offer or a request of an option: what follows names the option. */
export const verbs = { will: 0xfb, wont: 0xfc, do: 0xfd, dont: 0xfe } as const;
type Verb = (typeof verbs)[keyof typeof verbs];

/** What the other end says beside the data. */
export interface TelnetListener {
  onVerb(verb: Verb, option: number): void;
  /** A subnegotiation, its doubled IACs undone; what is longer than any real one is cut off. */
  onSubnegotiation(option: number, payload: Buffer): void;
}

/** Octets of a subnegotiation that are kept: those of RFC 2217 that matter have 6. */
const longestSubnegotiation = 64;

/** Takes telnet apart, at whatever octet the chunks are cut. */
export class TelnetReader {
  readonly #listener: TelnetListener;
  #state: 'data' | 'iac' | 'option' | 'sub' | 'sub-iac' = 'data';
  #verb: Verb = verbs.dont;
  #sub: number[] = [];

  constructor(listener: TelnetListener) {
    this.#listener = listener;
  }

  /** The data among the octets; the listener is told the rest, in order. */
  take(bytes: Buffer): Buffer {
    if (this.#state === 'data' && !bytes.includes(IAC)) return bytes;
    const data: number[] = [];
    for (const octet of bytes) this.#step(octet, data);
    return Buffer.from(data);
  }

  #step(octet: number, data: number[]): void {
    switch (this.#state) {
      case 'data':
        if (octet === IAC) this.#state = 'iac';
        else data.push(octet);
        return;
      case 'iac':
        return this.#command(octet, data);
      case 'option':
        this.#state = 'data';
        return this.#listener.onVerb(this.#verb, octet);
      case 'sub':
        if (octet === IAC) this.#state = 'sub-iac';
        else this.#keep(octet);
        return;
      case 'sub-iac':
        if (octet === IAC) this.#keep(octet);
        this.#state = octet === SE ? 'data' : 'sub';
        if (octet === SE) this.#endSubnegotiation();
    }
  }

  #command(octet: number, data: number[]): void {
    this.#state = 'data';
    if (octet === IAC) data.push(octet);
    else if (octet === SB) {
      this.#state = 'sub';
      this.#sub = [];
    } else if (isVerb(octet)) {
      this.#state = 'option';
      this.#verb = octet;
    } // NOP, go ahead, break and their like mean nothing here.
  }

  #keep(octet: number): void {
    if (this.#sub.length < longestSubnegotiation) this.#sub.push(octet);
  }

  #endSubnegotiation(): void {
    const [option, ...payload] = this.#sub;
    if (option !== undefined) this.#listener.onSubnegotiation(option, Buffer.from(payload));
  }
}

const isVerb = (octet: number): octet is Verb => octet >= verbs.will && octet <= verbs.dont;

/** Data as it stands on a telnet connection. */
export function escapeIac(bytes: Buffer): Buffer {
  if (!bytes.includes(IAC)) return bytes;
  return Buffer.from([...bytes].flatMap((octet) => (octet === IAC ? [IAC, IAC] : [octet])));
}

/** An offer or a request. */
export const verb = (what: Verb, option: number): Buffer => Buffer.from([IAC, what, option]);

/** A subnegotiation. */
export const subnegotiation = (option: number, payload: readonly number[]): Buffer =>
  Buffer.concat([
    Buffer.from([IAC, SB, option]),
    escapeIac(Buffer.from(payload)),
    Buffer.from([IAC, SE]),
  ]);

/** Octets by which {@link looksLikeTelnet} tells. */
export const telnetHead = 3;

/** Whether a connection begins as telnet does: with an offer or a request of a usual option. */
export const looksLikeTelnet = ([first, second = 0, option = IAC]: Buffer): boolean =>
  first === IAC && isVerb(second) && option <= 44;
