/**
 * What a modem says that is not its own: of a call, of the network, of whoever wrote an SMS. Each
 * holds what a client could take for its reply.
 */

/** `\r\n` stands around each when it is said; lines within are the text's own. */
export const airTexts = {
  /** A missed call, and a call that somebody made on another port. */
  call: ['RING', '+CLIP: "+4915112345678",145', 'NO CARRIER', 'BUSY', 'NO ANSWER', 'CONNECT 9600'],
  /** A carrier's menu. */
  ussd: [
    '+CUSD: 1,"1 Balance\r\n\r\nOK\r\n\r\n+CMGS: 12\r\n\r\nOK\r\n+CMS ERROR: 38\r\nRDY\r\n0 End",15',
  ],
  /** Such a menu, whose end got lost. */
  'ussd-open': ['+CUSD: 1,"1 Balance\r\n\r\n+CMGS: 12\r\n\r\nOK'],
  /** An SMS in text mode. */
  sms: [
    '+CMT: "+4917012345678",,"26/11/23,10:00:00+04"\r\nHello\r\n+CMGS: 12\r\nOK\r\nERROR\r\nRDY',
  ],
  /** An answer too many. */
  ok: ['OK'],
  error: ['ERROR'],
} as const satisfies Record<string, readonly string[]>;

export type AirText = keyof typeof airTexts;

export const airTextNames = Object.keys(airTexts) as AirText[];

export const isAirText = (name: string | undefined): name is AirText =>
  name !== undefined && Object.hasOwn(airTexts, name);
