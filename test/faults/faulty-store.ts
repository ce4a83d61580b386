import { MemoryStore } from '../../src/stores/memory.ts';
import type { AdmitOp, CounterStore, SettleOp, StoredReservation } from '../../src/stores/store.ts';

export const FAILURES = [
  'before it takes effect',
  'after it took effect',
  'never answers',
  'takes effect late',
] as const;

/** How an operation fails. Of the last two no answer comes; the last takes effect when `release()` is called. */
export type Failure = (typeof FAILURES)[number];

/** A store across a network, which fails at the operations it is told to. */
export class FaultyStore implements CounterStore {
  readonly scope = 'shared';
  readonly counters = new MemoryStore();
  /** How many operations were asked for. */
  asked = 0;
  /** How the n-th operation fails, counted from 0; undefined if it does not. */
  failureOf: (n: number) => Failure | undefined = () => undefined;
  readonly #late: (() => void)[] = [];

  release(): void {
    for (const operate of this.#late.splice(0)) operate();
  }

  admit(reservation: StoredReservation, ops: readonly AdmitOp[]) {
    return this.#do(() => this.counters.admit(reservation, ops));
  }

  settle(reservation: StoredReservation, ops: readonly SettleOp[], certain: boolean) {
    return this.#do(() => this.counters.settle(reservation, ops, certain));
  }

  read(keys: readonly string[]) {
    return this.#do(() => this.counters.read(keys));
  }

  delete(keys: readonly string[]) {
    return this.#do(() => this.counters.delete(keys));
  }

  reservations(key: string) {
    return this.#do(() => this.counters.reservations(key));
  }

  note(name: string, text: string) {
    return this.#do(() => this.counters.note(name, text));
  }

  noted(name: string) {
    return this.#do(() => this.counters.noted(name));
  }

  async #do<T>(operate: () => T): Promise<T> {
    switch (this.failureOf(this.asked++)) {
      case 'before it takes effect':
        throw new Error('refused');
      case 'after it took effect':
        operate();
        throw new Error('the answer was lost');
      case 'never answers':
        return new Promise<never>(() => undefined);
      case 'takes effect late':
        this.#late.push(operate);
        return new Promise<never>(() => undefined);
      default:
        return operate();
    }
  }
}
