import { KeyvMysql } from '@keyv/mysql';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MysqlStore } from '../../src/stores/mysql.ts';
import { conformance } from '../conformance.ts';
import { MariadbServer, mariadbProgram } from '../support/mariadb.ts';
import { describeWith } from '../support/server.ts';
import type { Worker, WorkerOptions } from '../support/sql-server.ts';
import { sqlStores } from './sql-suite.ts';

const PROCEDURES = ['lock', 'admit', 'settle', 'read', 'delete', 'reservations', 'note', 'noted', 'sweep'];

describeWith(mariadbProgram, 'mariadbd', 'MySQL', () => {
  let server: MariadbServer;
  beforeAll(async () => {
    server = await MariadbServer.start();
  });
  afterAll(() => server?.remove());

  conformance(
    '@keyv/mysql',
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
      "SET sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES', time_zone = '+09:00'",
      'SET character_set_results = latin1, character_set_client = latin1, character_set_connection = latin1',
      'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    ],
    readOnly: 'SET SESSION TRANSACTION READ ONLY',
    wipe: [
      'DROP TABLE governed_openai_counters, governed_openai_reservations, governed_openai_notes, governed_openai_locks',
      ...PROCEDURES.map((name) => `DROP PROCEDURE governed_openai_${name}_v1`),
    ],
    breakSweep: [
      'DROP PROCEDURE governed_openai_sweep_v1',
      `CREATE PROCEDURE governed_openai_sweep_v1(IN p_at DOUBLE)
       BEGIN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'broken'; END`,
    ],
  });

  test('a lock that is missing is not passed over: it is made again', async () => {
    const { store, errors, query, close } = open(await createDatabase(server));
    await store.read([]);
    await query('DELETE FROM governed_openai_locks WHERE slot % 2 = 0');
    errors.length = 0;
    for (let i = 0; errors.length === 0; i++) await store.delete([`key ${i}`]);
    expect(errors[0]).toMatchObject({ errno: 1146 });
    expect(await query('SELECT COUNT(*) AS n FROM governed_openai_locks')).toEqual([{ n: 4_096 }]);
    await close();
  });
});

/** What `@keyv/mysql` is to the store, on a pool of its own: of the adapter's pools there is one in a process. */
function open(url: string, { connections = 10, settings = [] }: WorkerOptions = {}): Worker {
  const pool = mysql.createPool({ uri: url, connectionLimit: connections });
  const errors: unknown[] = [];
  const failures: unknown[] = [];
  pool.on('connection', (connection) => {
    for (const statement of settings) connection.query(statement);
  });
  const query = async (sql: string) => {
    try {
      return (await pool.query(sql))[0] as Record<string, unknown>[];
    } catch (error) {
      errors.push(error);
      throw error;
    }
  };
  const store = new MysqlStore({ opts: {}, query }, 'app', (error) => failures.push(error));
  return { store, errors, failures, query, close: () => pool.end() };
}

function openAdapter(url: string): Pick<Worker, 'store' | 'close'> {
  const adapter = new KeyvMysql(url);
  const store = new MysqlStore(adapter, 'app', (error) => {
    throw error;
  });
  return { store, close: () => adapter.disconnect() };
}

let databases = 0;
async function createDatabase({ url }: MariadbServer): Promise<string> {
  const name = `database_${++databases}`;
  await run(url, `CREATE DATABASE ${name} CHARACTER SET latin1`);
  return url.replace(/mysql$/, name);
}

async function createUser(url: string): Promise<string> {
  const [database] = url.split('/').slice(-1);
  await run(url, `CREATE USER worker@'%'`);
  await run(url, `GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON ${database}.* TO worker@'%'`);
  return url.replace('root@', 'worker@');
}

async function run(url: string, sql: string): Promise<void> {
  const connection = await mysql.createConnection(url);
  await connection.query(sql);
  await connection.end();
}
