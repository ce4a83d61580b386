import type { SlotUsage } from '../limits/slots.ts';

/** Nobody knows when a call will end; so much later it may be worth while to ask again. */
const UNKNOWN_MS = 1_000;

/** Holds calls to so many at once, and their starts to so much time between them, in this process. */
export class Gate {
  readonly #maxConcurrent: number;
  readonly #minTime: number;
  #active = 0;
  /** A call has taken a slot and is not admitted yet; with a time between starts, only one at once may. */
  #isStarting = false;
  #opensAt = -Infinity;

  /**
   * @param maxConcurrent >= 1; Infinity: any number
   * @param minTime milliseconds, >= 0
   */
  constructor(maxConcurrent: number, minTime: number) {
    this.#maxConcurrent = maxConcurrent;
    this.#minTime = minTime;
  }

  get isOpen(): boolean {
    if (this.#active >= this.#maxConcurrent) return false;
    return this.#minTime === 0 || (!this.#isStarting && performance.now() >= this.#opensAt);
  }

  /** By `performance.now()`: not before that, later if no slot is free. */
  get opensAt(): number {
    return this.#opensAt;
  }

  /** A call takes a slot, and tries to be admitted. */
  take(): void {
    this.#active++;
    this.#isStarting = true;
  }

  /** It was admitted. */
  start(): void {
    this.#isStarting = false;
    this.#opensAt = performance.now() + this.#minTime;
  }

  /** It was not. */
  cancel(): void {
    this.#isStarting = false;
    this.#active--;
  }

  /** A call that was admitted has ended. */
  leave(): void {
    this.#active--;
  }

  get usage(): SlotUsage {
    if (this.#active < this.#maxConcurrent && this.#minTime > 0) {
      const left = this.#opensAt - performance.now();
      return { limit: 'time between calls', max: 1, used: 1, retryAfterMs: left > 0 ? left : this.#minTime };
    }
    return {
      limit: 'concurrent calls',
      max: this.#maxConcurrent,
      used: this.#active,
      retryAfterMs: UNKNOWN_MS,
    };
  }
}
