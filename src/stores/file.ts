import { EventEmitter } from 'eventemitter3';
import { BudgetOptionError } from '../errors.ts';
import { COUNTERS_SCHEMA, FileCounters } from './file-counters.ts';
import { SharedFile } from './shared-file.ts';
import { builtinModule, type SqlValue, sqliteModule } from './sqlite.ts';
import type { CounterStore } from './store.ts';

const VALUES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS governed_values (
    key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, kept_until REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS governed_values_kept ON governed_values (kept_until);
`;

const GET = 'SELECT value FROM governed_values WHERE key = ? AND kept_until > ?';
const SET = 'INSERT OR REPLACE INTO governed_values (key, value, kept_until) VALUES (?, ?, ?)';
const DELETE = 'DELETE FROM governed_values WHERE key = ? AND kept_until > ?';
const CLEAR = 'DELETE FROM governed_values WHERE key >= ? AND key < ?';
const SWEEP = `
  DELETE FROM governed_values
  WHERE key IN (SELECT key FROM governed_values WHERE kept_until <= ? LIMIT 4)
`;

/** Rows that an iterator reads at a time: others can write between two pages. */
const PAGE = 100;
const LIST = `
  SELECT key, value FROM governed_values
  WHERE key >= ? AND key < ? AND kept_until > ? ORDER BY key LIMIT ${PAGE}
`;

/**
 * A Keyv adapter for a file on this machine, made with `node:sqlite`, which is built into Node 22.13 and later:
 * `new Keyv(fileStore('budget.db'))`. Budgets on it count exactly across all processes that use the file.
 *
 * The file is made where it is missing, by the first operation; its folder is not. It must be on a local disk, since
 * processes share memory beside it, and may be deleted only while none uses it.
 *
 * @param path of the file; relative to the working directory at this moment
 * @throws BudgetOptionError if the path is none, or this runtime has no `node:sqlite`
 */
export function fileStore(path: string): FileStore {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new BudgetOptionError('fileStore', 'a path', path);
  }
  if (path === ':memory:') {
    throw new BudgetOptionError('fileStore', 'a path', path, ' — counters in memory are those of new Keyv()');
  }
  sqliteModule();
  const { resolve } = builtinModule('node:path') as { resolve(path: string): string };
  return new FileStore(resolve(path));
}

/**
 * The values that an app keeps in a `fileStore` through Keyv, of version 5 or 6, and the counters of its budgets.
 * `clear()` leaves the counters.
 *
 * It has no `hasMany`, `setMany` and `deleteMany`: with all the methods of an adapter, version 6 would take it for one
 * that puts the namespace before keys itself. As it is, both versions do that.
 */
export class FileStore extends EventEmitter<{ error: [error: unknown] }> {
  /** Version 5 iterates only over stores whose dialect it knows. */
  readonly opts: { readonly dialect: 'sqlite'; readonly url: string };
  /** Set by version 5: the namespace that `clear()` is for. */
  namespace: string | undefined;
  readonly #file: SharedFile;

  /** @param path absolute */
  constructor(path: string) {
    super();
    this.opts = { dialect: 'sqlite', url: `sqlite://${path}` };
    this.#file = new SharedFile(path, COUNTERS_SCHEMA + VALUES_SCHEMA);
  }

  /** The counters of a namespace in this file, shared by all processes that use it. */
  counters(namespace: string): CounterStore {
    return new FileCounters(this.#file, namespace);
  }

  /** What was set: a string, by whatever name Keyv calls its type. */
  async get<Value>(key: string): Promise<Value | undefined> {
    const [value] = await this.getMany<Value>([key]).catch((error: unknown) => {
      // Version 5 takes a `get` that fails for a value that is not there, and does not tell of it.
      this.emit('error', error);
      throw error;
    });
    return value;
  }

  async getMany<Value>(keys: readonly string[]): Promise<(Value | undefined)[]> {
    return this.#file.read((db) => {
      const now = Date.now();
      return keys.map((key) => db.get<{ value: Value }>(GET, key, now)?.value);
    });
  }

  /** @param ttl milliseconds; undefined: without end */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    if (typeof value !== 'string') {
      throw new BudgetOptionError('fileStore', 'a value that Keyv has serialized to a string', value);
    }
    return this.#file.write((db) => {
      const now = Date.now();
      db.run(SET, key, value, now + (ttl ?? Infinity));
      // More than one, so that what expires goes sooner than new values come.
      db.run(SWEEP, now);
      return true;
    });
  }

  /** Whether it was there. */
  async delete(key: string): Promise<boolean> {
    return this.#file.write((db) => db.run(DELETE, key, Date.now()) > 0);
  }

  async has(key: string): Promise<boolean> {
    const [value] = await this.getMany([key]);
    return value !== undefined;
  }

  /** Deletes the values of the namespace; without one, all values. */
  async clear(): Promise<void> {
    await this.#file.write((db) => db.run(CLEAR, ...rangeOf(this.namespace)));
  }

  /** Keys with their namespace, and values. */
  async *iterator(namespace?: string): AsyncGenerator<[string, string], void> {
    const [first, end] = rangeOf(namespace);
    for (let from = first; ; ) {
      const rows = await this.#file.read((db) =>
        db.all<{ key: string; value: string }>(LIST, from, end, Date.now()),
      );
      for (const { key, value } of rows) yield [key, value];
      const last = rows[PAGE - 1];
      if (last === undefined) return;
      from = `${last.key}\0`;
    }
  }

  /** Once all operations so far are done. One that comes later opens the file again. */
  async disconnect(): Promise<void> {
    await this.#file.close();
  }
}

/** The keys that begin with the namespace and a colon, as Keyv writes them: from the first on, and up to the second. */
function rangeOf(namespace: string | undefined): [string, SqlValue] {
  // ';' follows ':'; and a blob, even of no bytes, follows all texts.
  return namespace ? [`${namespace}:`, `${namespace};`] : ['', new Uint8Array()];
}
