import { maskNumber } from '../mask.js';

/** C0 and C1 controls, DEL, line separators, and the marks that turn the direction of text. */
const controls = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** What a modem or a network said, fit for a terminal: characters that would steer it are escaped as JSON does (`\u001b`). */
export function escapeControls(text: string): string {
  return text.replace(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The most characters of a name that a modem or network gives itself. */
const maxNameLength = 64;

/**
 * A name that a modem or network gave: escaped, short, and with anything masked that could be a telephone number, IMSI, IMEI or ICCID
 * (some firmwares put one there). Dates such as 20190312 stay.
 */
export function shownName(name: string): string {
  return escapeControls(name.trim().slice(0, maxNameLength)).replace(/\+\d{7,}|\d{10,}/g, maskNumber);
}
