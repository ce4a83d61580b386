import { KeyvPostgres } from '@keyv/postgres';
import Keyv from 'keyv';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { PostgresStore } from '../../src/stores/postgres.ts';
import { conformance } from '../conformance.ts';
import { PostgresServer, postgresProgram } from '../support/postgres.ts';
import { describeWith } from '../support/server.ts';
import type { Worker, WorkerOptions } from '../support/sql-server.ts';
import { sqlStores } from './sql-suite.ts';

describeWith(postgresProgram, 'postgres', 'Postgres', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server?.remove());

  conformance(
    '@keyv/postgres',
    () => {
      const [adapter, other] = [openAdapter(server.url), open(server.url)];
      return {
        store: adapter.store,
        other: other.store,
        close: () => Promise.all([adapter.close(), other.close()]),
      };
    },
    { runs: 40 },
  );

  sqlStores({
    createDatabase: () => createDatabase(server),
    createUser,
    open,
    openAdapter,
    stop: () => server.stop(),
    restart: () => server.restart(),
    oddSettings: [
      'extra_float_digits=0',
      'timezone=Asia/Tokyo',
      'standard_conforming_strings=off',
      'search_path=pg_catalog',
      'default_transaction_isolation=serializable',
    ],
    readOnly: 'default_transaction_read_only=on',
    wipe: ['DROP SCHEMA public CASCADE', 'CREATE SCHEMA public'],
    breakSweep: [
      `CREATE OR REPLACE FUNCTION governed_openai_sweep_v1(_at float8) RETURNS void LANGUAGE plpgsql
       AS $$ BEGIN RAISE 'broken'; END $$`,
    ],
  });

  describe('schemas', () => {
    test.each(['budgets', '"Odd schema"'])(
      '%s: made if it is not there, and apart from others',
      async (schema) => {
        const url = await createDatabase(server);
        const inside = [open(url, {}, { schema }), open(url, {}, { schema })];
        const outside = open(url);
        const now = Date.now();
        const reservation = { id: 'r', key: 'k', endpoint: '', model: '', usage: USAGE, reservedAt: now };
        const op = { key: 'a', span: undefined, room: 10, amount: 5 };
        await Promise.all(
          inside.map(({ store }, i) => store.admit({ ...reservation, id: `r${i}` }, [op], now)),
        );
        expect((await outside.store.read(['a'], now)).values).toEqual([undefined]);
        expect(await inside[0]?.store.admit(reservation, [op], now)).toMatchObject({ admitted: false });
        expect(await outside.store.admit(reservation, [op], now)).toMatchObject({ admitted: true });
        const tables = await outside.query(
          `SELECT count(*) AS n FROM pg_tables WHERE schemaname LIKE '%udgets' OR schemaname LIKE 'Odd%'`,
        );
        expect(tables).toEqual([{ n: '3' }]);
        await Promise.all([...inside, outside].map((worker) => worker.close()));
      },
    );
  });
});

const USAGE = { requests: 1, promptTokens: 3, completionTokens: 4, tokens: 7, images: 0, cost: 0.25 };

/** What `@keyv/postgres` is to the store, on a pool of its own: of the adapter's pools there is one in a process. */
function open(url: string, { connections = 10, settings = [] }: WorkerOptions = {}, opts = {}): Worker {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    options: settings.map((setting) => `-c ${setting}`).join(' '),
  });
  const errors: unknown[] = [];
  const failures: unknown[] = [];
  const failed = (error: unknown) => errors.push(error);
  pool.on('error', failed);
  const query = async (sql: string, values?: unknown[]) => {
    try {
      return (await pool.query(sql, values)).rows;
    } catch (error) {
      errors.push(error);
      throw error;
    }
  };
  const store = new PostgresStore({ opts, query }, 'app', (error) => failures.push(error));
  return { store, errors, failures, query, close: () => pool.end() };
}

function openAdapter(url: string): Pick<Worker, 'store' | 'close'> {
  const adapter = new KeyvPostgres(url);
  const keyv = new Keyv(adapter);
  // As a budget does. In version 6 of Keyv, an error that nobody listens to is thrown.
  keyv.on('error', () => undefined);
  const store = new PostgresStore(adapter, 'app', (error) => {
    throw error;
  });
  return { store, close: () => disconnected(keyv, url) };
}

/**
 * The end of a pool does not wait for its connections, and nobody listens to the errors of that of the adapter: the
 * server must not be stopped before they are gone.
 */
async function disconnected(keyv: Keyv, url: string): Promise<void> {
  await keyv.disconnect();
  const client = new pg.Client(url);
  await client.connect();
  const others =
    'SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
  await vi.waitFor(async () => expect((await client.query(others)).rowCount).toBe(0), { interval: 5 });
  await client.end();
}

let databases = 0;
async function createDatabase({ url }: PostgresServer): Promise<string> {
  const name = `database_${++databases}`;
  await run(url, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
  return url.replace(/postgres$/, name);
}

async function createUser(url: string): Promise<string> {
  await run(
    url,
    `CREATE ROLE worker LOGIN;
     REVOKE CREATE ON SCHEMA public FROM PUBLIC;
     ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO worker`,
  );
  return url.replace('postgres@', 'worker@');
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(sql);
  await client.end();
}
