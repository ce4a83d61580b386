import { checkKey, fieldsOf, functionOf, oneOf, positive } from '../checks.ts';
import { BudgetOptionError } from '../errors.ts';
import type { Fields } from '../json.ts';
import { UNITS, type Unit } from '../usage.ts';
import type { CounterKey } from './call.ts';
import { compileLimit, defaultName, type LimitParts } from './compile.ts';
import type { CompiledLimit, Limit, LimitHeaders, OnExceeded } from './limit.ts';
import { CALENDAR_PERIODS, type Period, periodLength } from './period.ts';

const LIMIT_OPTIONS = Object.keys({
  requests: 0,
  tokens: 0,
  promptTokens: 0,
  completionTokens: 0,
  images: 0,
  cost: 0,
  per: 0,
  name: 0,
  window: 0,
  burst: 0,
  startsAt: 0,
  timeZone: 0,
  key: 0,
  models: 0,
  endpoints: 0,
  when: 0,
  onExceeded: 0,
  weight: 0,
  count: 0,
  countIf: 0,
  headers: 0,
} satisfies Record<keyof Limit, 0>);

/** Where limits stand among the options, and what they take from there. */
export interface LimitsContext {
  /** Path of the option. */
  readonly option: string;
  /** What limits do that say nothing themselves. */
  readonly onExceeded: OnExceeded;
  /** Names of limits that may hold for the same call: a name is that of a counter. */
  readonly taken?: ReadonlySet<string> | undefined;
}

/** Checks limits. @throws BudgetOptionError */
export function limitsOf(value: unknown, context: LimitsContext): readonly CompiledLimit[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new BudgetOptionError(context.option, 'an array of limits', value);
  const names = new Set(context.taken);
  return value.map((limit, i) => {
    const option = `${context.option}[${i}]`;
    const parts = limitOf(option, limit, context.onExceeded);
    if (parts.name !== undefined && names.has(parts.name)) {
      const hint = ': the name is that of the counter';
      throw new BudgetOptionError(`${option}.name`, 'a name that no other limit has', parts.name, hint);
    }
    const name = parts.name ?? freeName(defaultName(parts), names);
    names.add(name);
    return compileLimit(name, parts);
  });
}

/** Two limits alike, for two keys say, must not count on one counter. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name} #${n}`;
  return free;
}

function limitOf(option: string, value: unknown, onExceeded: OnExceeded): LimitParts {
  const given = fieldsOf(option, value, LIMIT_OPTIONS);
  const unit = unitOf(option, given);
  const per = periodOf(`${option}.per`, given['per']);
  const window =
    oneOf(`${option}.window`, given['window'], ['rolling', 'fixed']) ??
    (periodLength(per) < 3_600_000 ? 'rolling' : 'fixed');
  const parts: LimitParts = {
    name: given['name'] === undefined ? undefined : checkKey(`${option}.name`, given['name']),
    unit,
    max: positive(`${option}.${unit}`, given[unit]),
    per,
    window,
    burst: given['burst'] === undefined ? undefined : positive(`${option}.burst`, given['burst']),
    startsAt: momentOf(`${option}.startsAt`, given['startsAt']),
    timeZone: timeZoneOf(`${option}.timeZone`, given['timeZone']),
    key: counterKey(`${option}.key`, given['key']),
    when: functionOf<LimitParts['when']>(`${option}.when`, given['when']),
    models: patternsOf(`${option}.models`, given['models']),
    endpoints: patternsOf(`${option}.endpoints`, given['endpoints']),
    onExceeded: onExceededOf(`${option}.onExceeded`, given['onExceeded']) ?? onExceeded,
    weight: weightOf(`${option}.weight`, given['weight']),
    count: functionOf<LimitParts['count']>(`${option}.count`, given['count']),
    countIf: functionOf<LimitParts['countIf']>(`${option}.countIf`, given['countIf']),
    headers: headersOf(`${option}.headers`, given['headers'], HEADERS),
  };
  checkWindow(option, parts, given);
  return parts;
}

/** A rolling window has no start and no calendar; a fixed one no burst. */
function checkWindow(option: string, parts: LimitParts, given: Fields): void {
  if (parts.window === 'rolling') {
    if (parts.per === 'forever')
      throw new BudgetOptionError(`${option}.window`, "'fixed' with per: 'forever'", 'rolling');
    for (const name of ['startsAt', 'timeZone']) {
      if (given[name] === undefined) continue;
      throw new BudgetOptionError(
        `${option}.${name}`,
        "nothing, for a rolling window (set window: 'fixed')",
        given[name],
      );
    }
  } else if (parts.burst !== undefined) {
    throw new BudgetOptionError(
      `${option}.burst`,
      "nothing, for a fixed window (set window: 'rolling')",
      parts.burst,
    );
  }
}

