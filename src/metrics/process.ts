import { readdirSync } from 'node:fs';
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import type Registry from 'prom-client/lib/registry.js';

/** What this process takes of its machine. */
export interface ProcessFigures {
  /** User and system time since the start. */
  cpuSeconds: number;
  residentMemoryBytes: number;
  openFds: number;
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
      residentMemoryBytes: process.memoryUsage.rss(),
      // Without the one that lists them.
      openFds: readdirSync('/proc/self/fd').length - 1,
      startTimeSeconds,
    };
  };
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
  return ({ cpuSeconds, residentMemoryBytes, openFds, startTimeSeconds }) => {
    cpu.reset();
    cpu.inc(cpuSeconds);
    memory.set(residentMemoryBytes);
    fds.set(openFds);
    start.set(startTimeSeconds);
  };
}
