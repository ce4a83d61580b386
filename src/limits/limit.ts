import type { Unit, Usage } from '../usage.ts';
import type { Call, Outcome } from './call.ts';
import type { Period } from './period.ts';
import type { Window } from './window.ts';

/** As `CounterKey`; where the function gives undefined, the budget's key counts. */
export type LimitKey = string | ((call: Call) => string | undefined);

/** What a limit does when a call does not fit: refuse it, hold it back until it fits, or let it pass and count it. */
export type OnExceeded = 'reject' | 'wait' | 'allow';

/** Names of headers that tell how a limit stands, each set on the response and, where it denies, on the 429. */
export interface LimitHeaders {
  /** What still fits, in the limit's unit. */
  readonly remaining?: string | undefined;
  /** The max. */
  readonly max?: string | undefined;
  /** What the call counted: reserved at first, what it used once that is known. */
  readonly consumed?: string | undefined;
  /** Whole seconds until the call fits; on the 429 only. */
  readonly retryAfter?: string | undefined;
}

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
  readonly key?: LimitKey | undefined;
  /** Holds for these models only; a trailing `*` matches any rest. */
  readonly models?: string | readonly string[] | undefined;
  /** Holds for these endpoints only, e.g. `/images/generations`; a trailing `*` matches any rest. */
  readonly endpoints?: string | readonly string[] | undefined;
  /** Holds for the calls only that this says true of. */
  readonly when?: ((call: Call) => boolean) | undefined;
  /** Default: the plan's or the budget's. */
  readonly onExceeded?: OnExceeded | undefined;
  /**
   * What counts more or less than it uses, by model: `{ 'gpt-4*': 10 }` counts each token of those tenfold. The longest
   * pattern that matches counts; 1 where none does. Each > 0.
   */
  readonly weight?: Readonly<Record<string, number>> | undefined;
  /** What a call counts, instead of what it uses of the unit: a finite number >= 0, e.g. `({ body }) => Number(body.n)`. */
  readonly count?: ((call: Call) => number) | undefined;
  /**
   * Whether an attempt that ended counts, e.g. `({ status }) => status === 200`. If so it is charged with what it used,
   * or, if it was not billed, with what was reserved; if not, it gets all back. Default: what is billed counts.
   */
  readonly countIf?: ((outcome: Outcome) => boolean) | undefined;
  readonly headers?: LimitHeaders | undefined;
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
  readonly key: LimitKey | undefined;
  readonly onExceeded: OnExceeded;
  readonly window: Window;
  readonly headers: LimitHeaders | undefined;
  readonly countIf: ((outcome: Outcome) => boolean) | undefined;
  applies(call: Call): boolean;
  /** How much one of the unit counts. */
  weight(model: string): number;
  /** What a call of that estimate counts, whatever it uses; undefined: what it uses. May throw what an app's function does. */
  readonly count: ((call: Call, estimate: Usage) => number) | undefined;
  /** Its counter is moved at any time by what workers learn: who waits for it tries again after so many milliseconds. */
  readonly retryMs?: number | undefined;
}
