/** TP-DCS, the data coding scheme (3GPP TS 23.038 clause 4). */

/** What a message waiting indication speaks of (23.038 4, groups 1100 to 1110, bits 1 and 0). */
const waitingKinds = ['voicemail', 'fax', 'email', 'other'] as const;

/** What TP-DCS says of the user data. */
export interface DataCoding {
  /** The octet itself. */
  octet: number;
  /**
   * What the user data is made of. Compressed data (23.042) cannot be read here and counts as
   * `8bit`.
   */
  alphabet: 'gsm7' | 'ucs2' | '8bit';
  compressed: boolean;
  /** 0 (shown at once), 1 (ME), 2 (SIM), 3 (TE), or `undefined` when it has none. */
  messageClass: number | undefined;
  /** The handset may delete it once read (group 01). */
  automaticDeletion: boolean;
  messageWaiting:
    | { kind: (typeof waitingKinds)[number]; active: boolean; discard: boolean }
    | undefined;
}

/** Reads TP-DCS. Reserved codings count as the GSM 7-bit default alphabet, as clause 4 demands. */
export function decodeDataCoding(octet: number): DataCoding {
  const group = octet >> 4;
  const plain: DataCoding = {
    octet,
    alphabet: 'gsm7',
    compressed: false,
    messageClass: undefined,
    automaticDeletion: false,
    messageWaiting: undefined,
  };
  if (group <= 0b0111) return decodeGeneralGroup(plain);
  if (group <= 0b1011) return plain;
  if (group === 0b1111) {
    return { ...plain, alphabet: (octet & 4) === 0 ? 'gsm7' : '8bit', messageClass: octet & 3 };
  }
  const kind = waitingKinds[octet & 3]!;
  const messageWaiting = { kind, active: (octet & 8) !== 0, discard: group === 0b1100 };
  return { ...plain, alphabet: group === 0b1110 ? 'ucs2' : 'gsm7', messageWaiting };
}

/** Groups 00xx and 01xx: compression, class and alphabet each have their bits. */
function decodeGeneralGroup(plain: DataCoding): DataCoding {
  const { octet } = plain;
  const compressed = (octet & 0x20) !== 0;
  const alphabet = (['gsm7', '8bit', 'ucs2', 'gsm7'] as const)[(octet >> 2) & 3]!;
  return {
    ...plain,
    alphabet: compressed ? '8bit' : alphabet,
    compressed,
    messageClass: (octet & 0x10) === 0 ? undefined : octet & 3,
    automaticDeletion: (octet & 0x40) !== 0,
  };
}
