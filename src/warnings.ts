import type { Charge } from './limits/charge.ts';
import { periodLength, type Span } from './limits/period.ts';
import type { LimitUsage } from './limits/state.ts';

/** Counters remembered; beyond that all are forgotten, and may be warned of again. */
const REMEMBERED = 10_000;

/** A share of a limit's max that its counter has passed, and the time in which it is told once. */
export interface Passed {
  readonly share: number;
  readonly span: Span;
}

/** Which limits have passed which share of their max, once a window each. */
export class Warnings {
  readonly #shares: readonly number[];
  readonly #warned = new Map<string, Passed>();

  /** @param shares of the max, ascending */
  constructor(shares: readonly number[]) {
    this.#shares = shares;
  }

  /** The highest share that the counter has passed, if this process did not see it in this window; otherwise undefined. */
  passed({ limit, storeKey, bounds }: Charge, state: LimitUsage, now: number): Passed | undefined {
    const share = this.#shares.findLast((candidate) => state.used >= candidate * limit.capacity);
    if (share === undefined) return undefined;
    const known = this.#warned.get(storeKey);
    if (known !== undefined && known.share >= share && now < known.span.end) return undefined;
    if (this.#warned.size >= REMEMBERED) this.#warned.clear();
    const passed = { share, span: bounds.span ?? periodAt(periodLength(limit.per), now) };
    this.#warned.set(storeKey, passed);
    return passed;
  }
}

/** A rolling limit has no windows: it warns once in a period, of those counted from 1970, which all workers know. */
function periodAt(length: number, now: number): Span {
  const start = Math.floor(now / length) * length;
  return { start, end: start + length };
}
