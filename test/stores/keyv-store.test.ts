import { EventEmitter } from 'node:events';
import Keyv from 'keyv';
import Keyv6 from 'keyv6';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EPOCH } from '../../src/limits/window.ts';
import type { KeyvInstance } from '../../src/stores/keyv-counters.ts';
import { KeyvStore } from '../../src/stores/keyv-store.ts';
import { TimedMap } from '../../src/stores/open-reservations.ts';
import type { AdmitOp, SettleOp, StoredReservation } from '../../src/stores/store.ts';
import { conformance } from '../conformance.ts';

type Operation = 'get' | 'set' | 'delete';

/** An adapter that answers some turns later, and fails where it is told to. */
class RemoteAdapter extends EventEmitter {
  readonly opts = {};
  namespace: string | undefined;
  readonly values = new Map<string, unknown>();
  /** The time to live of each value, as it was given. */
  readonly ttls = new Map<string, number | undefined>();
  /** Looked up before each operation: rejects with an Error, answers what is no Error instead of operating. */
  fault: (operation: Operation, key: string) => unknown = () => undefined;

  async get(key: string): Promise<unknown> {
    return this.#operate('get', key, () => this.values.get(key));
  }

  async set(key: string, value: unknown, ttl?: number): Promise<unknown> {
    return this.#operate('set', key, () => {
      this.values.set(key, value);
      this.ttls.set(key, ttl);
      return true;
    });
  }

  async delete(key: string): Promise<boolean> {
    return this.#operate('delete', key, () => this.values.delete(key)) as Promise<boolean>;
  }

  async clear(): Promise<void> {
    this.values.clear();
  }

  async #operate(operation: Operation, key: string, operate: () => unknown): Promise<unknown> {
    await new Promise(setImmediate);
    const fault = this.fault(operation, key);
    if (fault instanceof Error) throw fault;
    return fault === undefined ? operate() : fault;
  }
}

/** What tests use of a Keyv instance of either version. */
interface Instance extends KeyvInstance, Pick<EventEmitter, 'listeners'> {
  readonly store: Pick<EventEmitter, 'listeners'>;
  get(key: string): Promise<unknown>;
  emit(event: string, ...payload: unknown[]): unknown;
}

const VERSIONS: Record<string, (adapter: RemoteAdapter, options?: { ttl: number }) => Instance> = {
  'Keyv 5': (adapter, options) => new Keyv({ store: adapter, ...options }),
  'Keyv 6': (adapter, options) => new Keyv6({ store: adapter, namespace: 'keyv', ...options }),
};

const NOW = Date.UTC(2026, 10, 21, 9);
const USAGE = { requests: 1, promptTokens: 3, completionTokens: 4, tokens: 7, images: 0, cost: 0.25 };

let made = 0;
function reservation(): StoredReservation {
  return { id: `r${++made}`, key: 'team', endpoint: '', model: '', usage: USAGE, reservedAt: NOW };
}

const fixed = (key: string, amount = 1, room = 100): AdmitOp => ({
  key,
  span: { start: 0, end: NOW + 3_600_000 },
  room,
  amount,
});
const settled = (op: AdmitOp, used: number): SettleOp => ({ ...op, reserved: op.amount, used });

