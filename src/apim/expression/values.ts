import { type Place, PolicyEvaluationError } from '../../import/errors.ts';
import { isFields } from '../../json.ts';

/**
 * What an expression may give: as C#, but undefined is what the caller does not tell. That spreads (what is made of it is
 * undefined, too), so that a counter key made of it is none; null is the null of C#.
 */
export type Value = unknown;

export function isMissing(value: Value): value is null | undefined {
  return value === null || value === undefined;
}

/** @throws PolicyEvaluationError */
export function fail(place: Place, what: string): never {
  throw new PolicyEvaluationError(place, what);
}

/** A condition: what the caller does not tell is not so. */
export function truth(value: Value, place: Place): boolean {
  if (value === undefined) return false;
  return typeof value === 'boolean' ? value : fail(place, 'neither true nor false');
}

/** As `ToString()`. */
export function textOf(value: Value, place: Place): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value === null ? '' : fail(place, 'an object or an array, which has no text here');
}

export function wholeNumber(value: Value, place: Place): number {
  const number = typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  return fail(place, 'expected a whole number');
}

function anyNumber(value: Value, place: Place): number {
  const isText = typeof value === 'string' && /^\s*[+-]?\d+(\.\d+)?\s*$/.test(value);
  const number = isText ? Number(value) : value;
  return typeof number === 'number' ? number : fail(place, 'expected a number');
}

function boolean(value: Value, place: Place): boolean {
  if (typeof value === 'boolean') return value;
  const word = typeof value === 'string' ? value.trim().toLowerCase() : '';
  if (word !== 'true' && word !== 'false') return fail(place, 'expected true or false');
  return word === 'true';
}

const CASTS: Readonly<Record<string, (value: Value, place: Place) => Value>> = {
  string: textOf,
  String: textOf,
  bool: boolean,
  Boolean: boolean,
  int: wholeNumber,
  Int32: wholeNumber,
  long: wholeNumber,
  Int64: wholeNumber,
  double: anyNumber,
  Double: anyNumber,
  decimal: anyNumber,
};

function isValueType(type: string): boolean {
  return !type.endsWith('?') && !/^(?:string|String|J\w+)$/.test(type);
}

/** `(int)value`, `value.ToObject<int>()`; the types of JSON change nothing. */
export function cast(type: string, value: Value, place: Place): Value {
  if (value === undefined) return undefined;
  if (value === null) return isValueType(type) ? fail(place, `null, which is no ${type}`) : null;
  return CASTS[type.replace('?', '')]?.(value, place) ?? value;
}

/** What `Value<int>("n")` gives where there is no such field. */
export function defaultOf(type: string): Value {
  if (!isValueType(type)) return null;
  return /^bool/i.test(type) ? false : 0;
}

/** `a["model"]`, `a[0]`: null for a field that there is not. */
export function at(target: Value, index: Value, place: Place): Value {
  if (typeof index === 'string' && isFields(target))
    return Object.hasOwn(target, index) ? (target[index] ?? null) : null;
  if (typeof index === 'number' && (Array.isArray(target) || typeof target === 'string')) {
    const found: Value = target[index];
    return found === undefined ? fail(place, 'an index beyond the end') : found;
  }
  return index === undefined
    ? undefined
    : fail(place, 'neither a field of an object nor an item of an array');
}

/** `==`; what is null and what the caller does not tell are the same. */
export function equal(left: Value, right: Value): boolean {
  return left === right || (isMissing(left) && isMissing(right));
}

export function compare(sign: string, left: Value, right: Value, place: Place): boolean {
  if (isMissing(left) || isMissing(right)) return false;
  if (typeof left !== 'number' || typeof right !== 'number') return fail(place, 'expected two numbers');
  if (sign === '<') return left < right;
  if (sign === '<=') return left <= right;
  return sign === '>' ? left > right : left >= right;
}

export function arithmetic(sign: string, left: Value, right: Value, place: Place): Value {
  if (left === undefined || right === undefined) return undefined;
  if (typeof left === 'number' && typeof right === 'number') {
    if (sign === '*') return left * right;
    return sign === '+' ? left + right : left - right;
  }
  const isText = typeof left === 'string' || typeof right === 'string';
  return sign === '+' && isText
    ? textOf(left, place) + textOf(right, place)
    : fail(place, `expected two numbers at ${sign}`);
}
