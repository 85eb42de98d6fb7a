/**
 * Nesting of what callers send is 3 or 4 at most; more is an attempt at whoever recurses over it.
 */
const maxDepth = 32;

/**
 * A string with its escapes, or one of the characters that give JSON its structure; what is between
 * them does not matter here.
 */
const structure = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/gsu;

/**
 * The text is JSON by its grammar, and still not to be taken: two readers could understand it
 * differently, or one break at it.
 */
export class AmbiguousJson extends Error {
  override readonly name = 'AmbiguousJson';
}

/**
 * Parses JSON (RFC 8259) that everyone reads alike: no name twice in one object (RFC 7493 2.3:
 * which one counts is each parser's own choice, so a proxy that checks recipients could see another
 * one than we do), and at most 32 levels deep. Throws {@link AmbiguousJson}, whose message quotes
 * nothing, or the `SyntaxError` of `JSON.parse`, whose message quotes the text.
 */
export function parseJson(text: string): unknown {
  // V8's parser does not recurse, and after it the text is known to be well-formed, which the scan
  // relies on.
  const value: unknown = JSON.parse(text);
  // One element for each level: the names that an object has so far, none for a list.
  const levels: (Set<string> | undefined)[] = [];
  let lastString = '';
  for (const [token] of text.matchAll(structure)) {
    if (token === '{' || token === '[') {
      levels.push(token === '{' ? new Set() : undefined);
      if (levels.length > maxDepth) throw new AmbiguousJson(`more than ${maxDepth} levels deep`);
    } else if (token === '}' || token === ']') levels.pop();
    else if (token === ':') noteName(levels.at(-1), lastString);
    else lastString = token;
  }
  return value;
}

/** Names are the same when they are so without their escapes: `"bod\u0079"` is `"body"`. */
function noteName(names: Set<string> | undefined, literal: string): void {
  const name = JSON.parse(literal) as string;
  if (names?.has(name)) throw new AmbiguousJson('a name stands twice in one object');
  names?.add(name);
}
