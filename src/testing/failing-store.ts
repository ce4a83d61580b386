import { MemoryStore } from '../stores/memory.ts';
import type { AdmitOp, CounterStore, SettleOp, StoredReservation } from '../stores/store.ts';

/** Counters in memory that cannot be reached while `away` is true. */
export class FailingStore implements CounterStore {
  readonly scope = 'process';
  /** Set it to false, and the store answers, and takes what was settled meanwhile. */
  away = true;
  readonly #memory = new MemoryStore();

  admit(reservation: StoredReservation, ops: readonly AdmitOp[], now?: number) {
    return this.#reach().admit(reservation, ops, now);
  }

  settle(reservation: StoredReservation, ops: readonly SettleOp[], certain: boolean, now?: number) {
    return this.#reach().settle(reservation, ops, certain, now);
  }

  read(keys: readonly string[], now?: number) {
    return this.#reach().read(keys, now);
  }

  delete(keys: readonly string[]) {
    return this.#reach().delete(keys);
  }

  reservations(key: string, now?: number) {
    return this.#reach().reservations(key, now);
  }

  note(name: string, text: string, now?: number) {
    return this.#reach().note(name, text, now);
  }

  noted(name: string, now?: number) {
    return this.#reach().noted(name, now);
  }

  #reach(): MemoryStore {
    if (!this.away) return this.#memory;
    throw Object.assign(new Error('failingStore() is away'), { code: 'ECONNREFUSED' });
  }
}

/**
 * A store that is away until the test says otherwise: calls reject with `BudgetStoreError`, or pass with
 * `onStoreError: 'allow'`.
 *
 * ```ts
 * const store = failingStore();
 * const openai = new GovernedOpenAI({ apiKey: 'test', fetch: mockFetch(), budget: { store, limits } });
 * await expect(answer(openai, 'Hi')).rejects.toThrow(BudgetStoreError);
 * store.away = false; // it is back
 * ```
 */
export function failingStore(): FailingStore {
  return new FailingStore();
}
