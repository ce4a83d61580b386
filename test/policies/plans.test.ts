import { PermissionDeniedError } from 'openai';
import { describe, expect, test } from 'vitest';
import {
  BudgetOptionError,
  type BudgetOptions,
  governFetch,
  PlanDenied,
  QuotaExceeded,
} from '../../src/index.ts';
import { failure, HELLO, setUp } from './support.ts';

const PLANS: BudgetOptions = {
  key: 'anybody',
  limits: [{ requests: 5, per: 'day', key: 'everybody' }],
  plans: {
    gold: { limits: [{ requests: 3, per: 'minute' }], billing: 'commercial', attributes: { region: 'eu' } },
    silver: { limits: [{ requests: 1, per: 'minute' }], billing: 'free' },
    staff: { limits: [{ requests: 9, per: 'minute' }], allow: ['dev', 'ops'], deny: ['contractor'] },
  },
};

describe('the plan of a call', () => {
  test.each<[string, BudgetOptions, string | undefined, number]>([
    ['the caller names it', { defaultPlan: 'gold' }, 'silver', 1],
    ['the budget names one for all', { plan: 'silver', defaultPlan: 'gold' }, undefined, 1],
    [
      'a function of the call names it',
      { plan: ({ model }) => (model === HELLO.model ? 'gold' : 'silver') },
      undefined,
      3,
    ],
    ['nobody names one', { plan: () => undefined, defaultPlan: 'silver' }, undefined, 1],
    ['there is none: only the limits of the budget', {}, undefined, 5],
    ['unlimited is always there: only the limits of the budget', { defaultPlan: 'silver' }, 'unlimited', 5],
  ])('%s', async (_case, options, plan, calls) => {
    const { openai, requests } = setUp({ ...PLANS, ...options });
    const client = plan === undefined ? openai : openai.withCaller({ plan });
    for (let i = 0; i < calls; i++) await client.chat.completions.create(HELLO);
    const error = await failure(client.chat.completions.create(HELLO));
    expect(error).toBeInstanceOf(QuotaExceeded);
    expect(requests).toHaveLength(calls);
  });

  test('is told in the error and in events', async () => {
    const { openai, budget } = setUp(PLANS);
    const told: unknown[] = [];
    budget.on('admitted', ({ plan, billing }) => told.push([plan, billing]));
    budget.on('settled', ({ plan, billing }) => told.push([plan, billing]));
    const silver = openai.withCaller({ plan: 'silver' });
    await silver.chat.completions.create(HELLO);
    expect(told).toEqual([
      ['silver', 'free'],
      ['silver', 'free'],
    ]);
    expect(await failure(silver.chat.completions.create(HELLO))).toMatchObject({
      plan: 'silver',
      limit: 'requests per minute',
      key: 'anybody',
    });
  });

  test('is given to functions of the app, with its attributes', async () => {
    const { openai, budget } = setUp({
      ...PLANS,
      limits: [{ requests: 2, per: 'day', key: ({ plan }) => plan?.attributes['region'] }],
    });
    await openai.withCaller({ plan: 'gold' }).chat.completions.create(HELLO);
    await openai.chat.completions.create(HELLO);
    const used = async (key: string) => (await budget.usage(key))[0]?.used;
    // Where the function gives no key, the call's own counts.
    expect([await used('eu'), await used('anybody')]).toEqual([1, 1]);
  });

  test.each<[string, BudgetOptions, string]>([
    ['by a caller', PLANS, 'platinum'],
    ['by a function', { ...PLANS, plan: () => 'platinum' }, ''],
  ])('one that there is not is an error: named %s', async (_case, options, plan) => {
    const { openai, requests } = setUp(options);
    const client = plan === '' ? openai : openai.withCaller({ plan });
    const error = await failure(client.chat.completions.create(HELLO));
    expect(error).toBeInstanceOf(BudgetOptionError);
    expect(error.message).toBe('plan: expected one of unlimited, gold, silver, staff, got "platinum"');
    expect(requests).toEqual([]);
  });

  test('counts on one counter whatever the plan, so that who changes to another keeps what was spent', async () => {
    const { openai, budget } = setUp(PLANS);
    await openai.withCaller({ plan: 'gold' }).chat.completions.create(HELLO);
    await openai.withCaller({ plan: 'gold' }).chat.completions.create(HELLO);
    expect(
      await failure(openai.withCaller({ plan: 'silver' }).chat.completions.create(HELLO)),
    ).toBeInstanceOf(QuotaExceeded);
    expect(await budget.usage('anybody', { plan: 'gold' })).toMatchObject([
      { limit: 'requests per day', key: 'everybody', used: 2 },
      { limit: 'requests per minute', key: 'anybody', used: 2, max: 3, remaining: 1 },
    ]);
  });

  test('is reserved under, and reset with all others of the key', async () => {
    const { budget } = setUp(PLANS);
    const reserve = () => budget.reserve({ usage: { requests: 1 }, key: 'user', plan: 'silver' });
    await reserve();
    await expect(reserve()).rejects.toBeInstanceOf(QuotaExceeded);
    await budget.reset('user');
    await reserve();
  });
});

