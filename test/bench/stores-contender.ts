import { createClient } from '@redis/client';

export const STORES = ['memory', 'file', 'redis', 'valkey', 'postgres', 'mariadb'] as const;
export type StoreName = (typeof STORES)[number];

/** Where the stores of a run are; empty if they are not part of it. */
export interface Places {
  readonly redis: string;
  readonly postgres: string;
  readonly mariadb: string;
  readonly file: string;
}

export interface Session {
  /** One admission. */
  call(): Promise<unknown>;
  /** An admission and its settlement, one after the other; not measured, but counted. */
  whole?(): Promise<void>;
  /** Resolves when nothing is under way. */
  rest?(): Promise<void>;
  close(): Promise<unknown>;
}

export interface Contender {
  readonly name: string;
  readonly store: StoreName;
  /** Name of the limiter that one would take instead on the same server. */
  readonly instead?: string;
  open(places: Places): Promise<Session>;
}

/** Tokens that one call asks for. */
export const TOKENS = 70;

/** node-redis, as `@keyv/redis` has it. */
export async function connectRedis(url: string) {
  const client = createClient({ url });
  await client.connect();
  return client;
}
