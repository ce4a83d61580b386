import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BudgetClock } from '../../src/clock.ts';
import { EPOCH } from '../../src/limits/window.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { CounterStore } from '../../src/stores/store.ts';
import { SharedState } from '../../src/upstream/shared.ts';
import { ManualClock } from '../support/clock.ts';
import { describeWith } from '../support/server.ts';
import { OpenStore } from '../workers/open.ts';
import { STORES } from '../workers/stores.ts';

/** Moves of counters on a store, by its own clock. */
function suite(open: () => CounterStore) {
  const NOTE = {
    requests: { max: 100, periodMs: 60_000, factor: 1, answers: 3, used: 0 },
    tokens: { max: 10_000, periodMs: 60_000, factor: 1.25, answers: 3, used: 0 },
  };
  let made = 0;

  /** A worker, and a counter that holds ten minutes. */
  async function setUp() {
    const store = open();
    const clock = new ManualClock();
    const model = `model-${++made}`;
    const failures: Error[] = [];
    const failed = (error: Error) => failures.push(error);
    const shared = new SharedState(store, new BudgetClock(clock.read, store.scope), failed, model);
    const storeKey = `counter-${made}`;
    const start = clock.now - EPOCH + 600_000;
    await shared.raise([{ storeKey, to: start }]);
    const left = async () => ((await store.read([storeKey], clock.now)).values[0] ?? 0) - start;
    clock.advance(1_000);
    return { shared, storeKey, start, clock, left, failures };
  }

  test('a counter is moved up and down', async () => {
    const { shared, storeKey, clock, left, failures } = await setUp();
    expect(await left()).toBeCloseTo(0, 3);
    expect(await shared.move([{ storeKey, by: 5_000 }], clock.now)).toMatchObject({ moved: true });
    expect(await left()).toBeCloseTo(5_000, 3);
    clock.advance(1_000);
    expect(await shared.move([{ storeKey, by: -20_000 }], clock.now)).toMatchObject({ moved: true });
    expect(await left()).toBeCloseTo(-15_000, 3);
    expect(failures).toEqual([]);
  });

  test('of those who saw it before, one moves it', async () => {
    const { shared, storeKey, clock, left } = await setUp();
    const at = clock.now;
    clock.advance(1_000);
    const moves = Array.from({ length: 5 }, () => shared.move([{ storeKey, by: 5_000 }], at));
    const moved = (await Promise.all(moves)).filter((done) => done?.moved);
    expect(moved).toHaveLength(1);
    expect(await left()).toBeCloseTo(5_000, 3);
    const again = await shared.move([{ storeKey, by: 5_000 }], at);
    expect(again?.moved).toBe(false);
    expect(again?.since).toBeCloseTo(moved[0]?.since ?? 0, 3);
  });

  test('a counter is raised to a value, never lowered', async () => {
    const { shared, storeKey, start, left } = await setUp();
    await shared.raise([{ storeKey, to: start - 30_000 }]);
    expect(await left()).toBeCloseTo(0, 3);
    await Promise.all([1, 2, 3].map(() => shared.raise([{ storeKey, to: start + 30_000 }])));
    expect(await left()).toBeGreaterThanOrEqual(29_999);
    expect(await left()).toBeLessThan(30_001);
  });

  test('what is noted is recalled', async () => {
    const { shared } = await setUp();
    expect(await shared.recall()).toBeUndefined();
    await shared.note(NOTE);
    expect(await shared.recall()).toEqual(NOTE);
  });
}

describe('what workers share, in memory', () => {
  const store = new MemoryStore();
  suite(() => store);
});

for (const { adapter, needs, program, start } of STORES) {
  describeWith(program, needs, `what workers share, on ${adapter}`, () => {
    let place: Awaited<ReturnType<typeof start>>;
    let store: OpenStore;
    beforeAll(async () => {
      place = await start();
      store = await OpenStore.at(place.place);
    }, 120_000);
    afterAll(async () => {
      await store?.close();
      await place?.stop();
    }, 120_000);
    suite(() => store.counters);
  });
}
