import { describe, expect, test } from 'vitest';
import {
  BudgetError,
  BudgetOptionError,
  type Limit,
  type LimitsRequest,
  QuotaExceeded,
} from '../../src/index.ts';
import { failure, HELLO, setUp } from './support.ts';

describe('update', () => {
  test.each<[string, Limit, Limit]>([
    ['a fixed window', { requests: 2, per: 'day' }, { requests: 3, per: 'day' }],
    ['dollars', { cost: 2, per: 'month' }, { cost: 3, per: 'month' }],
  ])('what was spent stays spent: %s', async (_case, limit, more) => {
    const { budget } = setUp({ limits: [limit] });
    const reserve = () => budget.reserve({ usage: { requests: 1, cost: 1 } });
    await reserve();
    await reserve();
    await expect(reserve()).rejects.toBeInstanceOf(QuotaExceeded);
    budget.update({ limits: [more] });
    await reserve();
    await expect(reserve()).rejects.toBeInstanceOf(QuotaExceeded);
    budget.update({ limits: [limit] });
    expect((await budget.usage())[0]).toMatchObject({ max: 2, remaining: 0 });
  });

  test('what was spent of a rolling limit stays spent as a share of it, and drains at the new rate', async () => {
    const { budget, clock } = setUp({ limits: [{ requests: 60, per: 'minute' }] });
    await budget.reserve({ usage: { requests: 30 } });
    budget.update({ limits: [{ requests: 120, per: 'minute' }] });
    expect((await budget.usage())[0]).toMatchObject({ used: 60, remaining: 60 });
    clock.advance(10_000);
    expect((await budget.usage())[0]).toMatchObject({ used: 40, remaining: 80 });
  });

  test('a call under way is settled where it was reserved', async () => {
    const { budget } = setUp({ limits: [{ tokens: 100, per: 'day' }] });
    const work = await budget.reserve({ usage: { promptTokens: 80 } });
    budget.update({ limits: [{ tokens: 50, per: 'day' }] });
    await expect(budget.reserve({ usage: { promptTokens: 1 } })).rejects.toBeInstanceOf(QuotaExceeded);
    work.settle({ promptTokens: 30 });
    expect((await budget.usage())[0]).toMatchObject({ used: 30, max: 50, remaining: 20 });
  });

  test('keeps what is not given, and all of it if something is wrong', async () => {
    const { budget } = setUp({
      key: 'team',
      limits: [{ requests: 1, per: 'day' }],
      plans: { p: { limits: [{ tokens: 5, per: 'day' }] } },
    });
    budget.update({ defaultPlan: 'p' });
    expect(await budget.usage()).toMatchObject([
      { key: 'team', unit: 'requests' },
      { key: 'team', unit: 'tokens' },
    ]);
    for (const [changes, message] of [
      [{ limits: [{ requests: 0, per: 'day' }] }, 'budget.limits[0].requests: expected a finite number > 0'],
      [{ limits: [], defaultPlan: 'q' }, 'budget.defaultPlan'],
      [{ plans: {} }, 'budget.defaultPlan'],
      [{ store: undefined }, 'update: expected only the options key, limits'],
      [{ limit: [] }, 'did you mean limits?'],
    ] as const) {
      expect(() => budget.update(changes as object)).toThrow(BudgetOptionError);
      expect(() => budget.update(changes as object)).toThrow(message);
    }
    expect(await budget.usage()).toHaveLength(2);
  });
});

describe('limits found by a function', () => {
  function customers() {
    const asked: LimitsRequest[] = [];
    const rows: { [key: string]: number } = { alice: 1, bob: 2 };
    const limits = async (request: LimitsRequest): Promise<Limit[]> => {
      asked.push(request);
      const max = rows[request.key];
      if (max === undefined) throw new Error('no such customer');
      return [{ requests: max, per: 'day' }];
    };
    return { limits, asked, rows };
  }

  test('hold for each key, and are asked for once in a while', async () => {
    const { limits, asked, rows } = customers();
    const { openai, budget, clock } = setUp({ limits, limitsMaxAge: 1_000 });
    const call = (key: string) => openai.withCaller({ key }).chat.completions.create(HELLO);
    await call('alice');
    await expect(call('alice')).rejects.toMatchObject({ max: 1, key: 'alice' });
    await Promise.all([call('bob'), call('bob')]);
    await expect(call('bob')).rejects.toMatchObject({ max: 2, key: 'bob' });
    expect(asked.map(({ key }) => key)).toEqual(['alice', 'bob']);
    rows['alice'] = 2;
    clock.advance(999);
    await expect(call('alice')).rejects.toMatchObject({ max: 1 });
    clock.advance(1);
    await call('alice');
    expect(await budget.usage('alice')).toMatchObject([{ used: 2, max: 2 }]);
    expect(asked).toHaveLength(3);
  });

  test('are asked for with the plan and the caller', async () => {
    const { limits, asked } = customers();
    const { openai } = setUp({ limits, plans: { gold: { limits: [{ requests: 5, per: 'day' }] } } });
    const caller = { key: 'bob', plan: 'gold', roles: ['dev'], attributes: { team: 'search' } };
    await openai.withCaller(caller).chat.completions.create(HELLO);
    expect(asked).toEqual([{ key: 'bob', plan: 'gold', caller }]);
  });

  test('a failure is a typed error, nothing is sent, and it is asked again', async () => {
    const { limits, asked, rows } = customers();
    const { openai, requests } = setUp({ limits });
    const call = () => openai.withCaller({ key: 'carol' }).chat.completions.create(HELLO);
    const error = await failure(call());
    expect(error).toBeInstanceOf(BudgetError);
    expect(error.cause).toMatchObject({ message: 'no such customer' });
    expect(error.message).not.toContain('customer');
    expect(requests).toEqual([]);
    rows['carol'] = 1;
    await call();
    expect(asked).toHaveLength(2);
  });

  test.each<[unknown, string]>([
    [{ requests: 1, per: 'day' }, 'budget.limits(request): expected an array of limits'],
    [[{ requests: 1, per: 'dya' }], 'budget.limits(request)[0].per'],
    [undefined, 'budget.limits(request): expected an array of limits'],
  ])('what is no limits is refused: %j', async (answer, message) => {
    const { openai, requests } = setUp({ limits: () => answer as Limit[] });
    const error = await failure(openai.chat.completions.create(HELLO));
    expect(error).toBeInstanceOf(BudgetOptionError);
    expect(error.message).toContain(message);
    expect(requests).toEqual([]);
  });

  test('a limit of the plan and one found have counters of their own', async () => {
    const { openai, budget } = setUp({
      limits: () => [{ requests: 4, per: 'day' }],
      plans: { gold: { limits: [{ requests: 2, per: 'day' }] } },
      plan: 'gold',
    });
    await openai.chat.completions.create(HELLO);
    expect(await budget.usage()).toMatchObject([
      { limit: 'requests per day #2', used: 1, max: 4 },
      { limit: 'requests per day', used: 1, max: 2 },
    ]);
  });
});
