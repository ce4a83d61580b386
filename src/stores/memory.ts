import { EPOCH } from '../limits/window.ts';
import {
  type Admission,
  type AdmitOp,
  CLOSED_KEPT,
  type Counter,
  type CounterStore,
  DRAINED_KEPT,
  RESERVATION_KEPT,
  type Reading,
  type SettleOp,
  type StoredReservation,
} from './store.ts';

interface Entry<T> {
  value: T;
  expiresAt: number;
}

/** Counters in the memory of this process. Synchronous, so every operation is atomic. */
export class MemoryStore implements CounterStore {
  readonly scope = 'process';
  readonly #counters = new ExpiringMap<number>();
  readonly #open = new ExpiringMap<StoredReservation>();
  readonly #closed = new ExpiringMap<true>();
  readonly #notes = new ExpiringMap<string>();

  admit(reservation: StoredReservation, ops: readonly AdmitOp[], now = Date.now()): Admission {
    const next: number[] = [];
    for (const op of ops) {
      if (!isPresent(op, now)) return { admitted: 'stale', values: [], now };
      const floor = floorOf(op, now);
      const sum = Math.max(this.#counters.get(op.key, now) ?? floor, floor) + op.amount;
      if (sum > floor + op.room) return { admitted: false, ...this.read(keysOf(ops), now) };
      next.push(sum);
    }
    if (this.#closed.get(reservation.id, now)) return { admitted: false, ...this.read(keysOf(ops), now) };
    for (let i = 0; i < ops.length; i++) this.#write(ops[i] as AdmitOp, next[i] as number, now);
    this.#open.set(reservation.id, reservation, now + RESERVATION_KEPT, now);
    return { admitted: true, values: next, now };
  }

  settle({ id }: StoredReservation, ops: readonly SettleOp[], certain: boolean, now = Date.now()): void {
    if (!certain) {
      if (this.#closed.get(id, now)) return;
      this.#closed.set(id, true, now + CLOSED_KEPT, now);
    }
    const known = this.#open.delete(id, now);
    if (certain && !known) return;
    for (const op of ops) {
      if (!isPresent(op, now)) continue;
      const floor = floorOf(op, now);
      const delta = known ? op.used - op.reserved : op.used;
      if (delta !== 0) {
        this.#write(op, Math.max((this.#counters.get(op.key, now) ?? floor) + delta, floor), now);
      }
    }
  }

  read(keys: readonly string[], now = Date.now()): Reading {
    return { values: keys.map((key) => this.#counters.get(key, now)), now };
  }

  delete(keys: readonly string[]): void {
    for (const key of keys) this.#counters.delete(key, 0);
  }

  reservations(key: string, now = Date.now()): StoredReservation[] {
    return this.#open.values(now).filter((reservation) => reservation.key === key);
  }

  note(name: string, text: string, now = Date.now()): void {
    this.#notes.set(name, text, now + RESERVATION_KEPT, now);
  }

  noted(name: string, now = Date.now()): string | undefined {
    return this.#notes.get(name, now);
  }

  /** Counters in memory, expired ones that were not swept yet included. */
  get size(): number {
    return this.#counters.size;
  }

  #write(counter: Counter, value: number, now: number): void {
    const expiresAt = counter.span?.end ?? Math.max(now, EPOCH + value) + DRAINED_KEPT;
    this.#counters.set(counter.key, value, expiresAt, now);
  }
}

/** Expired entries are swept when there are twice as many entries as the last sweep left, and at least this many. */
const SWEEP_FROM = 1_024;

class ExpiringMap<T> {
  readonly #entries = new Map<string, Entry<T>>();
  #sweepAt = SWEEP_FROM;

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, now: number): T | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.expiresAt > now ? entry.value : undefined;
  }

  set(key: string, value: T, expiresAt: number, now: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.value = value;
      entry.expiresAt = expiresAt;
      return;
    }
    this.#entries.set(key, { value, expiresAt });
    if (this.#entries.size >= this.#sweepAt) this.#sweep(now);
  }

  /** Whether there was one that had not expired. */
  delete(key: string, now: number): boolean {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    return entry !== undefined && entry.expiresAt > now;
  }

  values(now: number): T[] {
    return [...this.#entries.values()].filter(({ expiresAt }) => expiresAt > now).map(({ value }) => value);
  }

  #sweep(now: number): void {
    for (const [key, { expiresAt }] of this.#entries) if (expiresAt <= now) this.#entries.delete(key);
    this.#sweepAt = Math.max(SWEEP_FROM, this.#entries.size * 2);
  }
}

function isPresent({ span }: Counter, now: number): boolean {
  return span === undefined || (span.start <= now && now < span.end);
}

function floorOf({ span }: Counter, now: number): number {
  return span === undefined ? now - EPOCH : 0;
}

function keysOf(ops: readonly AdmitOp[]): string[] {
  return ops.map(({ key }) => key);
}
