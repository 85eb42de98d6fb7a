import { asItMayLeave } from '../words/foreign.js';

/** Markup that is done: nothing in it is escaped again. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand between the markup of {@link html}. */
export type Filling = Html | string | number | undefined | false | readonly Filling[];

/**
 * Markup with its fillings escaped. A text passes the one door (I6) on its way: whole numbers are
 * masked, and what cannot be printed is shown as an escape. `undefined` and `false` are nothing.
 */
export function html(markup: TemplateStringsArray, ...fillings: readonly Filling[]): Html {
  const parts = markup.map((part, index) => part + filled(fillings[index]));
  return new Html(parts.join(''));
}

/**
 * A text in which digits are no number of anybody's, as an id or a time: escaped, and not masked.
 */
export function verbatim(text: string): Html {
  return new Html(escaped(text));
}

function filled(filling: Filling): string {
  if (filling === undefined || filling === false) return '';
  if (filling instanceof Html) return filling.text;
  if (typeof filling === 'object') return filling.map(filled).join('');
  return escaped(String(typeof filling === 'string' ? asItMayLeave(filling) : filling));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe as content and within a quoted attribute. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
