/** How an {@link Expression} is written, and the machine that it becomes. */

/** What is wrong with an expression: the end of a sentence that begins with the key's name. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** Whether a character, a whole code point, fits. */
export type Test = (character: string) => boolean;

/** A place of the machine: where it goes on is the next one, unless it says so. */
export type Place =
  | { kind: 'one'; test: Test }
  | { kind: 'fork'; first: number; less: number }
  | { kind: 'save'; slot: number }
  | { kind: 'stand'; where: 'start' | 'end' | 'edge' | 'no edge' }
  | { kind: 'end' };

/** Characters of an expression, and places of what it becomes: `{n}` makes copies. */
const longest = 300;
const mostPlaces = 2_000;

export interface ParsedExpression {
  places: readonly Place[];
  /** The named groups, and which slots are theirs: twice the number, and one more. */
  names: ReadonlyMap<string, number>;
}

/** @throws ExpressionError */
export function parseExpression(text: string): ParsedExpression {
  if (text === '') throw new ExpressionError('must not be empty');
  if (text.length > longest) throw new ExpressionError(`must have ${longest} characters at most`);
  const parser = new Parser(text);
  const places = [...parser.whole(), { kind: 'end' as const }];
  return { places, names: parser.names };
}

/** Pieces of the machine have their forks relative to themselves, so that they can be joined. */
type Piece = readonly Place[];

const moved = (piece: Piece, by: number): Place[] =>
  piece.map((place) =>
    place.kind === 'fork'
      ? { kind: 'fork', first: place.first + by, less: place.less + by }
      : place,
  );

function joined(pieces: readonly Piece[]): Place[] {
  const whole: Place[] = [];
  for (const piece of pieces) whole.push(...moved(piece, whole.length));
  if (whole.length > mostPlaces) throw new ExpressionError('is too large: lower the counts in {}');
  return whole;
}

const fork = (first: number, less: number): Place => ({ kind: 'fork', first, less });

/** `piece?`: the piece or nothing, in the order of preference. */
const optional = (piece: Piece, isGreedy: boolean): Place[] => {
  const after = piece.length + 1;
  return [isGreedy ? fork(1, after) : fork(after, 1), ...moved(piece, 1)];
};

/** `piece*` */
const repeated = (piece: Piece, isGreedy: boolean): Place[] => {
  const after = piece.length + 2;
  const head = isGreedy ? fork(1, after) : fork(after, 1);
  return [head, ...moved(piece, 1), fork(0, 0)];
};

/** `first|less` */
const either = (first: Piece, less: Piece): Place[] => {
  const second = first.length + 2;
  const after = second + less.length;
  return [fork(1, second), ...moved(first, 1), fork(after, after), ...moved(less, second)];
};

const stand = (where: (Place & { kind: 'stand' })['where']): Piece => [{ kind: 'stand', where }];

/** Small and large letters are the same. */
function literal(character: string): Test {
  const forms = new Set([character, character.toLowerCase(), character.toUpperCase()]);
  return (other) => forms.has(other);
}

const classes: Readonly<Record<string, RegExp>> = {
  d: /\p{Nd}/u,
  D: /\P{Nd}/u,
  w: /[\p{L}\p{M}\p{Nd}_]/u,
  W: /[^\p{L}\p{M}\p{Nd}_]/u,
  s: /\s/u,
  S: /\S/u,
};
const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

class Parser {
  readonly names = new Map<string, number>();
  readonly #characters: readonly string[];
  #at = 0;
  #groups = 0;
  #depth = 0;

  constructor(text: string) {
    this.#characters = Array.from(text);
  }

  whole(): Place[] {
    const places = this.#alternatives();
    if (this.#at < this.#characters.length) throw new ExpressionError('has a ) without its (');
    return places;
  }

  get #next(): string | undefined {
    return this.#characters[this.#at];
  }

