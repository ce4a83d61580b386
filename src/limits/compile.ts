import { isFiniteNumber } from '../checks.ts';
import { BudgetOptionError } from '../errors.ts';
import { NANODOLLARS, type Unit } from '../usage.ts';
import type { Call, Outcome } from './call.ts';
import type { CompiledLimit, LimitHeaders, LimitKey, OnExceeded } from './limit.ts';
import { type Period, periodLength, periodName, windowsOf } from './period.ts';
import { fixedWindow, rollingWindow } from './window.ts';

/** The values that the options module has checked and made uniform. */
export interface LimitParts {
  readonly name: string | undefined;
  readonly unit: Unit;
  readonly max: number;
  readonly per: Period;
  readonly window: 'rolling' | 'fixed';
  readonly burst: number | undefined;
  readonly startsAt: number | undefined;
  readonly timeZone: string;
  readonly key: LimitKey | undefined;
  readonly models: readonly string[] | undefined;
  readonly endpoints: readonly string[] | undefined;
  readonly when: ((call: Call) => boolean) | undefined;
  readonly onExceeded: OnExceeded;
  readonly weight: Readonly<Record<string, number>> | undefined;
  readonly count: ((call: Call) => number) | undefined;
  readonly countIf: ((outcome: Outcome) => boolean) | undefined;
  readonly headers: LimitHeaders | undefined;
}

const UNIT_WORDS: { readonly [U in Unit]: string } = {
  requests: 'requests',
  tokens: 'tokens',
  promptTokens: 'prompt tokens',
  completionTokens: 'completion tokens',
  images: 'images',
  cost: 'cost',
};

/** In words, as in names and messages: 'tokens per minute', 'cost per 90 seconds', 'images forever'. */
export function unitPerPeriod(unit: Unit, per: Period): string {
  return per === 'forever' ? `${UNIT_WORDS[unit]} forever` : `${UNIT_WORDS[unit]} per ${periodName(per)}`;
}

/** The name of a limit that is given none: 'tokens per minute', 'images per day of gpt-image*'. */
export function defaultName({ unit, per, models = [], endpoints = [] }: LimitParts): string {
  const scope = [...models, ...endpoints];
  return unitPerPeriod(unit, per) + (scope.length > 0 ? ` of ${scope.join(', ')}` : '');
}

export function compileLimit(name: string, parts: LimitParts): CompiledLimit {
  const { unit, max, per } = parts;
  const matchesModel = matcher(parts.models);
  const matchesEndpoint = matcher(parts.endpoints);
  return {
    name,
    unit,
    max,
    capacity: parts.burst ?? max,
    per,
    key: parts.key,
    onExceeded: parts.onExceeded,
    window:
      parts.window === 'rolling'
        ? rollingWindow(max, periodLength(per), parts.burst ?? max)
        : fixedWindow(max, unit === 'cost' ? NANODOLLARS : 1, windowsOf(per, parts)),
    headers: parts.headers,
    count: parts.count && counting(name, unit, parts.count),
    countIf: parts.countIf,
    weight: weights(parts.weight),
    applies: (call) =>
      matchesModel(call.model) && matchesEndpoint(call.endpoint) && (parts.when?.(call) ?? true),
  };
}

/** An app's function, checked: amounts are whole but for dollars. It throws BudgetOptionError. */
function counting(name: string, unit: Unit, count: (call: Call) => number): (call: Call) => number {
  return (call) => {
    const counted: unknown = count(call);
    if (!isFiniteNumber(counted) || counted < 0)
      throw new BudgetOptionError(`count(call) of limit ${name}`, 'a finite number >= 0', counted);
    return unit === 'cost' ? counted : Math.ceil(counted);
  };
}

/** The longest pattern is the most exact one. */
function weights(given: Readonly<Record<string, number>> | undefined): (model: string) => number {
  if (given === undefined) return () => 1;
  const patterns = Object.keys(given).sort((a, b) => b.length - a.length);
  return (model) => {
    const pattern = patterns.find((candidate) => matches(candidate, model));
    return pattern === undefined ? 1 : (given[pattern] ?? 1);
  };
}

function matcher(patterns: readonly string[] | undefined): (value: string) => boolean {
  if (patterns === undefined) return () => true;
  return (value) => patterns.some((pattern) => matches(pattern, value));
}

function matches(pattern: string, value: string): boolean {
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern;
}
