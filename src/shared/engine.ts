/**
 * The engine's life as one box sees it: joined, away, back. A question waits no longer than the
 * budget; after one that did, nobody asks until the engine has proved itself again.
 */

import { createHash, randomUUID } from 'node:crypto';
import { EngineRefusal, type OpenWire, type Wire } from './engine-wire.js';
import { type ScriptName, scripts } from './lua.js';

/** What a script answers. */
export type Reply = Readonly<Record<string, unknown>> & { kind: string };

/** `up`: it answers · `away`: it does not, `why` says what is known. */
export type EngineState = { kind: 'up' } | { kind: 'away'; why: string };

export interface EngineOptions {
  openWire: OpenWire;
  /** Before every key. */
  prefix: string;
  /** How this box calls itself. */
  box: string;
  /** Milliseconds that a question may take. */
  budgetMs: number;
  /** What all boxes with the same key file have alike. */
  fingerprint: string;
  /** The engine's state is another one than before. Must not throw. */
  onState: (state: EngineState) => void;
  /**
   * The engine is joined: `isAnew` when it may not know what it knew, being another process than
   * before, emptied, or one that this run never saw. Must not throw.
   */
  onJoined: (isAnew: boolean) => void;
}

/** Milliseconds between two signs of life of a box. */
const beatMs = 1_000;
/** Milliseconds between two looks at an engine that was too slow. */
const probeMs = 250;
/** Looks in a row that were answered in time before it is trusted again. */
const goodProbes = 2;
/** Milliseconds after which a wire that says nothing is cut. */
const deadMs = 3_000;
/** Milliseconds between two tries to connect, the first and the longest. */
const retryMs = { first: 250, longest: 5_000 } as const;

export class Engine {
  readonly #options: EngineOptions;
  readonly #run = randomUUID();
  readonly #digests = new Map<ScriptName, string>();
  #wire: Wire | undefined;
  #state: EngineState = { kind: 'away', why: 'it was not reached yet' };
  #epoch = '';
  /** Process and epoch that were joined last. */
  #identity = '';
  #timer: NodeJS.Timeout | undefined;
  #retryMs: number = retryMs.first;
  #good = 0;
  #isStopped = false;
  #hasTwin = false;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Another box lives that calls itself the same. */
  get hasTwin(): boolean {
    return this.#hasTwin;
  }

  /** Tries to join, and goes on trying; settles after the first try. */
  async start(): Promise<void> {
    await this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#wire?.cut();
    this.#wire = undefined;
  }

