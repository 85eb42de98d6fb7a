import { InvalidArgumentError } from 'commander';
import { toE164 } from '../number/e164.js';

/** An argument that is a number in E.164. Throws as commander wants it. */
export function e164(text: string): string {
  const number = toE164(text);
  if (number === undefined) throw new InvalidArgumentError('+ and 7 to 15 digits (ITU-T E.164)');
  return number;
}
