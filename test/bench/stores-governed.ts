import KeyvMysql from '@keyv/mysql';
import KeyvPostgres from '@keyv/postgres';
import KeyvRedis from '@keyv/redis';
import KeyvValkey from '@keyv/valkey';
import Keyv from 'keyv';
import { Budget } from '../../src/budget.ts';
import { fileStore } from '../../src/stores/file.ts';
import type { Contender, Session } from './stores-contender.ts';
import { RLF, RLF_MARIADB, RLF_POSTGRES, RLF_VALKEY } from './stores-limiters.ts';

const limits = [
  { tokens: 1e12, per: 'minute' },
  { requests: 1e12, per: 'day' },
  { cost: 1e6, per: 'month' },
] as const;
const reserved = { requests: 1, promptTokens: 20, completionTokens: 50, cost: 0.0001 };
const used = { requests: 1, promptTokens: 20, completionTokens: 30, cost: 0.00007 };

function budgetOn(keyv: Keyv): Budget {
  return new Budget({ key: 'hot', limits, store: keyv });
}

/** Admissions. They stay open: a process that kept them all would pay for its garbage collector. */
function admissions(keyv: Keyv): Session {
  const budget = budgetOn(keyv);
  return {
    call: () => budget.reserve({ usage: reserved }),
    whole: async () => {
      (await budget.reserve({ usage: reserved })).settle(used);
      await budget.flush();
    },
    close: () => keyv.disconnect(),
  };
}

/** Whole calls: an admission, and its settlement off the caller's path. */
function wholeCalls(keyv: Keyv): Session {
  const budget = budgetOn(keyv);
  return {
    call: async () => (await budget.reserve({ usage: reserved })).settle(used),
    rest: () => budget.flush(),
    close: () => keyv.disconnect(),
  };
}

function keyvOf(store: object): Keyv {
  return new Keyv({ store });
}

export const GOVERNED_REDIS = 'budget on Redis (@keyv/redis)';

export const governedContenders: readonly Contender[] = [
  { name: 'budget in memory', store: 'memory', open: async () => admissions(new Keyv()) },
  {
    name: 'budget in a file',
    store: 'file',
    open: async ({ file }) => admissions(keyvOf(fileStore(file))),
  },
  {
    name: GOVERNED_REDIS,
    store: 'redis',
    instead: RLF,
    open: async ({ redis }) => admissions(keyvOf(new KeyvRedis(redis))),
  },
  {
    name: 'budget on Redis, reserve and settle',
    store: 'redis',
    instead: RLF,
    open: async ({ redis }) => wholeCalls(keyvOf(new KeyvRedis(redis))),
  },
  {
    name: 'budget on Redis (@keyv/valkey)',
    store: 'valkey',
    instead: RLF_VALKEY,
    open: async ({ redis }) => admissions(keyvOf(new KeyvValkey(redis))),
  },
  {
    name: 'budget on Postgres',
    store: 'postgres',
    instead: RLF_POSTGRES,
    open: async ({ postgres }) => admissions(keyvOf(new KeyvPostgres(postgres))),
  },
  {
    name: 'budget on MariaDB',
    store: 'mariadb',
    instead: RLF_MARIADB,
    open: async ({ mariadb }) => admissions(keyvOf(new KeyvMysql(mariadb))),
  },
];
