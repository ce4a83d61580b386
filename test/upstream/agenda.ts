import type { ManualClock } from '../support/clock.ts';

/** What is to happen when, in simulated time. */
export class Agenda {
  readonly #clock: ManualClock;
  /** The next one last. */
  readonly #events: { readonly at: number; readonly happen: () => void }[] = [];

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  add(afterMs: number, happen: () => void): void {
    const at = this.#clock.now + afterMs;
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.at ?? 0) > at) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, { at, happen });
  }

  pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.add(milliseconds, resolve));
  }

  /** One after the other, each with all that follows from it without time passing. */
  async run(end: number): Promise<void> {
    for (let next = this.#events.pop(); next !== undefined && next.at <= end; next = this.#events.pop()) {
      this.#clock.now = Math.max(this.#clock.now, next.at);
      next.happen();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