describe('roles', () => {
  test.each<[string[] | undefined, boolean]>([
    [['dev'], true],
    [['guest', 'ops'], true],
    [['guest'], false],
    [[], false],
    [undefined, false],
    [['dev', 'contractor'], false],
  ])('%j', async (roles, admitted) => {
    const { openai, budget, requests } = setUp(PLANS);
    const call = openai.withCaller({ plan: 'staff', roles }).chat.completions.create(HELLO);
    if (admitted) {
      await call;
      expect(requests).toHaveLength(1);
      return;
    }
    const error = await failure(call);
    expect(error).toBeInstanceOf(PlanDenied);
    expect(error).toBeInstanceOf(PermissionDeniedError);
    expect(error).toMatchObject({
      status: 403,
      code: 'plan_denied',
      plan: 'staff',
      error: { type: 'invalid_request_error', param: null, code: 'plan_denied' },
    });
    expect(requests).toEqual([]);
    expect((await budget.usage('anybody', { plan: 'staff' })).map(({ used }) => used)).toEqual([0, 0]);
  });

  test('a plan that is open to all but some', async () => {
    const { openai } = setUp({ plans: { open: { deny: ['guest'] } }, defaultPlan: 'open' });
    await openai.chat.completions.create(HELLO);
    await expect(
      openai.withCaller({ roles: ['guest'] }).chat.completions.create(HELLO),
    ).rejects.toBeInstanceOf(PlanDenied);
  });

  test('a governed fetch answers with a 403', async () => {
    const { budget, fetch, requests } = setUp(PLANS);
    const governed = governFetch(fetch, budget, { plan: 'staff' });
    const body = JSON.stringify(HELLO);
    const response = await governed('http://localhost/v1/chat/completions', { method: 'POST', body });
    expect([response.status, response.statusText]).toEqual([403, 'Forbidden']);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toMatchObject({ error: { code: 'plan_denied' } });
    expect(requests).toEqual([]);
  });
});

describe('a plan says what happens when its limits are reached', () => {
  test.each<[string, BudgetOptions]>([
    [
      'for the limit',
      { plans: { p: { limits: [{ requests: 1, per: 'day', onExceeded: 'allow' }], onExceeded: 'reject' } } },
    ],
    [
      'for the plan',
      { plans: { p: { limits: [{ requests: 1, per: 'day' }], onExceeded: 'allow' } }, onExceeded: 'reject' },
    ],
    ['for the budget', { plans: { p: { limits: [{ requests: 1, per: 'day' }] } }, onExceeded: 'allow' }],
  ])('allow: %s', async (_case, options) => {
    const { openai, budget } = setUp({ ...options, plan: 'p', headers: { exceeded: 'x-exceeded' } });
    const exceeded: (readonly string[])[] = [];
    budget.on('admitted', (event) => exceeded.push(event.exceeded));
    for (let i = 0; i < 2; i++) await openai.chat.completions.create(HELLO);
    const { response } = await openai.chat.completions.create(HELLO).withResponse();
    expect(exceeded).toEqual([[], ['requests per day'], ['requests per day']]);
    expect(response.headers.get('x-exceeded')).toBe('requests%20per%20day');
    expect(await budget.usage()).toMatchObject([{ used: 3, max: 1, remaining: 0 }]);
  });
});

test.each<[string, unknown, string]>([
  ['budget.plans', 'gold', 'an object'],
  ['budget.plans["p"]', { p: { limit: [] } }, 'did you mean limits?'],
  ['budget.plans["p"].limits[0]', { p: { limits: [{ per: 'day' }] } }, 'exactly one unit'],
  ['budget.plans["p"].billing', { p: { billing: 'gratis' } }, "'free' or 'commercial'"],
  ['budget.plans["p"].onExceeded', { p: { onExceeded: 'stop' } }, "'reject' or 'wait' or 'allow'"],
  ['budget.plans["p"].allow', { p: { allow: 'dev' } }, 'an array of strings'],
  ['budget.plans["p"].deny', { p: { deny: [1] } }, 'a string that is not empty'],
  ['budget.plans["p"].attributes["a"]', { p: { attributes: { a: 1 } } }, 'a string'],
  [
    'budget.plans["b"].limits (spend)',
    {
      a: { limits: [{ cost: 1, per: 'day', name: 'spend' }] },
      b: { limits: [{ tokens: 1, per: 'day', name: 'spend' }] },
    },
    'a name of its own, or cost per day, fixed as in another plan',
  ],
])('a wrong plan is refused: %s', (option, plans, message) => {
  const build = () => setUp({ plans } as BudgetOptions);
  expect(build).toThrow(BudgetOptionError);
  expect(build).toThrow(`${option}: expected`);
  expect(build).toThrow(message);
});

test.each(['plan', 'defaultPlan'])('%s names a plan that there is', (option) => {
  expect(() => setUp({ ...PLANS, [option]: 'platinum' })).toThrow(
    `budget.${option}: expected 'unlimited' or 'gold'`,
  );
});
