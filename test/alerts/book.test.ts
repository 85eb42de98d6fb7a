import { expect, it } from 'vitest';
import { Book, type Look, type SavedAlert } from '../../src/alerts/book.js';
import type { Observation } from '../../src/alerts/conditions.js';
import type { AlertKind } from '../../src/config/alert-settings.js';
import { alertSettings } from './support.js';

const away: Observation = {
  kind: 'no_modem_ready',
  subject: '',
  what: 'no code goes out: modem main is absent',
  remedy: 'plug it in',
};
const low: Observation = { kind: 'credit_low', subject: 'main', what: 'it is low', remedy: 'pay' };

/** A book, and a clock that both it and the test go by; each step is five seconds. */
class Desk {
  atMs = 0;
  isQuiet = false;
  unknown: AlertKind[] = [];
  book: Book;
  readonly settings = alertSettings();

  constructor(saved: readonly SavedAlert[] = []) {
    this.book = new Book(() => this.settings, saved);
  }

  /** Looks every five seconds for so long; gives what was told, as `raised no_modem_ready`. */
  for(ms: number, ...holding: Observation[]): string[] {
    const told: string[] = [];
    const look: Look = { holding, isUnknown: (kind) => this.unknown.includes(kind) };
    for (const until = this.atMs + ms; this.atMs < until; this.atMs += 5_000)
      for (const { state, kind } of this.book.take(look, {
        atMs: this.atMs,
        dateMs: 1_700_000_000_000 + this.atMs,
        isQuiet: this.isQuiet,
      }))
        told.push(`${state} ${kind}`);
    return told;
  }

  /** The process ends, and another begins. */
  restart(): void {
    this.book = new Book(() => this.settings, JSON.parse(JSON.stringify(this.book.saved)));
  }
}

it('raises an alert once, after its time, and tells when it has been over for a while', () => {
  const desk = new Desk();
  expect(desk.for(120_000, away)).toEqual([]);
  expect(desk.for(600_000, away)).toEqual(['raised no_modem_ready']);
  expect(desk.book.open).toMatchObject([{ kind: 'no_modem_ready', severity: 'severe' }]);
  expect(desk.for(25_000)).toEqual([]);
  expect(desk.for(60_000)).toEqual(['cleared no_modem_ready']);
  expect(desk.book.open).toEqual([]);
});

it('does not raise what was over before its time', () => {
  const desk = new Desk();
  expect([desk.for(115_000, away), desk.for(10_000), desk.for(115_000, away)]).toEqual([
    [],
    [],
    [],
  ]);
});

it('waits longer each time that it comes back, so that what comes and goes is told of once', () => {
  const desk = new Desk();
  desk.settings.noModemReadyMs = 10_000;
  const night = Array.from({ length: 120 }, () => [...desk.for(60_000, away), ...desk.for(60_000)]);
  const told = night.flat();
  expect(told.filter((each) => each.startsWith('raised')).length).toBeLessThan(5);
  desk.for(3_600_000);
  expect(desk.book.open).toEqual([]);
});

it('keeps what nobody can judge as it is', () => {
  const desk = new Desk();
  desk.for(200_000, away);
  desk.unknown = ['no_modem_ready'];
  expect(desk.for(3_600_000)).toEqual([]);
  expect(desk.book.open).toHaveLength(1);
  desk.unknown = [];
  expect(desk.for(60_000)).toEqual(['cleared no_modem_ready']);
});

it('outlives a restart: nothing is raised twice, and no end is lost', () => {
  const desk = new Desk();
  desk.for(200_000, away);
  desk.restart();
  expect(desk.for(600_000, away)).toEqual([]);
  desk.restart();
  expect(desk.for(60_000)).toEqual(['cleared no_modem_ready']);
});

it('lets what is mild wait for the end of the quiet hours, and what is severe not', () => {
  const desk = new Desk();
  desk.isQuiet = true;
  expect(desk.for(200_000, away, low)).toEqual(['raised no_modem_ready']);
  expect(desk.book.open.map(({ kind, isTold }) => [kind, isTold])).toEqual([
    ['no_modem_ready', true],
    ['credit_low', false],
  ]);
  desk.restart();
  desk.isQuiet = false;
  expect(desk.for(10_000, away, low)).toEqual(['raised credit_low']);
});

it('says nothing of what began and ended in the quiet hours', () => {
  const desk = new Desk();
  desk.isQuiet = true;
  desk.for(60_000, low);
  desk.for(60_000);
  desk.isQuiet = false;
  expect(desk.for(60_000)).toEqual([]);
});

it('does not tell what is off, and forgets it when it is switched off', () => {
  const desk = new Desk();
  desk.for(10_000, low);
  desk.settings.off = ['credit_low'];
  expect(desk.for(10_000, low)).toEqual([]);
  expect(desk.book.open).toEqual([]);
});

it('tells what has no end once a day, and never that it is over', () => {
  const desk = new Desk();
  const letter: Observation = { ...low, kind: 'carrier_message', subject: 'low balance' };
  expect(desk.for(60_000, letter)).toEqual(['raised carrier_message']);
  expect(desk.for(3_600_000)).toEqual([]);
  desk.restart();
  expect(desk.for(60_000, letter)).toEqual([]);
  expect(desk.for(86_400_000)).toEqual([]);
  expect(desk.for(60_000, letter)).toEqual(['raised carrier_message']);
});

it('is bounded, whatever is observed', () => {
  const desk = new Desk();
  const many = Array.from({ length: 1_000 }, (_, index) => ({ ...low, subject: `m${index}` }));
  desk.for(20_000, ...many);
  expect(desk.book.open).toHaveLength(200);
});

it('tells the end of a mild one behind the quiet hours, and of one that came back nothing', () => {
  const desk = new Desk();
  expect(desk.for(10_000, low)).toEqual(['raised credit_low']);
  desk.isQuiet = true;
  expect(desk.for(600_000)).toEqual([]);
  expect(desk.book.open, 'it is over all the same').toEqual([]);
  desk.restart();
  expect(desk.for(600_000)).toEqual([]);
  expect(desk.for(60_000, low), 'and is so again').toEqual([]);
  expect(desk.book.open).toHaveLength(1);
  expect(desk.for(600_000)).toEqual([]);
  desk.isQuiet = false;
  expect(desk.for(10_000)).toEqual(['cleared credit_low']);
  expect(desk.for(600_000)).toEqual([]);
});

it('tells the end of a severe one in quiet hours, too', () => {
  const desk = new Desk();
  desk.isQuiet = true;
  expect(desk.for(130_000, away)).toEqual(['raised no_modem_ready']);
  expect(desk.for(60_000)).toEqual(['cleared no_modem_ready']);
});
