import { postgresSql } from './scripts.ts';
import { type Argument, type Database, type Row, SqlStore } from './sql.ts';

/** `@keyv/postgres`, by what is used of it. */
export interface PostgresAdapter {
  readonly opts: { readonly schema?: string };
  query(sql: string, values?: unknown[]): Promise<unknown>;
}

/** Counters in Postgres, in the schema of a Keyv adapter. */
export class PostgresStore extends SqlStore {
  /** @param failed told of failures that belong to no operation */
  constructor(adapter: PostgresAdapter, namespace: string, failed: (error: unknown) => void) {
    super(new Postgres(adapter), namespace, failed);
  }
}

/** undefined_function, undefined_table, invalid_schema_name */
const NOT_INSTALLED = new Set<unknown>(['42883', '42P01', '3F000']);

/** serialization_failure (of a stricter isolation than the default), deadlock_detected */
const CONFLICTS = new Set<unknown>(['40001', '40P01']);

class Postgres implements Database {
  readonly #adapter: PostgresAdapter;
  /** SQL, as the adapter itself takes it: quoted by the app where it has to be. */
  readonly #schema: string;

  constructor(adapter: PostgresAdapter) {
    this.#adapter = adapter;
    this.#schema = adapter.opts.schema ?? 'public';
  }

  async call(procedure: string, args: readonly Argument[]): Promise<readonly Row[]> {
    const places = args.map((_, i) => `$${i + 1}`).join();
    const text = `SELECT * FROM ${this.#schema}.governed_openai_${procedure}_v1(${places})`;
    return (await this.#adapter.query(text, [...args])) as Row[];
  }

  /** Several statements in one query are one transaction. */
  async install(): Promise<void> {
    await this.#adapter.query(`SET LOCAL search_path TO ${this.#schema};\n${postgresSql}`);
  }

  obstacleOf(error: unknown): 'not installed' | 'conflict' | undefined {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (NOT_INSTALLED.has(code)) return 'not installed';
    return CONFLICTS.has(code) ? 'conflict' : undefined;
  }
}
