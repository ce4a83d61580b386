import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  Budget,
  BudgetError,
  type BudgetOptions,
  BudgetStoreError,
  type Limit,
  QuotaExceeded,
} from '../src/index.ts';
import { ManualClock } from './support/clock.ts';
import { RemoteStore } from './support/stores.ts';

function setUp(options: BudgetOptions) {
  const clock = new ManualClock();
  return { clock, budget: new Budget({ clock: clock.read, ...options }) };
}

async function used(budget: Budget, key?: string): Promise<number[]> {
  return (await budget.usage(key)).map((state) => state.used);
}

describe('reserve', () => {
  test('settles to what was used, once', async () => {
    const { budget } = setUp({ limits: [{ tokens: 100, per: 'day' }] });
    const reservation = await budget.reserve({
      key: 'job',
      usage: { promptTokens: 30, completionTokens: 20 },
    });
    expect(reservation).toMatchObject({ key: 'job', usage: { tokens: 50, requests: 0 } });
    expect(await used(budget, 'job')).toEqual([50]);
    reservation.settle({ promptTokens: 30, completionTokens: 5 });
    reservation.settle({ promptTokens: 99 });
    reservation.refund();
    expect(await used(budget, 'job')).toEqual([35]);
  });

  test('refunds everything, once', async () => {
    const { budget } = setUp({ limits: [{ tokens: 100, per: 'day' }] });
    const reservation = await budget.reserve({ usage: { tokens: 50 } });
    reservation.refund();
    reservation.refund();
    reservation.settle({ tokens: 50 });
    expect(await used(budget)).toEqual([0]);
  });

  test.each<[object, RegExp]>([
    [{ usage: { tokens: -1 } }, /reserve.usage.tokens: expected a finite number >= 0, got -1/],
    [{ usage: { tokens: Number.NaN } }, /got NaN/],
    [{ usage: { token: 1 } }, /did you mean tokens\?/],
    [{ usage: { tokens: 5, promptTokens: 4 } }, /promptTokens \+ completionTokens, 4, got 5/],
    [{ usage: 5 }, /reserve.usage: expected an object, got 5/],
    [{ key: '', usage: {} }, /key: expected a string that is not empty/],
    [{ usge: {} }, /did you mean usage\?/],
  ])('refuses %j', async (request, message) => {
    const { budget } = setUp({ limits: [{ tokens: 100, per: 'day' }] });
    await expect(budget.reserve(request as never)).rejects.toThrow(message);
    await expect(budget.reserve(request as never)).rejects.toBeInstanceOf(BudgetError);
  });

  test('a settlement beyond the estimate is a debt, which drains from a rolling window', async () => {
    const { budget, clock } = setUp({ limits: [{ tokens: 60, per: 'minute' }] });
    (await budget.reserve({ usage: { tokens: 30 } })).settle({ tokens: 150 });
    expect(await budget.usage()).toMatchObject([{ used: 150, remaining: 0 }]);
    clock.advance(90_000);
    await expect(budget.reserve({ usage: { tokens: 1 } })).rejects.toMatchObject({ retryAfterMs: 1_000 });
    clock.advance(1_000);
    await budget.reserve({ usage: { tokens: 1 } });
  });

  test('a rolling limit admits its burst at once, and refills at its own rate', async () => {
    const { budget, clock } = setUp({ limits: [{ tokens: 60, per: 'minute', burst: 10 }] });
    const ask = (tokens: number) => budget.reserve({ usage: { tokens } });
    await expect(ask(11)).rejects.toMatchObject({ reason: 'too_large', max: 60, remaining: 10 });
    await ask(10);
    expect(await budget.usage()).toMatchObject([{ max: 60, used: 10, remaining: 0 }]);
    await expect(ask(5)).rejects.toMatchObject({ reason: 'rate', retryAfterMs: 5_000 });
    clock.advance(5_000);
    await ask(5);
  });

  test('what has drained in part still counts whole', async () => {
    const { budget, clock } = setUp({ limits: [{ tokens: 60, per: 'minute' }] });
    await budget.reserve({ usage: { tokens: 30 } });
    clock.advance(500);
    expect(await budget.usage()).toMatchObject([{ used: 30, remaining: 30 }]);
  });

  test('a settlement in a window that has ended does not touch the next one', async () => {
    const store = new RemoteStore();
    const { budget, clock } = setUp({ store, limits: [{ tokens: 100, per: 'day' }] });
    const late = await budget.reserve({ usage: { tokens: 80 } });
    clock.advance(86_400_000);
    await budget.reserve({ usage: { tokens: 10 } });
    late.settle({ tokens: 5 });
    expect(await used(budget)).toEqual([10]);
    const other = await budget.reserve({ usage: { tokens: 80 } });
    clock.advance(86_400_000);
    other.refund();
    expect(await used(budget)).toEqual([0]);
    expect(await budget.reservations()).toMatchObject([{ usage: { tokens: 10 }, ageMs: 86_400_000 }]);
  });
});

