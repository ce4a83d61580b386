import type { BudgetClock } from './clock.ts';
import { deferredText, readDeferred } from './deferred.ts';
import { BudgetStoreError } from './errors.ts';
import type { Charge } from './limits/charge.ts';
import type { Span } from './limits/period.ts';
import type { OpenReservation } from './reservation.ts';
import { safeKey } from './safe-key.ts';
import { Settlements } from './settlements.ts';
import { isRefusal } from './stores/refusal.ts';
import {
  type Admission,
  type AdmitOp,
  type Awaitable,
  type CounterStore,
  type Reading,
  type SettleOp,
  type StoredReservation,
  unlisted,
} from './stores/store.ts';
import { isPromise, StoreAway, StoreTimeout } from './stores/watched.ts';
import type { Usage } from './usage.ts';

/** What counters hold, and the charges that they are of. */
export interface ChargedReading extends Reading {
  readonly charges: readonly Charge[];
}

/** In the place of what was deferred. */
const SETTLED = '';

/** The budget's side of the store: turns charges into operations on counters, and failures into BudgetStoreErrors. */
export class Ledger {
  readonly #store: CounterStore;
  readonly #onStoreError: 'reject' | 'allow';
  readonly #clock: BudgetClock;
  readonly #failed: (error: BudgetStoreError) => void;
  readonly #settlements: Settlements;

  /** @param failed told of every failure of the store */
  constructor(
    store: CounterStore,
    onStoreError: 'reject' | 'allow',
    clock: BudgetClock,
    failed: (error: BudgetStoreError) => void,
  ) {
    this.#store = store;
    this.#onStoreError = onStoreError;
    this.#clock = clock;
    this.#failed = failed;
    this.#settlements = new Settlements(failed);
  }

  /**
   * Counts the charges and opens the reservation, all or nothing; at once if the store answers at once. If the store
   * fails and `onStoreError` is 'allow', admitted with no values.
   *
   * @throws BudgetStoreError
   */
  admit(reservation: OpenReservation, charges: readonly Charge[]): Admission | Promise<Admission> {
    const sentAt = this.#clock.now();
    if (reservation.charges.length === 0) return uncounted(sentAt);
    try {
      const answer = this.#store.admit(reservation, charges.map(admitOp), this.#clock.imposed());
      return isPromise(answer) ? this.#later(answer, sentAt, reservation) : answer;
    } catch (cause) {
      return this.#passOrThrow(cause, reservation);
    }
  }

