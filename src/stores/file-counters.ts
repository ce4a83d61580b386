import { safeKey } from '../safe-key.ts';
import { isPresent, keptUntil, keysOf, raised, settled } from './counting.ts';
import { recordOf, reservationOf } from './record.ts';
import type { SharedFile } from './shared-file.ts';
import type { Connection } from './sqlite.ts';
import {
  type Admission,
  type AdmitOp,
  type Awaitable,
  CLOSED_KEPT,
  type Counter,
  type CounterStore,
  RESERVATION_KEPT,
  type Reading,
  type SettleOp,
  type StoredReservation,
} from './store.ts';

/** Moments are Unix milliseconds. Without rowids, a row is in one place only: its key's. */
export const COUNTERS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS governed_counters (
    namespace TEXT NOT NULL, key TEXT NOT NULL, value REAL NOT NULL, kept_until REAL NOT NULL,
    PRIMARY KEY (namespace, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS governed_counters_kept ON governed_counters (kept_until);

  CREATE TABLE IF NOT EXISTS governed_open (
    namespace TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL, kept_until REAL NOT NULL,
    PRIMARY KEY (namespace, key, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS governed_open_kept ON governed_open (kept_until);

  CREATE TABLE IF NOT EXISTS governed_closed (
    namespace TEXT NOT NULL, id TEXT NOT NULL, kept_until REAL NOT NULL,
    PRIMARY KEY (namespace, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS governed_closed_kept ON governed_closed (kept_until);

  CREATE TABLE IF NOT EXISTS governed_notes (
    namespace TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, kept_until REAL NOT NULL,
    PRIMARY KEY (namespace, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS governed_notes_kept ON governed_notes (kept_until);
`;

const GET = 'SELECT value FROM governed_counters WHERE namespace = ? AND key = ? AND kept_until > ?';
const PUT =
  'INSERT OR REPLACE INTO governed_counters (namespace, key, value, kept_until) VALUES (?, ?, ?, ?)';
const DELETE = 'DELETE FROM governed_counters WHERE namespace = ? AND key = ?';
const OPEN =
  'INSERT OR REPLACE INTO governed_open (namespace, key, id, record, kept_until) VALUES (?, ?, ?, ?, ?)';
const CLOSE = 'DELETE FROM governed_open WHERE namespace = ? AND key = ? AND id = ? AND kept_until > ?';
const LIST = 'SELECT record FROM governed_open WHERE namespace = ? AND key = ? AND kept_until > ?';
const MARK_CLOSED = 'INSERT OR REPLACE INTO governed_closed (namespace, id, kept_until) VALUES (?, ?, ?)';
const IS_CLOSED = 'SELECT 1 FROM governed_closed WHERE namespace = ? AND id = ? AND kept_until > ?';
const NOTE = 'INSERT OR REPLACE INTO governed_notes (namespace, name, text, kept_until) VALUES (?, ?, ?, ?)';
const NOTED = 'SELECT text FROM governed_notes WHERE namespace = ? AND name = ? AND kept_until > ?';

/** Of so many writes, one also deletes rows that have expired, and at most so many of each table. */
const SWEEP_EVERY = 64;
const SWEPT_AT_MOST = 500;
const SWEEP = [
  ['governed_counters', 'namespace, key'],
  ['governed_open', 'namespace, key, id'],
  ['governed_closed', 'namespace, id'],
  ['governed_notes', 'namespace, name'],
].map(
  ([table, key]) =>
    `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE kept_until <= ? LIMIT ${SWEPT_AT_MOST})`,
);

/** Counters in a file that the processes of a machine share: every operation is one transaction. */
export class FileCounters implements CounterStore {
  readonly scope = 'machine';
  readonly #file: SharedFile;
  readonly #namespace: string;
  #writes = 0;

  constructor(file: SharedFile, namespace: string) {
    this.#file = file;
    this.#namespace = namespace;
  }

  admit(reservation: StoredReservation, ops: readonly AdmitOp[], now?: number): Awaitable<Admission> {
    return this.#write(now, (db, now) => {
      if (!ops.every((op) => isPresent(op, now))) return { admitted: 'stale', values: [], now };
      const values = this.#values(db, keysOf(ops), now);
      const sums: number[] = [];
      for (const [i, op] of ops.entries()) {
        const sum = raised(op, values[i], now);
        if (sum === undefined) return { admitted: false, values, now };
        sums.push(sum);
      }
      if (db.get(IS_CLOSED, this.#namespace, reservation.id, now)) return { admitted: false, values, now };
      for (const [i, sum] of sums.entries()) this.#put(db, ops[i] as AdmitOp, sum, now);
      const { key, id } = reservation;
      db.run(OPEN, this.#namespace, safeKey(key), id, recordOf(reservation), now + RESERVATION_KEPT);
      return { admitted: true, values: sums, now };
    });
  }

  settle(
    { key, id }: StoredReservation,
    ops: readonly SettleOp[],
    certain: boolean,
    now?: number,
  ): Awaitable<void> {
    return this.#write(now, (db, now) => {
      if (!certain) {
        if (db.get(IS_CLOSED, this.#namespace, id, now)) return;
        db.run(MARK_CLOSED, this.#namespace, id, now + CLOSED_KEPT);
      }
      const open = db.run(CLOSE, this.#namespace, safeKey(key), id, now) > 0;
      if (certain && !open) return;
      const values = this.#values(db, keysOf(ops), now);
      for (const [i, op] of ops.entries()) {
        const value = settled(op, values[i], open, now);
        if (value !== undefined) this.#put(db, op, value, now);
      }
    });
  }

  read(keys: readonly string[], now?: number): Awaitable<Reading> {
    return this.#file.read((db) => {
      const at = now ?? Date.now();
      return { values: this.#values(db, keys, at), now: at };
    });
  }

  delete(keys: readonly string[]): Awaitable<void> {
    return this.#file.write((db) => {
      for (const key of keys) db.run(DELETE, this.#namespace, key);
    });
  }

  reservations(key: string, now?: number): Awaitable<StoredReservation[]> {
    return this.#file.read((db) =>
      db
        .all<{ record: string }>(LIST, this.#namespace, safeKey(key), now ?? Date.now())
        .map(({ record }) => reservationOf(key, record)),
    );
  }

  note(name: string, text: string, now?: number): Awaitable<void> {
    return this.#write(now, (db, now) => {
      db.run(NOTE, this.#namespace, name, text, now + RESERVATION_KEPT);
    });
  }

  noted(name: string, now?: number): Awaitable<string | undefined> {
    return this.#file.read(
      (db) => db.get<{ text: string }>(NOTED, this.#namespace, name, now ?? Date.now())?.text,
    );
  }

  /** The store's own clock is that of the machine, when the file is locked for the operation. */
  #write<T>(given: number | undefined, operate: (db: Connection, now: number) => T): Awaitable<T> {
    return this.#file.write((db) => {
      const now = given ?? Date.now();
      const answer = operate(db, now);
      this.#writes++;
      if (this.#writes % SWEEP_EVERY === 0) for (const sweep of SWEEP) db.run(sweep, now);
      return answer;
    });
  }

  #values(db: Connection, keys: readonly string[], now: number): (number | undefined)[] {
    return keys.map((key) => db.get<{ value: number }>(GET, this.#namespace, key, now)?.value);
  }

  #put(db: Connection, counter: Counter, value: number, now: number): void {
    db.run(PUT, this.#namespace, counter.key, value, keptUntil(counter, value, now));
  }
}
