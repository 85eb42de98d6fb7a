import * as v from 'valibot';
import { expect, expectTypeOf, it } from 'vitest';
import { keysByTable, orEmpty, required, table } from '../../src/config/table.js';

const stick = table({
  name: required(v.string(), 'a short name'),
  pin_file: v.optional(v.string()),
  base64_encoded: v.optional(v.boolean(), false),
  retention_days: v.optional(v.number(), 30),
  idle_probe_s: v.optional(v.number(), 60),
  submit_timeout_s: v.optional(v.number()),
});

it('a key is in the code what it is in the file, in camelCase and milliseconds', () => {
  const read = v.parse(stick, { name: 'main', idle_probe_s: 1.5 });
  expect(read).toStrictEqual({
    name: 'main',
    pinFile: undefined,
    base64Encoded: false,
    retentionDays: 30,
    idleProbeMs: 1500,
    submitTimeoutMs: undefined,
  });
  expectTypeOf(read).toEqualTypeOf<{
    name: string;
    pinFile: string | undefined;
    base64Encoded: boolean;
    retentionDays: number;
    idleProbeMs: number;
    submitTimeoutMs: number | undefined;
  }>();
  expect(v.parse(stick, { name: 'main', submit_timeout_s: 0 }).submitTimeoutMs).toBe(0);
});

it('a key that must be there is asked for by its hint, and so are those of a table left out', () => {
  const file = v.object({ stick: orEmpty(stick) });
  for (const written of [{ stick: {} }, {}]) {
    const [issue, ...others] = v.safeParse(file, written).issues ?? [];
    expect(others).toEqual([]);
    expect(issue).toMatchObject({ message: 'is missing: a short name' });
    expect(v.getDotPath(issue!)).toBe('stick.name');
  }
  const [issue] = v.safeParse(file, { stick: 5 }).issues ?? [];
  expect(issue?.message).toBe('must be a table, written as a line [name] above its keys');
});

it('the keys of a file are known by their table, be there one of it or several', () => {
  const one = table({ listen: v.optional(v.string()) });
  const several = v.optional(v.pipe(v.array(stick), v.minLength(1)), []);
  const names = v.optional(v.array(v.string()), []);
  expect(keysByTable(table({ names, one: orEmpty(one), several }))).toEqual(
    new Map([
      ['', ['names', 'one', 'several']],
      ['one', ['listen']],
      [
        'several',
        [
          'name',
          'pin_file',
          'base64_encoded',
          'retention_days',
          'idle_probe_s',
          'submit_timeout_s',
        ],
      ],
    ]),
  );
});
