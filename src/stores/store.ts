/** One counter of an admission: raise it by `amount` from `max(value, floor)`, if the sum stays within the ceiling. */
export interface AdmitOp {
  readonly key: string;
  readonly floor: number;
  /** Infinity: always fits. */
  readonly ceiling: number;
  readonly amount: number;
  /** Unix milliseconds after which the counter may be forgotten. */
  readonly expiresAt: number;
}

/** One counter of a settlement or refund: add `delta`, but never go below the floor. */
export interface AdjustOp {
  readonly key: string;
  readonly floor: number;
  readonly delta: number;
  readonly expiresAt: number;
  /** Milliseconds by which this delta puts off the counter's expiry: the time that a debt takes to drain. */
  readonly extend: number;
}

export interface Admission {
  readonly admitted: boolean;
  /** Each counter's value, in the order of the ops: after the admission, or as it stands if denied. */
  readonly values: readonly (number | undefined)[];
}

type Awaitable<T> = T | PromiseLike<T>;

/**
 * What a budget needs of a store: two operations on bounded counters, with no algorithm of any limit in them. All ops
 * of one call are one atomic step. Implementations may answer at once or with a promise.
 */
export interface CounterStore {
  /** Who shares the counters: this process, the processes of this machine, or any number of machines. */
  readonly scope: 'process' | 'machine' | 'shared';
  /** If every op fits, writes all of them; else writes nothing. */
  admit(ops: readonly AdmitOp[], now: number): Awaitable<Admission>;
  adjust(ops: readonly AdjustOp[], now: number): Awaitable<void>;
  read(keys: readonly string[], now: number): Awaitable<readonly (number | undefined)[]>;
  delete(keys: readonly string[]): Awaitable<void>;
}
