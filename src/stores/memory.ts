import { isPresent, keptUntil, keysOf, raised, settled } from './counting.ts';
import { OpenReservations, TimedMap } from './open-reservations.ts';
import {
  type Admission,
  type AdmitOp,
  type Counter,
  type CounterStore,
  RESERVATION_KEPT,
  type Reading,
  type SettleOp,
  type StoredReservation,
} from './store.ts';

/** Expired counters are swept when there are twice as many as the last sweep left, and at least this many. */
const SWEEP_FROM = 1_024;

/** Counters in the memory of this process. Synchronous, so every operation is atomic. */
export class MemoryStore implements CounterStore {
  readonly scope = 'process';
  readonly #counters = new Map<string, { value: number; keptUntil: number }>();
  readonly #reservations = new OpenReservations();
  readonly #notes = new TimedMap<string>(RESERVATION_KEPT);
  #sweepAt = SWEEP_FROM;

  admit(reservation: StoredReservation, ops: readonly AdmitOp[], now = Date.now()): Admission {
    const next: number[] = [];
    let fits = !this.#reservations.isClosed(reservation.id, now);
    for (const op of ops) {
      if (!isPresent(op, now)) return { admitted: 'stale', values: [], now };
      const sum = raised(op, this.#value(op.key, now), now);
      if (sum === undefined) fits = false;
      else next.push(sum);
    }
    if (!fits) return { admitted: false, ...this.read(keysOf(ops), now) };
    for (let i = 0; i < ops.length; i++) this.#write(ops[i] as AdmitOp, next[i] as number, now);
    this.#reservations.open(reservation, now);
    return { admitted: true, values: next, now };
  }

  settle({ id }: StoredReservation, ops: readonly SettleOp[], certain: boolean, now = Date.now()): void {
    const open = this.#reservations.isOpen(id, now);
    if (certain ? !open : this.#reservations.isClosed(id, now)) return;
    this.#reservations.close(id, !certain, now);
    for (const op of ops) {
      const value = settled(op, this.#value(op.key, now), open, now);
      if (value !== undefined) this.#write(op, value, now);
    }
  }

  read(keys: readonly string[], now = Date.now()): Reading {
    return { values: keys.map((key) => this.#value(key, now)), now };
  }

  delete(keys: readonly string[]): void {
    for (const key of keys) this.#counters.delete(key);
  }

  reservations(key: string, now = Date.now()): StoredReservation[] {
    return this.#reservations.of(key, now);
  }

  note(name: string, text: string, now = Date.now()): void {
    this.#notes.set(name, text, now);
  }

  noted(name: string, now = Date.now()): string | undefined {
    return this.#notes.get(name, now);
  }

  /** Counters in memory, expired ones that were not swept yet included. */
  get size(): number {
    return this.#counters.size;
  }

  #value(key: string, now: number): number | undefined {
    const counter = this.#counters.get(key);
    return counter !== undefined && counter.keptUntil > now ? counter.value : undefined;
  }

  #write(op: Counter, value: number, now: number): void {
    const counter = this.#counters.get(op.key);
    if (counter !== undefined) {
      counter.value = value;
      counter.keptUntil = keptUntil(op, value, now);
      return;
    }
    this.#counters.set(op.key, { value, keptUntil: keptUntil(op, value, now) });
    if (this.#counters.size >= this.#sweepAt) this.#sweep(now);
  }

  #sweep(now: number): void {
    for (const [key, counter] of this.#counters) if (counter.keptUntil <= now) this.#counters.delete(key);
    this.#sweepAt = Math.max(SWEEP_FROM, this.#counters.size * 2);
  }
}
