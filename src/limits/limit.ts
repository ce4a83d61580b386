import type { Fields } from '../json.ts';
import { NANODOLLARS, type Unit } from '../usage.ts';
import { type Period, periodLength, periodName, windowsOf } from './period.ts';
import { fixedWindow, rollingWindow, type Window } from './window.ts';

/** Who makes a call, as `withCaller()` says it. */
export interface Caller {
  /** Counter key, instead of the budget's. */
  readonly key?: string | undefined;
  /** Name of the caller's plan. */
  readonly plan?: string | undefined;
  readonly roles?: readonly string[] | undefined;
}

/** A call as limits and counter keys see it. */
export interface Call {
  /** The endpoint's path below the base URL, e.g. `/chat/completions`. */
  readonly endpoint: string;
  /** The model as the request names it, or Azure's deployment; empty if neither is given. */
  readonly model: string;
  /** The request's body, or its form fields. Read only. */
  readonly body: Fields;
  readonly caller: Caller;
}

/** A counter key, or a function that finds it for a call. */
export type CounterKey = string | ((call: Call) => string);

/** What a limit does when a call does not fit: refuse it, or let it pass and count it. */
export type OnExceeded = 'reject' | 'allow';

interface LimitOptions {
  /** The span that the max holds for. */
  readonly per: Period;
  /** Name in errors, events and `usage()`, and of the counter in the store: keep it when you change the max. Default: made of unit and period. */
  readonly name?: string | undefined;
  /**
   * `fixed`: up to max in each calendar window, e.g. from midnight to midnight. `rolling`: a token bucket that refills
   * evenly, at most `burst` at once. Default: rolling for less than an hour, fixed from an hour up.
   */
  readonly window?: 'rolling' | 'fixed' | undefined;
  /** Most that a full bucket of a rolling window holds, in the limit's unit; > 0. Default: the max. */
  readonly burst?: number | undefined;
  /** When the first fixed window starts; the others are counted from it. Default: aligned to the calendar. */
  readonly startsAt?: Date | string | number | undefined;
  /** IANA time zone of the calendar. Default 'UTC'. */
  readonly timeZone?: string | undefined;
  /** Counts for this key instead of the budget's. */
  readonly key?: CounterKey | undefined;
  /** Holds for these models only; a trailing `*` matches any rest. */
  readonly models?: string | readonly string[] | undefined;
  /** Holds for these endpoints only, e.g. `/images/generations`; a trailing `*` matches any rest. */
  readonly endpoints?: string | readonly string[] | undefined;
  /** Default 'reject'. */
  readonly onExceeded?: OnExceeded | undefined;
}

/** Exactly one unit with its max, e.g. `{ tokens: 100_000 }`. */
type OneUnit = {
  [U in Unit]: { readonly [K in U]: number } & { readonly [K in Exclude<Unit, U>]?: never };
}[Unit];

/** A limit: one unit, its max (> 0; `cost` in US dollars), and the period it holds for. */
export type Limit = LimitOptions & OneUnit;

/** A checked limit, ready for use. */
export interface CompiledLimit {
  readonly name: string;
  readonly unit: Unit;
  readonly max: number;
  /** Most that fits at once: the max, or the burst of a rolling window. */
  readonly capacity: number;
  readonly per: Period;
  readonly key: CounterKey | undefined;
  readonly onExceeded: OnExceeded;
  readonly window: Window;
  applies(call: Call): boolean;
}

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
  readonly key: CounterKey | undefined;
  readonly models: readonly string[] | undefined;
  readonly endpoints: readonly string[] | undefined;
  readonly onExceeded: OnExceeded;
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
    applies: (call) => matchesModel(call.model) && matchesEndpoint(call.endpoint),
  };
}

function matcher(patterns: readonly string[] | undefined): (value: string) => boolean {
  if (patterns === undefined) return () => true;
  return (value) =>
    patterns.some((pattern) =>
      pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern,
    );
}
