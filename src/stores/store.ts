import type { Span } from '../limits/period.ts';
import { type Usage, usageOf } from '../usage.ts';

/** How long a moving counter is kept once it has drained, in ms: a debt that is found later drains from then on. */
export const DRAINED_KEPT = 600_000;

/** How long an open reservation, or a note, is kept, in ms: longer than a month's window and than the API keeps responses. */
export const RESERVATION_KEPT = 32 * 86_400_000;

/** How long it is remembered that a reservation was closed before it was made, in ms. */
export const CLOSED_KEPT = 3_600_000;

/** A reservation as stores keep it while it is open. */
export interface StoredReservation {
  /** Unique across all workers. */
  readonly id: string;
  /** The counter key of the call. */
  readonly key: string;
  readonly endpoint: string;
  readonly model: string;
  /** What was reserved. */
  readonly usage: Usage;
  /** Unix milliseconds. */
  readonly reservedAt: number;
}

/** A reservation that is no call's: no counter key lists it. For what workers do once, by counters. */
export function unlisted(reservedAt: number): StoredReservation {
  return { id: crypto.randomUUID(), key: '', endpoint: '', model: '', usage: usageOf({}), reservedAt };
}

/**
 * A bounded counter. Fixed: its floor is 0, it counts within a span of time only, and may be forgotten after it. Moving:
 * its floor is the present, in milliseconds since EPOCH, and it may be forgotten once that has passed it.
 */
export interface Counter {
  readonly key: string;
  /** Of a fixed counter, in Unix milliseconds; undefined for a moving one. */
  readonly span: Span | undefined;
}

/** Raise a counter by `amount` from `max(value, floor)`, if the sum is at most `room` above the floor. */
export interface AdmitOp extends Counter {
  /** Infinity: always fits. */
  readonly room: number;
  readonly amount: number;
}

/** Put `used` in the place of the amount `reserved`, but never go below the floor. */
export interface SettleOp extends Counter {
  readonly reserved: number;
  readonly used: number;
}

/** Values of counters, in the order they were asked for, and the moment at which they had them. */
export interface Reading {
  readonly values: readonly (number | undefined)[];
  /** Unix milliseconds. */
  readonly now: number;
}

export interface Admission extends Reading {
  /** `'stale'`: a counter's span does not hold the present. If not true, nothing was written. */
  readonly admitted: boolean | 'stale';
}

export type Awaitable<T> = T | PromiseLike<T>;

/**
 * What a budget needs of a store: two operations on bounded counters, with no algorithm of any limit in them, and a note
 * of the reservations that are open. Each operation is one atomic step, and one round trip where there is a network.
 * Implementations may answer at once or with a promise.
 *
 * `now` is the moment at which an operation counts, in Unix milliseconds. Undefined: the store's own clock, which
 * workers whose clocks differ have in common.
 */
export interface CounterStore {
  /** Who shares the counters: this process, the processes of this machine, or any number of machines. */
  readonly scope: 'process' | 'machine' | 'shared';
  /**
   * If every op fits, writes all of them and opens the reservation; else writes nothing. A reservation that was closed
   * before it got here is denied.
   */
  admit(reservation: StoredReservation, ops: readonly AdmitOp[], now?: number): Awaitable<Admission>;
  /**
   * Closes a reservation and settles its counters, once: does nothing if it is closed. Ops whose span has ended are
   * left out.
   *
   * @param certain the reservation is known to have been opened. If not, it is remembered as closed, so that an
   * admission still on its way does not open it, and if it was not open `used` is charged in full.
   */
  settle(
    reservation: StoredReservation,
    ops: readonly SettleOp[],
    certain: boolean,
    now?: number,
  ): Awaitable<void>;
  read(keys: readonly string[], now?: number): Awaitable<Reading>;
  delete(keys: readonly string[]): Awaitable<void>;
  /** The open reservations of a counter key. */
  reservations(key: string, now?: number): Awaitable<readonly StoredReservation[]>;
  /** Keeps a text under a name, for RESERVATION_KEPT. */
  note(name: string, text: string, now?: number): Awaitable<void>;
  noted(name: string, now?: number): Awaitable<string | undefined>;
}
