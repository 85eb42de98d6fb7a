import { readdirSync, statSync } from 'node:fs';
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import type Registry from 'prom-client/lib/registry.js';

/** What this process takes of its machine. */
export interface ProcessFigures {
  /** User and system time since the start. */
  cpuSeconds: number;
  /** This and the next are undefined where no file can be opened to look at them. */
  residentMemoryBytes: number | undefined;
  openFds: number | undefined;
  /** Unix seconds. */
  startTimeSeconds: number;
}

/**
 * The wall clock of a machine without a clock battery is set after the start; smaller steps are
 * only the two clocks' jitter.
 */
const clockStepSeconds = 5;

/** The figures of this very process; Linux only, as the daemon. */
export function ownProcess(): () => ProcessFigures {
  let startTimeSeconds = 0;
  return () => {
    const started = Math.round(Date.now() / 1000 - process.uptime());
    if (Math.abs(started - startTimeSeconds) > clockStepSeconds) startTimeSeconds = started;
    const { user, system } = process.cpuUsage();
    return {
      cpuSeconds: (user + system) / 1e6,
      residentMemoryBytes: whereItCanBeTold(() => process.memoryUsage.rss()),
      openFds: whereItCanBeTold(openFds),
      startTimeSeconds,
    };
  };
}

/** Since Linux 6.2 it is told without opening a file. */
function openFds(): number {
  const folder = '/proc/self/fd';
  const { size } = statSync(folder);
  // Without the one that lists them.
  return size > 0 ? size : readdirSync(folder).length - 1;
}

/** Undefined where no file can be opened any more: of all times, a scrape must not fail then. */
function whereItCanBeTold(read: () => number): number | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE') return undefined;
    throw error;
  }
}

/**
 * The conventional `process_` metrics, by hand: those of prom-client come with OpenTelemetry, and a
 * timer that never rests.
 */
export function createProcessMetrics(registry: Registry): (figures: ProcessFigures) => void {
  const registers = [registry];
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers,
  });
  const memory = new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory size in bytes.',
    registers,
  });
  const fds = new Gauge({
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    registers,
  });
  const start = new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start time of the process since unix epoch in seconds.',
    registers,
  });
  return ({ cpuSeconds, residentMemoryBytes, openFds: opened, startTimeSeconds }) => {
    cpu.reset();
    cpu.inc(cpuSeconds);
    show(memory, residentMemoryBytes);
    show(fds, opened);
    start.set(startTimeSeconds);
  };
}

function show(gauge: Gauge, figure: number | undefined): void {
  // A gauge without labels begins at 0.
  if (figure === undefined) gauge.remove();
  else gauge.set(figure);
}
