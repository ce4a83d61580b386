import { describe, expect, test } from 'vitest';
import { typeScript } from '../../src/tokens/typescript.ts';

/** A schema of one property, and how it stands in the type. */
const lines = (property: unknown, rest: object = {}) =>
  typeScript({ type: 'object', properties: { p: property }, required: ['p'], ...rest });

describe('properties without a comment stand beside each other', () => {
  const cases: [schema: object, type: string][] = [
    [{ type: 'string' }, 'string'],
    [{ type: 'integer' }, 'number'],
    [{ type: 'number' }, 'number'],
    [{ type: 'boolean' }, 'boolean'],
    [{ type: 'null' }, 'null'],
    [{}, 'any'],
    [{ enum: ['a', 2, null] }, '"a" | 2 | null'],
    [{ const: 'a' }, '"a"'],
    [{ type: 'array' }, 'any[]'],
    [{ type: 'array', items: { type: 'integer' } }, 'number[]'],
    [{ type: 'array', items: { type: 'array', items: { type: 'string' } } }, 'string[][]'],
    [{ type: 'object' }, 'object'],
    [{ type: 'object', properties: { a: { type: 'string' }, b: {} } }, '{ a?: string, b?: any }'],
    [{ $ref: '#/$defs/none' }, 'any'],
  ];
  test.each(cases)('%j', (schema, type) => {
    expect(lines(schema)).toBe(`{ p: ${type} }`);
  });
});

describe('a property with a comment stands on lines of its own', () => {
  const cases: [name: string, schema: object, written: string][] = [
    ['description', { type: 'string', description: 'Where.' }, '// Where.\np: string,\n'],
    ['title', { type: 'string', title: 'P' }, '// P\np: string,\n'],
    [
      'title and description',
      { type: 'string', title: 'P', description: 'D' },
      '// P\n//\n// D\np: string,\n',
    ],
    [
      'lines are trimmed',
      { type: 'string', description: '\n one\n\n   two  \n' },
      '// one\n//\n// two\np: string,\n',
    ],
    ['default', { type: 'string', default: 'x' }, 'p: string, // default: "x"\n'],
    ['default null', { type: 'string', default: null }, 'p: string, // default: null\n'],
    ['default of an enumeration', { enum: ['x', 'y'], default: 'x' }, 'p: "x" | "y", // default: x\n'],
    [
      'items with properties',
      { type: 'array', items: { type: 'object', properties: { a: { type: 'string', title: 'A' } } } },
      'p: Array<\n{\n// A\na?: string,\n}\n>,\n',
    ],
    [
      'a reference has the comments of what it refers to',
      { $ref: '#/$defs/Author' },
      '// Author\n//\n// Who wrote it.\np: {\n// Name\nname?: string,\n},\n',
    ],
    [
      'items by reference have theirs before them',
      { type: 'array', items: { $ref: '#/$defs/Author' }, title: 'All' },
      '// All\np: Array<\n// Author\n//\n// Who wrote it.\n{\n// Name\nname?: string,\n}\n>,\n',
    ],
  ];
  const author = {
    title: 'Author',
    description: 'Who wrote it.',
    type: 'object',
    properties: { name: { type: 'string', title: 'Name' } },
  };
  test.each(cases)('%s', (_, schema, written) => {
    expect(lines(schema, { $defs: { Author: author } })).toBe(`{\n${written}}`);
  });
});

describe('each of several types has a line', () => {
  test('anyOf, with its format', () => {
    const property = { title: 'P', anyOf: [{ type: 'string', format: 'date' }, { type: 'null' }] };
    expect(lines(property)).toBe('{\n// P\np:\n | string // format: date\n | null\n,\n}');
  });

  test('a list of types repeats what the property says', () => {
    const property = { type: ['string', 'null'], description: 'D' };
    expect(lines(property)).toBe('{\n// D\np:\n// D\n | string\n// D\n | null\n,\n}');
  });
});

test('title and description of the whole come first', () => {
  expect(lines({ type: 'string' }, { title: 'T', description: 'D' })).toBe('// T\n//\n// D\n{ p: string }');
});

describe('a schema of any depth', () => {
  test('that refers to itself is cut where it does', () => {
    const node = { type: 'object', properties: { next: { $ref: '#/$defs/node' } } };
    expect(lines({ $ref: '#/$defs/node' }, { $defs: { node } })).toBe('{ p: { next?: any } }');
  });

  test('that holds itself is cut there', () => {
    const node: Record<string, unknown> = { type: 'object' };
    node['properties'] = { next: node };
    expect(lines(node)).toBe('{ p: { next?: any } }');
  });

  test('whose references go round refers to anything', () => {
    expect(lines({ $ref: '#/$defs/a' }, { $defs: { a: { $ref: '#/$defs/a' } } })).toBe('{ p: any }');
  });

  test('of 10,000 levels is not written', () => {
    let schema: object = { type: 'string' };
    for (let i = 0; i < 10_000; i++) schema = { type: 'object', properties: { a: schema } };
    expect(lines(schema)).toBeUndefined();
  });

  test('whose references double with each level is not written', () => {
    const $defs: Record<string, unknown> = {};
    for (let i = 0; i < 60; i++) {
      const next = { $ref: `#/$defs/d${i + 1}` };
      $defs[`d${i}`] = { type: 'object', properties: { a: next, b: next } };
    }
    const start = performance.now();
    expect(lines({ $ref: '#/$defs/d0' }, { $defs })).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
