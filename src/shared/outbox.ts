/** What the engine has to be told: at once while it is there, else when it is back. */

import { inTime } from '../clock/within.js';
import type { Engine } from './engine.js';
import type { ScriptName } from './lua.js';

interface News {
  script: ScriptName;
  /** Made when it is told, for it says how long ago something was. */
  body: () => object | string;
}

/** Beyond it the oldest is forgotten (I5). */
const mostNews = 20_000;

/** Everything in it may be told twice. */
export class Outbox {
  readonly #engine: Pick<Engine, 'tell'>;
  /** In order; under its name stands the newest of each. */
  readonly #news = new Map<string, News>();
  readonly #underway = new Set<Promise<void>>();
  #dropped = 0;

  constructor(engine: Pick<Engine, 'tell'>) {
    this.#engine = engine;
  }

  get size(): number {
    return this.#news.size;
  }

  /** How many were forgotten. */
  get dropped(): number {
    return this.#dropped;
  }

  put(name: string, script: ScriptName, body: () => object | string): void {
    const news = { script, body };
    this.#news.delete(name);
    this.#news.set(name, news);
    const [oldest] = this.#news.keys();
    if (this.#news.size > mostNews && oldest !== undefined) {
      this.#news.delete(oldest);
      this.#dropped += 1;
    }
    this.#send(name, news);
  }

  /** Tells all of it again. */
  flush(): void {
    for (const [name, news] of this.#news) this.#send(name, news);
  }

  /** Settles when nothing is on its way any more, or the time is over. */
  async drained(graceMs: number): Promise<void> {
    await inTime(graceMs, Promise.all(this.#underway));
  }

  #send(name: string, news: News): void {
    const sending = this.#engine.tell(news.script, news.body()).then((reply) => {
      if (reply !== undefined && this.#news.get(name) === news) this.#news.delete(name);
      this.#underway.delete(sending);
    });
    this.#underway.add(sending);
  }
}
