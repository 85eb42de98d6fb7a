import { escapeIac, subnegotiation, TelnetReader, verb, verbs } from './telnet.js';

/** Options of telnet: RFC 856, RFC 858, RFC 2217. */
const [binary, suppressGoAhead, comPort] = [0, 3, 44];
/** What we offer, and what we ask for; all else is declined. */
const offered: readonly number[] = [comPort, binary, suppressGoAhead];
const wanted: readonly number[] = [binary, suppressGoAhead];

/** Commands to the access server (RFC 2217, section 3); its answers have 100 more. */
const set = { baud: 1, dataSize: 2, parity: 3, stopSize: 4, control: 5, lines: 10, modem: 11 };
const answer = 100;
const [suspend, resume] = [8, 9];
/** Values of `control`. */
const [noFlowControl, dtrOn] = [1, 8];

/** What the access server and we have to say to each other about the port. */
export interface PortControlListener {
  /** Octets for the connection. */
  send(bytes: Buffer): void;
  /** The port is as it should be: octets may go both ways. */
  onReady(): void;
  /** It is of no use: a phrase that ends a sentence about it. */
  onRefused(why: string): void;
}

/**
 * The client's side of RFC 2217: a serial port behind telnet, set as a tty is opened here (8N1, no
 * flow control, DTR on), which is left on at the end: a modem with AT&D2 or AT&D3 would leave its
 * state.
 */
export class PortControl {
  readonly #baudRate: number;
  readonly #listener: PortControlListener;
  readonly #reader = new TelnetReader({
    onVerb: (what, option) => this.#takeVerb(what, option),
    onSubnegotiation: (option, payload) => option === comPort && this.#takeAnswer(payload),
  });
  /** What we last said of each option: of ours (WILL, WONT), and of theirs (DO, DONT). */
  readonly #ours = new Map<number, boolean>();
  readonly #theirs = new Map<number, boolean>();
  /** What they have agreed to so far. */
  readonly #agreed = new Set<string>();
  /** Data that waits for the access server to take more; undefined while it does. */
  #held: Buffer[] | undefined;
  #stage: 'options' | 'settings' | 'ready' | 'refused' = 'options';

  constructor(baudRate: number, listener: PortControlListener) {
    this.#baudRate = baudRate;
    this.#listener = listener;
  }

  /** Begins: says what we offer and want. */
  start(): void {
    for (const option of offered) this.#offer(option, true);
    for (const option of wanted) this.#ask(option, true);
  }

  /** The modem's octets among those of the connection. */
  take(bytes: Buffer): Buffer {
    return this.#reader.take(bytes);
  }

  /** Sends octets to the modem, when it may. */
  put(bytes: Buffer): void {
    const escaped = escapeIac(bytes);
    if (this.#held === undefined) this.#listener.send(escaped);
    else this.#held.push(escaped);
  }

  /** Asks the access server something that it must answer and that changes nothing: its baud. */
  ask(): void {
    this.#set(set.baud, [0, 0, 0, 0]);
  }

  #takeVerb(what: number, option: number): void {
    switch (what) {
      case verbs.do:
        if (this.#ours.get(option) === undefined) this.#offer(option, false);
        else this.#agree(`ours ${option}`);
        return;
      case verbs.will:
        if (this.#theirs.get(option) === undefined) this.#ask(option, false);
        else this.#agree(`theirs ${option}`);
        return;
      case verbs.dont:
        if (option === comPort)
          return this.#refuse('speaks telnet without RFC 2217: if it is ser2net, telnet(rfc2217)');
        if (option === binary) this.#refuseBinary();
        return;
      case verbs.wont:
        if (option === binary) this.#refuseBinary();
    }
  }

  #refuseBinary(): void {
    this.#refuse('does not carry all octets (it refuses telnet option 0, RFC 856)');
  }

  #agree(what: string): void {
    this.#agreed.add(what);
    const needed = [`ours ${comPort}`, `ours ${binary}`, `theirs ${binary}`];
    if (this.#stage !== 'options' || !needed.every((each) => this.#agreed.has(each))) return;
    this.#stage = 'settings';
    const [eightBits, noParity, oneStopBit] = [8, 1, 1];
    this.#set(set.dataSize, [eightBits]);
    this.#set(set.parity, [noParity]);
    this.#set(set.stopSize, [oneStopBit]);
    this.#set(set.control, [noFlowControl]);
    this.#set(set.control, [dtrOn]);
    // Nobody here listens to what its lines do.
    this.#set(set.lines, [0]);
    this.#set(set.modem, [0]);
    const baud = Buffer.alloc(4);
    baud.writeUInt32BE(this.#baudRate);
    this.#set(set.baud, [...baud]);
  }

  #takeAnswer(payload: Buffer): void {
    const [command] = payload;
    if (command === suspend || command === suspend + answer) this.#held ??= [];
    if (command === resume || command === resume + answer) this.#release();
    // The last of the settings: those before it were taken in their turn.
    if (command !== set.baud + answer || this.#stage !== 'settings' || payload.length < 5) return;
    const baud = payload.readUInt32BE(1);
    // Some answer 0 for a port that has no such thing.
    if (baud !== this.#baudRate && baud !== 0)
      return this.#refuse(`runs its port at ${baud} baud, not at ${this.#baudRate}`);
    this.#stage = 'ready';
    this.#listener.onReady();
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const bytes of held) this.#listener.send(bytes);
  }

  #refuse(why: string): void {
    if (this.#stage === 'refused') return;
    this.#stage = 'refused';
    this.#listener.onRefused(why);
  }

  #offer(option: number, does: boolean): void {
    this.#ours.set(option, does);
    this.#listener.send(verb(does ? verbs.will : verbs.wont, option));
  }

  #ask(option: number, wants: boolean): void {
    this.#theirs.set(option, wants);
    this.#listener.send(verb(wants ? verbs.do : verbs.dont, option));
  }

  #set(command: number, value: readonly number[]): void {
    this.#listener.send(subnegotiation(comPort, [command, ...value]));
  }
}
