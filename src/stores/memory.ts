import type { AdjustOp, Admission, AdmitOp, CounterStore } from './store.ts';

interface Counter {
  value: number;
  expiresAt: number;
}

/** Expired counters are swept when there are twice as many counters as the last sweep left, and at least this many. */
const SWEEP_FROM = 1_024;

/** Counters in the memory of this process. Synchronous, so every operation is atomic. */
export class MemoryStore implements CounterStore {
  readonly scope = 'process';
  readonly #counters = new Map<string, Counter>();
  #sweepAt = SWEEP_FROM;

  admit(ops: readonly AdmitOp[], now: number): Admission {
    const next: number[] = [];
    for (const op of ops) {
      const sum = Math.max(this.#value(op.key, now) ?? op.floor, op.floor) + op.amount;
      if (sum > op.ceiling) return { admitted: false, values: this.read(keysOf(ops), now) };
      next.push(sum);
    }
    for (let i = 0; i < ops.length; i++) {
      const op = ops[i] as AdmitOp;
      this.#write(op.key, next[i] as number, op.expiresAt);
    }
    this.#sweep(now);
    return { admitted: true, values: next };
  }

  adjust(ops: readonly AdjustOp[], now: number): void {
    for (const op of ops) {
      const counter = this.#counters.get(op.key);
      const known = counter !== undefined && counter.expiresAt > now ? counter.value : op.floor;
      const expiresAt = Math.max(counter?.expiresAt ?? 0, op.expiresAt) + op.extend;
      this.#write(op.key, Math.max(known + op.delta, op.floor), expiresAt);
    }
  }

  read(keys: readonly string[], now: number): (number | undefined)[] {
    return keys.map((key) => this.#value(key, now));
  }

  delete(keys: readonly string[]): void {
    for (const key of keys) this.#counters.delete(key);
  }

  /** Counters in memory, expired ones that were not swept yet included. */
  get size(): number {
    return this.#counters.size;
  }

  #value(key: string, now: number): number | undefined {
    const counter = this.#counters.get(key);
    return counter !== undefined && counter.expiresAt > now ? counter.value : undefined;
  }

  #write(key: string, value: number, expiresAt: number): void {
    const counter = this.#counters.get(key);
    if (counter === undefined) {
      this.#counters.set(key, { value, expiresAt });
      return;
    }
    counter.value = value;
    counter.expiresAt = Math.max(counter.expiresAt, expiresAt);
  }

  #sweep(now: number): void {
    if (this.#counters.size < this.#sweepAt) return;
    for (const [key, counter] of this.#counters) {
      if (counter.expiresAt <= now) this.#counters.delete(key);
    }
    this.#sweepAt = Math.max(SWEEP_FROM, this.#counters.size * 2);
  }
}

function keysOf(ops: readonly AdmitOp[]): string[] {
  return ops.map(({ key }) => key);
}
