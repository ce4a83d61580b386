import { mysqlSql } from './scripts.ts';
import { type Argument, type Database, type Row, SqlStore } from './sql.ts';

/** `@keyv/mysql`, by what is used of it. */
export interface MysqlAdapter {
  readonly opts: object;
  query(sql: string): Promise<unknown>;
}

/** Counters in MySQL or MariaDB, in the database of a Keyv adapter. */
export class MysqlStore extends SqlStore {
  /** @param failed told of failures that belong to no operation */
  constructor(adapter: MysqlAdapter, namespace: string, failed: (error: unknown) => void) {
    super(new Mysql(adapter), namespace, failed);
  }
}

/**
 * ER_SP_DOES_NOT_EXIST, ER_NO_SUCH_TABLE; ER_PROCACCESS_DENIED_ERROR, which is what a user is told of a procedure that
 * is not there
 */
const NOT_INSTALLED = new Set<unknown>([1305, 1146, 1370]);

/** ER_LOCK_DEADLOCK */
const CONFLICT = 1213;

/** ER_SP_ALREADY_EXISTS */
const ALREADY_THERE = 1304;

class Mysql implements Database {
  #adapter: MysqlAdapter;
  /** How the first query of the adapter failed, if it did. */
  #firstFailure: Promise<unknown>;
  #useless = false;

  constructor(adapter: MysqlAdapter) {
    this.#adapter = adapter;
    this.#firstFailure = firstFailure(adapter);
  }

  async call(procedure: string, args: readonly Argument[]): Promise<readonly Row[]> {
    const answer = await this.#query(`CALL governed_openai_${procedure}_v1(${args.map(literal).join()})`);
    // Of a procedure that selects, the rows and a summary; else the summary alone.
    return Array.isArray(answer) ? (answer[0] as Row[]) : [];
  }

  async install(): Promise<void> {
    for (const statement of mysqlSql.replace('DELIMITER //', '').split(/^\/\/$/m)) {
      if (statement.trim() === '') continue;
      try {
        await this.#query(statement);
      } catch (error) {
        if (codeOf(error) !== ALREADY_THERE) throw error;
      }
    }
  }

  obstacleOf(error: unknown): 'not installed' | 'conflict' | undefined {
    const code = codeOf(error);
    if (NOT_INSTALLED.has(code)) return 'not installed';
    return code === CONFLICT ? 'conflict' : undefined;
  }

  /** An adapter that cannot connect when it is made fails for ever, with what it remembers of that: it is replaced. */
  async #query(sql: string): Promise<unknown> {
    if (this.#useless) {
      const { constructor: Adapter, opts } = this.#adapter;
      this.#adapter = Reflect.construct(Adapter, [opts]) as MysqlAdapter;
      this.#firstFailure = firstFailure(this.#adapter);
      this.#useless = false;
    }
    const adapter = this.#adapter;
    try {
      return await adapter.query(sql);
    } catch (error) {
      if (error === (await this.#firstFailure) && adapter === this.#adapter) this.#useless = true;
      throw error;
    }
  }
}

/** Asks at once, since a failure to connect that nobody waits for would end the process. */
function firstFailure(adapter: MysqlAdapter): Promise<unknown> {
  return adapter.query('SELECT 1').then(
    () => undefined,
    (error: unknown) => error,
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'errno' in error ? error.errno : undefined;
}

/** SQL for an argument, in whatever mode and encoding the connection is. */
function literal(arg: Argument): string {
  switch (typeof arg) {
    case 'number':
      return arg.toExponential();
    case 'boolean':
      return arg ? 'TRUE' : 'FALSE';
    case 'string':
      return `X'${hex(arg)}'`;
    default:
      return arg === null ? 'NULL' : `X'${hex(JSON.stringify(arg.map(textOrNull)))}'`;
  }
}

function textOrNull(item: string | number | null): string | null {
  return item === null ? null : String(item);
}

function hex(ascii: string): string {
  let digits = '';
  for (let i = 0; i < ascii.length; i++) digits += ascii.charCodeAt(i).toString(16).padStart(2, '0');
  return digits;
}
