import { BudgetOptionError } from '../errors.ts';
import type { KeyvInstance } from './keyv-counters.ts';
import { KeyvStore } from './keyv-store.ts';
import { MemoryStore } from './memory.ts';
import { type MysqlAdapter, MysqlStore } from './mysql.ts';
import { type PostgresAdapter, PostgresStore } from './postgres.ts';
import { RedisStore } from './redis.ts';
import { type IoRedis, ioRedisClient, type NodeRedisAdapter, nodeRedisClient } from './redis-client.ts';
import type { CounterStore } from './store.ts';

type Failed = (error: unknown) => void;

/** What belongs to a Keyv instance: its counters, which budgets on it share, and whom to tell of its errors. */
interface Known {
  readonly counters: CounterStore;
  /** Weak, for an app may make many budgets on one instance. */
  readonly told: Set<WeakRef<Failed>>;
}

const known = new WeakMap<object, Known>();

/**
 * The store of counters for the value of the `store` option: a Keyv instance, whose adapter is recognised by what it
 * can do, or a CounterStore of one's own.
 *
 * @param failed told of the errors that the instance emits, which belong to no operation; held weakly
 * @throws BudgetOptionError if it is neither
 */
export function counterStore(store: unknown, failed: Failed): CounterStore {
  if (store === undefined) return new MemoryStore();
  if (isCounterStore(store)) return store;
  if (!isKeyv(store)) throw new BudgetOptionError('budget.store', 'a Keyv instance', store);
  const { counters, told } = known.get(store) ?? know(store);
  told.add(new WeakRef(failed));
  return counters;
}

function know(keyv: KeyvInstance): Known {
  const told = new Set<WeakRef<Failed>>();
  const tell: Failed = (error) => {
    for (const ref of told) {
      const failed = ref.deref();
      if (failed === undefined) told.delete(ref);
      else failed(error);
    }
  };
  const layers = layersOf(keyv);
  listen(layers, tell);
  const made = { counters: countersOf(keyv, layers, tell), told };
  known.set(keyv, made);
  return made;
}

function countersOf(keyv: KeyvInstance, layers: readonly object[], failed: Failed): CounterStore {
  const namespace = keyv.namespace ?? '';
  for (const adapter of layers) {
    if (adapter instanceof Map) return new MemoryStore();
    if (isNodeRedis(adapter)) return new RedisStore(nodeRedisClient(adapter), namespace);
    const redis = member(adapter, 'redis');
    if (isIoRedis(redis)) return new RedisStore(ioRedisClient(redis), namespace);
    if (isPostgres(adapter)) return new PostgresStore(adapter, namespace, failed);
    if (isMysql(adapter)) return new MysqlStore(adapter, namespace, failed);
    if (hasCounters(adapter)) return adapter.counters(namespace);
  }
  return new KeyvStore(keyv);
}

/** `fileStore()`, or whatever adapter brings counters of its own. */
function hasCounters(adapter: unknown): adapter is { counters(namespace: string): CounterStore } {
  return can(adapter, 'counters');
}

function isNodeRedis(adapter: unknown): adapter is NodeRedisAdapter {
  return can(adapter, 'getClient');
}

function isIoRedis(client: unknown): client is IoRedis {
  return can(client, 'evalsha', 'eval');
}

function isPostgres(adapter: unknown): adapter is PostgresAdapter {
  return can(adapter, 'query') && member(member(adapter, 'opts'), 'dialect') === 'postgres';
}

function isMysql(adapter: unknown): adapter is MysqlAdapter {
  return can(adapter, 'query') && member(member(adapter, 'opts'), 'dialect') === 'mysql';
}

/** The instance, its adapter, and what that wraps: version 6 puts an adapter around older ones and around a Map. */
function layersOf(keyv: KeyvInstance): object[] {
  const layers: object[] = [keyv];
  for (let inner = keyv.store; typeof inner === 'object' && inner !== null; inner = member(inner, 'store')) {
    if (layers.includes(inner)) break;
    layers.push(inner);
  }
  return layers;
}

/** An error event that nobody listens to may end the process; one that is passed on is told once. */
function listen(layers: readonly object[], failed: Failed): void {
  let last: unknown;
  const once = (error: unknown) => {
    if (error !== last) failed(error);
    last = error;
  };
  for (const layer of layers) if (can(layer, 'on')) Reflect.apply(layer.on, layer, ['error', once]);
}

function isCounterStore(value: unknown): value is CounterStore {
  return can(value, 'admit', 'settle', 'read', 'delete', 'reservations', 'note', 'noted');
}

function isKeyv(value: unknown): value is KeyvInstance {
  return can(value, 'get', 'set', 'delete') && 'store' in value;
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function can<const N extends string>(
  value: unknown,
  ...names: N[]
): value is { readonly [K in N]: () => unknown } {
  return names.every((name) => typeof member(value, name) === 'function');
}
