import { CLOSED_KEPT, RESERVATION_KEPT, type StoredReservation } from './store.ts';

/** Which reservations are open, and which were closed before they were made, as one process knows. */
export class OpenReservations {
  readonly #open = new TimedMap<StoredReservation>(RESERVATION_KEPT);
  readonly #closed = new TimedMap<true>(CLOSED_KEPT);

  open(reservation: StoredReservation, now: number): void {
    this.#open.set(reservation.id, reservation, now);
  }

  close(id: string, remember: boolean, now: number): void {
    this.#open.delete(id);
    if (remember) this.#closed.set(id, true, now);
  }

  isOpen(id: string, now: number): boolean {
    return this.#open.get(id, now) !== undefined;
  }

  isClosed(id: string, now: number): boolean {
    return this.#closed.get(id, now) !== undefined;
  }

  of(key: string, now: number): StoredReservation[] {
    return this.#open.values(now).filter((reservation) => reservation.key === key);
  }
}

/** A map whose entries last equally long. */
export class TimedMap<T> {
  readonly #kept: number;
  /** In the order in which they were set, so that those which expire first are first. */
  readonly #entries = new Map<string, { readonly value: T; readonly until: number }>();

  /** @param kept how long an entry lasts, in milliseconds */
  constructor(kept: number) {
    this.#kept = kept;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, now: number): T | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.until > now ? entry.value : undefined;
  }

  set(key: string, value: T, now: number): void {
    for (const [expired, { until }] of this.#entries) {
      if (until > now) break;
      this.#entries.delete(expired);
    }
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: now + this.#kept });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  values(now: number): T[] {
    return [...this.#entries.values()].filter(({ until }) => until > now).map(({ value }) => value);
  }
}
