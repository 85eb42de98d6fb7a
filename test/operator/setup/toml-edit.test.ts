import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { type Edit, editToml } from '../../../src/operator/setup/toml-edit.js';

const example = readFileSync(
  new URL('../../../config/simgate.example.toml', import.meta.url),
  'utf8',
);

const edit = (text: string, ...edits: Edit[]) => editToml(text, edits, 'simgate.toml');
const set = (path: string, value: string | string[]): Edit => ({
  path: path.split('.').map((key) => (/^\d+$/.test(key) ? Number(key) : key)),
  value,
});

/** The lines that are new, and those that are gone. */
function difference(before: string, after: string): { gone: string[]; added: string[] } {
  const [old, now] = [before.split('\n'), after.split('\n')];
  return {
    gone: old.filter((line) => !now.includes(line)),
    added: now.filter((line) => !old.includes(line)),
  };
}

/** What is no longer there, when all that changed is in one place. */
function removed(before: string, after: string): string {
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  let end = before.length;
  const grown = after.length - before.length;
  while (end > start && end + grown > start && before[end - 1] === after[end + grown - 1]) end -= 1;
  return before.slice(start, end);
}

describe('the shipped example', () => {
  it('changes in the lines that were asked for only', () => {
    const after = edit(
      example,
      set('modem.0.device', '/dev/serial/by-id/usb-Quectel-if02-port0'),
      set('modem.0.pin_file', '/etc/simgate/pin-main'),
      set('policy.countries', ['DE', 'AT']),
      set('auth0.subject', 'urn:Auth0'),
    );
    expect(difference(example, after)).toEqual({
      gone: ['device = "/dev/serial/by-id/usb-your-modem-if00-port0"', 'countries = ["DE"]'],
      added: [
        'device = "/dev/serial/by-id/usb-Quectel-if02-port0"',
        'pin_file = "/etc/simgate/pin-main"',
        'countries = ["DE", "AT"]',
      ],
    });
    expect(after).toContain('#pin_file = "/etc/simgate/pin"\npin_file = "/etc/simgate/pin-main"\n');
  });

  it('stays the same octet for octet when everything is so already', () => {
    expect(edit(example, set('policy.countries', ['DE']), set('modem.0.name', 'main'))).toBe(
      example,
    );
  });

  it('gets a second modem behind everything else', () => {
    const after = edit(
      example,
      set('modem.1.name', 'backup'),
      set('modem.1.device', 'usb:12d1:1506'),
    );
    expect(after).toBe(`${example}\n[[modem]]\nname = "backup"\ndevice = "usb:12d1:1506"\n`);
  });
});

describe('a file with its own ways', () => {
  it.each<[string, string, Edit[], string]>([
    ['a comment behind the value', 'a.b = "x" # why\n', [set('a.b', 'y')], 'a.b = "y" # why\n'],
    [
      'CRLF',
      '[a]\r\nb = 1\r\n\r\n[c]\r\n',
      [set('a.d', 'y')],
      '[a]\r\nb = 1\r\nd = "y"\r\n\r\n[c]\r\n',
    ],
    [
      'CRLF, a new table',
      '[a]\r\nb = 1\r\n',
      [set('c.d', 'y')],
      '[a]\r\nb = 1\r\n\r\n[c]\r\nd = "y"\r\n',
    ],
    ['no newline at the end', '[a]\nb = 1', [set('a.d', 'y')], '[a]\nb = 1\nd = "y"'],
    ['no newline, a new table', '[a]\nb = 1', [set('c.d', 'y')], '[a]\nb = 1\n\n[c]\nd = "y"\n'],
    ['nothing in it', '', [set('c.d', 'y'), set('c.e', 'z')], '[c]\nd = "y"\ne = "z"\n'],
    ['dotted keys', 'a.b = 1\nx = 2\n', [set('a.d', 'y')], 'a.b = 1\na.d = "y"\nx = 2\n'],
    ['quoted keys', '"a" . \'b\' = 1\n', [set('a.b', 'y')], '"a" . \'b\' = "y"\n'],
    [
      'a quoted header',
      '[ "a" ] # t\n  b = 1\n',
      [set('a.d', 'y')],
      '[ "a" ] # t\n  b = 1\n  d = "y"\n',
    ],
    ['an indent', '[a]\n\tb = 1\n[c]\n', [set('a.d', 'y')], '[a]\n\tb = 1\n\td = "y"\n[c]\n'],
    ['an empty table', '[a]\n[c]\n', [set('a.d', 'y')], '[a]\nd = "y"\n[c]\n'],
    [
      'a table that others only imply',
      '[a.x]\ny = 1\n',
      [set('a.d', 'y')],
      '[a.x]\ny = 1\n\n[a]\nd = "y"\n',
    ],
    [
      'an array over lines',
      'a.b = [\n  "x",\n  "y",\n] # c\n',
      [set('a.b', ['z'])],
      'a.b = ["z"] # c\n',
    ],
    [
      'a string of many lines',
      'a.b = """x\n[a]\nd = 1 ""\\""""\n',
      [set('a.b', 'z')],
      'a.b = "z"\n',
    ],
    [
      'text that looks like TOML',
      "[t]\nu = '''\n#d = 1\n[a]\n'''\n[a]\nb = 1\n",
      [set('a.d', 'y')],
      "[t]\nu = '''\n#d = 1\n[a]\n'''\n[a]\nb = 1\nd = \"y\"\n",
    ],
    [
      'an example in another table',
      '[a]\nb = 1\n[c]\n#d = 1\ne = 2\n',
      [set('a.d', 'y')],
      '[a]\nb = 1\nd = "y"\n[c]\n#d = 1\ne = 2\n',
    ],
    ['a mark of its encoding', '\ufeff[a]\nb = 1\n', [set('a.b', 'y')], '\ufeff[a]\nb = "y"\n'],
    [
      'a value to be escaped',
      '[a]\nb = 1\n',
      [set('a.b', 'q"\\\u0007\u007f')],
      '[a]\nb = "q\\"\\\\\\u0007\\u007f"\n',
    ],
    [
      'two settings below one line',
      '[a]\nb = 1\n',
      [set('a.d', 'y'), set('a.e', 'z')],
      '[a]\nb = 1\nd = "y"\ne = "z"\n',
    ],
  ])('%s', (_title, before, edits, after) => {
    expect(edit(before, ...edits)).toBe(after);
  });

  it('has the right one of several modems changed, and tables inside of them are left alone', () => {
    const before =
      '[[modem]]\nname = "a"\n[modem.x]\nname = "no"\n[[modem]]\nname = "b" # second\n';
    expect(edit(before, set('modem.1.device', '/dev/b'), set('modem.0.device', '/dev/a'))).toBe(
      '[[modem]]\nname = "a"\ndevice = "/dev/a"\n[modem.x]\nname = "no"\n[[modem]]\nname = "b" # second\ndevice = "/dev/b"\n',
    );
  });
});

