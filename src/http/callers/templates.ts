/** The text for callers that send a code and leave the words to us. */

import { SendError } from '../../errors.js';

/** What may stand in a template, in braces. */
export const placeholders = ['code', 'type', 'locale'] as const;

export interface TemplateValues {
  code: string;
  /** The caller's own word for the occasion, as `SignIn`. */
  type?: string | undefined;
  /** BCP 47, as `de-DE`. */
  locale?: string | undefined;
}

export interface Templates {
  /** `Your code is {code}`. */
  template: string;
  /**
   * Instead of it, by message type and locale: `TYPE.LOCALE`, `TYPE.LANGUAGE`, `TYPE`, `LOCALE`,
   * `LANGUAGE`; the first that is there counts. Case does not matter.
   */
  byOccasion: ReadonlyMap<string, string>;
  /**
   * The host that browsers may fill the code in for: the last line `@host #code`
   * (https://wicg.github.io/sms-one-time-codes/).
   */
  webotpHost: string | undefined;
}

/** The text of one message. */
export function fill(templates: Templates, values: TemplateValues): string {
  const { type = '', locale = '', code } = values;
  const text = chosen(templates, type, locale).replace(
    /\{(code|type|locale)\}/g,
    (_, name: (typeof placeholders)[number]) => values[name] ?? '',
  );
  const { webotpHost } = templates;
  return webotpHost === undefined ? text : `${text}\n\n@${webotpHost} #${code}`;
}

function chosen({ template, byOccasion }: Templates, type: string, locale: string): string {
  const [language = ''] = locale.split(/[-_]/);
  const keys = [`${type}.${locale}`, `${type}.${language}`, type, locale, language];
  for (const key of keys) {
    const text = byOccasion.get(key.toLowerCase().replace(/_/g, '-'));
    if (text !== undefined) return text;
  }
  return template;
}

/** A code as people type it; a caller that sends a sentence in its place is misconfigured. */
const code = /^[\p{L}\p{N}-]{1,32}$/u;

/** @throws SendError `body_invalid` */
export function checkedCode(value: string, name: string): string {
  if (code.test(value)) return value;
  throw new SendError('body_invalid', {
    detail: `${name} must be a code of 1 to 32 letters, digits or hyphens`,
  });
}
