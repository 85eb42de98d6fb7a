import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { mintToken } from '../../src/secret/token.js';
import { claims } from '../config-text.js';
import { type LogLine, type Rig, secret } from './rig.js';

const preload = join(import.meta.dirname, 'moved-clock.mjs');

/**
 * What gives the daemons of one rig clocks that {@link pass} moves. Tests that run at the same time
 * say what is done `atEnd`.
 */
export function movedClocks(atEnd: (stop: () => void) => void = onTestFinished): NodeJS.ProcessEnv {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-moved-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'ahead');
  return { NODE_OPTIONS: `--import=${preload}`, MOVED_FILE: file, TZ: 'UTC' };
}

/** Milliseconds within which the daemon has looked at what is so. */
export const lookMs = 6_000;
/** Milliseconds without its cause after which an alert is over. */
export const calmMs = 31_000;
/** Milliseconds after which the daemon looks again what is due. */
const tickMs = 16_000;
/** Real milliseconds for a dialogue with the modem, before time is made to pass again. */
const dialogueMs = 250;

/** A token that is good for all the days that pass. */
export const lastingToken = (): Promise<string> =>
  mintToken({ secret: Buffer.from(secret), ...claims, expiresInS: 400 * 86_400 });

/** So many milliseconds go by for the daemon; resolves when what was due by then has begun. */
export async function pass(rig: Rig, ms: number): Promise<void> {
  await move(rig, ms);
}

/** Its wall clock alone leaps by so many milliseconds. */
export async function leap(rig: Rig, ms: number): Promise<void> {
  await move(rig, { wall: ms });
}

async function move(rig: Rig, by: number | { wall: number }): Promise<void> {
  const from = rig.log.length;
  rig.daemon.tell(JSON.stringify(by));
  await rig.until(({ event }) => event === 'moved', from);
}

/** Looks, long enough after its cause began; an alert that was to be told has been by then. */
export async function hold(rig: Rig, ms: number): Promise<void> {
  await pass(rig, lookMs);
  await pass(rig, ms);
  await pass(rig, lookMs);
}

/** Time goes by until the daemon says so in its log; within the first step if it is due by then. */
export async function passUntil(
  rig: Rig,
  ms: number,
  fits: (line: LogLine) => boolean,
): Promise<void> {
  const from = rig.log.length;
  const found = rig.until(fits, from);
  await pass(rig, ms);
  while (!rig.log.slice(from).some(fits)) {
    await Promise.race([found, pause(dialogueMs)]);
    if (!rig.log.slice(from).some(fits)) await pass(rig, tickMs);
  }
}

/** The same configuration is read anew. */
export async function reload(rig: Rig): Promise<void> {
  const from = rig.log.length;
  process.kill(rig.daemon.pid, 'SIGHUP');
  await rig.until(({ event }) => event === 'reloaded', from);
}

/** Ends the daemon and starts another, which is there once its modem is in `phase`. */
export async function restart(rig: Rig, phase: string, signal: NodeJS.Signals = 'SIGTERM') {
  await rig.daemon.end(signal);
  const from = rig.log.length;
  await rig.startDaemon();
  await rig.until(
    (line) => line.event === 'modem' && line.modem === 'main' && line.phase === phase,
    from,
  );
}

/** Until that modem says so of itself. */
export const inPhase = (rig: Rig, phase: string, modem = 'main', from = rig.log.length) =>
  rig.until((line) => line.event === 'modem' && line.modem === modem && line.phase === phase, from);

/** What the page's own source has of it. */
export async function status(rig: Rig) {
  const response = await fetch(`http://127.0.0.1:${rig.adminPort}/status.json`);
  return (await response.json()) as {
    health: { grade: string; obstacles: { check: string; about?: string }[] };
    alerts: {
      open: { kind: string; subject?: string; remedy: string; what: string }[];
      ways: { name: string; ok: boolean; why?: string; waiting: number }[];
      heartbeat?: { ok: boolean; is_silent: boolean };
    };
    modems: { credit?: Record<string, unknown> }[];
  };
}

export const webhook = (url: string, name = 'telephone') =>
  `[[alerts.webhook]]\nname = "${name}"\nurl = "${url}"\n`;
