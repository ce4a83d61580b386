import { tmpdir } from 'node:os';
import { join } from 'node:path';
import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import Keyv6 from 'keyv6';
import { describe, expect, test, vi } from 'vitest';
import { BudgetOptionError } from '../../src/errors.ts';
import { Budget, fileStore } from '../../src/index.ts';
import { FileCounters } from '../../src/stores/file-counters.ts';
import { counterStore } from '../../src/stores/from-keyv.ts';
import { KeyvStore } from '../../src/stores/keyv-store.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { MysqlStore } from '../../src/stores/mysql.ts';
import { PostgresStore } from '../../src/stores/postgres.ts';
import { RedisStore } from '../../src/stores/redis.ts';

const unheard = (error: unknown) => {
  throw error;
};

/** An adapter as Keyv demands it, with what else is recognised of it. */
function adapter(more: object = {}) {
  const listeners: ((error: unknown) => void)[] = [];
  return {
    opts: {},
    get: async () => undefined,
    set: async () => true,
    delete: async () => true,
    clear: async () => undefined,
    on: (_: string, listener: (error: unknown) => void) => listeners.push(listener),
    heard: () => listeners.length,
    fail: (error: unknown) => {
      for (const listener of listeners) listener(error);
    },
    ...more,
  };
}

const evalsha = async () => [];
const query = async () => [];

describe.each([
  ['5', (store?: object) => new Keyv(store === undefined ? {} : { store: store as never })],
  ['6', (store?: object) => new Keyv6(store === undefined ? {} : { store: store as never })],
])('an instance of Keyv %s', (_, make) => {
  test.each([
    ['in memory', () => undefined, MemoryStore],
    ['on @keyv/redis', () => new KeyvRedis('redis://127.0.0.1:1'), RedisStore],
    ['on @keyv/valkey', () => adapter({ redis: { evalsha, eval: evalsha } }), RedisStore],
    ['on @keyv/postgres', () => adapter({ query, opts: { dialect: 'postgres' } }), PostgresStore],
    ['on @keyv/mysql', () => adapter({ query, opts: { dialect: 'mysql' } }), MysqlStore],
    ['on a file', () => fileStore(join(tmpdir(), 'never-made.db')), FileCounters],
    ['on @keyv/sqlite, as on any other', () => adapter({ query, opts: { dialect: 'sqlite' } }), KeyvStore],
    ['on any other adapter', () => adapter(), KeyvStore],
  ])('%s is recognised by what its adapter can do', (_, store, kind) => {
    expect(counterStore(make(store()), unheard)).toBeInstanceOf(kind);
  });

  test('shares its counters with all budgets on it, and with no other instance', () => {
    const keyv = make();
    expect(counterStore(keyv, unheard)).toBe(counterStore(keyv, unheard));
    expect(counterStore(make(), unheard)).not.toBe(counterStore(keyv, unheard));
  });

  test('that emits an error tells the budget of it, once, and ends no process', () => {
    const store = adapter();
    const heard = vi.fn();
    const budget = new Budget({ store: make(store) as never });
    budget.on('storeError', heard);
    const error = Object.assign(new Error('redis://user:hunter2@host'), { code: 'ECONNRESET' });
    store.fail(error);
    expect(heard).toHaveBeenCalledTimes(1);
    expect(heard.mock.calls[0]?.[0]).toMatchObject({ operation: 'connect', cause: error });
    expect(String(heard.mock.calls[0]?.[0])).not.toContain('hunter2');
  });
});

test('an instance is listened to once, however many budgets are made on it', () => {
  const store = adapter();
  const keyv = new Keyv({ store: store as never });
  const before = store.heard();
  const budgets = Array.from({ length: 200 }, () => new Budget({ store: keyv as never }));
  expect(store.heard() - before).toBe(1);
  const heard = vi.fn();
  for (const budget of budgets) budget.on('storeError', heard);
  store.fail(new Error('gone'));
  expect(heard).toHaveBeenCalledTimes(200);
});

test.each([
  ['a URL', 'redis://user:secret@host'],
  ['a Map', new Map()],
  ['a number', 3],
  ['null', null],
  ['an adapter without its Keyv', adapter()],
])('refuses %s, and shows no secret', (_, store) => {
  expect(() => counterStore(store, unheard)).toThrow(BudgetOptionError);
  expect(() => counterStore(store, unheard)).not.toThrow(/secret/);
});