describe('limits', () => {
  test('count for the budget key, a key of their own, or one found for the call', async () => {
    const { budget } = setUp({
      key: ({ caller }) => `plan-${caller.plan ?? 'none'}`,
      limits: [
        { tokens: 100, per: 'day' },
        { requests: 3, per: 'day', key: 'everybody' },
        { images: 5, per: 'day', key: ({ model }) => `model ${model}` },
      ],
    });
    await budget.reserve({ plan: 'gold', model: 'm', usage: { tokens: 7, requests: 1, images: 2 } });
    await budget.reserve({ plan: 'gold', model: 'n', usage: { tokens: 1, requests: 1, images: 1 } });
    expect(await budget.usage('plan-gold')).toMatchObject([
      { used: 8, key: 'plan-gold' },
      { used: 2, key: 'everybody' },
      { used: 0, key: 'plan-gold' },
    ]);
    expect((await budget.usage('model m'))[2]).toMatchObject({ used: 2, key: 'model m' });
    await expect(budget.usage()).rejects.toThrow('budget.key is a function, so there is no default');
  });

  test('alike for two keys have counters of their own', async () => {
    const { budget } = setUp({
      limits: [
        { tokens: 10, per: 'day' },
        { tokens: 30, per: 'day', key: () => 'default' },
        { tokens: 40, per: 'day', key: 'team' },
      ],
    });
    await budget.reserve({ usage: { tokens: 7 } });
    expect(await budget.usage()).toMatchObject([
      { limit: 'tokens per day', used: 7, key: 'default' },
      { limit: 'tokens per day #2', used: 7, key: 'default' },
      { limit: 'tokens per day #3', used: 7, key: 'team' },
    ]);
  });

  test('a key function that gives no key is a typed error, and nothing is counted', async () => {
    const { budget } = setUp({ key: () => '', limits: [{ tokens: 100, per: 'day' }] });
    await expect(budget.reserve({ usage: { tokens: 1 } })).rejects.toThrow(
      'budget.key(call): expected a string',
    );
  });

  test('hold for their models and endpoints only', async () => {
    const { budget } = setUp({
      limits: [
        { requests: 1, per: 'day', models: 'gpt-4o*' },
        { requests: 2, per: 'day', endpoints: ['/images/*', '/audio/speech'] },
      ],
    });
    await budget.reserve({ model: 'gpt-4o-mini', usage: { requests: 1 } });
    await expect(budget.reserve({ model: 'gpt-4o', usage: { requests: 1 } })).rejects.toBeInstanceOf(
      QuotaExceeded,
    );
    await budget.reserve({ model: 'gpt-4.1', usage: { requests: 100 } });
    await budget.reserve({ model: 'x', endpoint: '/images/edits', usage: { requests: 2 } });
    await expect(budget.reserve({ endpoint: '/audio/speech', usage: { requests: 1 } })).rejects.toMatchObject(
      {
        limit: 'requests per day of /images/*, /audio/speech',
      },
    );
  });

  test('are admitted all or none', async () => {
    const { budget } = setUp({
      limits: [
        { tokens: 100, per: 'day' },
        { requests: 1, per: 'day' },
      ],
    });
    await budget.reserve({ usage: { tokens: 10, requests: 1 } });
    await expect(budget.reserve({ usage: { tokens: 10, requests: 1 } })).rejects.toMatchObject({
      limit: 'requests per day',
    });
    expect(await used(budget)).toEqual([10, 1]);
  });

  test("with onExceeded: 'allow' let pass, count, and tell", async () => {
    const { budget } = setUp({
      limits: [
        { tokens: 10, per: 'day', onExceeded: 'allow', name: 'soft' },
        { requests: 2, per: 'day' },
      ],
    });
    const exceeded: (readonly string[])[] = [];
    budget.on('admitted', (event) => exceeded.push(event.exceeded));
    await budget.reserve({ usage: { tokens: 10, requests: 1 } });
    await budget.reserve({ usage: { tokens: 5, requests: 1 } });
    await expect(budget.reserve({ usage: { tokens: 5, requests: 1 } })).rejects.toMatchObject({
      limit: 'requests per day',
    });
    expect(exceeded).toEqual([[], ['soft']]);
    expect(await budget.usage()).toMatchObject([{ used: 15, remaining: 0 }, { used: 2 }]);
  });

  test('of every period renew when it ends', async () => {
    for (const per of [
      'second',
      'minute',
      'hour',
      'day',
      'week',
      'month',
      'year',
      { seconds: 10 },
    ] as const) {
      const { budget, clock } = setUp({ limits: [{ requests: 1, per, window: 'fixed' }] });
      await budget.reserve({ usage: { requests: 1 } });
      const error = await budget.reserve({ usage: { requests: 1 } }).catch((e: unknown) => e);
      if (!(error instanceof QuotaExceeded)) throw error;
      clock.advance((error.retryAfterMs ?? Number.NaN) - 1);
      await expect(budget.reserve({ usage: { requests: 1 } })).rejects.toBeInstanceOf(QuotaExceeded);
      clock.advance(1);
      await budget.reserve({ usage: { requests: 1 } });
    }
  });

  test('reset forgets what open calls of the key have reserved: they do not take back what others use', async () => {
    const { budget } = setUp({ store: new RemoteStore(), limits: [{ tokens: 100, per: 'day' }] });
    const open = await budget.reserve({ usage: { tokens: 80 } });
    await budget.reset();
    expect(await budget.reservations()).toEqual([]);
    await budget.reserve({ usage: { tokens: 50 } });
    open.settle({ tokens: 10 });
    expect(await used(budget)).toEqual([50]);
  });

  test('reset leaves limits that count for another key', async () => {
    const limits: Limit[] = [
      { tokens: 100, per: 'day' },
      { tokens: 100, per: 'day', key: 'team' },
    ];
    const { budget } = setUp({ limits });
    await budget.reserve({ key: 'user', usage: { tokens: 30 } });
    await budget.reset('user');
    expect((await budget.usage('user')).map(({ used }) => used)).toEqual([0, 30]);
    await budget.reset('team');
    expect((await budget.usage('user')).map(({ used }) => used)).toEqual([0, 0]);
  });

  test('reset forgets what a key used, and no other', async () => {
    const { budget } = setUp({
      limits: [
        { tokens: 100, per: 'minute' },
        { tokens: 100, per: 'day' },
      ],
    });
    await budget.reserve({ usage: { tokens: 5 } });
    await budget.reserve({ key: 'other', usage: { tokens: 7 } });
    await budget.reset('other');
    expect([await used(budget), await used(budget, 'other')]).toEqual([
      [5, 5],
      [0, 0],
    ]);
    await budget.reset();
    expect(await used(budget)).toEqual([0, 0]);
  });
});

