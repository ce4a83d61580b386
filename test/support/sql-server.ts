import type { CounterStore } from '../../src/stores/store.ts';

/** A store with connections of its own, as each worker has. */
export interface Worker {
  readonly store: CounterStore;
  /** Errors of the database, those that the store gets over included. */
  readonly errors: unknown[];
  /** Failures that the store reports apart from its operations. */
  readonly failures: unknown[];
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): Promise<unknown>;
}

export interface WorkerOptions {
  /** Most at the same time. Default 10. */
  readonly connections?: number;
  /** Settings that each connection starts with, in the words of the dialect. */
  readonly settings?: readonly string[];
}

/** A database server under test, and its dialect. */
export interface SqlServer {
  /** A new, empty database, in an encoding that lacks most characters; tells its URL. */
  createDatabase(): Promise<string>;
  /** A new user of a database who may do everything but create; tells the URL. */
  createUser(url: string): Promise<string>;
  open(url: string, options?: WorkerOptions): Worker;
  /** On the Keyv adapter itself. */
  openAdapter(url: string): Pick<Worker, 'store' | 'close'>;
  stop(): Promise<void>;
  restart(): Promise<void>;
  /** Settings of a connection that change how numbers, texts and times are written. */
  readonly oddSettings: readonly string[];
  /** The setting of a connection that may only read. */
  readonly readOnly: string;
  /** Removes all tables and procedures. */
  readonly wipe: readonly string[];
  /** Makes every sweep fail. */
  readonly breakSweep: readonly string[];
}
