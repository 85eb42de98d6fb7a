/**
 * What kinds of trouble a store may have. `corrupt`: the file is no sound database. `newer`: a
 * later version of simgate made it. `worker`: the thread ended or never began. `entry`: one entry
 * could not be written, the store is well.
 */
export type JournalFaultKind =
  | 'corrupt'
  | 'full'
  | 'read_only'
  | 'cannot_open'
  | 'busy'
  | 'io'
  | 'newer'
  | 'worker'
  | 'silent'
  | 'entry';

/** Passes between the threads as it is. */
export interface Fault {
  kind: JournalFaultKind;
  /** The library's own words; they hold no value of any row. */
  message: string;
}

/** The journal cannot do what it was asked for. */
export class JournalFault extends Error {
  override readonly name = 'JournalFault';
  readonly kind: JournalFaultKind;

  constructor({ kind, message }: Fault, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Primary result codes of SQLite (sqlite.org/rescode.html); the low octet of an extended one. */
const kinds: ReadonlyMap<number, JournalFaultKind> = new Map([
  [3, 'read_only'], // SQLITE_PERM
  [5, 'busy'], // SQLITE_BUSY
  [6, 'busy'], // SQLITE_LOCKED
  [8, 'read_only'], // SQLITE_READONLY
  [10, 'io'], // SQLITE_IOERR
  [11, 'corrupt'], // SQLITE_CORRUPT
  [13, 'full'], // SQLITE_FULL: ENOSPC, or PRAGMA max_page_count
  [14, 'cannot_open'], // SQLITE_CANTOPEN
  [18, 'entry'], // SQLITE_TOOBIG
  [19, 'entry'], // SQLITE_CONSTRAINT
  [20, 'entry'], // SQLITE_MISMATCH
  [25, 'entry'], // SQLITE_RANGE
  [26, 'corrupt'], // SQLITE_NOTADB
]);

/** Extended result codes of SQLite that say more than their low octet. */
const extendedKinds: ReadonlyMap<number, JournalFaultKind> = new Map([
  // SQLITE_IOERR_SHMSIZE: `-shm` cannot be made as large as it has to be, which only a lack of room
  // forbids.
  [4874, 'full'],
]);

/** Errors of the files beside SQLite's own work. */
const systemKinds: ReadonlyMap<unknown, JournalFaultKind> = new Map([
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
  ['EROFS', 'read_only'],
  ['EACCES', 'read_only'],
  ['EPERM', 'read_only'],
  ['EIO', 'io'],
]);

/**
 * What a thrown value of the store means; `otherwise` is the kind of one with no code that is
 * known.
 */
export function faultOf(thrown: unknown, otherwise: JournalFaultKind): Fault {
  if (thrown instanceof JournalFault) return { kind: thrown.kind, message: thrown.message };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const rawCode = thrown instanceof Error && 'rawCode' in thrown ? thrown.rawCode : undefined;
  if (typeof rawCode !== 'number') {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    return { kind: systemKinds.get(code) ?? otherwise, message };
  }
  const kind = extendedKinds.get(rawCode) ?? kinds.get(rawCode & 0xff) ?? 'io';
  return { kind, message: `${message} (SQLite ${rawCode})` };
}

const ways: Readonly<Record<JournalFaultKind, string>> = {
  corrupt: 'the file is damaged',
  full: 'the disk is full: make room',
  read_only:
    'it may not be written: its disk is mounted read-only ("dmesg" says why), or the file and its folder have to be given back to the user of the daemon',
  cannot_open: 'it cannot be opened',
  busy: 'another program has locked it: close that one',
  io: 'the disk refuses',
  newer: 'a newer simgate made it: go back to that version, or move the file away',
  worker: 'its thread failed',
  silent: 'the disk does not answer',
  entry: 'an entry was refused',
};

/** A sentence for people, with the way out. */
export function describeFault(file: string, { kind, message }: Fault): string {
  return `journal ${file}: ${ways[kind]} (${message})`;
}
