import type { CompiledLimit } from './limits/limit.ts';
import { periodLength } from './limits/period.ts';
import type { LimitUsage } from './limits/state.ts';

/** Counters remembered; beyond that all are forgotten, and may be warned of again. */
const REMEMBERED = 10_000;

/** Which limits have passed which share of their max, once a window each. */
export class Warnings {
  readonly #shares: readonly number[];
  readonly #warned = new Map<string, { readonly share: number; readonly until: number }>();

  /** @param shares of the max, ascending */
  constructor(shares: readonly number[]) {
    this.#shares = shares;
  }

  /** The highest share that the counter has passed, if it was not told in this window; otherwise undefined. */
  passed(counter: string, state: LimitUsage, limit: CompiledLimit, now: number): number | undefined {
    const share = this.#shares.findLast((candidate) => state.used >= candidate * limit.capacity);
    if (share === undefined) return undefined;
    const told = this.#warned.get(counter);
    if (told !== undefined && told.share >= share && now < told.until) return undefined;
    if (this.#warned.size >= REMEMBERED) this.#warned.clear();
    const ends = limit.window.kind === 'fixed' ? state.resetAt?.getTime() : undefined;
    this.#warned.set(counter, { share, until: ends ?? now + periodLength(limit.per) });
    return share;
  }
}
