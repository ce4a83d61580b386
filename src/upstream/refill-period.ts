import { periodLength } from '../limits/period.ts';
import type { RateReading } from './rate-headers.ts';

/** The periods of the API's limits. */
const USUAL = [periodLength('minute'), periodLength('day')];

/**
 * The time in which a bucket of the API fills. A reading tells it with the error of its cut-off numbers, so it is kept
 * as a range, that each reading narrows.
 */
export class RefillPeriod {
  #least = 0;
  #most = Infinity;

  /** In milliseconds: one of the usual ones if it may be that, else the longest that it may be. A minute if nothing is known. */
  get ms(): number {
    const usual = USUAL.find((period) => this.#least <= period && period <= this.#most);
    return usual ?? this.#most;
  }

  /** Of a request that was accepted. */
  learn({ max, remaining, resetMs, periodMs }: RateReading): void {
    if (periodMs !== undefined) {
      this.#narrow(periodMs, periodMs);
      return;
    }
    // Too short to be measured, or full: it tells nothing.
    if (resetMs === undefined || resetMs === 0 || remaining >= max) return;
    const used = max - remaining;
    // Of a bucket that lacks 1.5, the whole units left are 2 less than it holds. One request has just been counted.
    const least = Math.max(1, used - 1);
    this.#narrow((resetMs * max) / used, ((resetMs + 1) * max) / least);
  }

  /** What another worker has learned. */
  assume(periodMs: number): void {
    this.#narrow(periodMs, periodMs);
  }

  #narrow(least: number, most: number): void {
    if (least > this.#most || most < this.#least) {
      // The limit is another by now.
      this.#least = least;
      this.#most = most;
      return;
    }
    this.#least = Math.max(least, this.#least);
    this.#most = Math.min(most, this.#most);
  }
}
