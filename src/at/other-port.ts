/** Which of a modem's ports a tty is that answers no `AT`, by what comes from it all the same. */

/** Octets that are looked at, and how many of them have to be none of text. */
const mostOctets = 2_048;
const fewestOddOctets = 16;

/** A sentence of a GPS receiver (NMEA 0183): talker, kind, fields. */
const positionSentence = /(?:^|[\r\n])\$[A-Z]{2}[A-Z0-9]{3},/g;
/** Octets of no text. NUL and 0xFF are those of a UART that nobody drives. */
const oddOctet = /[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\xfe]/g;

/** The first octets of a tty, as long as nothing on it has answered. */
export class UnansweredOctets {
  #text: string | undefined = '';

  note(octets: Buffer): void {
    if (this.#text === undefined || this.#text.length >= mostOctets) return;
    const room = mostOctets - this.#text.length;
    this.#text += octets.toString('latin1', 0, room);
  }

  /** A command was answered: it is the right port, whatever else comes from it. */
  answered(): void {
    this.#text = undefined;
  }

  /** What comes, and what that means, as a phrase; undefined where it tells nothing. */
  get inWords(): string | undefined {
    const text = this.#text ?? '';
    const positions = text.match(positionSentence)?.length ?? 0;
    if (positions > 1) return 'what comes are positions (NMEA): this is the GPS port of a modem';
    const odd = text.match(oddOctet)?.length ?? 0;
    if (odd < fewestOddOctets || odd * 4 < text.length) return undefined;
    return 'what comes is no text: this is another port of a modem, or baud is wrong';
  }
}
