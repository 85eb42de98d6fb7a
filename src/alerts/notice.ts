/** What the operator is sent: that something is so, that it is over, or that this is a test. */

import type { AlertKind } from '../config/alert-settings.js';
import { escapeControls, withoutNumbers } from '../words/foreign.js';
import { utcText } from '../words/time.js';
import { type AlertSeverity, conditions, type Observation } from './conditions.js';

/** One thing to be told. As it stands it goes into the state file, so its keys are its form. */
export interface AlertNotice {
  /** The same for the beginning and the end of one alert. */
  id: string;
  state: 'raised' | 'cleared' | 'test';
  /** Undefined for a test. */
  kind?: AlertKind | undefined;
  subject: string;
  severity: AlertSeverity;
  title: string;
  what: string;
  remedy: string;
  /** Wall-clock milliseconds: when it is told, and when it began. */
  atMs: number;
  raisedAtMs: number;
}

/** A notice in the words that go out: nothing in it is a whole number or steers a terminal. */
export interface Wording {
  /** `gate-1: no modem is ready`. */
  title: string;
  /** What is so and what to do, in sentences. */
  text: string;
  /** Both in as few words as there are, for an SMS. */
  short: string;
}

export function noticeOf(
  { kind, subject, what, remedy }: Observation,
  state: 'raised' | 'cleared',
  atMs: number,
  raisedAtMs: number,
): AlertNotice {
  const { severity, title } = conditions[kind];
  const id = `${kind}${subject === '' ? '' : `:${subject}`}:${raisedAtMs}`;
  const head = title(subject);
  return { id, state, kind, subject, severity, title: head, what, remedy, atMs, raisedAtMs };
}

/** What `simgate alerts test` sends. */
export function testNotice(atMs: number): AlertNotice {
  return {
    id: `test:${atMs}`,
    state: 'test',
    subject: '',
    severity: 'severe',
    title: 'a test of the alerts',
    what: 'nothing is wrong: somebody has asked for a test',
    remedy: 'nothing is to be done',
    atMs,
    raisedAtMs: atMs,
  };
}

/** @param box how this machine calls itself */
export function wordingOf(notice: AlertNotice, box: string): Wording {
  const { state, what, remedy, atMs, raisedAtMs } = notice;
  const title = `${box}: ${state === 'cleared' ? 'over: ' : ''}${notice.title}`;
  const lasted = spanOf(atMs - raisedAtMs);
  const text =
    state === 'cleared'
      ? `It is over, after ${lasted} (since ${utcText(raisedAtMs)}). It was: ${what}.`
      : `${what}.\nWhat to do: ${remedy}.`;
  const short = state === 'cleared' ? `${title} (after ${lasted})` : `${title}. ${what}. ${remedy}`;
  return {
    title: leaving(title),
    text: leaving(capital(text)),
    short: leaving(`simgate ${short}`),
  };
}

/** Our own sentences at the point where they leave (I6). Line breaks stay. */
const leaving = (sentence: string): string =>
  withoutNumbers(sentence).split('\n').map(escapeControls).join('\n');

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `40 s`, `12 min`, `3 h`, `2 d`. */
function spanOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h`
    : `${Math.round(seconds / 86_400)} d`;
}
