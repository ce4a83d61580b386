import { BudgetError, BudgetOptionError } from '../errors.ts';

/** What is used of `node:sqlite`. Not imported from there: bundles for other runtimes would not build. */
interface SqliteModule {
  readonly DatabaseSync: new (path: string) => Database;
}

interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface Statement {
  get(...values: readonly SqlValue[]): unknown;
  all(...values: readonly SqlValue[]): unknown[];
  run(...values: readonly SqlValue[]): { readonly changes: number | bigint };
}

export type SqlValue = string | number | Uint8Array;

/** The file cannot be read or written. Nothing of the operation was written. */
export class FileStoreError extends BudgetError {
  override name = 'FileStoreError';
  /** SQLite's name of what is wrong, e.g. 'SQLITE_CANTOPEN', 'SQLITE_FULL', 'SQLITE_BUSY'. */
  readonly code: string;

  constructor(path: string, code: string, reason: string, cause?: unknown) {
    super(`${path}: ${reason} (${code})`, { cause });
    this.code = code;
  }
}

/**
 * WAL: readers and the writer do not stop each other, and a commit is one write to the end of a log, with no fsync.
 * Loss of power can undo the last commits, but not harm the file. Small pages: a commit logs every page that it touches,
 * and what was logged is later copied to the file while everybody waits; a counter is 100 bytes. SQLite's own
 * checkpoints are off because they never get to the end of a log to which others append, see `SharedFile`.
 */
const SETTINGS = `
  PRAGMA busy_timeout = 0;
  PRAGMA page_size = 1024;
  PRAGMA synchronous = NORMAL;
  PRAGMA wal_autocheckpoint = 0;
`;

/** A connection to a file: statements are prepared once. */
export class Connection {
  readonly #database: Database;
  readonly #prepared = new Map<string, Statement>();

  /** Opens the file, makes it if it is not there, and the tables that it lacks. @throws what node:sqlite throws */
  constructor(path: string, schema: string) {
    this.#database = new (sqliteModule().DatabaseSync)(path);
    try {
      this.#database.exec(SETTINGS);
      const mode = this.get<{ journal_mode: string }>('PRAGMA journal_mode = WAL')?.journal_mode;
      if (mode !== 'wal') {
        throw new FileStoreError(
          path,
          'SQLITE_CANTOPEN',
          'its file system has no memory shared by processes',
        );
      }
      this.#database.exec(schema);
      this.checkpoint();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get<Row>(sql: string, ...values: SqlValue[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  all<Row>(sql: string, ...values: SqlValue[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  /** How many rows it changed. */
  run(sql: string, ...values: SqlValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** Moves the log into the file, as far as others let it, so that the log can begin anew. */
  checkpoint(): void {
    this.get('PRAGMA wal_checkpoint(RESTART)');
  }

  /** Whatever was not committed is rolled back. */
  close(): void {
    this.#prepared.clear();
    this.#database.close();
  }

  #statement(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

/** @throws BudgetOptionError if this runtime has no `node:sqlite` */
export function sqliteModule(): SqliteModule {
  const sqlite = builtinModule('node:sqlite');
  if (sqlite !== undefined) return sqlite as SqliteModule;
  const runtime = globalThis.process?.version;
  throw new BudgetOptionError('fileStore', 'Node 22.13 or later, which has node:sqlite', runtime);
}

/** Undefined where there are no modules of Node, or not this one. */
export function builtinModule(name: string): object | undefined {
  return globalThis.process?.getBuiltinModule?.(name);
}

/** https://sqlite.org/rescode.html: number, name and text of each. */
const CODES: readonly (readonly [number: number, name: string, text: string])[] = [
  [3, 'SQLITE_PERM', 'access permission denied'],
  [5, 'SQLITE_BUSY', 'database is locked'],
  [7, 'SQLITE_NOMEM', 'out of memory'],
  [8, 'SQLITE_READONLY', 'attempt to write a readonly database'],
  [10, 'SQLITE_IOERR', 'disk I/O error'],
  [11, 'SQLITE_CORRUPT', 'database disk image is malformed'],
  [13, 'SQLITE_FULL', 'database or disk is full'],
  [14, 'SQLITE_CANTOPEN', 'unable to open database file'],
  [15, 'SQLITE_PROTOCOL', 'locking protocol'],
  [26, 'SQLITE_NOTADB', 'file is not a database'],
];

/** Another connection has the file locked, so that nothing was done, and the same may succeed later. */
export function isLocked(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'SQLITE_BUSY' || code === 'SQLITE_PROTOCOL';
}

/** An error of SQLite as a FileStoreError; others as they are. */
export function fileStoreError(path: string, error: unknown): unknown {
  const code = codeOf(error);
  return code === undefined || !(error instanceof Error)
    ? error
    : new FileStoreError(path, code, error.message, error);
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('errcode' in error && typeof error.errcode === 'number') {
    // Beyond the lowest 8 bits: which kind of it.
    const code = error.errcode & 0xff;
    return CODES.find(([number]) => number === code)?.[1] ?? 'SQLITE_ERROR';
  }
  // Deno tells no number where it opens a file, or runs several statements at once.
  if (!('code' in error) || error.code !== 'ERR_SQLITE_ERROR') return undefined;
  return CODES.find(([, , text]) => error.message.startsWith(text))?.[1] ?? 'SQLITE_ERROR';
}
