import { type Place, PolicyImportError } from '../../import/errors.ts';
import { isFields } from '../../json.ts';
import { arithmetic, at, cast, defaultOf, equal, fail, textOf, type Value, wholeNumber } from './values.ts';

/** A call of a method, its arguments evaluated. */
export interface MethodCall {
  readonly args: readonly Value[];
  /** The type argument. */
  readonly type: string | undefined;
  readonly place: Place;
}

export type Method = (target: Value, call: MethodCall) => Value;

interface Signature {
  readonly args: readonly [least: number, most: number];
  readonly run: Method;
}

type Methods = Readonly<Record<string, Signature>>;

/** Of two texts; the second argument may be a `StringComparison`. */
function textTest(holds: (target: string, other: string) => boolean): Signature {
  return {
    args: [1, 2],
    run(target, { args: [other, comparison], place }) {
      if (other === undefined) return undefined;
      if (typeof target !== 'string' || typeof other !== 'string') return fail(place, 'expected two texts');
      const ignoresCase = String(comparison ?? '').endsWith('IgnoreCase');
      return ignoresCase ? holds(target.toLowerCase(), other.toLowerCase()) : holds(target, other);
    },
  };
}

const equalTexts = textTest((target, other) => target === other);
const contains = textTest((target, other) => target.includes(other));

const ON_VALUES: Methods = {
  ToString: { args: [0, 0], run: (target, { place }) => textOf(target, place) },
  Equals: {
    args: [1, 2],
    run: (target, call) =>
      typeof target === 'string' && typeof call.args[0] === 'string'
        ? equalTexts.run(target, call)
        : equal(target, call.args[0]),
  },
  Contains: {
    args: [1, 2],
    run: (target, call) =>
      Array.isArray(target) ? target.some((item) => equal(item, call.args[0])) : contains.run(target, call),
  },
  StartsWith: textTest((target, other) => target.startsWith(other)),
  EndsWith: textTest((target, other) => target.endsWith(other)),
  ToLower: { args: [0, 0], run: (target, { place }) => textOf(target, place).toLowerCase() },
  ToLowerInvariant: { args: [0, 0], run: (target, { place }) => textOf(target, place).toLowerCase() },
  ToUpper: { args: [0, 0], run: (target, { place }) => textOf(target, place).toUpperCase() },
  ToUpperInvariant: { args: [0, 0], run: (target, { place }) => textOf(target, place).toUpperCase() },
  Trim: { args: [0, 0], run: (target, { place }) => textOf(target, place).trim() },
  ToObject: {
    args: [0, 0],
    run: (target, { type, place }) => (type === undefined ? target : cast(type, target, place)),
  },
  Value: {
    args: [1, 1],
    run: (target, { args: [name], type = 'JToken', place }) => {
      const value = at(target, name, place);
      return value === null ? defaultOf(type) : cast(type, value, place);
    },
  },
  ContainsKey: {
    args: [1, 1],
    run: (target, { args: [name], place }) =>
      isFields(target)
        ? Object.hasOwn(target, String(name))
        : fail(place, 'ContainsKey of what is no object'),
  },
  Any: { args: [0, 0], run: (target, { place }) => sizeOf(target, place) > 0 },
  Count: { args: [0, 0], run: (target, { place }) => sizeOf(target, place) },
};

/** Called on a type, such as `int.Parse(text)`: what they are called on is nothing. */
const ON_TYPES: Methods = {
  'string.IsNullOrEmpty': { args: [1, 1], run: (_, { args: [text] }) => (text ?? '') === '' },
  'string.IsNullOrWhiteSpace': {
    args: [1, 1],
    run: (_, { args: [text], place }) => textOf(text ?? '', place).trim() === '',
  },
  'string.Concat': {
    args: [1, 10],
    run: (_, { args, place }) => args.reduce((a, b) => arithmetic('+', a, b, place), ''),
  },
  'string.Equals': {
    args: [2, 3],
    run: (_, { args: [text, ...rest], type, place }) =>
      typeof text === 'string' ? equalTexts.run(text, { args: rest, type, place }) : equal(text, rest[0]),
  },
  'int.Parse': { args: [1, 1], run: (_, { args: [text], place }) => cast('int', text, place) },
  'long.Parse': { args: [1, 1], run: (_, { args: [text], place }) => cast('long', text, place) },
  'bool.Parse': { args: [1, 1], run: (_, { args: [text], place }) => cast('bool', text, place) },
  'Convert.ToInt32': {
    args: [1, 1],
    run: (_, { args: [value], place }) => (value === undefined ? undefined : wholeNumber(value ?? 0, place)),
  },
  'Convert.ToString': {
    args: [1, 1],
    run: (_, { args: [value], place }) => (value === undefined ? undefined : textOf(value, place)),
  },
  'Math.Max': { args: [2, 2], run: (_, { args, place }) => Math.max(...numbers(args, place)) },
  'Math.Min': { args: [2, 2], run: (_, { args, place }) => Math.min(...numbers(args, place)) },
};

const ALIASES: Readonly<Record<string, string>> = {
  String: 'string',
  Int32: 'int',
  Int64: 'long',
  Boolean: 'bool',
};

/** @throws PolicyImportError for a method that is not in the subset, or other numbers of arguments */
export function methodOnValue(name: string, args: number, place: Place): Method {
  return found(ON_VALUES, name, name, args, place);
}

/** @throws PolicyImportError for a method that is not in the subset, or other numbers of arguments */
export function methodOnType(type: string, name: string, args: number, place: Place): Method {
  return found(ON_TYPES, `${ALIASES[type] ?? type}.${name}`, `${type}.${name}`, args, place);
}

function found(methods: Methods, key: string, name: string, args: number, place: Place): Method {
  const method = Object.hasOwn(methods, key) ? methods[key] : undefined;
  if (method === undefined) throw new PolicyImportError(place, `${name}() is not understood`);
  const [least, most] = method.args;
  if (args < least || args > most) throw new PolicyImportError(place, `${name}() with ${args} arguments`);
  return method.run;
}

/** The properties that values have. @throws PolicyImportError for another */
export function property(name: string, place: Place): (target: Value) => Value {
  if (name === 'Length' || name === 'Count') return (target) => sizeOf(target, place);
  throw new PolicyImportError(place, `.${name} is not understood`);
}

function sizeOf(target: Value, place: Place): number {
  if (typeof target === 'string' || Array.isArray(target)) return target.length;
  return isFields(target) ? Object.keys(target).length : fail(place, 'the size of what has none');
}

function numbers(values: readonly Value[], place: Place): number[] {
  return values.map((value) => (typeof value === 'number' ? value : fail(place, 'expected a number')));
}
