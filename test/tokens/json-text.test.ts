import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compactJson, jsonTokensBound, pythonJson } from '../../src/tokens/json-text.ts';
import { readerOf } from './readers.ts';

describe('spacing', () => {
  const cases: [text: string, compact: string, python: string][] = [
    ['{ "a" : [ 1.0, 2 ] }', '{"a":[1.0,2]}', '{"a": [1.0, 2]}'],
    ['{"a b":"c, d: \\"e\\""}', '{"a b":"c, d: \\"e\\""}', '{"a b": "c, d: \\"e\\""}'],
    ['"é\\/"', '"é\\/"', '"\\u00e9/"'],
    ['not: json, "x', 'not: json, "x', '"not: json, \\"x"'],
    ['🌞', '🌞', '"\\ud83c\\udf1e"'],
    ['', '', '""'],
  ];
  test.each(cases)('%s', (text, compact, python) => {
    expect(compactJson(text)).toBe(compact);
    expect(pythonJson(text)).toBe(python);
  });

  test('changes no value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 4), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(compactJson(text)).toBe(JSON.stringify(value));
        expect(JSON.parse(pythonJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });
});

test('the bound is one', async () => {
  const { tokens } = await readerOf('gpt-4o');
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(jsonTokensBound(value)).toBeGreaterThanOrEqual(tokens(JSON.stringify(value)));
    }),
  );
});
