/**
 * System calls of a program with several threads, as `strace -f -y -o FILE` writes them (strace 6).
 */

/**
 * One call. Its places are line numbers of the trace, which is in the order in which things
 * happened.
 */
export interface SystemCall {
  name: string;
  /** The arguments as strace shows them: descriptors with their paths, texts in C's notation. */
  args: string;
  beganAt: number;
  /**
   * Equal to `beganAt` when nothing else was seen meanwhile; Infinity for one that never returned.
   */
  endedAt: number;
  /** What it returned; undefined for one that did not. */
  result: string | undefined;
}

const whole = /^(\d+) +(\w+)\((.*)\) += (-?\d+|\?)/;
const unfinished = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/;
const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+|\?)/;

/** The calls of a trace, in the order in which they began. */
export function readCalls(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const open = new Map<string, SystemCall>();
  for (const [at, line] of trace.split('\n').entries()) {
    const all = whole.exec(line);
    const begin = unfinished.exec(line);
    const end = resumed.exec(line);
    if (end !== null) {
      const call = open.get(end[1]!);
      if (call === undefined || call.name !== end[2])
        throw new Error(`line ${at + 1} resumes no call: ${line}`);
      open.delete(end[1]!);
      Object.assign(call, { args: call.args + end[3]!, endedAt: at, result: end[4] });
    } else if (begin !== null) {
      const call = {
        name: begin[2]!,
        args: begin[3]!,
        beganAt: at,
        endedAt: Infinity,
        result: undefined,
      };
      open.set(begin[1]!, call);
      calls.push(call);
    } else if (all !== null) {
      calls.push({ name: all[2]!, args: all[3]!, beganAt: at, endedAt: at, result: all[4] });
    }
  }
  return calls;
}

/**
 * Whether, before the PIN began to be written to the tty, it had been noted that it would be tried:
 * the memory's new content written and flushed, put in the place of the old, and the folder
 * flushed, one after the other, and all of it done (I7).
 * @returns what is missing; undefined when nothing is
 */
export function missingBeforePin(calls: readonly SystemCall[], folder: string): string | undefined {
  const pin = calls.find(
    ({ name, args }) => name.startsWith('write') && args.includes('"AT+CPIN=\\"'),
  );
  if (pin === undefined) return 'no AT+CPIN= was written';
  const memory = `${folder}/pins.json`;
  const steps: [what: string, isIt: (call: SystemCall) => boolean][] = [
    [
      'the new content written',
      ({ name, args }) =>
        name.includes('write') && args.includes(`<${memory}.new>`) && args.includes('unknown'),
    ],
    [
      'the new content flushed',
      ({ name, args }) => isFlush(name) && args.includes(`<${memory}.new>`),
    ],
    [
      'the new file in the place of the old',
      ({ name, args }) => name.startsWith('rename') && args.includes(`"${memory}"`),
    ],
    ['the folder flushed', ({ name, args }) => isFlush(name) && args.includes(`<${folder}>`)],
  ];
  let doneAt = -1;
  for (const [what, isIt] of steps) {
    const step = calls.find(
      (call) => isIt(call) && call.beganAt > doneAt && Number(call.result) >= 0,
    );
    if (step === undefined || step.endedAt >= pin.beganAt) return what;
    doneAt = step.endedAt;
  }
  return undefined;
}

function isFlush(name: string): boolean {
  return name === 'fsync' || name === 'fdatasync';
}
