import { BudgetOptionError } from '../errors.ts';
import { MemoryStore } from './memory.ts';
import type { CounterStore } from './store.ts';

/** A Keyv instance, of version 5 or 6, by what is used of it. */
export interface KeyvInstance {
  readonly store: unknown;
  get(key: string): unknown;
  set(key: string, value: unknown): unknown;
  delete(key: string): unknown;
}

/** The counters of a Keyv instance on a Map are kept beside it, so that budgets on the same instance share them. */
const memoryStores = new WeakMap<object, MemoryStore>();

/**
 * The store of counters for the value of the `store` option: a Keyv instance, recognised by what it can do, or a
 * CounterStore of one's own.
 *
 * @throws BudgetOptionError if it is neither, or a Keyv instance on an adapter that is not supported.
 */
export function counterStore(store: unknown, _failed: (error: unknown) => void): CounterStore {
  if (store === undefined) return new MemoryStore();
  if (isCounterStore(store)) return store;
  if (!isKeyv(store)) throw new BudgetOptionError('budget.store', 'a Keyv instance', store);
  if (!isMemory(store.store)) {
    throw new BudgetOptionError('budget.store', 'a Keyv instance in memory (new Keyv())', store.store);
  }
  let counters = memoryStores.get(store);
  if (counters === undefined) {
    counters = new MemoryStore();
    memoryStores.set(store, counters);
  }
  return counters;
}

function isCounterStore(value: unknown): value is CounterStore {
  return hasMethods(value, ['admit', 'settle', 'read', 'delete', 'reservations', 'note', 'noted']);
}

function isKeyv(value: unknown): value is KeyvInstance {
  return hasMethods(value, ['get', 'set', 'delete']) && 'store' in value;
}

/** Version 5 keeps a Map itself, version 6 an adapter around one. */
function isMemory(adapter: unknown): boolean {
  if (adapter instanceof Map) return true;
  return (
    typeof adapter === 'object' && adapter !== null && 'store' in adapter && adapter.store instanceof Map
  );
}

function hasMethods(value: unknown, names: readonly string[]): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof Reflect.get(value, name) === 'function')
  );
}
