import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonMemberNearEnd, jsonMembers } from '../../src/responses/json-members.ts';

const NAMES = new Set(['usage', 'model', 'data', '__proto__', '', 'quo"te', 'back\\slash', 'é']);

function values(text: string, names: ReadonlySet<string> = NAMES): Record<string, unknown> {
  return Object.fromEntries([...jsonMembers(text, names)].map(([name, member]) => [name, member.value()]));
}

/** Every character of a key as an escape, which JSON.parse undoes. */
function escaped(key: string): string {
  return [...key]
    .map((c) => [...Array(c.length).keys()].map((i) => unicode(c.charCodeAt(i))).join(''))
    .join('');
}

function unicode(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}

describe('members equal those of JSON.parse', () => {
  const key = fc.oneof(fc.constantFrom(...NAMES), fc.string({ unit: 'binary' }));
  const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 });
  const json = fc
    .tuple(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(undefined, 2, '\t'))
    .map(([value, indent]) => JSON.stringify(value, undefined, indent));
  const member = fc
    .tuple(space, key, fc.boolean(), space, space, json, space)
    .map(
      ([a, k, asEscapes, b, c, v, d]) =>
        `${a}${asEscapes ? `"${escaped(k)}"` : JSON.stringify(k)}${b}:${c}${v}${d}`,
    );
  const object = fc
    .tuple(space, fc.array(member, { maxLength: 8 }), space, space)
    .map(([a, members, b, c]) => `${a}{${members.join(',') || b}}${c}`);

  test('for any object, however it is written', () => {
    fc.assert(
      fc.property(object, (text) => {
        const parsed = new Map(Object.entries(JSON.parse(text)));
        const found = jsonMembers(text, new Set(parsed.keys()));
        expect([...found.keys()].sort()).toEqual([...parsed.keys()].sort());
        for (const [name, value] of parsed) {
          expect(found.get(name)?.value()).toEqual(value);
          expect(found.get(name)?.elements()).toBe(Array.isArray(value) ? value.length : 0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('and only those that were asked for', () => {
    fc.assert(
      fc.property(object, (text) => {
        const parsed = Object.entries(JSON.parse(text)).filter(([name]) => NAMES.has(name));
        expect(values(text)).toEqual(Object.fromEntries(parsed));
      }),
    );
  });

  test('never throws on any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', '1', ' ', 'usage') }),
        ),
        (text) => {
          for (const member of jsonMembers(text, NAMES).values()) {
            member.value();
            member.elements();
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('hostile texts', () => {
  const table: [name: string, text: string, expected: Record<string, unknown>][] = [
    ['a name inside a string', '{"a":"\\"usage\\":1,","usage":2}', { usage: 2 }],
    ['a name as a value', '{"a":"usage","b":["usage"],"usage":2}', { usage: 2 }],
    ['an escaped quote at a string end', '{"a":"x\\"","usage":2}', { usage: 2 }],
    ['an escaped backslash before the closing quote', '{"a":"x\\\\","usage":2}', { usage: 2 }],
    ['three backslashes and a quote', '{"a":"x\\\\\\"","usage":2}', { usage: 2 }],
    ['nested names', '{"a":{"usage":1,"b":[{"usage":3}]},"usage":2}', { usage: 2 }],
    ['only nested names', '{"a":{"usage":1}}', {}],
    ['brackets in strings', '{"a":["}]","{[",{"b":"]"}],"usage":2}', { usage: 2 }],
    ['duplicates', '{"usage":1,"model":"m","usage":{"a":2}}', { usage: { a: 2 }, model: 'm' }],
    ['an escaped key', '{"us\\u0061ge":2}', { usage: 2 }],
    ['an escaped duplicate', '{"usage":1,"\\u0075sage":2}', { usage: 2 }],
    [
      'keys with quotes and backslashes',
      '{"quo\\"te":1,"back\\\\slash":2}',
      { 'quo"te': 1, 'back\\slash': 2 },
    ],
    ['the empty key', '{"":1}', { '': 1 }],
    ['a BOM', '\ufeff{"usage":2}', { usage: 2 }],
    [
      'whitespace everywhere',
      ' \t\r\n{ "usage"\n:\t[ 1 , 2 ]\r, "model" : null } \n',
      { usage: [1, 2], model: null },
    ],
    ['no-break space is no whitespace', '\u00a0{"usage":2}', {}],
    ['scalars', '{"usage":-1.5e3,"model":true,"data":null}', { usage: -1500, model: true, data: null }],
    ['an empty object', '{}', {}],
    ['an array', '[{"usage":1}]', {}],
    ['a string', '"usage"', {}],
    ['nothing', '', {}],
    ['a malformed value', '{"usage":{"a":},"model":"m"}', { usage: undefined, model: 'm' }],
    ['mismatched brackets', '{"usage":[1},"model":"m"}', { usage: undefined, model: 'm' }],
    ['a missing value', '{"model":"m","usage":,"data":1}', { model: 'm' }],
    ['a missing colon', '{"model":"m","usage" 1}', { model: 'm' }],
    ['a missing comma', '{"model":"m" "usage":1}', { model: 'm' }],
    ['a trailing comma', '{"model":"m",}', { model: 'm' }],
    ['text after the end', '{"model":"m"}{"usage":1}', { model: 'm' }],
    ['a scalar the end cuts off', '{"model":"m","usage":12', { model: 'm' }],
    ['a bad escape in a key', '{"us\\xage":1,"model":"m"}', { model: 'm' }],
  ];
  test.each(table)('%s', (_name, text, expected) => {
    expect(values(text)).toEqual(expected);
  });

  test('__proto__ is a member like any other', () => {
    const found = jsonMembers('{"__proto__":{"polluted":1},"usage":{"__proto__":2}}', NAMES);
    expect(found.get('__proto__')?.value()).toEqual({ polluted: 1 });
    expect(Object.hasOwn(found.get('usage')?.value() as object, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('cut at every byte, gives whole members only', () => {
    const text = '{"model":"m\\"","data":[{"usage":{"a":[1,"]"]}}, 2],"us\\u0061ge":{"b":{"c":"}"}},"é":1.5}';
    const whole = values(text);
    for (let end = 0; end < text.length; end += 1) {
      for (const [name, value] of Object.entries(values(text.slice(0, end))))
        expect(value).toEqual(whole[name]);
    }
  });

  test('a hundred thousand levels', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const found = jsonMembers(
      `{"data":${deep},"a":${deep.replaceAll('[', '{"a":[').replaceAll(']', ']}')},"usage":2}`,
      NAMES,
    );
    expect(found.get('usage')?.value()).toBe(2);
    expect(found.get('data')?.elements()).toBe(1);
    expect(jsonMembers(`{"data":${'['.repeat(100_000)}`, NAMES).size).toBe(0);
  });
});

test('elements are counted without parsing, at any size', () => {
  const vector = `[${Array(1536).fill('-0.0123456789').join(',')}]`;
  const data = `[${Array(500).fill(`{"embedding":${vector},"object":"embedding"}`).join(',\n')}]`;
  const members = jsonMembers(`{"data":${data},"usage":{"total_tokens":5}}`, NAMES);
  expect(members.get('data')?.elements()).toBe(500);
  expect(members.get('data')?.value()).toBeUndefined();
  expect(members.get('usage')?.value()).toEqual({ total_tokens: 5 });
});

describe('jsonMemberNearEnd', () => {
  const json = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as unknown);
  const keys = fc.constantFrom('usage', 'a', '"usage"', '\\"usage', 'b', 'used');
  const objects = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      json,
      fc.constantFrom('usage', '"usage":{}', '"usage": 5}'),
      tie('object'),
    ),
    object: fc
      .array(fc.tuple(keys, tie('value')), { maxLength: 5 })
      .map((entries) => Object.fromEntries(entries)),
  })).object;

  test('is the member that JSON.parse gives, or undefined: never another', () => {
    fc.assert(
      fc.property(objects, fc.constantFrom(0, 2), (object, indent) => {
        const member = jsonMemberNearEnd(`${JSON.stringify(object, null, indent)}\n`, 'usage');
        if (member !== undefined) expect(member.value()).toEqual((object as { usage: unknown }).usage);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each<[string, unknown]>([
    ['{"choices":[{"text":"x"}],"usage":{"n":1}}', { n: 1 }],
    ['{"usage":{"n":1},"service_tier":"default","system_fingerprint":null}\n', { n: 1 }],
    ['{\n  "a": [],\n  "usage": {\n    "n": 1\n  }\n}\n', { n: 1 }],
    ['{"usage":{"n":2},"response":{"usage":{"n":1}}}', undefined],
    ['[{"usage":{"n":1}}]', undefined],
    ['{"note":"\\"usage\\":{}"}', undefined],
    ['{"list":["usage"]}', undefined],
    ['{"usage":{"n":1}', undefined],
    ['{"usage":{"n":1}}{', undefined],
    ['', undefined],
  ])('%s', (text, value) => {
    expect(jsonMemberNearEnd(text, 'usage')?.value()).toEqual(value);
  });
});
