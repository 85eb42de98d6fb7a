/**
 * What the SMS codec raises. No message of these holds any part of a text, number or PDU (they end
 * up in logs).
 */

/** A text, or a part of it, cannot be put into the wanted alphabet. */
export class Unencodable extends Error {
  override readonly name = 'Unencodable';
  /** UTF-16 code units before the character that cannot be encoded. */
  readonly offset: number;

  constructor(offset: number, why: string) {
    super(`the text cannot be encoded at offset ${offset}: ${why}`);
    this.offset = offset;
  }
}

/**
 * A text needs more segments than the one-octet total of a concatenated message can say (3GPP TS
 * 23.040 9.2.3.24.1).
 */
export class TooManySegments extends Error {
  override readonly name = 'TooManySegments';
  /** How many segments the text would need. */
  readonly segments: number;

  constructor(segments: number) {
    super(`the text needs ${segments} segments; a concatenated message has at most 255`);
    this.segments = segments;
  }
}

/** A PDU is cut short, or holds what 3GPP TS 23.040 does not allow. */
export class TpduError extends Error {
  override readonly name = 'TpduError';
  /** Path of the field in the specification's own names, as `TP-OA.length`. */
  readonly field: string;
  /** Octets before the place of the fault, counted from the start of the PDU that was given. */
  readonly offset: number;

  constructor(field: string, offset: number, why: string) {
    super(`${field} at octet ${offset}: ${why}`);
    this.field = field;
    this.offset = offset;
  }
}
