import { fieldsOf, isFiniteNumber } from '../checks.ts';
import { BudgetOptionError } from '../errors.ts';

/** A span of time: the sum of its parts. A day is 24 hours. */
export interface TimeSpan {
  readonly seconds?: number | undefined;
  readonly minutes?: number | undefined;
  readonly hours?: number | undefined;
  readonly days?: number | undefined;
}

const UNITS = ['seconds', 'minutes', 'hours', 'days'];

/** When clocks of tests start: noon of 17 June 2026, UTC, far from the end of any window. */
export const START = Date.UTC(2026, 5, 17, 12);

/** A clock that stands still until it is moved. */
export interface ManualClock {
  /** Unix milliseconds: the `clock` of a budget. */
  now(this: void): number;
  /** Moves on by so many milliseconds, or by a span. @throws BudgetOptionError for what is none, or goes back */
  advance(by: number | TimeSpan): void;
  /** Jumps to a moment, back if need be. @throws BudgetOptionError for what is none */
  set(moment: Date | string | number): void;
}

/**
 * A clock for `budget.clock` that stands still until the test moves it, so that windows end without waiting.
 *
 * ```ts
 * const clock = manualClock('2026-01-31T23:59:00Z');
 * const budget = new Budget({ clock: clock.now, limits: [{ cost: 25, per: 'month' }] });
 * clock.advance({ minutes: 1 }); // another month
 * ```
 *
 * @param start a Date, an ISO 8601 string or Unix milliseconds. Default: noon of 17 June 2026, UTC
 * @throws BudgetOptionError for what is no moment
 */
export function manualClock(start: Date | string | number = START): ManualClock {
  let now = momentOf('manualClock(start)', start);
  return {
    now: () => now,
    advance(by) {
      const span = typeof by === 'number' ? by : lengthOf(by);
      if (isFiniteNumber(span) && span >= 0) now += span;
      else throw new BudgetOptionError('advance(by)', 'a span of time >= 0', by);
    },
    set(moment) {
      now = momentOf('set(moment)', moment);
    },
  };
}

function lengthOf(span: TimeSpan): number {
  const { seconds = 0, minutes = 0, hours = 0, days = 0 } = fieldsOf('advance(by)', span, UNITS) as TimeSpan;
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000;
}

function momentOf(option: string, value: Date | string | number): number {
  const moment = new Date(value).getTime();
  if (Number.isNaN(moment))
    throw new BudgetOptionError(option, 'a Date, an ISO 8601 string or Unix milliseconds', value);
  return moment;
}
