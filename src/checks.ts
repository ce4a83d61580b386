import leven from 'leven';
import { BudgetOptionError } from './errors.ts';
import type { Fields } from './json.ts';

/** Checks that a value is an object with no other fields than the known ones. @throws BudgetOptionError */
export function fieldsOf(option: string, value: unknown, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BudgetOptionError(option, 'an object', value);
  }
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) throw unknownOption(option, name, known);
  }
  return value as Fields;
}

function unknownOption(option: string, name: string, known: readonly string[]): BudgetOptionError {
  const nearest = [...known].sort((a, b) => leven(name, a) - leven(name, b))[0] ?? '';
  const hint = leven(name, nearest) <= Math.max(2, name.length / 3) ? ` — did you mean ${nearest}?` : '';
  return new BudgetOptionError(option, `only the options ${known.join(', ')}`, name, hint);
}

/** Checks a counter key that a function of the app gave, or a caller. @throws BudgetOptionError */
export function checkKey(option: string, key: unknown): string {
  if (typeof key !== 'string' || key === '')
    throw new BudgetOptionError(option, 'a string that is not empty', key);
  return key;
}

/** Checks that a value is a function or nothing; what it takes and gives cannot be checked. @throws BudgetOptionError */
export function functionOf<F>(option: string, value: unknown): F | undefined {
  if (value !== undefined && typeof value !== 'function')
    throw new BudgetOptionError(option, 'a function', value);
  return value as F | undefined;
}

/** False if nothing is given. */
export function flag(option: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new BudgetOptionError(option, 'true or false', value);
}

export function oneOf<T extends string>(
  option: string,
  value: unknown,
  choices: readonly T[],
  orElse = '',
): T | undefined {
  if (value === undefined) return undefined;
  const choice = choices.find((known) => known === value);
  if (choice !== undefined) return choice;
  throw new BudgetOptionError(option, choices.map((known) => `'${known}'`).join(' or ') + orElse, value);
}

export function positive(option: string, value: unknown): number {
  if (!isFiniteNumber(value) || value <= 0) throw new BudgetOptionError(option, 'a finite number > 0', value);
  return value;
}

export function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