it('a table inside of the last modem so far is that modem’s', () => {
  const before = '[[modem]]\n[modem.x]\nname = "a"\n[[modem]]\n[modem.x]\nname = "b"\n';
  expect(edit(before, set('modem.1.x.name', 'c'))).toBe(before.replace('"b"', '"c"'));
  expect(edit(before, set('modem.0.x.name', 'c'))).toBe(before.replace('"a"', '"c"'));
});

describe('what cannot be changed safely', () => {
  it.each<[string, string, Edit, RegExp]>([
    [
      'an inline table',
      '\nauth0 = { subject = "s" }\n',
      set('auth0.audience', 'a'),
      /line 2: auth0 .*audience = "a"/,
    ],
    [
      'modems in an inline array',
      'modem = [{ name = "a" }]\n',
      set('modem.0.device', '/dev/a'),
      /line 1: modem .*device = "\/dev\/a"/,
    ],
    [
      'a second modem in an inline array',
      'modem = [{ name = "a" }]\n',
      set('modem.1.name', 'b'),
      /line 1: modem .*name = "b"/,
    ],
    [
      'comments inside of the value',
      'x = 1\na.b = [ # one\n"DE", # home\n]\n',
      set('a.b', ['AT']),
      /line 2: there are comments .*\["AT"\]/,
    ],
    ['a value where a table belongs', 'auth0 = 1\n', set('auth0.audience', 'a'), /line 1: auth0/],
    ['no TOML', '[a\n', set('a.b', 'x'), /line 1: .*Correct it first/],
    ['half of a surrogate pair', '[a]\nb = 1\n', set('a.b', '\ud800'), /make a\.b/],
  ])('%s is named with its line', (_title, before, one, message) => {
    expect(() => edit(before, one)).toThrow(message);
    expect(() => edit(before, one)).toThrow(/nothing was changed/);
  });

  it('is no matter for settings that are so already', () => {
    const before = 'auth0 = { subject = "s" } # mine\n';
    expect(edit(before, set('auth0.subject', 's'))).toBe(before);
  });

  it('does not quote the file', () => {
    expect(() => edit('secret = hunter2hunter2\n', set('a.b', 'x'))).toThrow(/^(?!.*hunter2)/s);
  });
});

describe('any file', () => {
  const key = fc.constantFrom('a', 'b', '"c d"', "'e.f'", 'subject');
  const values = [
    '1',
    'true',
    '"x"',
    "'y'",
    '"""m\n#n = 1\n[q]\n"""',
    "'''r\n'''",
    '["x",\n "y"]',
    '[ # inside\n 1 ]',
    '{ k = 1, l = "}" }',
    '1979-05-27T07:32:00Z',
  ];
  const value = fc.constantFrom(...values);
  const line = fc.oneof(
    fc.tuple(key, value).map(([name, text]) => `${name} = ${text}`),
    fc.tuple(key, key, value).map(([name, inner, text]) => `${name}.${inner} = ${text} # why`),
    key.map((name) => `  [${name}]  # t`),
    fc.constantFrom('[[modem]]', '[modem.x]', '', '# note', '#subject = "no"', '\t# "'),
  );
  const target = fc.constantFrom('a.b', 'a.subject', 'modem.0.a', 'b.a', 'subject.a');

  it('says the same as before and the edit, or is left alone', () => {
    let edited = 0;
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        target,
        fc.constantFrom('\n', '\r\n'),
        (lines, path, eol) => {
          const before = lines.join('\n').replaceAll('\n', eol);
          try {
            parse(before);
          } catch {
            return; // keys twice: no file to speak of
          }
          const one = set(path, 'new');
          let after: string;
          try {
            after = edit(before, one);
          } catch (error) {
            expect(String(error)).toMatch(/nothing was changed/);
            return;
          }
          edited += 1;
          expect(
            one.path.reduce<unknown>((table, name) => (table as never)[name], parse(after)),
          ).toBe('new');
          const gone = removed(before, after).replaceAll(eol, '\n');
          expect(values.some((text) => text.includes(gone))).toBe(true);
          expect(gone).not.toContain('# inside');
        },
      ),
      { numRuns: 2000 },
    );
    expect(edited).toBeGreaterThan(300);
  });
});
