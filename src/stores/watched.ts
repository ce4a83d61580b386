import type {
  Admission,
  AdmitOp,
  Awaitable,
  CounterStore,
  Reading,
  SettleOp,
  StoredReservation,
} from './store.ts';

/** While a store does not answer, one operation in this time tries it, in milliseconds; the others fail at once. */
const PROBE_EVERY = 1_000;

/** The store did not answer in time. Whether the operation took effect is unknown. */
export class StoreTimeout extends Error {
  override name = 'StoreTimeout';
  readonly code = 'ETIMEDOUT';
}

/** The store did not answer lately. The operation was not sent. */
export class StoreAway extends Error {
  override name = 'StoreAway';
  readonly code = 'EHOSTDOWN';
}

/**
 * A store whose every operation has a deadline. One that let an operation time out counts as away: until it answers
 * again, calls need not wait for the deadline each, and do not heap up in the queue of its client.
 */
export class WatchedStore implements CounterStore {
  readonly #store: CounterStore;
  readonly #timeout: number;
  #probeAt: number | undefined;

  /** @param timeout milliseconds that an operation may take */
  constructor(store: CounterStore, timeout: number) {
    this.#store = store;
    this.#timeout = timeout;
  }

  get scope(): CounterStore['scope'] {
    return this.#store.scope;
  }

  admit(reservation: StoredReservation, ops: readonly AdmitOp[], now?: number): Awaitable<Admission> {
    return this.#watch(() => this.#store.admit(reservation, ops, now));
  }

  settle(
    reservation: StoredReservation,
    ops: readonly SettleOp[],
    certain: boolean,
    now?: number,
  ): Awaitable<void> {
    return this.#watch(() => this.#store.settle(reservation, ops, certain, now));
  }

  read(keys: readonly string[], now?: number): Awaitable<Reading> {
    return this.#watch(() => this.#store.read(keys, now));
  }

  delete(keys: readonly string[]): Awaitable<void> {
    return this.#watch(() => this.#store.delete(keys));
  }

  reservations(key: string, now?: number): Awaitable<readonly StoredReservation[]> {
    return this.#watch(() => this.#store.reservations(key, now));
  }

  note(name: string, text: string, now?: number): Awaitable<void> {
    return this.#watch(() => this.#store.note(name, text, now));
  }

  noted(name: string, now?: number): Awaitable<string | undefined> {
    return this.#watch(() => this.#store.noted(name, now));
  }

  #watch<T>(operate: () => Awaitable<T>): Awaitable<T> {
    if (this.#probeAt !== undefined) {
      if (performance.now() < this.#probeAt) throw new StoreAway('the store does not answer');
      this.#probeAt = performance.now() + PROBE_EVERY;
    }
    const answer = operate();
    return isPromise(answer) ? this.#limit(answer) : answer;
  }

  #limit<T>(answer: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const due = performance.now() + this.#timeout;
      const giveUp = () => {
        this.#probeAt ??= performance.now() + PROBE_EVERY;
        reject(new StoreTimeout(`the store did not answer within ${this.#timeout} ms`));
      };
      let timer = setTimeout(() => {
        // While the process was busy, or asleep, it did not look for the answer: as much longer as that.
        const late = performance.now() - due;
        if (late > 1) timer = setTimeout(giveUp, Math.min(late, this.#timeout));
        else giveUp();
      }, this.#timeout);
      const answered = () => {
        clearTimeout(timer);
        this.#probeAt = undefined;
      };
      answer.then(
        (value) => {
          answered();
          resolve(value);
        },
        (error: unknown) => {
          answered();
          reject(error);
        },
      );
    });
  }
}

export function isPromise<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