  /**
   * Asks, by an object or its JSON; undefined when the engine is away, or has not answered within
   * the budget. What it does then is not known.
   */
  async ask(script: ScriptName, question: object | string): Promise<Reply | undefined> {
    const wire = this.#wire;
    if (this.#state.kind !== 'up' || wire === undefined) return undefined;
    const answer = await within(this.#options.budgetMs, this.#eval(wire, script, question));
    if (answer === undefined) this.#tooSlow(wire);
    return this.#sound(wire, answer);
  }

  /** Tells; undefined when it may not have been heard. Takes as long as it takes. */
  async tell(script: ScriptName, news: object | string): Promise<Reply | undefined> {
    const wire = this.#wire;
    if (this.#state.kind !== 'up' || wire === undefined) return undefined;
    return this.#sound(wire, await this.#eval(wire, script, news));
  }

  /** An answer of the engine that we joined; undefined otherwise. */
  #sound(wire: Wire, answer: Reply | EngineRefusal | Error | undefined): Reply | undefined {
    if (answer === undefined || wire !== this.#wire) return undefined;
    if (answer instanceof Error) return this.#failed(wire, answer);
    if (answer.kind !== 'epoch') return answer;
    this.#leave('it was emptied, or is another one than before');
    this.#soon(0);
    return undefined;
  }

  /** Never rejects. */
  async #eval(wire: Wire, script: ScriptName, question: object | string): Promise<Reply | Error> {
    const json = typeof question === 'string' ? question : JSON.stringify(question);
    const args = [this.#options.prefix, this.#epoch, json];
    try {
      return parsed(await this.#evalSha(wire, script, args));
    } catch (error) {
      return error as Error;
    }
  }

  async #evalSha(wire: Wire, script: ScriptName, args: string[]): Promise<unknown> {
    const lua = scripts[script];
    let digest = this.#digests.get(script);
    if (digest === undefined) {
      digest = createHash('sha1').update(lua).digest('hex');
      this.#digests.set(script, digest);
    }
    try {
      return await wire.send('EVALSHA', digest, 0, ...args);
    } catch (error) {
      if (!(error instanceof EngineRefusal) || error.kind !== 'NOSCRIPT') throw error;
      return wire.send('EVAL', lua, 0, ...args);
    }
  }

  #failed(wire: Wire, error: Error): undefined {
    if (wire !== this.#wire) return undefined;
    this.#leave(error.message);
    this.#later();
    return undefined;
  }

  #tooSlow(wire: Wire): void {
    if (wire !== this.#wire || this.#state.kind !== 'up') return;
    this.#set({ kind: 'away', why: `it did not answer within ${this.#options.budgetMs} ms` });
    this.#good = 0;
    this.#after(0, () => this.#probe(wire, performance.now()));
  }

  /** One question at a time, until it is answered in time again, or the wire is given up. */
  async #probe(wire: Wire, heardAt: number): Promise<void> {
    const { budgetMs } = this.#options;
    const asked = performance.now();
    const answer = this.#eval(wire, 'beat', this.#sign());
    const inTime = await within(budgetMs, answer);
    const said = inTime ?? (await within(deadMs - budgetMs, answer));
    if (wire !== this.#wire) return;
    if (said === undefined) {
      this.#leave(`it has not answered for ${Math.round((performance.now() - heardAt) / 1000)} s`);
      return this.#later();
    }
    if (said instanceof Error || said.kind === 'epoch') {
      this.#sound(wire, said);
      return;
    }
    this.#good = inTime === undefined ? 0 : this.#good + 1;
    if (this.#good >= goodProbes) return this.#isUp(false);
    this.#after(probeMs, () => this.#probe(wire, asked));
  }

  async #connect(): Promise<void> {
    let wire: Wire | undefined;
    let whyCut: string | undefined;
    try {
      const opened = await this.#options.openWire((why) => {
        whyCut = why;
        if (opened === this.#wire) this.#failed(opened, new Error(why));
      });
      wire = opened;
      const identity = await within(deadMs, this.#handshake(wire));
      if (identity === undefined) throw new Error('it took the connection, and says nothing');
      if (whyCut !== undefined) throw new Error(whyCut);
      if (this.#isStopped) return wire.cut();
      this.#wire = wire;
      const isAnew = identity !== this.#identity;
      this.#identity = identity;
      this.#retryMs = retryMs.first;
      this.#isUp(isAnew);
    } catch (error) {
      wire?.cut();
      if (this.#isStopped) return;
      this.#set({ kind: 'away', why: (error as Error).message });
      this.#later();
    }
  }

  /** @throws when it is none that can be shared. @returns who it is */
  async #handshake(wire: Wire): Promise<string> {
    const { prefix, fingerprint } = this.#options;
    const info = String(await wire.send('INFO'));
    const read = (key: string) => new RegExp(`^${key}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
    const objection = whyUnfit(read);
    if (objection !== undefined) throw new Error(objection);
    await wire.send('SET', `${prefix}epoch`, randomUUID(), 'NX');
    this.#epoch = String(await wire.send('GET', `${prefix}epoch`));
    await wire.send('SET', `${prefix}key`, fingerprint, 'NX');
    if ((await wire.send('GET', `${prefix}key`)) !== fingerprint)
      throw new Error(
        'the other boxes have another shared.key_file: copy theirs here, or ours there',
      );
    const beat = await this.#eval(wire, 'beat', this.#sign());
    if (beat instanceof Error) throw beat;
    if (beat.kind === 'epoch') throw new Error('it is being emptied');
    this.#hasTwin = beat.twin === true;
    return `${read('run_id')} ${this.#epoch}`;
  }

  #sign(): object {
    return { box: this.#options.box, run: this.#run };
  }

  #isUp(isAnew: boolean): void {
    this.#set({ kind: 'up' });
    this.#options.onJoined(isAnew);
    this.#after(beatMs, () => this.#beat());
  }

  async #beat(): Promise<void> {
    const answer = await this.ask('beat', this.#sign());
    if (answer === undefined) return;
    this.#hasTwin = answer.twin === true;
    this.#after(beatMs, () => this.#beat());
  }

  #leave(why: string): void {
    this.#wire?.cut();
    this.#wire = undefined;
    this.#set({ kind: 'away', why });
  }

  #set(state: EngineState): void {
    const before = this.#state;
    this.#state = state;
    const isSame =
      before.kind === state.kind && (state.kind === 'up' || whyOf(before) === state.why);
    if (!isSame) this.#options.onState(state);
  }

  #later(): void {
    this.#soon(this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, retryMs.longest);
  }

  #soon(inMs: number): void {
    this.#after(inMs, () => this.#connect());
  }

  /** The one thing that is done next. */
  #after(ms: number, next: () => Promise<void>): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void next(), ms);
    this.#timer.unref();
  }
}

function whyOf(state: EngineState): string | undefined {
  return state.kind === 'away' ? state.why : undefined;
}

/** Why an engine cannot be shared by boxes, by its INFO. */
function whyUnfit(read: (key: string) => string): string | undefined {
  if (read('cluster_enabled') === '1')
    return 'it is a Cluster, whose scripts cannot see all keys: one engine, with replicas if you like, is needed';
  if (read('role') !== 'master') return 'it is a replica, which cannot be written';
  const policy = read('maxmemory_policy');
  if (policy !== 'noeviction')
    return `maxmemory-policy is ${policy || 'not told'}: it would forget who has sent what. Set it to noeviction`;
  if (read('loading') === '1') return 'it is still reading its data from the disk';
  return undefined;
}

/** @throws when it is no answer of our scripts */
function parsed(answer: unknown): Reply {
  const reply: unknown = typeof answer === 'string' ? JSON.parse(answer) : undefined;
  if (
    typeof reply === 'object' &&
    reply !== null &&
    'kind' in reply &&
    typeof reply.kind === 'string'
  )
    return reply as Reply;
  throw new Error('it gave an answer that is none of our scripts');
}

/**
 * The value, or undefined when it takes longer. An answer that lies at the socket while this
 * process was busy has come in time: it is looked at once more before the time is up.
 */
function within<T>(ms: number, value: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => setImmediate(() => setImmediate(() => resolve(undefined))), ms);
    value.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
