import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AmbiguousJson, parseJson } from '../../src/http/body.js';
import { json, post, startGateway, validBody } from './support/gateway.js';

describe('JSON that everyone reads alike', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['the same name in two objects', '[{"a":1},{"a":2}]'],
    ['the same name on two levels', '{"a":{"a":{"a":1}},"b":{"a":1}}'],
    ['a name that is a value as well', '{"a":"a","b":["a","a",":"]}'],
    ['structure within strings', '{"a":"{\\"a\\":[[[","b":"\\\\","c":"]:{"}'],
    ['the deepest that is allowed', `${'['.repeat(32)}${']'.repeat(32)}`],
    ['many lists side by side', `[${'[],'.repeat(1000)}[]]`],
  ])('may have %s', (_title, text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it.each([
    ['a name twice', '{"a":1,"b":2,"a":1}'],
    ['a name twice, once with an escape', '{"body":1,"bod\\u0079":2}'],
    ['a name twice further in', '{"x":[0,{"y":{"a":1,"a":2}}]}'],
    ['a name twice, with an object between', '{"a":{"b":{}},"a":1}'],
    ['an empty name twice', '{"":1,"":2}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['a level too many', `${'['.repeat(33)}${']'.repeat(33)}`],
    ['levels without end', `${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`],
  ])('does not have %s', (_title, text) => {
    expect(() => parseJson(text)).toThrow(AmbiguousJson);
  });

  it('is not what the grammar does not allow', () => {
    for (const text of [
      '',
      '{',
      '{"a":1,}',
      "{'a':1}",
      '[1 2]',
      '{"a" "b"}',
      'NaN',
      '{"a":1}}',
      '"\n"',
      '\u0000',
    ]) {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    }
  });
});

describe('a message whose body is two-faced or odd', () => {
  const { recipient, body } = validBody;

  it.each<[string, string, string | undefined]>([
    [
      'has two recipients',
      `{"recipient":"${recipient}","body":"x","recipient":"+4915199999999"}`,
      'body_invalid',
    ],
    [
      'hides a second text behind an escape',
      `{"recipient":"${recipient}","body":"x","b\\u006fdy":"y"}`,
      'body_invalid',
    ],
    [
      'is deep where nobody looks',
      `{"recipient":"${recipient}","body":"x","req":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      'body_invalid',
    ],
    [
      'has its keys in __proto__',
      `{"__proto__":{"recipient":"${recipient}","body":"x"}}`,
      'body_invalid',
    ],
    [
      'has its keys in constructor.prototype',
      `{"constructor":{"prototype":{"recipient":"${recipient}","body":"x"}}}`,
      'body_invalid',
    ],
    ['has a number beyond all numbers', `{"recipient":1e999,"body":"${body}"}`, 'body_invalid'],
    [
      'has a number of 60,000 digits',
      `{"recipient":"${recipient}","body":${'9'.repeat(60_000)}}`,
      'body_invalid',
    ],
    [
      'brings a __proto__ along',
      `{"recipient":"${recipient}","body":"x","__proto__":{"sender":"evil"},"toString":null}`,
      undefined,
    ],
    [
      'brings absurd numbers along',
      `{"recipient":"${recipient}","body":"x","n":[-0,1e-999,1e999,${'9'.repeat(5000)}]}`,
      undefined,
    ],
  ])('%s', async (_title, text, code) => {
    const gateway = await startGateway();
    const response = await post(gateway, { body: text });
    expect({ status: response.status, code: (await json(response)).code }).toEqual({
      status: code === undefined ? 200 : 400,
      code,
    });
    expect(gateway.sent.map(({ message }) => [message.recipient, message.sender])).toEqual(
      code === undefined ? [[recipient, undefined]] : [],
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
