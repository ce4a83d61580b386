import { NANODOLLARS, type Unit } from '../usage.ts';
import type { CompiledLimit } from './limit.ts';

/** The last that a Date can be: what drains later is as good as never gone. */
const LAST_MOMENT = 8.64e15;

/** How a limit stands for one counter key. */
export interface LimitUsage {
  /** The limit's name. */
  readonly limit: string;
  readonly unit: Unit;
  readonly key: string;
  readonly max: number;
  /** Reserved and settled in the window, in the limit's unit; more than the max after an estimate that was too low. */
  readonly used: number;
  /** What still fits at once, never below 0. */
  readonly remaining: number;
  /** When the window ends (fixed) or what is used has drained (rolling); undefined for a period without end. */
  readonly resetAt: Date | undefined;
}

/** Reads a limit's state out of the value of its counter. */
export function limitUsage(
  limit: CompiledLimit,
  key: string,
  value: number | undefined,
  now: number,
): LimitUsage {
  const exact = limit.window.used(value, now);
  // A bucket drains by fractions; a token that has drained in part does not fit again yet.
  const used = limit.unit === 'cost' ? exact : Math.ceil(exact);
  const resetAt = limit.window.resetAt(value, now);
  return {
    limit: limit.name,
    unit: limit.unit,
    key,
    max: limit.max,
    used,
    remaining: Math.max(
      0,
      limit.unit === 'cost' ? roundDollars(limit.capacity - used) : limit.capacity - used,
    ),
    resetAt: resetAt === undefined ? undefined : new Date(Math.min(resetAt, LAST_MOMENT)),
  };
}

/** Whole nanodollars: differences of doubles have noise behind them. */
function roundDollars(dollars: number): number {
  return Math.round(dollars * NANODOLLARS) / NANODOLLARS;
}
