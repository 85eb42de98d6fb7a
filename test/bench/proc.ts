import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * CPU time of a process with all its threads that live, user and system, in milliseconds. By
 * /proc/PID/task/TID/schedstat, which counts nanoseconds; /proc/PID/stat has grains of 10 ms.
 */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) => {
    const [running] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return Number(running);
  });
  return ns.reduce((sum, each) => sum + each, 0) / 1e6;
}

/**
 * Memory that this process has made, in MB (10^6 octets): anonymous pages, and those of files that
 * it wrote to. Pages of Node's file as they are on the disk are not in it, whether or not another
 * Node shares them at the moment: the kernel can drop and read them again.
 */
export function privateMb(pid: number): number {
  return megabytesIn(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Anonymous');
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
  return megabytesIn(readFileSync(`/proc/${pid}/status`, 'utf8'), key);
}

/** The value of a line `key: N kB`, in MB. */
function megabytesIn(text: string, key: string): number {
  const kibibytes = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  if (kibibytes === undefined) throw new Error(`/proc has no ${key}`);
  return (Number(kibibytes) * 1024) / 1e6;
}
