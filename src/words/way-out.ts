/** A sentence for people that ends with the way out, and the way out by itself. */
export interface ToldObstacle {
  sentence: string;
  /** Undefined where there is none but to wait. */
  remedy?: string | undefined;
}

/** `joint` stands between what it is and the way out. */
export function told(
  what: string,
  remedy: string,
  joint = ': ',
): { sentence: string; remedy: string } {
  return { sentence: `${what}${joint}${remedy}`, remedy };
}

/** What is left of a sentence when its way out is said elsewhere. */
export function withoutWayOut(sentence: string, remedy: string | undefined): string {
  if (remedy === undefined || !sentence.endsWith(remedy)) return sentence;
  return sentence.slice(0, -remedy.length).replace(/[\s.:;,]+$/, '');
}
