import type { ServerResponse } from 'node:http';
import type { Html } from './html.js';
import type { Fragment, View } from './shell.js';
import { withoutCounting } from './times.js';

/** Who may look on at a time. */
export const maxStreams = 16;
/** Milliseconds between two looks; a change is shown after as long at most. */
const lookEveryMs = 1_000;
/** Milliseconds without an event after which a comment shows a proxy that the stream lives. */
const quietMs = 15_000;
/** Milliseconds after which a browser that lost its stream asks for another. */
const retryMs = 3_000;

export interface StreamsOptions {
  /** What a view is made of now. */
  fragments: (view: View) => readonly Fragment[];
  /**
   * Rows of the journal that were written or changed after a change of it; called while somebody
   * looks at messages only, and not before the last call has settled. Never rejects.
   */
  newRows: (after: number | undefined) => Promise<NewRows>;
}

/** What is new in the journal. */
export interface NewRows {
  /** Oldest first; none when it was not said after which change. */
  rows: readonly Fragment[];
  /** After which there is more; undefined: the journal does not say. */
  lastChange: number | undefined;
}

/** Who wants to look on. */
export interface Onlooker {
  view: View;
  response: ServerResponse;
  /** The newest change of the journal that is on the screen; undefined: it is from now on. */
  lastChange?: number | undefined;
  /** The stream ends when who asked for it is not in any more. */
  isStillIn: () => boolean;
}

interface Stream extends Onlooker {
  /** By id, what was sent of each fragment last. */
  shown: Map<string, string>;
  /** Looks since the last event. */
  quiet: number;
}

/**
 * Server-Sent Events (HTML 9.2) for those who look at a view: the fragments that changed, rendered
 * once for all, and rows of the journal. Costs nothing while nobody looks. Who reads too slowly is
 * skipped until it has caught up, so that nothing is piled up for it.
 */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #streams = new Set<Stream>();
  #timer: NodeJS.Timeout | undefined;
  #isReading = false;
  #isClosed = false;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** False when there are {@link maxStreams} already, or it is closed. */
  open(onlooker: Onlooker): boolean {
    if (this.#isClosed || this.#streams.size >= maxStreams) return false;
    const stream: Stream = { ...onlooker, shown: new Map(), quiet: 0 };
    const { view, response } = stream;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // Nginx keeps an answer back until a buffer is full.
      'X-Accel-Buffering': 'no',
      'X-Content-Type-Options': 'nosniff',
    });
    response.write(`retry: ${retryMs}\n\n`);
    response.once('close', () => this.#forget(stream));
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
    this.#tell(stream, this.#options.fragments(view));
    // From now on, where the screen does not say from when.
    if (view === 'messages') void this.#tellRows();
    return true;
  }

  /** Ends every stream, and opens no more: a listener that stops would wait for them. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams) this.#end(stream);
  }

  /** Nothing may be written behind an end, and one who does not read has none. */
  #end(stream: Stream): void {
    this.#forget(stream);
    if (stream.response.writableNeedDrain) stream.response.destroy();
    else stream.response.end();
  }

  #forget(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const made = new Map<View, readonly Fragment[]>();
    for (const stream of this.#streams) {
      if (!stream.isStillIn()) {
        this.#end(stream);
        continue;
      }
      const fragments = made.get(stream.view) ?? this.#options.fragments(stream.view);
      made.set(stream.view, fragments);
      this.#tell(stream, fragments);
    }
    if (made.has('messages')) void this.#tellRows();
  }

  #tell(stream: Stream, fragments: readonly Fragment[]): void {
    const { response, shown } = stream;
    if (response.writableNeedDrain) return;
    const events: string[] = [];
    for (const { id, html } of fragments) {
      const content = withoutCounting(html);
      if (shown.get(id) === content) continue;
      shown.set(id, content);
      events.push(eventOf('part', id, html));
    }
    stream.quiet = events.length > 0 ? 0 : stream.quiet + 1;
    if (stream.quiet * lookEveryMs >= quietMs) {
      events.push(': quiet\n\n');
      stream.quiet = 0;
    }
    if (events.length > 0) response.write(events.join(''));
  }

  async #tellRows(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      for (const after of new Set(this.#followers().map(({ lastChange }) => lastChange))) {
        const { rows, lastChange } = await this.#options.newRows(after);
        const events = rows.map(({ id, html }) => eventOf('row', id, html)).join('');
        for (const stream of this.#followers())
          if (stream.lastChange === after) this.#tellNew(stream, events, lastChange);
      }
    } finally {
      this.#isReading = false;
    }
  }

  #followers(): Stream[] {
    return [...this.#streams].filter(({ view }) => view === 'messages');
  }

  #tellNew(stream: Stream, events: string, lastChange: number | undefined): void {
    const { response } = stream;
    // It asks again, from what it has seen.
    if (events !== '' && response.writableNeedDrain) return this.#end(stream);
    if (lastChange === stream.lastChange) return;
    stream.lastChange = lastChange;
    // No event of its own: a browser that asks again says it (`Last-Event-ID`, HTML 9.2.6).
    response.write(`${events}id: ${lastChange}\n\n`);
  }
}

const eventOf = (name: string, id: string, { text }: Html): string =>
  `event: ${name}\ndata: ${JSON.stringify({ id, html: text })}\n\n`;
