import { BudgetStoreError } from './errors.ts';
import type { Awaitable } from './stores/store.ts';
import { isPromise } from './stores/watched.ts';

/** Between tries while the store is away, in milliseconds: doubled from the first to the last. */
const FIRST_DELAY = 50;
const LAST_DELAY = 5_000;
/** Delivered at once when the store is back. */
const BATCH = 64;
/** Of a timer, in milliseconds: 24 days. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** Most that are kept while the store is away; beyond it the oldest are given up, and their estimates stand. */
const MOST_KEPT = 100_000;

/** Writes one settlement to the store. Doing it again once it is written changes nothing. */
export type Delivery = () => Awaitable<void>;

interface Kept {
  readonly deliver: Delivery;
  /** Tells `flush()` that it is done with. */
  readonly done: () => void;
}

/**
 * Delivers settlements and refunds to the store, off the caller's path. What the store does not take is kept and tried
 * again until it does; since a store settles a reservation once, a try whose answer was lost does no harm.
 */
export class Settlements {
  readonly #failed: (error: BudgetStoreError) => void;
  readonly #undelivered = new Set<Promise<void>>();
  readonly #kept: Kept[] = [];
  #away = false;
  #retrying = false;

  constructor(failed: (error: BudgetStoreError) => void) {
    this.#failed = failed;
  }

  /** At once if the store answers at once. */
  add(deliver: Delivery): void {
    const first = this.#away ? undefined : this.#try(deliver);
    if (first === 'delivered') return;
    const delivered = new Promise<void>((done) => {
      const kept = { deliver, done };
      if (first === undefined) this.#keep(kept);
      else
        void first.then((taken) => {
          if (taken) done();
          else this.#keep(kept);
        });
    });
    this.#undelivered.add(delivered);
    void delivered.then(() => this.#undelivered.delete(delivered));
  }

  /**
   * Whether everything added before is in the store: resolves when it is, or after the time given.
   *
   * @param timeout milliseconds; Infinity: as long as it takes
   */
  async flush(timeout: number): Promise<boolean> {
    if (this.#undelivered.size === 0) return true;
    const all = Promise.all(this.#undelivered).then(() => true);
    // The pauses between tries let the process end; who waits here wants them to come to their end.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), Math.min(timeout, LONGEST_TIMER));
    });
    const delivered = await Promise.race([all, late]);
    clearTimeout(timer);
    return delivered || timeout > LONGEST_TIMER ? all : false;
  }

  /** Whether the store took it. */
  #try(deliver: Delivery): 'delivered' | Promise<boolean> {
    try {
      const answer = deliver();
      if (!isPromise(answer)) return 'delivered';
      return Promise.resolve(answer).then(
        () => true,
        (error: unknown) => this.#refused(error),
      );
    } catch (error) {
      return Promise.resolve(this.#refused(error));
    }
  }

  #refused(error: unknown): false {
    this.#away = true;
    this.#failed(new BudgetStoreError('settle', error));
    return false;
  }

  #keep(kept: Kept): void {
    this.#kept.push(kept);
    if (this.#kept.length > MOST_KEPT) {
      this.#kept.shift()?.done();
      this.#failed(new BudgetStoreError('settle', new Error('too many settlements are kept')));
    }
    if (!this.#retrying) void this.#retry();
  }

  async #retry(): Promise<void> {
    this.#retrying = true;
    for (let delay = FIRST_DELAY; this.#kept.length > 0; ) {
      if (this.#away) await pause(delay);
      const batch = this.#kept.splice(0, this.#away ? 1 : BATCH);
      const taken = await Promise.all(batch.map(({ deliver }) => this.#try(deliver)));
      this.#away = taken.includes(false);
      for (const [i, kept] of batch.entries()) {
        // To the end: one that the store never takes must not hold up the others.
        if (taken[i] === false) this.#kept.push(kept);
        else kept.done();
      }
      delay = this.#away ? Math.min(delay * 2, LAST_DELAY) : FIRST_DELAY;
    }
    this.#retrying = false;
  }
}

/** Does not keep the process alive: `flush()` is how an app waits for its last settlements. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(resolve, milliseconds);
    if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
      timer.unref();
  });
}
