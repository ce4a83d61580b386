import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Budget, type BudgetOptions, GovernedOpenAI, type ReserveRequest } from '../../src/index.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { SettleOp, StoredReservation } from '../../src/stores/store.ts';
import { RemoteStore } from '../support/stores.ts';
import { json, mockUpstream } from '../support/upstream.ts';

/*
 * Who waits, as the budget lets it: rules that need its counters, which the tests of the pacing alone do not have.
 */

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 21, 9) });
});
afterEach(async () => {
  await vi.runOnlyPendingTimersAsync();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

/** A budget whose calls wait, and what came of what was asked of it: milliseconds of waiting, or the error's reason. */
function setUp(options: BudgetOptions) {
  const budget = new Budget({ onExceeded: 'wait', ...options });
  const results = new Map<string, unknown>();
  const reserve = (name: string, request: ReserveRequest) => {
    const start = Date.now();
    budget.reserve(request).then(
      () => results.set(name, Date.now() - start),
      (error: { reason?: string }) => results.set(name, error.reason ?? error),
    );
  };
  return { budget, results, reserve };
}

/** A store that takes its time to write what a call used. */
class SlowToSettle extends RemoteStore {
  override async settle(
    reservation: StoredReservation,
    ops: readonly SettleOp[],
    certain: boolean,
    now?: number,
  ): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await super.settle(reservation, ops, certain, now);
  }
}

/** Counts who asks. */
class CountingStore extends MemoryStore {
  readonly admissions: string[] = [];

  override admit(...[reservation, ops, now]: Parameters<MemoryStore['admit']>) {
    this.admissions.push(reservation.key);
    return super.admit(reservation, ops, now);
  }
}

describe('while others wait', () => {
  test('a call that can never fit is refused at once', async () => {
    const { reserve, results } = setUp({ limits: [{ tokens: 100, per: 'minute' }] });
    reserve('all', { usage: { promptTokens: 100 } });
    reserve('waits', { usage: { promptTokens: 100 } });
    reserve('too large', { usage: { promptTokens: 101 } });
    await pass(0);
    expect([...results]).toEqual([
      ['all', 0],
      ['too large', 'too_large'],
    ]);
    await pass(60_100);
    expect(results.get('waits')).toBeGreaterThanOrEqual(60_000);
  });

  test('a call that asks nothing of what they wait for does not', async () => {
    const { reserve, results } = setUp({
      limits: [
        { images: 1, per: 'minute' },
        { tokens: 100, per: 'minute' },
      ],
    });
    reserve('image', { usage: { images: 1 } });
    reserve('second image', { usage: { images: 1 } });
    reserve('chat', { usage: { promptTokens: 10 } });
    await pass(10);
    expect([...results]).toEqual([
      ['image', 0],
      ['chat', 0],
    ]);
    await pass(60_100);
    expect(results.size).toBe(3);
  });

  test('only those ask the store for whose counter room was made', async () => {
    const store = new CountingStore();
    const { budget, reserve, results } = setUp({
      store,
      maxWait: 200_000,
      limits: [{ tokens: 100, per: 'minute' }],
    });
    const keys = Array.from({ length: 20 }, (_, i) => `user-${i}`);
    const open = await Promise.all(keys.map((key) => budget.reserve({ key, usage: { promptTokens: 100 } })));
    for (const key of keys) {
      for (const nth of ['first', 'second']) reserve(`${key} ${nth}`, { key, usage: { promptTokens: 100 } });
    }
    await pass(10);
    store.admissions.length = 0;
    open[7]?.refund();
    await pass(1_000);
    expect([...results]).toEqual([['user-7 first', expect.any(Number)]]);
    // One that is admitted, and the next that is not.
    expect(store.admissions).toEqual(['user-7', 'user-7']);
    await pass(130_000);
    expect(results.size).toBe(40);
  });
});

describe('room that is made', () => {
  test('by what a call did not use is there when the store has it, also for those who came meanwhile', async () => {
    const { budget, reserve, results } = setUp({
      store: new SlowToSettle(),
      limits: [{ tokens: 100, per: 'minute' }],
    });
    const first = await budget.reserve({ usage: { promptTokens: 100 } });
    first.refund();
    await pass(100);
    reserve('later', { usage: { promptTokens: 100 } });
    await pass(399);
    expect(results.size).toBe(0);
    await pass(50);
    expect(results.get('later')).toBeGreaterThanOrEqual(400);
  });

  test('by a condition that a call is not counted', async () => {
    const { budget, reserve, results } = setUp({
      limits: [{ requests: 1, per: 'minute', countIf: () => false }],
    });
    const first = await budget.reserve({ usage: { requests: 1 } });
    reserve('next', { usage: { requests: 1 } });
    await pass(1_000);
    first.settle({ requests: 1 });
    await pass(50);
    expect(results.has('next')).toBe(true);
  });

  test('by reset()', async () => {
    const { budget, reserve, results } = setUp({ limits: [{ requests: 1, per: 'minute' }] });
    await budget.reserve({ usage: { requests: 1 } });
    reserve('next', { usage: { requests: 1 } });
    await pass(1_000);
    await budget.reset();
    await pass(50);
    expect(results.get('next')).toBeLessThanOrEqual(1_050);
  });

  test('by a response that was settled where it was retrieved', async () => {
    const { budget, reserve, results } = setUp({
      store: new RemoteStore(),
      limits: [{ tokens: 2_000, per: 'minute' }],
    });
    const response = (status: string, usage: object | null) =>
      json({
        id: 'resp_1',
        object: 'response',
        background: true,
        model: 'gpt-4o',
        status,
        usage,
        output: [{}],
      });
    const { fetch } = mockUpstream(
      response('queued', null),
      response('completed', { input_tokens: 20, output_tokens: 30, total_tokens: 50 }),
    );
    const openai = new GovernedOpenAI({ apiKey: 'sk-test', fetch, budget });
    await budget.ready();
    const { id } = await openai.responses.create({
      model: 'gpt-4o',
      input: 'Think.',
      max_output_tokens: 1_900,
      background: true,
    });
    reserve('next', { usage: { promptTokens: 1_000 } });
    await pass(1_000);
    expect(results.size).toBe(0);
    await openai.responses.retrieve(id);
    await pass(100);
    expect(results.get('next')).toBeLessThanOrEqual(1_100);
  });
});
