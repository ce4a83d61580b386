import Bottleneck from 'bottleneck/light.js';
import { Alarm } from './alarm.ts';
import type { Waiter } from './waiter.ts';

/** Milliseconds from one turn of a line to the next at least, whatever calls for it. */
const TURN_SPACING = 20;

/** Those who wait for one counter, in order; they get turns to try, one at a time. */
export class Line {
  /** Id of the counter; undefined: they wait for a slot only. */
  readonly counter: string | undefined;
  /** A turn is under way. */
  isRunning = false;
  /** Turns in a row that came in time for its first, and too late: others were faster. */
  racesLost = 0;
  /** A turn was called for and has not begun. */
  isCalled = false;
  /** Room may have been made then, by `performance.now()`: what was known before is not to be relied on. */
  pokedAt = -Infinity;
  /** Wakes it when its first may fit. */
  readonly alarm: Alarm;
  readonly #turn: () => Promise<void>;
  /** Last first. */
  readonly #waiters: Waiter[] = [];
  /** Made late: it sets a timer, which Workers do not allow before their first request. */
  #turns: Bottleneck | undefined;

  /** @param turn lets the first of them try */
  constructor(counter: string | undefined, turn: (line: Line) => Promise<void>) {
    this.counter = counter;
    this.#turn = () => {
      this.isCalled = false;
      return turn(this);
    };
    this.alarm = new Alarm(() => this.call());
  }

  get first(): Waiter | undefined {
    return this.#waiters.at(-1);
  }

  /** The first of those who need no slot. */
  get firstWithoutSlot(): Waiter | undefined {
    return this.#waiters.findLast((waiter) => waiter.gate === undefined);
  }

  add(waiter: Waiter): void {
    this.#waiters.splice(this.#placeOf(waiter), 0, waiter);
    waiter.line = this;
  }

  remove(waiter: Waiter): void {
    this.#waiters.splice(this.#placeOf(waiter) - 1, 1);
    waiter.line = undefined;
  }

  /** Calls for a turn, unless one is under way or called for. */
  call(): void {
    if (this.isRunning || this.isCalled) return;
    this.isCalled = true;
    this.alarm.clear();
    this.#turns ??= new Bottleneck({ maxConcurrent: 1, minTime: TURN_SPACING });
    void this.#turns.schedule(this.#turn);
  }

  /** Where those begin that go before it. */
  #placeOf(waiter: Waiter): number {
    let low = 0;
    let high = this.#waiters.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#waiters[middle];
      if (other?.goesBefore(waiter)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