describe('invariants', () => {
  type Step = { op: 'reserve' | 'settle' | 'refund' | 'wait'; amount: number; pick: number };
  const steps = fc.array(
    fc.record<Step>({
      op: fc.constantFrom('reserve', 'reserve', 'settle', 'refund', 'wait'),
      amount: fc.integer({ min: 0, max: 40 }),
      pick: fc.nat(),
    }),
    { maxLength: 60 },
  );

  test('what is open and settled is what is counted, a denial changes nothing, nothing passes a limit', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const { budget } = setUp({
          limits: [
            { tokens: 100, per: 'day' },
            { requests: 30, per: 'day' },
          ],
        });
        const open: { reservation: Awaited<ReturnType<Budget['reserve']>>; amount: number }[] = [];
        let tokens = 0;
        let requests = 0;
        for (const { op, amount, pick } of sequence) {
          const chosen = open[pick % Math.max(1, open.length)];
          if (op === 'reserve') {
            const before = await used(budget);
            try {
              const reservation = await budget.reserve({ usage: { tokens: amount, requests: 1 } });
              open.push({ reservation, amount });
              tokens += amount;
              requests += 1;
            } catch (error) {
              expect(error).toBeInstanceOf(QuotaExceeded);
              expect(tokens + amount > 100 || requests + 1 > 30).toBe(true);
              expect(await used(budget)).toEqual(before);
            }
          } else if (chosen !== undefined && op !== 'wait') {
            // Twice: the second has no effect.
            for (let i = 0; i < 2; i++) {
              if (op === 'settle')
                chosen.reservation.settle({ tokens: Math.min(amount, chosen.amount), requests: 1 });
              else chosen.reservation.refund();
            }
            open.splice(open.indexOf(chosen), 1);
            tokens -= chosen.amount - (op === 'settle' ? Math.min(amount, chosen.amount) : 0);
            requests -= op === 'refund' ? 1 : 0;
          }
          expect(await used(budget)).toEqual([tokens, requests]);
          expect(tokens).toBeLessThanOrEqual(100);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('of many concurrent reservations, exactly as many as fit are admitted', async () => {
    for (const store of [undefined, new RemoteStore()]) {
      const { budget } = setUp({
        ...(store && { store }),
        limits: [
          { tokens: 1_000, per: 'minute' },
          { requests: 70, per: 'day' },
        ],
      });
      const asks = Array.from({ length: 200 }, () => budget.reserve({ usage: { tokens: 15, requests: 1 } }));
      const results = await Promise.allSettled(asks);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(66);
      expect(await used(budget)).toEqual([990, 66]);
    }
  });

  test('two budgets on one store share their counters', async () => {
    const store = new RemoteStore();
    const limits: Limit[] = [{ requests: 3, per: 'day' }];
    const [a, b] = [setUp({ store, limits }).budget, setUp({ store, limits }).budget];
    await a.reserve({ usage: { requests: 2 } });
    await b.reserve({ usage: { requests: 1 } });
    await expect(a.reserve({ usage: { requests: 1 } })).rejects.toBeInstanceOf(QuotaExceeded);
  });
});

describe('events', () => {
  test('tell of each reservation what happened to it', async () => {
    const { budget } = setUp({ key: 'team', limits: [{ tokens: 100, per: 'day' }] });
    const seen: unknown[] = [];
    for (const event of ['admitted', 'denied', 'settled', 'refunded'] as const) {
      budget.on(event, (payload) => seen.push([event, payload]));
    }
    const first = await budget.reserve({ usage: { tokens: 60 }, model: 'm', endpoint: '/e', plan: 'gold' });
    await budget.reserve({ usage: { tokens: 50 } }).catch(() => undefined);
    first.settle({ tokens: 40 });
    (await budget.reserve({ usage: { tokens: 50 } })).refund();
    const about = { id: first.id, key: 'team', model: 'm', endpoint: '/e', plan: 'gold' };
    expect(seen).toMatchObject([
      ['admitted', { ...about, estimate: { tokens: 60 }, exceeded: [] }],
      ['denied', { error: { name: 'QuotaExceeded' }, estimate: { tokens: 50 } }],
      ['settled', { ...about, estimate: { tokens: 60 }, usage: { tokens: 40 }, source: 'given' }],
      ['admitted', { estimate: { tokens: 50 } }],
      ['refunded', { estimate: { tokens: 50 } }],
    ]);
  });

  test('warn once a window at each share that is passed', async () => {
    const { budget, clock } = setUp({ warnAt: [0.9, 0.5], limits: [{ tokens: 100, per: 'day' }] });
    const warnings: [number, number][] = [];
    budget.on('warning', ({ share, used }) => warnings.push([share, used]));
    for (const tokens of [49, 1, 10, 30, 5]) await budget.reserve({ usage: { tokens } });
    expect(warnings).toEqual([
      [0.5, 50],
      [0.9, 90],
    ]);
    clock.advance(86_400_000);
    await budget.reserve({ usage: { tokens: 95 } });
    expect(warnings.slice(2)).toEqual([[0.9, 95]]);
  });

  test('warn of a rolling limit once a period', async () => {
    const { budget, clock } = setUp({ limits: [{ tokens: 100, per: 'minute' }] });
    const warnings: number[] = [];
    budget.on('warning', ({ used }) => warnings.push(used));
    await budget.reserve({ usage: { tokens: 90 } });
    clock.advance(30_000);
    await budget.reserve({ usage: { tokens: 50 } });
    clock.advance(30_000);
    await budget.reserve({ usage: { tokens: 49 } });
    expect(warnings).toEqual([90, 89]);
  });

  test('a listener that is taken off hears no more; one that throws does not break the call', async () => {
    const { budget } = setUp({ limits: [{ tokens: 100, per: 'day' }] });
    const heard = vi.fn();
    const surfaced = new Promise((resolve) => process.once('uncaughtException', resolve));
    budget.on('admitted', () => {
      throw new Error('a bug in the listener');
    });
    budget.on('admitted', heard).on('settled', heard).off('settled', heard);
    (await budget.reserve({ usage: { tokens: 1 } })).settle({});
    expect(heard).toHaveBeenCalledTimes(1);
    expect(await surfaced).toMatchObject({ message: 'a bug in the listener' });
  });
});

describe('a store that fails', () => {
  const broken = Object.assign(new Error('connect redis://user:hunter2@host failed'), {
    code: 'ECONNREFUSED',
  });
  const limits: Limit[] = [{ tokens: 100, per: 'day' }];

  test('refuses by default, with a typed error that keeps its cause and shows no secret', async () => {
    const store = new RemoteStore();
    const { budget } = setUp({ store, limits });
    const heard = vi.fn();
    budget.on('storeError', heard);
    store.failure = broken;
    const error = await budget.reserve({ usage: { tokens: 1 } }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(BudgetStoreError);
    expect(error).toMatchObject({
      operation: 'admit',
      cause: broken,
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(String(error)).not.toContain('hunter2');
    await expect(budget.usage()).rejects.toMatchObject({ operation: 'read' });
    await expect(budget.reset()).rejects.toMatchObject({ operation: 'reset' });
    const operations = heard.mock.calls.map(([{ operation }]) => operation);
    expect(operations).toEqual(expect.arrayContaining(['admit', 'read', 'reset']));
  });

  test('that refuses an admission by its own answer has written nothing: there is nothing to take back', async () => {
    const refusals = [
      Object.assign(new Error('WRONGTYPE'), { name: 'ReplyError' }),
      Object.assign(new Error('permission denied'), { severity: 'ERROR', code: '42501' }),
      Object.assign(new Error('read only'), { sqlState: 'HY000', errno: 1290 }),
    ];
    for (const failure of refusals) {
      const store = Object.assign(new RemoteStore(), { failure });
      const { budget } = setUp({ store, limits });
      await expect(budget.reserve({ usage: { tokens: 1 } })).rejects.toMatchObject({ cause: failure });
      await budget.flush();
      expect(store.asked).toEqual(['admit']);
    }
  });

  test('keeps a flush waiting no longer than it is told', async () => {
    const store = new RemoteStore();
    const { budget } = setUp({ store, limits });
    const reservation = await budget.reserve({ usage: { tokens: 40 } });
    store.failure = broken;
    reservation.refund();
    await expect(budget.flush({ timeout: 1 })).rejects.toMatchObject({
      name: 'BudgetStoreError',
      operation: 'flush',
    });
    store.failure = undefined;
    await budget.flush({ timeout: 1e12 });
    expect(await used(budget)).toEqual([0]);
    await expect(budget.flush({ timeout: 0 })).rejects.toThrow('flush.timeout: expected a finite number > 0');
  });

  test("lets calls pass with onStoreError: 'allow', tells, and counts them when it is back", async () => {
    const store = new RemoteStore();
    const { budget } = setUp({ store, limits, onStoreError: 'allow' });
    const heard = vi.fn();
    budget.on('storeError', heard);
    store.failure = broken;
    const reservation = await budget.reserve({ usage: { tokens: 1_000 } });
    reservation.settle({ tokens: 7 });
    store.failure = undefined;
    await budget.flush();
    expect(heard.mock.calls.map(([{ operation }]) => operation)).toEqual(['admit', 'settle']);
    expect(store.asked).toEqual(['admit', 'settle', 'settle']);
    expect(await used(budget)).toEqual([7]);
  });

  test('is given its settlements when it is back, once; flush waits for them', async () => {
    vi.useFakeTimers();
    try {
      const store = new RemoteStore();
      const { budget } = setUp({ store, limits });
      const [a, b] = [
        await budget.reserve({ usage: { tokens: 40 } }),
        await budget.reserve({ usage: { tokens: 40 } }),
      ];
      store.failure = broken;
      a.settle({ tokens: 10 });
      b.refund();
      const flushed = budget.flush();
      await vi.advanceTimersByTimeAsync(20_000);
      store.failure = undefined;
      await vi.advanceTimersByTimeAsync(10_000);
      await flushed;
      expect(await used(budget)).toEqual([10]);
    } finally {
      vi.useRealTimers();
    }
  });
});
