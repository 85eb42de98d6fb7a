import { closeSync, type FSWatcher, openSync, readSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { RecordEntry } from '../../src/simulator/record.js';
import type { Sight } from './plan.js';

const sights: ReadonlySet<string> = new Set(['prompt', 'ctrl_z', 'accepted', 'reply']);
const pageOctets = 65_536;

/**
 * Sees what happens to messages within a millisecond: in the network's record, in the journal's
 * WAL, and what callers tell.
 */
export class Watch {
  readonly #recordFile: string;
  readonly #record: number;
  readonly #watchers: readonly FSWatcher[];
  readonly #waiting = new Map<Sight, (() => void)[]>();
  readonly #page = Buffer.alloc(pageOctets);
  readonly #decoder = new StringDecoder('utf8');
  #unfinished = '';

  /** Both folders must be there. */
  constructor(recordFile: string, stateDir: string, walName: string) {
    this.#recordFile = basename(recordFile);
    this.#record = openSync(recordFile, 'r');
    this.#watchers = [
      watch(dirname(recordFile), (_, name) => name === this.#recordFile && this.#readOn()),
      watch(stateDir, (_, name) => name === walName && this.see('journal')),
    ];
  }

  /** Resolves when `sight` is seen next. */
  next(sight: Sight): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(sight, [...(this.#waiting.get(sight) ?? []), resolve]);
    });
  }

  see(sight: Sight): void {
    const waiting = this.#waiting.get(sight) ?? [];
    this.#waiting.delete(sight);
    for (const tell of waiting) tell();
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    closeSync(this.#record);
  }

  #readOn(): void {
    for (;;) {
      const octets = readSync(this.#record, this.#page);
      if (octets === 0) return;
      const lines = (this.#unfinished + this.#decoder.write(this.#page.subarray(0, octets))).split(
        '\n',
      );
      this.#unfinished = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line) as RecordEntry);
    }
  }

  #take(entry: RecordEntry): void {
    if (sights.has(entry.kind)) this.see(entry.kind as Sight);
    else if (entry.kind === 'command' && entry.line.startsWith('AT+CMGS=')) this.see('command');
  }
}