function unitOf(option: string, given: Fields): Unit {
  const units = UNITS.filter((unit) => given[unit] !== undefined);
  const [unit] = units;
  if (unit === undefined || units.length > 1) {
    const expected = `exactly one unit of ${UNITS.join(', ')} with its max`;
    throw new BudgetOptionError(option, expected, units.length > 1 ? units.join(' and ') : given);
  }
  return unit;
}

function periodOf(option: string, value: unknown): Period {
  const names = [...CALENDAR_PERIODS, 'forever'] as const;
  const name = names.find((known) => known === value);
  if (name !== undefined) return name;
  const expected = `${names.map((known) => `'${known}'`).join(', ')} or { seconds: n }`;
  if (typeof value !== 'object' || value === null) throw new BudgetOptionError(option, expected, value);
  return { seconds: positive(`${option}.seconds`, fieldsOf(option, value, ['seconds'])['seconds']) };
}

function momentOf(option: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const isMoment = value instanceof Date || typeof value === 'string' || typeof value === 'number';
  const moment = isMoment ? new Date(value).getTime() : Number.NaN;
  if (Number.isNaN(moment))
    throw new BudgetOptionError(option, 'a Date, an ISO 8601 string or Unix milliseconds', value);
  return moment;
}

function timeZoneOf(option: string, value: unknown): string {
  if (value === undefined) return 'UTC';
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value as string }).resolvedOptions().timeZone;
  } catch {
    throw new BudgetOptionError(option, "the IANA name of a time zone, e.g. 'Europe/Berlin'", value);
  }
}

function patternsOf(option: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const patterns: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (patterns.length === 0) throw new BudgetOptionError(option, 'at least one name', value);
  return patterns.map((pattern) => checkKey(option, pattern));
}

/** Checks a `key` option. @throws BudgetOptionError */
export function counterKey(option: string, value: unknown): CounterKey | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'function' ? (value as CounterKey) : checkKey(option, value);
}

/** Checks an `onExceeded` option. @throws BudgetOptionError */
export function onExceededOf(option: string, value: unknown): OnExceeded | undefined {
  return oneOf(option, value, ['reject', 'wait', 'allow']);
}

function weightOf(option: string, value: unknown): Readonly<Record<string, number>> | undefined {
  if (value === undefined) return undefined;
  const given = fieldsOf(option, value, Object.keys(value ?? {}));
  for (const [model, weight] of Object.entries(given))
    positive(`${option}[${JSON.stringify(model)}]`, weight);
  return given as Readonly<Record<string, number>>;
}

const HEADERS = Object.keys({ remaining: 0, max: 0, consumed: 0, retryAfter: 0 } satisfies Record<
  keyof LimitHeaders,
  0
>);

/** Checks names of headers. @throws BudgetOptionError */
export function headersOf(
  option: string,
  value: unknown,
  known: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (value === undefined) return undefined;
  const given = fieldsOf(option, value, known);
  const names = Object.entries(given).filter(([, name]) => name !== undefined);
  for (const [field, name] of names) {
    if (typeof name !== 'string' || !/^[!#$%&'*+.^_`|~\w-]+$/.test(name))
      throw new BudgetOptionError(`${option}.${field}`, 'the name of an HTTP header', name);
  }
  return Object.fromEntries(names) as Record<string, string>;
}
