import { MemoryStore } from '../../src/stores/memory.ts';
import type { AdjustOp, Admission, AdmitOp, CounterStore } from '../../src/stores/store.ts';

/** A store in memory that answers with promises, as one across a network does, and fails where it is told to. */
export class RemoteStore implements CounterStore {
  readonly scope = 'shared';
  readonly counters = new MemoryStore();
  /** Names of the operations that were asked for. */
  readonly asked: string[] = [];
  /** Thrown by every operation while it is set. */
  failure: Error | undefined;

  async admit(ops: readonly AdmitOp[], now: number): Promise<Admission> {
    this.#ask('admit');
    return this.counters.admit(ops, now);
  }

  async adjust(ops: readonly AdjustOp[], now: number): Promise<void> {
    this.#ask('adjust');
    this.counters.adjust(ops, now);
  }

  async read(keys: readonly string[], now: number): Promise<(number | undefined)[]> {
    this.#ask('read');
    return this.counters.read(keys, now);
  }

  async delete(keys: readonly string[]): Promise<void> {
    this.#ask('delete');
    this.counters.delete(keys);
  }

  #ask(operation: string): void {
    this.asked.push(operation);
    if (this.failure !== undefined) throw this.failure;
  }
}
