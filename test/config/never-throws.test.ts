/** Whatever stands in a configuration, what is wrong with it is told: nothing is thrown. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkConfig } from '../../src/config/config.js';
import { fileSchema } from '../../src/config/schema.js';
import { keysByTable } from '../../src/config/table.js';

const folder = mkdtempSync(join(tmpdir(), 'never-throws-'));
const file = join(folder, 'simgate.toml');
afterAll(() => rmSync(folder, { recursive: true }));

const values = ['1', 'true', '"x"', '"%zz"', '"redis://%zz@h"', '[1]', '[[1]]', '{ a = 1 }'];

/** The least that a table has, beside the key that is tried. */
const least: Readonly<Record<string, readonly string[]>> = {
  auth0: ['subject = "s"', 'audience = "a"', 'secret_file = "x"'],
  policy: ['countries = ["DE"]'],
  modem: ['name = "main"', 'device = "auto"'],
};
const lists = new Set(['modem', 'caller', 'alerts.webhook', 'carrier_message']);

/** A file whose table has a value of that key, which is none of its, or none at all. */
function fileWith(table: string, key: string, value: string): string {
  const line = `${key} = ${value}`;
  const tables = Object.keys(least).filter((name) => table !== '' || name !== key);
  const sections = [...new Set([...tables, ...(table === '' ? [] : [table])])].map((name) => {
    const head = lists.has(name) ? `[[${name}]]` : `[${name}]`;
    const own = (least[name] ?? []).filter((each) => !each.startsWith(`${key} =`));
    return [head, ...own, ...(name === table ? [line] : [])].join('\n');
  });
  return [...(table === '' ? [line] : []), ...sections, ''].join('\n');
}

const keys = keysByTable(fileSchema(folder, {}) as unknown as Parameters<typeof keysByTable>[0]);

test.each([...keys])('in table "%s"', (table, names) => {
  for (const key of names)
    for (const value of values) {
      const text = fileWith(table, key, value);
      writeFileSync(file, text);
      expect(() => checkConfig(file, {}), text).not.toThrow();
    }
});
