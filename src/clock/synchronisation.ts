/**
 * Whether something keeps the wall clock right: asked of what is there, for each system has another
 * answer.
 */

import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';

/** What a program printed; rejects when it is not there, fails or takes too long. */
export type RunTool = (name: string, args: readonly string[]) => Promise<string>;

/**
 * `itself`: it is in step with this very machine's clock and no other (chrony's `local`, ntpd's
 * local refclock), which says nothing.
 */
type Word = 'yes' | 'no' | 'itself' | undefined;

interface Tool {
  name: string;
  args: readonly string[];
  read: (this: void, output: string) => Word;
}

const tools: readonly Tool[] = [
  {
    // timedatectl(1): the kernel's own flag (adjtimex(2), STA_UNSYNC), whichever client set it.
    name: 'timedatectl',
    args: ['show', '--property=NTPSynchronized', '--value'],
    read: (output) => (/^(yes|no)\s*$/.exec(output)?.[1] as Word) ?? undefined,
  },
  {
    // chronyc(1), `tracking` as CSV: the reference id comes first, the leap status last. Without
    // `rtcsync` the kernel does not know of it.
    name: 'chronyc',
    args: ['-n', '-c', 'tracking'],
    read(output) {
      const fields = output.trim().split(',');
      const leap = fields.at(-1);
      if (fields.length < 10 || leap === undefined) return undefined;
      if (/^not sync/i.test(leap)) return 'no';
      return fields[0]?.toUpperCase() === '7F7F0101' ? 'itself' : 'yes';
    },
  },
  {
    // ntpq(8), RFC 9327 2 and RFC 5905 7.3: leap 3 and stratum 16 mean unsynchronised.
    name: 'ntpq',
    args: ['-n', '-c', 'rv 0 leap,stratum,refid'],
    read(output) {
      const value = (name: string) => new RegExp(`\\b${name}=([^,\\s]+)`).exec(output)?.[1];
      const [leap, stratum, refid] = [
        value('leap'),
        Number(value('stratum')),
        value('refid') ?? '',
      ];
      if (leap === undefined || Number.isNaN(stratum)) return undefined;
      if (/^(11|3)$/.test(leap) || stratum >= 16) return 'no';
      return /^(LOCL|LOCAL|127\.127\.1\.)/i.test(refid) ? 'itself' : 'yes';
    },
  },
];

/**
 * Made by systemd-timesyncd once it has set the clock since the machine started
 * (systemd-timesyncd.service(8)).
 */
const timesyncMark = '/run/systemd/timesync/synchronized';
const toolMs = 2_000;

const run = promisify(execFile);
const runTool: RunTool = async (name, args) => {
  const env = { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
  const { stdout } = await run(name, [...args], { timeout: toolMs, killSignal: 'SIGKILL', env });
  return stdout;
};

/**
 * Whether the wall clock is synchronised; undefined when nothing says so either way. Takes 2 s at
 * most, and never rejects.
 * @param mark a file that is there once the clock was set; asked only where `timedatectl` does not
 *   answer
 */
export async function isClockSynchronised(
  runNamed: RunTool = runTool,
  mark = timesyncMark,
): Promise<boolean | undefined> {
  const words = await Promise.all(
    tools.map(
      // Not there, not allowed, or its daemon does not run.
      ({ name, args, read }) => runNamed(name, args).then(read, () => undefined),
    ),
  );
  if (words.includes('itself')) return undefined;
  if (words.includes('yes')) return true;
  if (words.includes('no')) return false;
  return access(mark).then(
    () => true,
    () => undefined,
  );
}
