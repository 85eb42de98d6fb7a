import { readFileSync, writeFileSync } from 'node:fs';

/**
 * proc_pid_stat(5) counts in USER_HZ, which Linux shows to programs as 100 whatever the kernel's
 * own tick is.
 */
const msPerTick = 10;

/**
 * CPU time of a process with all its threads, user and system, in milliseconds; grains of 10 ms.
 */
export function cpuMs(pid: number): number {
  // The command's name, in parentheses, may hold spaces; the fields behind it do not.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  const [utime, stime] = [fields[11], fields[12]].map(Number);
  if (utime === undefined || stime === undefined)
    throw new Error(`/proc/${pid}/stat has too few fields`);
  return (utime + stime) * msPerTick;
}

/** Resident memory now, in MB (10^6 octets). */
export function residentMb(pid: number): number {
  return statusMb(pid, 'VmRSS');
}

/** The most that was resident since the process began or {@link forgetPeak}, in MB. */
export function peakResidentMb(pid: number): number {
  return statusMb(pid, 'VmHWM');
}

/** Starts the peak anew at what is resident now (proc_pid_clear_refs(5)). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function statusMb(pid: number, key: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status has no ${key}`);
  return (Number(kibibytes) * 1024) / 1e6;
}
