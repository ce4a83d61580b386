import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nullUsageOf } from '../../src/calls/null-usage.ts';

test.each([
  ['{"id":"a","choices":[],"usage":null}', ',"usage":null'],
  ['{"id":"a","usage":null,"obfuscation":"a8, }"}', ',"usage":null'],
  ['{"id":"a", "usage": null, "a": 1.5, "b": true, "c": null}\n', ', "usage": null'],
  ['{"choices":[{"delta":{"content":"usage"}}],"usage":null}', ',"usage":null'],
  ['{"id":"a","usage":{"total_tokens":1}}', undefined],
  ['{"id":"a","usage":null', undefined],
  ['{"id":"a"}', undefined],
  ['{"usage":null,"id":"a"}', undefined],
  // Those are members of something within the event, or texts.
  ['{"id":"a","choices":[{"index":0,"usage":null}]}', undefined],
  ['{"id":"a","x":{"y":1,"usage":null},"z":1}', undefined],
  ['{"content":",\\"usage\\":null"}', undefined],
  ['{"id":"usage","x":null}', undefined],
  // What follows may hold anything, so it is left alone.
  ['{"id":"a","usage":null,"list":[]}', undefined],
  ['{"id":"a","usage":null,"text":"\\""}', undefined],
])('%s', (data, expected) => {
  expect(nullUsageOf(data)).toBe(expected);
});

test('what is left is the event without the member, or nothing is left out', () => {
  const event = fc.dictionary(fc.constantFrom('id', 'choices', 'usage', 'obfuscation', 'x'), fc.jsonValue());
  fc.assert(
    fc.property(event, fc.boolean(), fc.option(fc.string()), (fields, nulled, last) => {
      const whole = {
        id: 'a',
        ...fields,
        ...(nulled ? { usage: null } : {}),
        ...(last === null ? {} : { last }),
      };
      const data = JSON.stringify(whole);
      const text = nullUsageOf(data);
      if (text === undefined) return;
      expect(whole.usage).toBeNull();
      const at = data.lastIndexOf(text);
      const { usage, ...rest } = whole;
      expect(JSON.parse(data.slice(0, at) + data.slice(at + text.length))).toEqual(
        JSON.parse(JSON.stringify(rest)),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('a megabyte of such members takes linear time', () => {
  const data = `{"a":1${',"usage":null'.repeat(80_000)},"b":[]}`;
  expect(nullUsageOf(data)).toBeUndefined();
});
