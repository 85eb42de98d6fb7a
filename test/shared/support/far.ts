import { EngineRefusal, type Wire } from '../../../src/shared/engine-wire.js';

/** What it says of itself, but for what a test says otherwise. */
export const info = (more: Record<string, string> = {}) =>
  Object.entries({
    run_id: 'r1',
    cluster_enabled: '0',
    role: 'master',
    maxmemory_policy: 'noeviction',
    loading: '0',
    ...more,
  })
    .map(([key, value]) => `${key}:${value}\r\n`)
    .join('');

/** An engine at the other end of a wire. */
export class Far {
  info = info();
  epoch: string | undefined;
  fingerprint: string | undefined;
  knowsScripts = false;
  isSilent = false;
  /** Milliseconds that an answer takes. */
  takesMs = 1;
  refusal: string | undefined;
  readonly heard: string[] = [];
  /** The objects that scripts were called with, and that were taken. */
  readonly taken: Record<string, unknown>[] = [];
  wires = 0;
  cut: ((why: string) => void) | undefined;

  open(onCut: (why: string) => void): Promise<Wire> {
    this.wires += 1;
    this.cut = onCut;
    return Promise.resolve({
      send: (command, ...args) => this.#answer(command, args.map(String)),
      cut: () => undefined,
    });
  }

  async #answer(command: string, args: string[]): Promise<unknown> {
    this.heard.push(command);
    if (this.isSilent) return new Promise(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, this.takesMs));
    const [key = '', value = ''] = args;
    if (command === 'INFO') return this.info;
    if (command === 'SET' && key.endsWith('epoch')) this.epoch ??= value;
    if (command === 'SET' && key.endsWith('key')) this.fingerprint ??= value;
    if (command === 'GET') return key.endsWith('epoch') ? this.epoch : this.fingerprint;
    if (command === 'EVALSHA' && !this.knowsScripts) throw new EngineRefusal('NOSCRIPT no such');
    if (command !== 'EVAL' && command !== 'EVALSHA') return 'OK';
    if (this.refusal !== undefined) throw new EngineRefusal(this.refusal);
    if (args[3] !== this.epoch) return '{"kind":"epoch"}';
    this.taken.push(JSON.parse(args[4] ?? '') as Record<string, unknown>);
    return '{"kind":"beat"}';
  }
}