  #takes(text: string): boolean {
    const found = this.#characters.slice(this.#at, this.#at + text.length).join('') === text;
    if (found) this.#at += text.length;
    return found;
  }

  #alternatives(): Place[] {
    const first = this.#sequence();
    return this.#takes('|') ? joined([either(first, this.#alternatives())]) : first;
  }

  #sequence(): Place[] {
    const pieces: Piece[] = [];
    while (this.#next !== undefined && this.#next !== '|' && this.#next !== ')')
      pieces.push(this.#counted(this.#one()));
    return joined(pieces);
  }

  /** What stands behind a piece: `?`, `*`, `+`, `{n}`, `{n,}`, `{n,m}`, and `?` for the fewest. */
  #counted(piece: Piece): Piece {
    const [least, most] = this.#counts() ?? [1, 1];
    if (least === 1 && most === 1) return piece;
    const isGreedy = !this.#takes('?');
    if (/[?*+]/.test(this.#next ?? '')) throw new ExpressionError(`has ${this.#next} on a count`);
    const tooMany = (least + (Number.isFinite(most) ? most : 1)) * piece.length > mostPlaces;
    if (tooMany) throw new ExpressionError('is too large: lower the counts in {}');
    const needed = Array.from({ length: least }, () => piece);
    if (!Number.isFinite(most)) return joined([...needed, repeated(piece, isGreedy)]);
    let rest: Place[] = [];
    for (let left = most - least; left > 0; left -= 1)
      rest = optional(joined([piece, rest]), isGreedy);
    return joined([...needed, rest]);
  }

  #counts(): readonly [least: number, most: number] | undefined {
    if (this.#takes('?')) return [0, 1];
    if (this.#takes('*')) return [0, Infinity];
    if (this.#takes('+')) return [1, Infinity];
    const ahead = this.#characters.slice(this.#at, this.#at + 12).join('');
    const [whole, least = '', comma, most = ''] = /^\{(\d{1,4})(,)?(\d{0,4})\}/.exec(ahead) ?? [];
    if (whole === undefined) return undefined;
    this.#at += whole.length;
    const upTo = comma === undefined ? Number(least) : most === '' ? Infinity : Number(most);
    if (upTo < Number(least)) throw new ExpressionError(`has a count of ${whole}`);
    return [Number(least), upTo];
  }

  #one(): Piece {
    const character = this.#characters[this.#at++]!;
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return [{ kind: 'one', test: this.#set() }];
      case '.':
        return [{ kind: 'one', test: () => true }];
      case '^':
        return stand('start');
      case '$':
        return stand('end');
      case '\\':
        return this.#escaped();
      case '*':
      case '+':
      case '?':
        throw new ExpressionError(`has ${character} with nothing before it`);
      default:
        return [{ kind: 'one', test: literal(character) }];
    }
  }

  #escaped(): Piece {
    if (this.#takes('b')) return stand('edge');
    if (this.#takes('B')) return stand('no edge');
    return [{ kind: 'one', test: this.#escape() }];
  }

  /** What a backslash in front makes of the next character. */
  #escape(): Test {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw new ExpressionError('ends with a backslash');
    const known = classes[character];
    if (known !== undefined) return (other) => known.test(other);
    const control = controls[character];
    if (control !== undefined) return literal(control);
    if (/[A-Za-z0-9]/.test(character))
      throw new ExpressionError(`has \\${character}, which is not known here`);
    return literal(character);
  }

  #group(): Piece {
    this.#depth += 1;
    if (this.#depth > 20) throw new ExpressionError('has more than 20 groups within each other');
    const slot = this.#opening();
    const inner = this.#alternatives();
    if (!this.#takes(')')) throw new ExpressionError('has a ( without its )');
    this.#depth -= 1;
    if (slot === undefined) return inner;
    return [{ kind: 'save', slot }, ...moved(inner, 1), { kind: 'save', slot: slot + 1 }];
  }

  /** The slot of a group that has a name; the others are for the order only. */
  #opening(): number | undefined {
    if (!this.#takes('?') || this.#takes(':')) return undefined;
    this.#takes('P');
    const ahead = this.#characters.slice(this.#at, this.#at + 34).join('');
    const [whole, name] = /^<([A-Za-z_]\w{0,31})>/.exec(ahead) ?? [];
    if (whole === undefined || name === undefined)
      throw new ExpressionError('has (? with something behind it that is not known here');
    if (this.names.has(name)) throw new ExpressionError(`has two groups called ${name}`);
    this.#at += whole.length;
    this.names.set(name, this.#groups);
    return 2 * this.#groups++;
  }

  /** What stands between `[` and `]`. */
  #set(): Test {
    const isNegative = this.#takes('^');
    const tests: Test[] = [];
    for (let isFirst = true; isFirst || this.#next !== ']'; isFirst = false) {
      if (this.#next === undefined) throw new ExpressionError('has a [ without its ]');
      tests.push(this.#setMember());
    }
    this.#at += 1;
    return (character) => tests.some((test) => test(character)) !== isNegative;
  }

  #setMember(): Test {
    const from = this.#characters[this.#at++]!;
    if (from === '\\') return this.#escape();
    const to = this.#characters[this.#at + 1];
    if (this.#next !== '-' || to === undefined || to === ']') return literal(from);
    if (to === '\\') throw new ExpressionError('has a range that ends with a backslash');
    this.#at += 2;
    if (to < from) throw new ExpressionError(`has the range ${from}-${to}, which is empty`);
    const isWithin = (form: string) => form >= from && form <= to;
    return (character) =>
      [character, character.toLowerCase(), character.toUpperCase()].some(isWithin);
  }
}
