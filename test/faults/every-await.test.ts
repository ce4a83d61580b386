import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Budget } from '../../src/index.ts';
import { FAILURES, FaultyStore } from './faulty-store.ts';
import {
  ask,
  drive,
  expectCounted,
  expectNothingUnhandled,
  LIMITS,
  settle,
  unlessStoreFails,
} from './support.ts';

/** What came of a scenario: what must be counted when all is well again. */
interface Outcome {
  readonly tokens: number;
  readonly requests: number;
  readonly open: number;
  readonly isReset: boolean;
}

/** Every operation of a budget once at least; `recover` is called before the end. */
async function scenario(budget: Budget, recover: () => void): Promise<Outcome> {
  await unlessStoreFails(ask(budget, 8, 'other'));
  const first = await unlessStoreFails(ask(budget, 10));
  const second = await unlessStoreFails(ask(budget, 20));
  if (first) settle(first, 7);
  await unlessStoreFails(budget.usage());
  const third = await unlessStoreFails(ask(budget, 30));
  second?.refund();
  await unlessStoreFails(budget.reservations());
  // These wait for all settlements so far.
  const flushing = budget.flush();
  const resetting = budget.reset('other').then(
    () => true,
    () => false,
  );
  const fourth = await unlessStoreFails(ask(budget, 40));
  if (third) settle(third, 33);
  recover();
  await flushing;
  const isReset = await resetting;
  // After a silence the store is tried once a second only.
  while ((await unlessStoreFails(budget.usage())) === undefined)
    await new Promise((next) => setTimeout(next, 100));
  const left = await ask(budget, 5);
  if (fourth) settle(fourth, 4);
  await budget.flush();
  const used = [first && 7, third && 33, fourth && 4, left && 5].filter((tokens) => tokens !== undefined);
  return { tokens: used.reduce((a, b) => a + b, 0), requests: used.length, open: 1, isReset };
}

async function run(failureOf: FaultyStore['failureOf'], onStoreError: 'reject' | 'allow') {
  const store = new FaultyStore();
  store.failureOf = failureOf;
  const budget = new Budget({ store, limits: LIMITS, onStoreError });
  const recover = () => {
    store.failureOf = () => undefined;
  };
  const outcome = await drive(scenario(budget, recover));
  // What has come late by now must not count either.
  store.release();
  const { tokens, requests, open, isReset } = outcome;
  await expectCounted(budget, tokens, requests, open);
  const [other] = await budget.usage('other');
  if (isReset) expect(other?.used).toBe(0);
  else expect([0, 8]).toContain(other?.used);
  return store.asked;
}

describe('A fault at every await', () => {
  expectNothingUnhandled();
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  describe.each(['reject', 'allow'] as const)("with onStoreError: '%s'", (onStoreError) => {
    test.each(FAILURES)('one operation fails %s: what is counted in the end is exact', async (failure) => {
      const operations = await run(() => undefined, onStoreError);
      expect(operations).toBeGreaterThan(14);
      for (let n = 0; n < operations; n++) {
        await run((i) => (i === n ? failure : undefined), onStoreError);
      }
    });

    test.each(FAILURES)('all fail %s, from one on until the store is well: it is exact', async (failure) => {
      const operations = await run(() => undefined, onStoreError);
      for (let n = 0; n < operations; n++) await run((i) => (i >= n ? failure : undefined), onStoreError);
    });
  });
});
