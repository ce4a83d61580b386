import { isFiniteNumber } from './checks.ts';
import { BudgetOptionError } from './errors.ts';

/** How calls wait: for limits with `onExceeded: 'wait'`, and for each other. */
export interface PacingOptions {
  /** Milliseconds that a call waits at most, >= 0; then it is refused with `QuotaExceeded`. Default 60,000. */
  readonly maxWait?: number | undefined;
  /** Calls that wait at once in this process, a whole number >= 0; one more is refused. Default: any number. */
  readonly maxQueued?: number | undefined;
  /** Calls under way at once in this process, a whole number >= 1; one more waits. Default: any number. */
  readonly maxConcurrent?: number | undefined;
  /** Milliseconds from the start of a call to that of the next in this process, >= 0. Default 0. */
  readonly minTime?: number | undefined;
}

export interface ResolvedPacing {
  readonly maxWait: number;
  /** Infinity: any number. */
  readonly maxQueued: number;
  /** Infinity: any number. */
  readonly maxConcurrent: number;
  readonly minTime: number;
}

export const PACING_OPTIONS = {
  maxWait: 0,
  maxQueued: 0,
  maxConcurrent: 0,
  minTime: 0,
} satisfies Record<keyof PacingOptions, 0>;

/** @throws BudgetOptionError that names the first wrong option */
export function resolvePacing(given: Readonly<Record<string, unknown>>): ResolvedPacing {
  const { maxQueued, maxConcurrent } = given;
  return {
    maxWait: milliseconds('budget.maxWait', given['maxWait'] ?? 60_000),
    maxQueued: maxQueued === undefined ? Infinity : whole('budget.maxQueued', maxQueued, 0),
    maxConcurrent: maxConcurrent === undefined ? Infinity : whole('budget.maxConcurrent', maxConcurrent, 1),
    minTime: milliseconds('budget.minTime', given['minTime'] ?? 0),
  };
}

function milliseconds(option: string, value: unknown): number {
  if (isFiniteNumber(value) && value >= 0) return value;
  throw new BudgetOptionError(option, 'milliseconds, a finite number >= 0', value);
}

function whole(option: string, value: unknown, least: number): number {
  if (Number.isSafeInteger(value) && Number(value) >= least) return Number(value);
  throw new BudgetOptionError(option, `a whole number >= ${least}`, value);
}
