/**
 * Expressions of the operator that look for something in foreign words, as the credit in a
 * carrier's answer. They are written as regular expressions are, but run as a machine that takes
 * one step for each character and place of the expression: whatever stranger wrote the text, the
 * time is bounded (there is no way back to try again). Small and large letters are the same to
 * them, and `.` is any character, a line break too.
 */

import { type Place, parseExpression } from './expression-syntax.js';

export { ExpressionError } from './expression-syntax.js';

/** Characters of a text that are looked at; ten segments of the longest alphabet. */
export const longestSearched = 1_600;

/** A way through the expression that fits so far, and where its groups began and ended. */
interface Thread {
  at: number;
  saved: readonly (number | undefined)[];
}

export class Expression {
  /** As it was written. */
  readonly text: string;
  readonly #places: readonly Place[];
  readonly #names: ReadonlyMap<string, number>;

  /** @throws ExpressionError */
  constructor(text: string) {
    this.text = text;
    const { places, names } = parseExpression(text);
    this.#places = places;
    this.#names = names;
  }

  /** The names of its groups. */
  get groups(): string[] {
    return [...this.#names.keys()];
  }

  /**
   * What each named group found in the first {@link longestSearched} characters of `text`; those
   * that took no part are left out. Undefined: it does not fit.
   */
  find(text: string): ReadonlyMap<string, string> | undefined {
    const characters = Array.from(text.slice(0, longestSearched));
    const saved = this.#run(characters);
    if (saved === undefined) return undefined;
    const found = new Map<string, string>();
    for (const [name, group] of this.#names) {
      const [from, to] = [saved[2 * group], saved[2 * group + 1]];
      if (from !== undefined && to !== undefined)
        found.set(name, characters.slice(from, to).join(''));
    }
    return found;
  }

  /** The leftmost fit, and of those the one that the expression prefers; as its saved places. */
  #run(characters: readonly string[]): Thread['saved'] | undefined {
    let fit: Thread['saved'] | undefined;
    let threads: Thread[] = [];
    for (let index = 0; index <= characters.length; index += 1) {
      const step = new Step(this.#places, characters, index);
      for (const thread of threads) step.follow(thread.at, thread.saved);
      if (fit === undefined) step.follow(0, []);
      if (step.threads.length === 0 && fit !== undefined) return fit;
      threads = [];
      for (const { at, saved } of step.threads) {
        const place = this.#places[at]!;
        if (place.kind === 'end') {
          fit = saved;
          break; // those behind it are preferred less
        }
        const character = characters[index];
        if (place.kind === 'one' && character !== undefined && place.test(character))
          threads.push({ at: at + 1, saved });
      }
    }
    return fit;
  }
}

/** All places that can be reached before one character, those first that are preferred. */
class Step {
  readonly threads: Thread[] = [];
  readonly #places: readonly Place[];
  readonly #characters: readonly string[];
  readonly #index: number;
  readonly #seen = new Set<number>();

  constructor(places: readonly Place[], characters: readonly string[], index: number) {
    this.#places = places;
    this.#characters = characters;
    this.#index = index;
  }

  /** With a list of what is to do, for an expression may have more places than a stack. */
  follow(start: number, begun: Thread['saved']): void {
    const todo: Thread[] = [{ at: start, saved: begun }];
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const { at, saved } = next;
      if (this.#seen.has(at)) continue;
      this.#seen.add(at);
      const place = this.#places[at]!;
      if (place.kind === 'one' || place.kind === 'end') this.threads.push(next);
      else if (place.kind === 'fork')
        todo.push({ at: place.less, saved }, { at: place.first, saved });
      else if (place.kind === 'save') {
        const copy = saved.slice();
        copy[place.slot] = this.#index;
        todo.push({ at: at + 1, saved: copy });
      } else if (this.#stands(place.where)) todo.push({ at: at + 1, saved });
    }
  }

  #stands(where: 'start' | 'end' | 'edge' | 'no edge'): boolean {
    const [before, after] = [this.#characters[this.#index - 1], this.#characters[this.#index]];
    if (where === 'start') return before === undefined || before === '\n';
    if (where === 'end') return after === undefined || after === '\n';
    return (isWord(before) !== isWord(after)) === (where === 'edge');
  }
}

const word = /[\p{L}\p{M}\p{Nd}_]/u;
const isWord = (character: string | undefined): boolean =>
  character !== undefined && word.test(character);
