/** Errors of the system have a known cause: a sentence, and no stack. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { errorFields, fatalText } from '../../src/words/error-text.js';
import { systemFault, whyFailed } from '../../src/words/system-fault.js';

function missing(): Error {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-fault-'));
  rmSync(folder, { recursive: true });
  expect(existsSync(folder)).toBe(false);
  try {
    readFileSync(join(folder, 'x'));
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was read');
}

it('an error of the system is told with its way out, and without the way to the call', () => {
  const error = missing();
  expect(systemFault(error)).toBe('there is no such file or folder (ENOENT)');
  expect(fatalText(error)).toMatch(
    /^simgate: ENOENT: .*x': there is no such file or folder \(ENOENT\)$/,
  );
  expect(errorFields(error).stack).toBeUndefined();
});

it('what is a bug keeps its stack', () => {
  const bug = Object.assign(new Error('a bug'), { code: 'ERR_INVALID_ARG_TYPE' });
  expect(systemFault(bug)).toBeUndefined();
  expect(whyFailed(bug)).toBe('a bug');
  expect(fatalText(bug)).toMatch(/\n {4}at /);
  expect(errorFields(bug).stack).toMatch(/\n {4}at /);
});
