import KeyvValkey from '@keyv/valkey';
import { Ratelimit } from '@upstash/ratelimit';
import mysql from 'mysql2';
import pg from 'pg';
import { RateLimiterMySQL, RateLimiterPostgres, RateLimiterRedis } from 'rate-limiter-flexible';
import { type Contender, connectRedis, type Session, TOKENS } from './stores-contender.ts';
import { upstashClient } from './stores-upstash.ts';

/** What a user would pick instead. */

export const RLF = 'rate-limiter-flexible, 1 limit';
export const RLF_VALKEY = 'rate-limiter-flexible (iovalkey), 1 limit';
export const RLF_POSTGRES = 'rate-limiter-flexible on Postgres, 1 limit';
export const RLF_MARIADB = 'rate-limiter-flexible on MariaDB, 1 limit';

const MINUTE = 60;
/** What one call asks of each of the limits that a budget has, and their seconds. */
const THREE = [
  { keyPrefix: 'tokens', asked: TOKENS, duration: MINUTE },
  { keyPrefix: 'requests', asked: 1, duration: 24 * 60 * MINUTE },
  { keyPrefix: 'cost', asked: 100, duration: 30 * 24 * 60 * MINUTE },
] as const;
type Limits = readonly (typeof THREE)[number][];
const ONE: Limits = THREE.slice(0, 1);
/** Never reached, and fits an integer of Postgres. */
const points = 2_000_000_000;

interface Limiter {
  consume(key: string, points: number): Promise<unknown>;
}

/** The limits have nothing that makes them one: sent together, so that they cost one wait. */
function session(limiters: readonly Limiter[], close: () => Promise<unknown>): Session {
  const [only] = limiters;
  if (limiters.length === 1 && only !== undefined) return { call: () => only.consume('hot', TOKENS), close };
  return {
    call: () => Promise.all(limiters.map((limiter, i) => limiter.consume('hot', THREE[i]?.asked ?? 0))),
    close,
  };
}

async function onNodeRedis(url: string, limits: Limits): Promise<Session> {
  const storeClient = await connectRedis(url);
  const limiters = limits.map(({ keyPrefix, duration }) => {
    return new RateLimiterRedis({ storeClient, useRedisPackage: true, keyPrefix, points, duration });
  });
  return session(limiters, async () => storeClient.destroy());
}

async function onIovalkey(url: string): Promise<Session> {
  const { redis } = new KeyvValkey(url);
  const limiter = new RateLimiterRedis({ storeClient: redis, keyPrefix: 'io', points, duration: MINUTE });
  return session([limiter], async () => redis.disconnect());
}

/** Makes the limiters of a table one after the other: each makes the table if it is not there. */
async function made(
  limits: Limits,
  make: (limit: Limits[number], done: (error?: unknown) => void) => Limiter,
): Promise<Limiter[]> {
  const limiters: Limiter[] = [];
  for (const limit of limits) {
    await new Promise<void>((resolve, reject) => {
      limiters.push(make(limit, (error) => (error == null ? resolve() : reject(error))));
    });
  }
  return limiters;
}

async function onPostgres(url: string, limits: Limits): Promise<Session> {
  const pool = new pg.Pool({ connectionString: url });
  const limiters = await made(limits, ({ keyPrefix, duration }, done) => {
    const options = { storeClient: pool, tableName: `limits_${limits.length}`, keyPrefix, points, duration };
    return new RateLimiterPostgres(options, done);
  });
  return session(limiters, () => pool.end());
}

async function onMariadb(url: string): Promise<Session> {
  const pool = mysql.createPool(url);
  const limiters = await made(ONE, ({ keyPrefix, duration }, done) => {
    const options = { storeClient: pool, dbName: 'limits', tableName: 'limits', keyPrefix, points, duration };
    return new RateLimiterMySQL(options, done);
  });
  return session(limiters, async () => pool.end());
}

async function onUpstash(url: string): Promise<Session> {
  const client = await connectRedis(url);
  const limiter = Ratelimit.slidingWindow(points, '1 m');
  const ratelimit = new Ratelimit({ redis: upstashClient(client), limiter, ephemeralCache: false });
  return { call: () => ratelimit.limit('hot', { rate: TOKENS }), close: async () => client.destroy() };
}

export const limiterContenders: readonly Contender[] = [
  { name: RLF, store: 'redis', open: ({ redis }) => onNodeRedis(redis, ONE) },
  {
    name: 'rate-limiter-flexible, 3 limits',
    store: 'redis',
    instead: RLF,
    open: ({ redis }) => onNodeRedis(redis, THREE),
  },
  {
    name: '@upstash/ratelimit, 1 limit',
    store: 'redis',
    instead: RLF,
    open: ({ redis }) => onUpstash(redis),
  },
  { name: RLF_VALKEY, store: 'valkey', open: ({ redis }) => onIovalkey(redis) },
  { name: RLF_POSTGRES, store: 'postgres', open: ({ postgres }) => onPostgres(postgres, ONE) },
  {
    name: 'rate-limiter-flexible on Postgres, 3 limits',
    store: 'postgres',
    instead: RLF_POSTGRES,
    open: ({ postgres }) => onPostgres(postgres, THREE),
  },
  { name: RLF_MARIADB, store: 'mariadb', open: ({ mariadb }) => onMariadb(mariadb) },
];
