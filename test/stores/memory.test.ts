import Keyv from 'keyv';
import Keyv6 from 'keyv6';
import { describe, expect, test } from 'vitest';
import { BudgetOptionError } from '../../src/errors.ts';
import { counterStore } from '../../src/stores/from-keyv.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { AdjustOp, AdmitOp } from '../../src/stores/store.ts';

const admit = (key: string, amount: number, over: Partial<AdmitOp> = {}): AdmitOp => ({
  key,
  amount,
  floor: 0,
  ceiling: 10,
  expiresAt: 1_000,
  ...over,
});
const adjust = (key: string, delta: number, over: Partial<AdjustOp> = {}): AdjustOp => ({
  key,
  delta,
  floor: 0,
  expiresAt: 1_000,
  extend: 0,
  ...over,
});

describe('MemoryStore', () => {
  test('admits all ops or none; a denial writes nothing and tells the values as they stand', () => {
    const store = new MemoryStore();
    expect(store.admit([admit('a', 6), admit('b', 3)], 0)).toEqual({ admitted: true, values: [6, 3] });
    expect(store.admit([admit('b', 1), admit('a', 5), admit('new', 1)], 0)).toEqual({
      admitted: false,
      values: [3, 6, undefined],
    });
    expect(store.read(['a', 'b', 'new'], 0)).toEqual([6, 3, undefined]);
    expect(store.admit([admit('a', 4)], 0).admitted).toBe(true);
  });

  test('counts from the floor, and an infinite ceiling always fits', () => {
    const store = new MemoryStore();
    expect(store.admit([admit('a', 5, { floor: 100, ceiling: 105 })], 0).values).toEqual([105]);
    expect(store.admit([admit('a', 5, { floor: 102, ceiling: Infinity })], 0).values).toEqual([110]);
  });

  test('adjusts beyond a ceiling, never below the floor', () => {
    const store = new MemoryStore();
    store.admit([admit('a', 5)], 0);
    store.adjust([adjust('a', 20)], 0);
    expect(store.read(['a'], 0)).toEqual([25]);
    store.adjust([adjust('a', -30)], 0);
    expect(store.read(['a'], 0)).toEqual([0]);
    store.adjust([adjust('a', -1, { floor: 7 })], 0);
    expect(store.read(['a'], 0)).toEqual([7]);
  });

  test('forgets at expiry, a debt only when it has drained', () => {
    const store = new MemoryStore();
    store.admit([admit('a', 5)], 0);
    store.admit([admit('debt', 5)], 0);
    store.adjust([adjust('debt', 500, { extend: 500 })], 10);
    expect(store.read(['a', 'debt'], 999)).toEqual([5, 505]);
    expect(store.read(['a', 'debt'], 1_000)).toEqual([undefined, 505]);
    expect(store.read(['debt'], 1_500)).toEqual([undefined]);
  });

  test('does not grow with windows that have ended', () => {
    const store = new MemoryStore();
    for (let window = 0; window < 50_000; window++) {
      store.admit([admit(`key ${window}`, 1, { expiresAt: window + 10 })], window);
    }
    expect(store.size).toBeLessThan(3_000);
  });
});

describe('counterStore', () => {
  test.each([
    ['5', () => new Keyv()],
    ['6', () => new Keyv6()],
  ])('budgets on one instance of Keyv %s share its counters, on two they do not', (_, make) => {
    const keyv = make();
    expect(counterStore(keyv)).toBe(counterStore(keyv));
    expect(counterStore(make())).not.toBe(counterStore(keyv));
  });

  test.each([
    ['a URL', 'redis://user:secret@host'],
    ['a Map', new Map()],
    ['a number', 3],
    ['null', null],
  ])('refuses %s, and shows no secret', (_, store) => {
    expect(() => counterStore(store)).toThrow(BudgetOptionError);
    expect(() => counterStore(store)).not.toThrow(/secret/);
  });

  test('refuses an adapter that cannot count atomically yet', () => {
    const adapter = {
      get: () => undefined,
      set: () => true,
      delete: () => true,
      clear: () => undefined,
      opts: {},
    };
    expect(() => counterStore(new Keyv({ store: adapter as never }))).toThrow(/Keyv instance in memory/);
  });
});
