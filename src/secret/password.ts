import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** What is kept of a password: enough to know it again, and not to tell it. */
export interface PasswordHash {
  /** The binary logarithm of scrypt's N. */
  ln: number;
  r: number;
  p: number;
  salt: Buffer;
  hash: Buffer;
}

/**
 * Scrypt (RFC 7914) with 16 MB and five rounds, which small boxes have and OWASP holds for as good
 * as 128 MB and one.
 */
const cost = { ln: 14, r: 8, p: 5 } as const;
const saltOctets = 16;
const hashOctets = 32;
/** Characters; a person can be told one, and nobody guesses it. */
export const shortestPassword = 12;
/** Characters; more is an attempt at whoever hashes them. */
export const longestPassword = 256;

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** A line that {@link parsePasswordHash} reads, in the PHC string format. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltOctets);
  const hash = await hashed(password, { ...cost, salt, hash: Buffer.alloc(hashOctets) });
  const { ln, r, p } = cost;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;
}

/** Undefined for what is no such line, or would cost the box too much or an attacker too little. */
export function parsePasswordHash(line: string): PasswordHash | undefined {
  const match =
    /^\$scrypt\$ln=(1[4-7]),r=(8),p=([1-9])\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43})$/.exec(
      line,
    );
  if (!match) return undefined;
  const [, ln, r, p, salt = '', hash = ''] = match;
  return {
    ln: Number(ln),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}

/** Takes some tenths of a second, and 16 MB or more meanwhile: call it one at a time. */
export async function isPassword(password: string, known: PasswordHash): Promise<boolean> {
  if (password.length > longestPassword) return false;
  return timingSafeEqual(await hashed(password, known), known.hash);
}

function hashed(password: string, { ln, r, p, salt, hash }: PasswordHash): Promise<Buffer> {
  const N = 2 ** ln;
  // The same password typed on another keyboard (RFC 8265 4.2.1).
  return derive(password.normalize('NFC'), salt, hash.length, { N, r, p, maxmem: 256 * N * r });
}

const base64 = (octets: Buffer): string => octets.toString('base64').replace(/=+$/, '');