beforeEach(() => {
  vi.spyOn(process, 'emitWarning').mockReturnValue();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

for (const [version, open] of Object.entries(VERSIONS)) {
  conformance(`any adapter of ${version}`, () => {
    const keyv = open(new RemoteAdapter());
    return { store: new KeyvStore(keyv), other: new KeyvStore(keyv) };
  });
}

describe.each(Object.entries(VERSIONS))('any adapter of %s', (version, open) => {
  let adapter: RemoteAdapter;
  let keyv: Instance;
  let store: KeyvStore;
  beforeEach(() => {
    adapter = new RemoteAdapter();
    keyv = open(adapter);
    store = new KeyvStore(keyv);
  });
  const values = async (...keys: string[]) => (await store.read(keys, NOW)).values;

  test('of many at once, through several budgets, admits exactly what fits', async () => {
    const stores = [store, new KeyvStore(keyv), new KeyvStore(keyv)];
    const admissions = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        stores[i % 3]?.admit(reservation(), [fixed('a', 1, 40), fixed('b', 1, 70)], NOW),
      ),
    );
    expect(admissions.filter((admission) => admission?.admitted === true)).toHaveLength(40);
    expect(await values('a', 'b')).toEqual([40, 40]);
  });

  test('keeps what the app has there apart from the counters', async () => {
    await keyv.set('a', 'of the app');
    await store.admit(reservation(), [fixed('a', 5)], NOW);
    expect(await keyv.get('a')).toBe('of the app');
    expect(await keyv.get('governed:a')).toBe(5);
  });

  const broken = new Error('the adapter is broken');
  const faults: [string, Operation, unknown][] = [
    ['rejects a read', 'get', broken],
    ['rejects a write', 'set', broken],
    ['answers false to a write', 'set', false],
  ];

  test.each(faults)('an adapter that %s: nothing is counted', async (_name, operation, fault) => {
    await store.admit(reservation(), [fixed('a', 5)], NOW);
    adapter.fault = (asked) => (asked === operation ? fault : undefined);
    await expect(store.admit(reservation(), [fixed('a'), fixed('b')], NOW)).rejects.toThrow(
      fault === broken ? broken : expect.objectContaining({ name: 'KeyvStoreError', code: 'NOT_WRITTEN' }),
    );
    adapter.fault = () => undefined;
    expect(await values('a', 'b')).toEqual([5, undefined]);
    expect(store.reservations('team', NOW)).toHaveLength(1);
  });

  test.each(['get', 'set', 'delete'] as const)(
    'an adapter whose %s hides its errors in an event',
    async (operation) => {
      await store.admit(reservation(), [fixed('a', 5)], NOW);
      adapter.fault = (asked) => {
        if (asked !== operation) return undefined;
        adapter.emit('error', broken);
        return operation === 'get' ? null : true;
      };
      const failing =
        operation === 'delete' ? store.delete(['a']) : store.admit(reservation(), [fixed('a')], NOW);
      await expect(failing).rejects.toThrow(broken);
      adapter.fault = () => undefined;
      expect(await values('a')).toEqual([5]);
    },
  );

  test('an error that is none', async () => {
    adapter.fault = () => {
      keyv.emit('error', 'text');
      return undefined;
    };
    await expect(store.read(['a'])).rejects.toMatchObject({
      name: 'KeyvStoreError',
      code: 'FAILED',
      cause: 'text',
    });
  });

  test('a delete that does nothing is a failure, one of a counter that is not there is none', async () => {
    await store.admit(reservation(), [fixed('a', 5)], NOW);
    await store.delete(['b']);
    adapter.fault = (operation) => (operation === 'delete' ? false : undefined);
    await expect(store.delete(['a'])).rejects.toMatchObject({ code: 'NOT_DELETED' });
  });

  test.each([
    ['text', '5'],
    ['null', null],
    ['an object', { value: 5 }],
  ])('%s at the key of a counter is an error, not 0', async (_name, value) => {
    await keyv.set('governed:a', value);
    await expect(store.admit(reservation(), [fixed('a')], NOW)).rejects.toMatchObject({
      code: 'NOT_A_NUMBER',
    });
    expect(await keyv.get('governed:a')).toEqual(value);
  });

  test('what was written of an admission that failed half way is taken back', async () => {
    await store.admit(reservation(), [fixed('a', 5)], NOW);
    const failsOnce = (key: string) => {
      adapter.fault = (operation, asked) => {
        if (operation !== 'set' || !asked.endsWith(key)) return undefined;
        adapter.fault = () => undefined;
        return broken;
      };
    };
    for (const failing of ['c', 'a']) {
      failsOnce(failing);
      await expect(store.admit(reservation(), [fixed('a'), fixed('b'), fixed('c')], NOW)).rejects.toThrow(
        broken,
      );
      expect([...adapter.values.keys()].map((key) => key.replace(/^.*:/, ''))).toEqual(['a']);
      expect(await values('a', 'b', 'c')).toEqual([5, undefined, undefined]);
    }
  });

  test('and if it cannot be taken back then, before anything else is done', async () => {
    await store.admit(reservation(), [fixed('a', 5)], NOW);
    let written = 0;
    adapter.fault = (operation) => (operation === 'set' && ++written > 1 ? broken : undefined);
    await expect(store.admit(reservation(), [fixed('a'), fixed('b')], NOW)).rejects.toThrow(broken);
    expect(await keyv.get('governed:a')).toBe(6);
    await expect(store.read(['a'], NOW)).rejects.toThrow(broken);
    adapter.fault = () => undefined;
    expect(await values('a', 'b')).toEqual([5, undefined]);
  });

  test('a settlement that failed is done when it is tried again, once', async () => {
    const [op, open] = [fixed('a', 6), reservation()];
    await store.admit(open, [op], NOW);
    for (const certain of [true, false]) {
      adapter.fault = (operation) => (operation === 'set' ? broken : undefined);
      await expect(store.settle(open, [settled(op, 2)], certain, NOW)).rejects.toThrow(broken);
      adapter.fault = () => undefined;
      expect(await values('a')).toEqual([6]);
    }
    for (let times = 0; times < 2; times++) await store.settle(open, [settled(op, 2)], false, NOW);
    expect(await values('a')).toEqual([2]);
  });

  test('an adapter that never answers: fails in the end, and what comes after it is done', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    adapter.fault = () => new Promise(() => undefined);
    const failed = expect(store.admit(reservation(), [fixed('a')], NOW)).rejects.toMatchObject({
      name: 'StoreTimeout',
    });
    const next = store.admit(reservation(), [fixed('a')], NOW);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    adapter.fault = () => undefined;
    await vi.advanceTimersByTimeAsync(10_000);
    await failed;
    expect(await next).toMatchObject({ admitted: true, values: [1] });
  });

  test('counters live as long as they count, whatever the default of the instance', async () => {
    adapter = new RemoteAdapter();
    store = new KeyvStore(open(adapter, { ttl: 1 }));
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const endless = { ...fixed('endless'), span: { start: 0, end: Infinity } };
    const moving = { key: 'moving', span: undefined, room: 100, amount: 99.5 };
    await store.admit(reservation(), [fixed('fixed'), endless, moving], NOW);
    expect(Object.fromEntries([...adapter.ttls].map(([key, ttl]) => [key.replace(/^.*:/, ''), ttl]))).toEqual(
      {
        fixed: 3_600_000,
        endless: undefined,
        moving: 600_100,
      },
    );
    vi.setSystemTime(NOW + 1_000);
    expect(await values('fixed', 'endless', 'moving')).toEqual([1, 1, NOW - EPOCH + 99.5]);
  });

  test('a counter that has expired, and is deleted by reading it, can be written all the same', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const moving = { key: 'moving', span: undefined, room: 100, amount: 50 };
    await store.admit(reservation(), [moving], NOW);
    const later = NOW + 601_000;
    vi.setSystemTime(later);
    const admissions = [1, 2, 3].map(() => store.admit(reservation(), [moving], later));
    expect((await Promise.all(admissions)).map(({ admitted }) => admitted)).toEqual([true, true, false]);
    expect((await store.read(['moving'], later)).values).toEqual([later - EPOCH + 100]);
  });

  test('leaves no listeners behind', async () => {
    const listeners = () => [keyv, keyv.store].map((emitter) => emitter.listeners('error').length);
    const before = listeners();
    await store.read(['a']);
    adapter.fault = () => broken;
    await expect(store.read(['a'])).rejects.toThrow(broken);
    expect(listeners()).toEqual(before);
  });

  test('warns of itself once', async () => {
    const name = `AdapterFor${version.replace(' ', '')}`;
    const Named = { [name]: class extends RemoteAdapter {} }[name] ?? RemoteAdapter;
    for (let times = 0; times < 2; times++) {
      const warned = new KeyvStore(open(new Named()));
      await warned.read([]);
      await warned.read([]);
    }
    expect(process.emitWarning).toHaveBeenCalledExactlyOnceWith(
      expect.stringContaining(name),
      expect.objectContaining({
        type: 'BudgetWarning',
        code: 'GOVERNED_OPENAI_ONE_PROCESS',
        detail: expect.stringContaining('fileStore'),
      }),
    );
  });
});

