import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { link, open, rm } from 'node:fs/promises';
import { syncFolder } from '../secret/private-file.js';
import { whyFailed } from '../words/system-fault.js';
import { makePrivate } from './files.js';

/** The key of the HMACs cannot be used. */
export class HmacKeyError extends Error {
  override readonly name = 'HmacKeyError';
}

/** What an HMAC is of; the same text in two domains gives two HMACs that cannot be compared. */
export type HmacDomain =
  | 'recipient'
  | 'tail'
  | 'inbound'
  | 'block'
  | 'client_ip'
  | 'sim'
  | 'idempotency_key'
  | 'request'
  | 'shared';

/** 32 hex digits: HMAC-SHA-256 (RFC 2104, FIPS 180-4) truncated to 128 bits (RFC 2104 5). */
export type Hmac = (domain: HmacDomain, text: string) => string;

/** RFC 2104 3: a key as long as the hash; more adds nothing. */
const keyOctets = 32;
const shownOctets = 16;

/**
 * Reads the key, or makes it at the first start: 32 random octets, mode 0600, on the disk before it
 * is used, and never half of it. Numbers are few enough to be tried one by one, so who has this key
 * can undo every HMAC of the journal; without it, the journal's rows cannot be compared with new
 * ones.
 * @throws HmacKeyError naming the file and the way out
 */
export async function openHmacKey(file: string): Promise<Hmac> {
  return hmacWith((await read(file)) ?? (await make(file)));
}

/**
 * The same for who only compares: what is not there is not made.
 * @throws HmacKeyError naming the file and the way out
 */
export async function readHmacKey(file: string): Promise<Hmac> {
  const octets = await read(file);
  if (octets === undefined)
    throw new HmacKeyError(
      `${file} is not there: without it no number can be found in the journal`,
    );
  return hmacWith(octets);
}

/**
 * The key that several boxes have alike; never made here.
 * @throws HmacKeyError naming the file and the way out
 */
export async function openSharedKey(file: string): Promise<Hmac> {
  const key = await read(file);
  if (key === undefined)
    throw new HmacKeyError(`${file} is not there: copy it from another box (shared.key_file)`);
  return hmacWith(key);
}

function hmacWith(octets: Buffer): Hmac {
  // As a key object, which Node need not copy and check anew for each HMAC.
  const key = createSecretKey(octets);
  return (domain, text) =>
    createHmac('sha256', key)
      .update(`${domain}\0${text}`, 'utf8')
      .digest('hex')
      .slice(0, 2 * shownOctets);
}

async function read(file: string): Promise<Buffer | undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new HmacKeyError(`${file} cannot be read: ${whyFailed(error)}`, { cause: error });
  });
  if (handle === undefined) return undefined;
  try {
    const { mode, size } = await handle.stat();
    if ((mode & 0o077) !== 0)
      throw new HmacKeyError(`${file} may be read by others than its owner: chmod 600 ${file}`);
    if (size !== keyOctets)
      throw new HmacKeyError(
        `${file} must have ${keyOctets} octets, it has ${size}: put back the right one from a backup, or remove it ` +
          '(limits and idempotency keys of the last day are then forgotten)',
      );
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

async function make(file: string): Promise<Buffer> {
  const draft = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    await makePrivate(draft);
    const handle = await open(draft, 'r+');
    try {
      await handle.writeFile(randomBytes(keyOctets));
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Whoever was first has made it: link(2) never replaces.
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await rm(draft);
    await syncFolder(file);
  } catch (cause) {
    throw new HmacKeyError(`${file} cannot be made: ${(cause as Error).message}`, { cause });
  }
  const key = await read(file);
  if (key === undefined) throw new HmacKeyError(`${file} was removed while it was made`);
  return key;
}
