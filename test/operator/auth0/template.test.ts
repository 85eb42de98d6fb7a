import { expect, it } from 'vitest';
import {
  judgeTemplate,
  type MessageTemplate,
  renderVariants,
  templateOf,
} from '../../../src/operator/auth0/template.js';

const macros = (text: string, codeLength = 6): MessageTemplate => ({
  text,
  syntax: 'md_with_macros',
  codeLength,
});
const liquid = (text: string): MessageTemplate => ({ text, syntax: 'liquid', codeLength: 6 });

it('renders macros with a code of the right length', () => {
  expect(renderVariants(macros('@@application.name@@: @@password@@ @@code@@', 8))).toEqual([
    'My Application: 41709385 41709385',
  ]);
});

it.each([
  ['{{ code }}/{{password}}', ['417093/417093']],
  ['{{ application.name | upcase }} {{-code-}} !', ['My Application417093!']],
  ["{{ application.name | default: 'us' }}: {{ code }}", ['My Application: 417093']],
  ['{{ unheard.of }}', ['something']],
  [
    "{% if request_language == 'de' %}Ihr Code{% else %}Your code{% endif %} {{code}}",
    ['Ihr Code 417093', 'Your code 417093'],
  ],
  ['a{% if x %}b{% endif %}', ['ab', 'a']],
  ['A \n{%- if x -%}\n a {% elsif y %} b {%- elsif z %}c{% endif %}', ['Aa ', 'A b', 'Ac', 'A']],
  ["{% case l %}\n{% when 'de' %}D{% when 'fr' %}F{% else %}E{% endcase %}", ['D', 'F', 'E']],
  ['{% if a %}{% if b %}1{% else %}2{% endif %}{% else %}3{% endif %}', ['1', '2', '3']],
  [
    '{% if a %}1{% else %}2{% endif %}{% unless b %}3{% else %}4{% endunless %}',
    ['13', '14', '23', '24'],
  ],
])('follows %j into each of its texts', (text, variants) => {
  expect(renderVariants(liquid(text))?.sort()).toEqual([...variants].sort());
});

it.each([
  '{% for x in y %}a{% endfor %}',
  '{% assign a = 1 %}',
  '{{ code | append: application.name }}',
  "{{ 'Your code' }} {{ code }}",
  "{% if a %}{{ code | upcase | split: '' }}{% endif %}",
  '{% if a %}open',
  'stray{% endif %}',
  'stray{% else %}',
  '{% if a %}1{% else %}2{% endif %}'.repeat(20),
])('does not pretend to know what %j becomes', (text) => {
  expect(renderVariants(liquid(text))).toBeUndefined();
  expect(judgeTemplate(liquid(text), 3)).toMatchObject({ level: 'warning' });
});

it.each([
  ['Your code is @@password@@', 'ok', 'one segment'],
  [`@@password@@${'x'.repeat(154)}`, 'ok', 'one segment'],
  [`@@password@@${'x'.repeat(155)}`, 'warning', '2 segments'],
  ['Dein Code lautet „@@password@@“', 'warning', 'UCS-2: "„" "“" is not in the GSM alphabet'],
  [`Код @@password@@ ${'x'.repeat(60)}`, 'warning', '2 segments'],
  [`@@password@@${'x'.repeat(500)}`, 'error', '4 segments, and message.max_segments allows 3'],
  ['lone \ud800 @@password@@', 'warning', 'UCS-2'],
])('judges %j', (text, level, words) => {
  const finding = judgeTemplate(macros(text), 3);
  expect(finding.level).toBe(level);
  expect(finding.what).toContain(words);
});

it('judges the longest of the texts of a Liquid template', () => {
  const text = `{% if x %}short{% else %}${'long'.repeat(50)}{% endif %}`;
  expect(judgeTemplate(liquid(text), 3).what).toContain('2 segments');
});

it('keeps a last WebOTP line as it is', () => {
  const text = 'Your code is @@password@@\n\n@example.com #@@password@@';
  expect(renderVariants(macros(text))).toEqual(['Your code is 417093\n\n@example.com #417093']);
  expect(judgeTemplate(macros(text), 3).level).toBe('ok');
});

it('reads template, syntax and code length from the options of a connection', () => {
  expect(templateOf({ template: 'a', syntax: 'liquid', totp: { length: 8 } })).toEqual({
    text: 'a',
    syntax: 'liquid',
    codeLength: 8,
  });
  expect(templateOf({ template: 'a', totp: { length: 'x' } })).toMatchObject({
    syntax: 'md_with_macros',
    codeLength: 6,
  });
  expect(templateOf({})).toBeUndefined();
});
