import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MariadbServer, mariadbProgram } from '../support/mariadb.ts';
import { PostgresServer, postgresProgram } from '../support/postgres.ts';
import { RedisServer, redisProgram } from '../support/redis.ts';
import type { Place } from './open.ts';

/** A store that is there as long as a test. */
interface RunningStore {
  readonly place: Place;
  stop(): unknown;
}

interface StoreKind {
  readonly adapter: Place['adapter'];
  /** What it needs on this machine; where it is, undefined if it is not there. */
  readonly needs: string;
  readonly program: string | undefined;
  start(): Promise<RunningStore>;
}

export const STORES: readonly StoreKind[] = [
  { adapter: '@keyv/redis', needs: 'redis-server', program: redisProgram, start: () => redis('@keyv/redis') },
  {
    adapter: '@keyv/valkey',
    needs: 'redis-server',
    program: redisProgram,
    start: () => redis('@keyv/valkey'),
  },
  { adapter: 'fileStore', needs: 'node', program: process.execPath, start: file },
  { adapter: '@keyv/postgres', needs: 'postgres', program: postgresProgram, start: postgres },
  { adapter: '@keyv/mysql', needs: 'mariadbd', program: mariadbProgram, start: mariadb },
];

async function redis(adapter: Place['adapter']): Promise<RunningStore> {
  const server = await RedisServer.start();
  return { place: { adapter, at: server.url }, stop: () => server.stop() };
}

async function file(): Promise<RunningStore> {
  const folder = mkdtempSync(join(tmpdir(), 'governed-workers-'));
  const place = { adapter: 'fileStore', at: join(folder, 'budget.db') } as const;
  return { place, stop: () => rmSync(folder, { recursive: true }) };
}

/** Each worker has as many connections as its adapter's pool, which is 10. */
async function postgres(): Promise<RunningStore> {
  const server = await PostgresServer.start();
  return { place: { adapter: '@keyv/postgres', at: server.url }, stop: () => server.remove() };
}

async function mariadb(): Promise<RunningStore> {
  const server = await MariadbServer.start();
  return { place: { adapter: '@keyv/mysql', at: server.url }, stop: () => server.remove() };
}
