import type { Random } from './random.js';
import type { Cancel, Clock } from './timers.js';

/** Start bit, eight data bits, stop bit. */
const bitsPerOctet = 10;
/** Bytes go on in slices of about this long, as they would trickle out of a UART. */
const sliceMs = 4;
const octetsPerFault = 8;
/**
 * What waits for a slow line; the rest is lost, as in a full transmit FIFO without flow control.
 */
const maxWaitingOctets = 1 << 20;

interface Piece {
  bytes: string;
  /** Milliseconds of quiet before the first octet. */
  pauseMs: number;
}

/** One direction of a serial line: hands bytes on in order, no faster than the line rate. */
export class PacedLine {
  readonly #clock: Clock;
  readonly #octetsPerMs: number;
  readonly #deliver: (bytes: string) => void;
  #pieces: Piece[] = [];
  #waitingOctets = 0;
  #running: Cancel | undefined;
  droppedOctets = 0;

  /** `baud` 0 is unpaced: without a pause bytes are handed on at once. */
  constructor(clock: Clock, baud: number, deliver: (bytes: string) => void) {
    this.#clock = clock;
    this.#octetsPerMs = baud === 0 ? Number.POSITIVE_INFINITY : baud / bitsPerOctet / 1000;
    this.#deliver = deliver;
  }

  write(bytes: string, pauseMs = 0): void {
    if (
      this.#running === undefined &&
      pauseMs === 0 &&
      this.#octetsPerMs === Number.POSITIVE_INFINITY
    ) {
      this.#deliver(bytes);
      return;
    }
    if (this.#waitingOctets + bytes.length > maxWaitingOctets) {
      this.droppedOctets += bytes.length;
      return;
    }
    this.#waitingOctets += bytes.length;
    this.#pieces.push({ bytes, pauseMs });
    if (this.#running === undefined) this.#next();
  }

  /** Loses what is on the way. */
  clear(): void {
    this.#running?.();
    this.#running = undefined;
    this.#pieces = [];
    this.#waitingOctets = 0;
  }

  #next(): void {
    const piece = this.#pieces.shift();
    this.#running = undefined;
    if (piece === undefined) return;
    const sliceOctets = Math.max(1, Math.floor(this.#octetsPerMs * sliceMs));
    const now = piece.bytes.slice(0, sliceOctets);
    const later = piece.bytes.slice(now.length);
    if (later !== '') this.#pieces.unshift({ bytes: later, pauseMs: 0 });
    this.#waitingOctets -= now.length;
    // A placeholder first: with no time to wait `after` runs before it returns.
    this.#running = () => {};
    let hasRun = false;
    const cancel = this.#clock.after(piece.pauseMs + now.length / this.#octetsPerMs, () => {
      hasRun = true;
      this.#deliver(now);
      this.#next();
    });
    if (!hasRun) this.#running = cancel;
  }
}

/** How the bytes of one reply are spoilt on their way to the tty. */
export interface Distortion {
  /** Flips one bit in about one octet of eight, at least in one. */
  garble?: boolean;
  /** Loses about one octet of eight, at least one. */
  drop?: boolean;
  /** Sends octet by octet with this pause before each. */
  splitPauseMs?: number;
}

/** A reply as it comes out of a bad line: pieces with pauses before them. */
export function distort(bytes: string, distortion: Distortion, random: Random): Piece[] {
  let octets = bytes.split('');
  if (distortion.drop === true) {
    const certain = random.below(octets.length);
    octets = octets.filter((_, index) => index !== certain && random.below(octetsPerFault) !== 0);
  }
  if (distortion.garble === true) {
    const certain = random.below(octets.length);
    octets = octets.map((octet, index) =>
      index === certain || random.below(octetsPerFault) === 0
        ? String.fromCharCode(octet.charCodeAt(0) ^ (1 << random.below(8)))
        : octet,
    );
  }
  const { splitPauseMs } = distortion;
  if (splitPauseMs === undefined) return [{ bytes: octets.join(''), pauseMs: 0 }];
  return octets.map((octet) => ({ bytes: octet, pauseMs: splitPauseMs }));
}
