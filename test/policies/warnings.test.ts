import { expect, test } from 'vitest';
import { Budget, type Limit } from '../../src/index.ts';
import { ManualClock } from '../support/clock.ts';
import { RemoteStore } from '../support/stores.ts';

/** Budgets of several workers on one store, and the shares that each of them warned of. */
function workers(limit: Limit, count = 3) {
  const store = new RemoteStore();
  const clock = new ManualClock();
  store.clock = clock.read;
  const all = Array.from({ length: count }, () => {
    const budget = new Budget({ store, clock: clock.read, warnAt: [0.5, 0.9], limits: [limit] });
    const warned: number[] = [];
    budget.on('warning', ({ share }) => warned.push(share));
    return { budget, warned };
  });
  const use = async (worker: number, promptTokens: number) => {
    const { budget } = all[worker] ?? { budget: undefined };
    await budget?.reserve({ usage: { promptTokens } });
    await budget?.flush();
  };
  return { store, clock, use, warned: () => all.map((worker) => worker.warned) };
}

test.each<[string, Limit, number]>([
  ['a fixed window', { tokens: 100, per: 'day' }, 86_400_000],
  ['a rolling one', { tokens: 100, per: 'minute' }, 60_000],
])('each share is told once in a window, by one of all workers: %s', async (_case, limit, period) => {
  const { use, warned, clock, store } = workers(limit);
  await use(0, 40);
  await use(1, 20);
  await use(0, 1);
  await use(2, 1);
  expect(warned()).toEqual([[], [0.5], []]);
  await use(2, 30);
  await use(0, 1);
  await use(1, 1);
  expect(warned()).toEqual([[], [0.5], [0.9]]);
  // Those that lost know it now: they do not ask again.
  const asked = store.asked.length;
  await use(0, 1);
  await use(1, 1);
  expect(store.asked.slice(asked)).toEqual(['admit', 'admit']);
  clock.advance(period);
  await use(1, 95);
  await use(2, 1);
  expect(warned()).toEqual([[], [0.5, 0.9], [0.9]]);
});

test('what tells that a warning was given is no reservation, and is kept no longer than its window', async () => {
  const { use, warned, store, clock } = workers({ tokens: 100, per: 'day' }, 1);
  await use(0, 60);
  expect(warned()).toEqual([[0.5]]);
  expect(await store.reservations('')).toEqual([]);
  clock.advance(86_400_000);
  await use(0, 60);
  expect(warned()).toEqual([[0.5, 0.5]]);
});

test('nothing is asked of the store where nobody listens', async () => {
  const store = new RemoteStore();
  const budget = new Budget({ store, limits: [{ tokens: 100, per: 'day' }] });
  await budget.reserve({ usage: { promptTokens: 100 } });
  await budget.flush();
  expect(store.asked).toEqual(['admit']);
});

test('a warning waits for a store that is away', async () => {
  const { use, warned, store } = workers({ tokens: 100, per: 'day' }, 1);
  const admit = store.admit.bind(store);
  let calls = 0;
  store.admit = async (...args) => {
    if (++calls === 2) throw new Error('away');
    return admit(...args);
  };
  await use(0, 60);
  expect(warned()).toEqual([[0.5]]);
  expect(calls).toBe(3);
});
