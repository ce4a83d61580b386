import { MemoryStore } from '../../src/stores/memory.ts';
import type {
  Admission,
  AdmitOp,
  CounterStore,
  Reading,
  SettleOp,
  StoredReservation,
} from '../../src/stores/store.ts';

/** A store in memory that answers with promises, as one across a network does, and fails where it is told to. */
export class RemoteStore implements CounterStore {
  readonly scope = 'shared';
  readonly counters = new MemoryStore();
  /** Names of the operations that were asked for. */
  readonly asked: string[] = [];
  /** Thrown by every operation while it is set. */
  failure: Error | undefined;
  /** The failure comes after the operation took effect: its answer is lost. */
  losesAnswers = false;
  /** The store's own clock. */
  clock: () => number = Date.now;

  async admit(reservation: StoredReservation, ops: readonly AdmitOp[], now?: number): Promise<Admission> {
    return this.#do('admit', () => this.counters.admit(reservation, ops, now ?? this.clock()));
  }

  async settle(
    reservation: StoredReservation,
    ops: readonly SettleOp[],
    certain: boolean,
    now?: number,
  ): Promise<void> {
    return this.#do('settle', () => this.counters.settle(reservation, ops, certain, now ?? this.clock()));
  }

  async read(keys: readonly string[], now?: number): Promise<Reading> {
    return this.#do('read', () => this.counters.read(keys, now ?? this.clock()));
  }

  async delete(keys: readonly string[]): Promise<void> {
    return this.#do('delete', () => this.counters.delete(keys));
  }

  async reservations(key: string, now?: number): Promise<StoredReservation[]> {
    return this.#do('reservations', () => this.counters.reservations(key, now ?? this.clock()));
  }

  async note(name: string, text: string, now?: number): Promise<void> {
    return this.#do('note', () => this.counters.note(name, text, now ?? this.clock()));
  }

  async noted(name: string, now?: number): Promise<string | undefined> {
    return this.#do('noted', () => this.counters.noted(name, now ?? this.clock()));
  }

  #do<T>(operation: string, operate: () => T): T {
    this.asked.push(operation);
    if (this.failure !== undefined && !this.losesAnswers) throw this.failure;
    const answer = operate();
    if (this.failure !== undefined) throw this.failure;
    return answer;
  }
}
