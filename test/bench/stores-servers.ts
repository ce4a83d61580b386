import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MariadbServer, mariadbProgram } from '../support/mariadb.ts';
import { PostgresServer, postgresProgram } from '../support/postgres.ts';
import { RedisServer, redisProgram } from '../support/redis.ts';
import { connectRedis, type Places, type StoreName } from './stores-contender.ts';

/** For every connection that the pools of all processes may open. */
const CONNECTIONS = 400;

const PROGRAMS = {
  memory: 'none',
  file: 'none',
  redis: redisProgram,
  valkey: redisProgram,
  postgres: postgresProgram,
  mariadb: mariadbProgram,
} satisfies { [S in StoreName]: string | undefined };

/** What the stores of a run need, until it is over. */
export interface Servers {
  /** Those whose servers can be had on this machine. */
  readonly stores: readonly StoreName[];
  readonly places: Places;
  /** Forgets what contenders left behind in Redis. */
  flush(): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a server for each of the stores that needs one. Says so where that is not installed. */
export async function startServers(wanted: readonly StoreName[]): Promise<Servers> {
  const stores = wanted.filter((store) => {
    const there = PROGRAMS[store] !== undefined;
    if (!there) console.log(`${store}: skipped, its server is not installed on this machine`);
    return there;
  });
  const takes = (...names: StoreName[]) => names.some((name) => stores.includes(name));
  const redis = takes('redis', 'valkey') ? await RedisServer.start() : undefined;
  const postgres = takes('postgres')
    ? await PostgresServer.start('-c', `max_connections=${CONNECTIONS}`)
    : undefined;
  const mariadb = takes('mariadb')
    ? await MariadbServer.start(`--max-connections=${CONNECTIONS}`)
    : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'governed-bench-'));
  const flusher = redis && (await connectRedis(redis.url));
  return {
    stores,
    places: {
      redis: redis?.url ?? '',
      postgres: postgres?.url ?? '',
      mariadb: mariadb?.url ?? '',
      file: join(folder, 'budget.db'),
    },
    flush: async () => flusher?.flushDb(),
    async stop() {
      flusher?.destroy();
      await Promise.all([redis?.stop(), postgres?.remove(), mariadb?.remove()]);
      rmSync(folder, { recursive: true });
    },
  };
}