describe('Keyv 5, where it is told', () => {
  const broken = new Error('the adapter is broken');

  test('to throw errors', async () => {
    const adapter = new RemoteAdapter();
    const store = new KeyvStore(new Keyv({ store: adapter, throwOnErrors: true }));
    adapter.fault = () => broken;
    await expect(store.admit(reservation(), [fixed('a')], NOW)).rejects.toThrow(broken);
  });

  test('not to emit errors', async () => {
    const adapter = new RemoteAdapter();
    const store = new KeyvStore(new Keyv({ store: adapter, emitErrors: false }));
    adapter.fault = () => broken;
    await expect(store.read(['a'])).rejects.toThrow(broken);
    adapter.fault = () => {
      adapter.emit('error', broken);
      return null;
    };
    await expect(store.read(['a'])).rejects.toThrow(broken);
  });
});

test('an instance that has no more than get, set and delete', async () => {
  const values = new Map<string, unknown>();
  const keyv = {
    store: undefined,
    get: (key: string) => values.get(key),
    set: (key: string, value: unknown) => void values.set(key, value),
    delete: (key: string) => values.delete(key),
  };
  const store = new KeyvStore(keyv);
  expect(await store.admit(reservation(), [fixed('a', 5)], NOW)).toMatchObject({ values: [5] });
  expect(await store.admit(reservation(), [fixed('a', 5)], NOW)).toMatchObject({ values: [10] });
  await store.delete(['a']);
  expect((await store.read(['a'])).values).toEqual([undefined]);
});

test('warns on the console where there are no warnings of Node', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  class Elsewhere extends RemoteAdapter {}
  const { emitWarning } = process;
  try {
    Reflect.set(process, 'emitWarning', undefined);
    await new KeyvStore(new Keyv({ store: new Elsewhere() })).read([]);
  } finally {
    process.emitWarning = emitWarning;
  }
  expect(warn).toHaveBeenCalledExactlyOnceWith(
    expect.stringMatching(/GOVERNED_OPENAI_ONE_PROCESS.*Elsewhere/),
  );
});

test('what is kept for a time does not pile up after it', () => {
  const map = new TimedMap<number>(10);
  for (let now = 0; now < 1_000; now++) map.set(`key ${now}`, now, now);
  expect(map.size).toBe(10);
  expect(map.get('key 999', 1_008)).toBe(999);
  expect(map.get('key 999', 1_009)).toBeUndefined();
  map.set('key 991', 0, 999);
  expect(map.values(1_008)).toEqual([999, 0]);
});
