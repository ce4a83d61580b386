import { BudgetStoreError } from './errors.ts';
import type { AdjustOp, CounterStore } from './stores/store.ts';

/** Between tries while the store is away, in milliseconds: doubled from the first to the last. */
const FIRST_DELAY = 50;
const LAST_DELAY = 5_000;

/**
 * Delivers settlements and refunds to the store, in order and off the caller's path. What the store does not take is
 * kept and tried again, until it does.
 */
export class Settlements {
  readonly #store: CounterStore;
  readonly #clock: () => number;
  readonly #failed: (error: BudgetStoreError) => void;
  #waiting: (readonly AdjustOp[])[] = [];
  #delivering: Promise<void> | undefined;

  constructor(store: CounterStore, clock: () => number, failed: (error: BudgetStoreError) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#failed = failed;
  }

  /** At once if the store answers at once. */
  add(ops: readonly AdjustOp[]): void {
    if (ops.length === 0) return;
    if (this.#delivering === undefined) {
      const pending = this.#try(ops);
      if (pending === undefined) return;
      this.#waiting.push(ops);
      this.#delivering = this.#deliver(pending);
    } else {
      this.#waiting.push(ops);
    }
  }

  /** Resolves when everything added before is in the store. */
  async flush(): Promise<void> {
    await this.#delivering;
  }

  /** Undefined: done. */
  #try(ops: readonly AdjustOp[]): PromiseLike<void> | undefined {
    try {
      const answer = this.#store.adjust(ops, this.#clock());
      return isPromise(answer) ? answer : undefined;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #deliver(first: PromiseLike<void>): Promise<void> {
    let pending: PromiseLike<void> | undefined = first;
    let delay = FIRST_DELAY;
    for (;;) {
      try {
        await pending;
        this.#waiting.shift();
        delay = FIRST_DELAY;
      } catch (error) {
        this.#failed(new BudgetStoreError('settle', error));
        await pause(delay);
        delay = Math.min(delay * 2, LAST_DELAY);
      }
      const next = this.#waiting[0];
      if (next === undefined) break;
      pending = this.#try(next);
    }
    this.#delivering = undefined;
  }
}

function isPromise(value: void | PromiseLike<void>): value is PromiseLike<void> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** Does not keep the process alive: `flush()` is how an app waits for its last settlements. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(resolve, milliseconds);
    if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
      timer.unref();
  });
}
