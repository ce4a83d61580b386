import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import Keyv from 'keyv';
import Keyv6 from 'keyv6';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FileStore, fileStore } from '../../src/stores/file.ts';

/** What tests use of a Keyv instance of either version. */
interface Instance {
  readonly store: unknown;
  get(key: string): Promise<unknown>;
  getMany(keys: string[]): Promise<unknown[]>;
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  delete(key: string): Promise<boolean>;
  has(key: string): Promise<boolean>;
  clear(): Promise<void>;
  disconnect(): Promise<void>;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  entries(): Promise<unknown[]>;
}

async function listOf(iterator: AsyncIterable<unknown> | undefined): Promise<unknown[]> {
  const list: unknown[] = [];
  if (iterator === undefined) throw new Error('there is no iterator');
  for await (const entry of iterator) list.push(entry);
  return list;
}

const versions = {
  'Keyv 5': (path: string, namespace = 'app', options = {}): Instance => {
    const keyv = new Keyv({ store: fileStore(path), namespace, ...options });
    return Object.assign(keyv, { entries: () => listOf(keyv.iterator?.(undefined)) });
  },
  'Keyv 5, adapter first': (path: string, namespace = 'app', options = {}): Instance => {
    const keyv = new Keyv(fileStore(path), { namespace, ...options });
    return Object.assign(keyv, { entries: () => listOf(keyv.iterator?.(undefined)) });
  },
  'Keyv 6': (path: string, namespace = 'app', options = {}): Instance => {
    const keyv = new Keyv6({ store: fileStore(path), namespace, ...options });
    return Object.assign(keyv, { entries: () => listOf(keyv.iterator()) });
  },
  'Keyv 6, adapter first': (path: string, namespace = 'app', options = {}): Instance => {
    const keyv = new Keyv6(fileStore(path), { namespace, ...options });
    return Object.assign(keyv, { entries: () => listOf(keyv.iterator()) });
  },
};

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'governed-')), 'budget.db');
});
afterEach(() => {
  vi.useRealTimers();
});

describe.each(Object.entries(versions))('%s on a file', (_name, open) => {
  test('keeps values, for every process', async () => {
    const [keyv, other] = [open(path), open(path)];
    const value = { text: 'é🎈\0\'"\\', list: [1, null, { deep: true }] };
    expect(await keyv.set('a', value)).toBe(true);
    expect(await other.get('a')).toEqual(value);
    expect(await other.has('a')).toBe(true);
    expect(await other.get('b')).toBeUndefined();
    expect(await other.has('b')).toBe(false);
    expect(await keyv.set('a', 'other')).toBe(true);
    expect(await other.getMany(['b', 'a'])).toEqual([undefined, 'other']);
    expect(await other.delete('a')).toBe(true);
    expect(await other.delete('a')).toBe(false);
    expect(await keyv.get('a')).toBeUndefined();
  });

  test('forgets values when their time is over', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    const keyv = open(path);
    await keyv.set('short', 1, 100);
    await keyv.set('long', 2, 1_000.5);
    await keyv.set('endless', 3);
    vi.setSystemTime(1_000_000 + 99);
    expect(await keyv.getMany(['short', 'long', 'endless'])).toEqual([1, 2, 3]);
    vi.setSystemTime(1_000_000 + 101);
    expect(await keyv.getMany(['short', 'long', 'endless'])).toEqual([undefined, 2, 3]);
    expect(await keyv.has('short')).toBe(false);
    expect(await keyv.entries()).toEqual([
      ['endless', 3],
      ['long', 2],
    ]);
    vi.setSystemTime(1_000_000 * 1_000);
    expect(await keyv.entries()).toEqual([['endless', 3]]);
  });

  test('clears its own namespace only', async () => {
    const namespaces = ['a', 'a_', 'ab', 'a%', 'A', 'b', 'b%', 'b0', 'bc'];
    for (const namespace of namespaces) await open(path, namespace).set('key', namespace);
    await open(path, 'a_').clear();
    await open(path, 'a%').clear();
    await open(path, 'b').clear();
    const left = await Promise.all(namespaces.map((namespace) => open(path, namespace).get('key')));
    expect(left).toEqual(['a', undefined, 'ab', undefined, 'A', undefined, 'b%', 'b0', 'bc']);
  });

  test('iterates over the values of its namespace, however many', async () => {
    const keyv = open(path);
    await open(path, 'other').set('x', 0);
    const entries = Array.from({ length: 250 }, (_, i) => [`key:${String(i).padStart(3, '0')}`, i]);
    for (const [key, value] of entries) await keyv.set(String(key), value);
    expect(await keyv.entries()).toEqual(entries);
  });

  test('opens the file again after it is disconnected', async () => {
    const keyv = open(path);
    await keyv.set('a', 1);
    await keyv.disconnect();
    expect(await keyv.get('a')).toBe(1);
  });

  test('tells of failures', async () => {
    writeFileSync(path, 'this is not a database '.repeat(100));
    const keyv = open(path);
    const errors: unknown[] = [];
    keyv.on('error', (error) => errors.push(error));
    const failure = expect.objectContaining({ name: 'FileStoreError', code: 'SQLITE_NOTADB' });
    expect(await keyv.get('a')).toBeUndefined();
    expect(errors).toContainEqual(failure);
    errors.length = 0;
    expect(await keyv.set('a', 1)).toBe(false);
    expect(errors).toEqual([failure]);
  });

  test('refuses values that are not serialized', async () => {
    const keyv = open(path, 'app', { serialization: false, serialize: undefined, deserialize: undefined });
    const errors: unknown[] = [];
    keyv.on('error', (error) => errors.push(error));
    expect(await keyv.set('a', { b: 1 })).toBe(false);
    expect(errors).toEqual([expect.objectContaining({ name: 'BudgetOptionError', option: 'fileStore' })]);
  });

  test('lets a budget find its counters', () => {
    const { store } = open(path);
    const adapter = store instanceof Object && 'store' in store ? store.store : store;
    expect((adapter as FileStore).counters('app').scope).toBe('machine');
  });
});

describe('the adapter itself', () => {
  test('does not give what has expired, and deletes it in time', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    const store = fileStore(path);
    await store.set('a', 'text', 100);
    vi.setSystemTime(1_000_000 + 99);
    expect(await store.get('a')).toBe('text');
    vi.setSystemTime(1_000_000 + 100);
    expect(await store.get('a')).toBeUndefined();
    expect(await store.has('a')).toBe(false);
    expect(await store.delete('a')).toBe(false);
    expect(await listOf(store.iterator())).toEqual([]);
    const rows = () => new DatabaseSync(path).prepare('SELECT key FROM governed_values').all();
    expect(rows()).toHaveLength(1);
    await store.set('b', 'text');
    expect(rows()).toEqual([{ key: 'b' }]);
  });

  test('without a namespace, clears and iterates over all values', async () => {
    const store = fileStore(path);
    for (const key of ['', 'a', 'b:c', '\u{10ffff}']) await store.set(key, 'text');
    expect(await listOf(store.iterator())).toHaveLength(4);
    await store.clear();
    expect(await listOf(store.iterator())).toEqual([]);
  });
});