  async #later(
    answer: PromiseLike<Admission>,
    sentAt: number,
    reservation: OpenReservation,
  ): Promise<Admission> {
    try {
      const admission = await answer;
      this.#clock.learn(admission.now, sentAt);
      return admission;
    } catch (cause) {
      return this.#passOrThrow(cause, reservation);
    }
  }

  #passOrThrow(cause: unknown, reservation: OpenReservation): Admission {
    const error = this.#failure('admit', cause);
    reservation.certain = false;
    if (this.#onStoreError === 'allow') return uncounted(this.#clock.now());
    // It may have been admitted all the same, its answer lost: unless it was not sent, or the store refused it.
    if (!(cause instanceof StoreAway) && !isRefusal(cause)) this.settle(reservation);
    throw error;
  }

  /**
   * Replaces what was reserved by what came of it, nothing if it is open; in the store now or, if it is away, later.
   *
   * @param settled told when it is there
   */
  settle(reservation: OpenReservation, settled?: () => void): void {
    const { charges, certain } = reservation;
    if (charges.length === 0) return;
    const ops = charges.map((charge) => settleOp(charge, reservation.settled(charge)));
    this.#settlements.add(() => {
      const answer = this.#store.settle(reservation, ops, certain, this.#clock.imposed());
      if (settled === undefined) return answer;
      if (isPromise(answer)) return answer.then(settled);
      settled();
    });
  }

  /**
   * Calls `tell` if this is the first time, of all workers, in a span.
   *
   * @param key of what may happen once
   */
  once(key: string, span: Span, tell: () => void): void {
    if (this.#store.scope === 'process') {
      tell();
      return;
    }
    const now = this.#clock.now();
    const event = unlisted(now);
    const counter = { key: [key, String(span.start)].map(safeKey).join(':'), span };
    this.#settlements.add(async () => {
      const imposed = this.#clock.imposed();
      const { admitted } = await this.#store.admit(event, [{ ...counter, room: 1, amount: 1 }], imposed);
      if (admitted !== true) return;
      tell();
      await this.#store.settle(event, [], true, imposed);
    });
  }

  /** Lets any worker settle a reservation by a name that all of them know. */
  defer(reservation: OpenReservation, name: string): void {
    if (reservation.charges.length === 0) return;
    const text = deferredText(reservation);
    this.#settlements.add(() => this.#store.note(name, text, this.#clock.imposed()));
  }

  /** It was settled by the worker that deferred it. */
  undefer(name: string): void {
    this.#settlements.add(() => this.#store.note(name, SETTLED, this.#clock.imposed()));
  }

  /**
   * Settles what was deferred under a name, once; does nothing if nothing is.
   *
   * @param usageOf finds what was used (undefined: nothing) by a call of that model
   */
  settleDeferred(
    name: string,
    usageOf: (model: string) => Promise<Usage | undefined>,
    settled: (reservation: StoredReservation, usage: Usage | undefined) => void,
  ): void {
    this.#settlements.add(async () => {
      const text = await this.#store.noted(name, this.#clock.imposed());
      if (text === undefined || text === SETTLED) return;
      const { reservation, certain, settleOps } = readDeferred(text);
      const usage = await usageOf(reservation.model);
      await this.#store.settle(reservation, settleOps(usage), certain, this.#clock.imposed());
      await this.#store.note(name, SETTLED, this.#clock.imposed());
      settled(reservation, usage);
    });
  }

  /**
   * Reads the counters of charges; again if the store's clock says that their windows are others.
   *
   * @param chargesAt the charges at a moment
   * @throws BudgetStoreError
   */
  async read(operation: string, chargesAt: (now: number) => Charge[]): Promise<ChargedReading> {
    for (let at = this.#clock.now(); ; ) {
      const charges = chargesAt(at);
      const sentAt = this.#clock.now();
      const ask = () => this.#store.read(keysOf(charges), this.#clock.imposed());
      const { values, now } = await this.#ask(operation, ask);
      this.#clock.learn(now, sentAt);
      if (charges.every(({ bounds: { span } }) => !span || (span.start <= now && now < span.end)))
        return { charges, values, now };
      at = now;
    }
  }

  /**
   * Once all settlements so far are in the store: forgets the counters and open reservations of a key.
   *
   * @throws BudgetStoreError
   */
  async reset(key: string, charges: readonly Charge[], timeout: number): Promise<void> {
    await this.flush(timeout);
    await this.#ask('reset', async () => {
      const now = this.#clock.imposed();
      // Settled later, they would take back what others have used by then.
      for (const open of await this.#store.reservations(key, now)) {
        await this.#store.settle(open, [], true, now);
      }
      await this.#store.delete(keysOf(charges));
    });
  }

  /** @throws BudgetStoreError */
  async reservations(key: string): Promise<readonly StoredReservation[]> {
    return this.#ask('list reservations', () => this.#store.reservations(key, this.#clock.imposed()));
  }

  /** @throws BudgetStoreError if not all settlements are in the store after so many milliseconds */
  async flush(timeout: number): Promise<void> {
    if (await this.#settlements.flush(timeout)) return;
    throw this.#failure('flush', new StoreTimeout(`not all is delivered after ${timeout} ms`));
  }

  async #ask<T>(operation: string, operate: () => Awaitable<T>): Promise<T> {
    try {
      return await operate();
    } catch (cause) {
      throw this.#failure(operation, cause);
    }
  }

  #failure(operation: string, cause: unknown): BudgetStoreError {
    const error = new BudgetStoreError(operation, cause);
    this.#failed(error);
    return error;
  }
}

function uncounted(now: number): Admission {
  return { admitted: true, values: [], now };
}

function keysOf(charges: readonly Charge[]): string[] {
  return charges.map(({ storeKey }) => storeKey);
}

function admitOp({ limit, storeKey, bounds, requested }: Charge): AdmitOp {
  return {
    key: storeKey,
    span: bounds.span,
    room: limit.onExceeded === 'allow' ? Infinity : bounds.room,
    amount: limit.window.toStore(requested),
  };
}

function settleOp({ limit, storeKey, bounds, requested }: Charge, used: number): SettleOp {
  const { window } = limit;
  return {
    key: storeKey,
    span: bounds.span,
    reserved: window.toStore(requested),
    used: window.toStore(used),
  };
}
