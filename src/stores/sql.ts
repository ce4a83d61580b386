import { isFiniteNumber } from '../checks.ts';
import { asciiJson } from '../json.ts';
import { safeKey } from '../safe-key.ts';
import { finite } from './counting.ts';
import { recordOf, reservationOf } from './record.ts';
import type {
  Admission,
  AdmitOp,
  Counter,
  CounterStore,
  Reading,
  SettleOp,
  StoredReservation,
} from './store.ts';

/**
 * What procedures take. Numbers are finite. Texts are printable ASCII: what other characters become depends on the
 * encoding of the database, and of the connection.
 */
export type Argument = string | number | boolean | null | readonly (string | number | null)[];

export type Row = Readonly<Record<string, unknown>>;

/** A database with the procedures of postgres.sql or mysql.sql, which have the same names, arguments and answers. */
export interface Database {
  /** Calls `governed_openai_<procedure>_v1` in one round trip. */
  call(procedure: string, args: readonly Argument[]): Promise<readonly Row[]>;
  /** Makes the tables and procedures that are missing, whoever else does so at the moment. */
  install(): Promise<void>;
  /** Why a call failed that may be repeated, since it wrote nothing. */
  obstacleOf(error: unknown): 'not installed' | 'conflict' | undefined;
}

/**
 * How often an operation is repeated that met another. Where transactions are serializable by default, every one that
 * waits for another's counters is.
 */
const REPEATS = 50;

/** Of so many settlements, one on average is followed by a deletion of what has expired. */
const SWEEP_EVERY = 500;

/** Counters in a database: every operation is one call of one procedure. */
export class SqlStore implements CounterStore {
  readonly scope = 'shared';
  readonly #database: Database;
  readonly #prefix: string;
  readonly #failed: (error: unknown) => void;
  #installing: Promise<void> | undefined;

  /** @param failed told of failures that belong to no operation */
  constructor(database: Database, namespace: string, failed: (error: unknown) => void) {
    this.#database = database;
    this.#prefix = `${safeKey(namespace)}:`;
    this.#failed = failed;
  }

  async admit(reservation: StoredReservation, ops: readonly AdmitOp[], now?: number): Promise<Admission> {
    const id = this.#name(reservation.id);
    const names = this.#namesOf(ops);
    const [row] = await this.#call('admit', [
      hashesOf([id, ...names]),
      id,
      this.#name(safeKey(reservation.key)),
      asciiJson(recordOf(reservation)),
      names,
      ops.map(startOf),
      ops.map(endOf),
      ops.map(({ room }) => finite(room)),
      ops.map(({ amount }) => amount),
      now ?? null,
    ]);
    const admitted = textOf(row, 'admitted');
    if (admitted === 'stale') return { admitted, values: [], now: momentOf(row) };
    return { admitted: admitted === 'yes', values: valuesOf(row), now: momentOf(row) };
  }

  async settle(
    reservation: StoredReservation,
    ops: readonly SettleOp[],
    certain: boolean,
    now?: number,
  ): Promise<void> {
    const id = this.#name(reservation.id);
    const names = this.#namesOf(ops);
    await this.#call('settle', [
      hashesOf([id, ...names]),
      id,
      certain,
      names,
      ops.map(startOf),
      ops.map(endOf),
      ops.map(({ reserved }) => reserved),
      ops.map(({ used }) => used),
      now ?? null,
    ]);
    if (Math.random() * SWEEP_EVERY < 1) this.#call('sweep', [now ?? null]).catch(this.#failed);
  }

  async read(keys: readonly string[], now?: number): Promise<Reading> {
    const [row] = await this.#call('read', [keys.map((key) => this.#name(key)), now ?? null]);
    return { values: valuesOf(row), now: momentOf(row) };
  }

  async delete(keys: readonly string[]): Promise<void> {
    const names = keys.map((key) => this.#name(key));
    await this.#call('delete', [hashesOf(names), names]);
  }

  async reservations(key: string, now?: number): Promise<StoredReservation[]> {
    const rows = await this.#call('reservations', [this.#name(safeKey(key)), now ?? null]);
    return rows.map((row) => reservationOf(key, textOf(row, 'record')));
  }

  async note(name: string, text: string, now?: number): Promise<void> {
    await this.#call('note', [this.#name(safeKey(name)), asciiJson(JSON.stringify(text)), now ?? null]);
  }

  async noted(name: string, now?: number): Promise<string | undefined> {
    const [row] = await this.#call('noted', [this.#name(safeKey(name)), now ?? null]);
    return row === undefined ? undefined : String(JSON.parse(textOf(row, 'body')));
  }

  #name(safe: string): string {
    return this.#prefix + safe;
  }

  #namesOf(counters: readonly Counter[]): string[] {
    return counters.map(({ key }) => this.#name(key));
  }

  async #call(procedure: string, args: readonly Argument[]): Promise<readonly Row[]> {
    let installed = false;
    for (let repeats = 0; ; repeats++) {
      try {
        return await this.#database.call(procedure, args);
      } catch (error) {
        const obstacle = this.#database.obstacleOf(error);
        if (obstacle === 'not installed' && !installed) {
          await this.#install();
          installed = true;
        } else if (obstacle !== 'conflict' || repeats >= REPEATS) {
          throw error;
        }
      }
    }
  }

  /** Once for all operations that are waiting for it. */
  #install(): Promise<void> {
    this.#installing ??= this.#database.install().finally(() => {
      this.#installing = undefined;
    });
    return this.#installing;
  }
}

function startOf({ span }: Counter): number | null {
  return span === undefined ? null : finite(span.start);
}

function endOf({ span }: Counter): number | null {
  return span === undefined ? null : finite(span.end);
}

/** What operations on those names lock: 32-bit hashes (FNV-1a), in ascending order. */
function hashesOf(names: readonly string[]): number[] {
  const hashes = names.map((name) => {
    let hash = 0x811c9dc5;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return hash | 0;
  });
  return hashes.sort((a, b) => a - b);
}

function momentOf(row: Row | undefined): number {
  const moment = Number(textOf(row, 'moment'));
  if (isFiniteNumber(moment)) return moment;
  throw new Error('a procedure of the budget gave an answer that is no number');
}

function valuesOf(row: Row | undefined): (number | undefined)[] {
  const values: unknown = JSON.parse(textOf(row, 'counts'));
  if (Array.isArray(values) && values.every((value) => value === null || isFiniteNumber(value))) {
    return values.map((value) => value ?? undefined);
  }
  throw new Error('a procedure of the budget gave an answer that is no list of numbers');
}

function textOf(row: Row | undefined, column: string): string {
  const text = row?.[column];
  if (typeof text === 'string') return text;
  throw new Error(`a procedure of the budget gave no ${column}`);
}
