import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import Keyv from 'keyv';
import { describe, expect, test } from 'vitest';
import {
  Budget,
  BudgetError,
  BudgetOptionError,
  fileStore,
  GovernedOpenAI,
  type Limit,
  QuotaExceeded,
  type Unit,
} from '../../src/index.ts';
import { type ExhaustOptions, exhaust, manualClock, mockFetch } from '../../src/testing/index.ts';

const model = 'gpt-4o-mini';
const messages = [{ role: 'user' as const, content: 'What is the answer?' }];

function clientOf(limits: readonly Limit[], more: object = {}) {
  const clock = manualClock();
  const budget = new Budget({ clock: clock.now, limits, ...more });
  const openai = new GovernedOpenAI({ apiKey: 'test', fetch: mockFetch(), budget });
  const ask = async (key = 'default') => {
    const client = openai.withCaller({ key });
    return (await client.chat.completions.create({ model, messages })).choices[0]?.message.content;
  };
  const remaining = async (key?: string) =>
    Object.fromEntries((await budget.usage(key)).map((state) => [state.limit, state.remaining]));
  return { clock, budget, ask, remaining };
}

test('the next call is denied, until it is released', async () => {
  const { budget, ask, remaining } = clientOf([
    { tokens: 100_000, per: 'minute' },
    { cost: 25, per: 'month', name: 'spend' },
    { images: 10, per: 'day' },
  ]);
  await ask();
  await budget.flush();
  const before = await budget.usage();
  const exhausted = await exhaust(budget);
  expect(await remaining()).toEqual({ 'tokens per minute': 0, spend: 0, 'images per day': 0 });
  await expect(ask()).rejects.toMatchObject({ limit: 'spend', reason: 'quota' });
  await exhausted.release();
  expect(await budget.usage()).toEqual(before);
  expect(await ask()).toBe('Hello!');
});

test('the next call is denied until its window ends', async () => {
  const { clock, budget, ask } = clientOf([{ tokens: 60_000, per: 'minute' }]);
  await exhaust(budget);
  await expect(ask()).rejects.toBeInstanceOf(QuotaExceeded);
  clock.advance({ minutes: 1 });
  expect(await ask()).toBe('Hello!');
});

test('the calls of another key are admitted, but not where they share a limit', async () => {
  const { budget, ask } = clientOf([{ requests: 5, per: 'day' }]);
  await exhaust(budget, 'user-42');
  await expect(ask('user-42')).rejects.toBeInstanceOf(QuotaExceeded);
  expect(await ask('user-43')).toBe('Hello!');
  const shared = clientOf([{ requests: 5, per: 'day', key: 'team' }]);
  await exhaust(shared.budget, 'user-42');
  await expect(shared.ask('user-43')).rejects.toMatchObject({ key: 'team' });
});

test('a limit whose key is found by a function', async () => {
  const limits: Limit[] = [{ requests: 5, per: 'day', key: ({ caller }) => `plan ${caller.plan}` }];
  const { budget } = clientOf(limits);
  const reserve = (plan: string) => budget.reserve({ usage: { requests: 1 }, plan });
  await reserve('gold');
  await exhaust(budget, 'user-42', { plan: 'gold' });
  await expect(reserve('gold')).rejects.toMatchObject({ key: 'plan gold', used: 5 });
  await reserve('silver');
});

describe('of several limits in one unit', () => {
  const limits: Limit[] = [
    { tokens: 1_000, per: 'minute' },
    { tokens: 5_000, per: 'day' },
  ];

  test('the tightest is used up', async () => {
    const { clock, budget, remaining } = clientOf(limits);
    await exhaust(budget);
    expect(await remaining()).toEqual({ 'tokens per minute': 0, 'tokens per day': 4_000 });
    clock.advance({ minutes: 1 });
    expect(await remaining()).toEqual({ 'tokens per minute': 1_000, 'tokens per day': 4_000 });
  });

  test('one that is named is used up past the tighter, and that cannot be released', async () => {
    const { clock, budget, ask, remaining } = clientOf(limits);
    const exhausted = await exhaust(budget, undefined, { limits: ['tokens per day'] });
    expect(await remaining()).toMatchObject({ 'tokens per day': 0 });
    await expect(ask()).rejects.toMatchObject({ limit: 'tokens per day', used: 5_000 });
    clock.advance({ hours: 1 });
    await expect(ask()).rejects.toMatchObject({ limit: 'tokens per day' });
    await expect(exhausted.release()).rejects.toBeInstanceOf(BudgetError);
    await budget.reset();
    expect(await ask()).toBe('Hello!');
  });

  test('one that is named is used up after the tighter', async () => {
    const { budget, remaining } = clientOf(limits);
    await exhaust(budget);
    await exhaust(budget, undefined, { limits: ['tokens per day'] });
    expect(await remaining()).toEqual({ 'tokens per minute': 0, 'tokens per day': 0 });
  });

  test('the one that denies counts, not the one that lets pass', async () => {
    for (const [soft, hard] of [
      [10, 100],
      [100, 10],
    ] as const) {
      const { budget, remaining } = clientOf([
        { requests: soft, per: 'day', name: 'soft', onExceeded: 'allow' },
        { requests: hard, per: 'day', name: 'hard' },
      ]);
      const exhausted = await exhaust(budget);
      expect(await remaining()).toMatchObject({ hard: 0 });
      await exhausted.release();
      expect(await remaining()).toEqual({ soft, hard });
    }
  });
});

test('only the limits that are named are used up', async () => {
  const { budget, remaining } = clientOf([
    { requests: 5, per: 'day', name: 'calls' },
    { images: 5, per: 'day', name: 'pictures' },
  ]);
  await exhaust(budget, 'a', { limits: ['pictures'] });
  expect(await remaining('a')).toEqual({ calls: 5, pictures: 0 });
});

test('limits for some models and endpoints are used up for these', async () => {
  const { budget, remaining } = clientOf([
    { requests: 5, per: 'day', models: 'gpt-4o*', name: 'gpt-4o' },
    { requests: 9, per: 'day', endpoints: '/embeddings', name: 'embeddings' },
    { requests: 7, per: 'day', models: 'gpt-5', name: 'gpt-5' },
  ]);
  await exhaust(budget, 'a', { model });
  expect(await remaining('a')).toEqual({ 'gpt-4o': 0, embeddings: 9, 'gpt-5': 7 });
  await exhaust(budget, 'a', { endpoint: '/embeddings' });
  expect(await remaining('a')).toEqual({ 'gpt-4o': 0, embeddings: 0, 'gpt-5': 7 });
});

test.each<[string, ExhaustOptions, string]>([
  ['no limit that holds', { model: 'gpt-5' }, "limits that hold for /chat/completions of model 'gpt-5'"],
  ['a limit of no such name', { model, limits: ['tokens'] }, '(calls), got "tokens"'],
  ['a path that is not governed', { endpoint: '/models' }, 'the path of a governed endpoint'],
  ['an unknown option', { keys: 'a' } as object, 'only the options limits, model'],
])('%s is refused', async (_, options, message) => {
  const { budget } = clientOf([{ requests: 5, per: 'day', models: model, name: 'calls' }]);
  await expect(exhaust(budget, 'a', options)).rejects.toBeInstanceOf(BudgetOptionError);
  await expect(exhaust(budget, 'a', options)).rejects.toThrow(message);
});

test('works on a store that is shared', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'governed-openai-'));
  try {
    const limits: Limit[] = [
      { requests: 5, per: 'minute' },
      { requests: 50, per: 'day', name: 'day' },
    ];
    const open = () => clientOf(limits, { store: new Keyv({ store: fileStore(join(folder, 'budget.db')) }) });
    const [here, there] = [open(), open()];
    const exhausted = await exhaust(here.budget);
    await expect(there.ask()).rejects.toBeInstanceOf(QuotaExceeded);
    await exhausted.release();
    expect(await there.ask()).toBe('Hello!');
    await exhaust(here.budget, undefined, { limits: ['day'] });
    await expect(there.ask()).rejects.toMatchObject({ limit: 'day', used: 50 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('dollars that remain of a rolling limit to more digits than it tells', async () => {
  const { budget } = clientOf([{ cost: 1, per: 'minute' }]);
  (await budget.reserve({ usage: {} })).settle({ cost: 1 / 3 });
  await exhaust(budget);
  await expect(budget.reserve({ usage: { cost: 0.00001 } })).rejects.toBeInstanceOf(QuotaExceeded);
});

test('whatever the limits and what was used before: denied, and after the release as before', async () => {
  const units = ['requests', 'tokens', 'completionTokens', 'images', 'cost'] as const;
  const limit = fc.record({
    unit: fc.constantFrom<Unit>(...units),
    max: fc.integer({ min: 1, max: 1_000_000 }),
    per: fc.constantFrom('second', 'minute', 'hour', 'month', 'forever'),
    used: fc.double({ min: 0, max: 1.1, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(limit, fc.nat(10_000), async ({ unit, max, per, used }, later) => {
      const { clock, budget } = clientOf([{ [unit]: max, per } as unknown as Limit]);
      const amount = unit === 'cost' ? max * used : Math.floor(max * used);
      (await budget.reserve({ usage: {} })).settle({ [unit]: amount });
      clock.advance(later);
      const before = await budget.usage();
      const exhausted = await exhaust(budget);
      // A rolling limit holds part of a unit that does not count as remaining, and lets pass 10 microseconds of refill.
      const least = unit === 'cost' ? max / 10_000 + 1e-5 : 2;
      await expect(budget.reserve({ usage: { [unit]: least } })).rejects.toBeInstanceOf(QuotaExceeded);
      await exhausted.release();
      expect(await budget.usage()).toEqual(before);
    }),
    { numRuns: 300 },
  );
});

test('limits that calls wait for are used up without a wait', async () => {
  const limits: Limit[] = [
    { requests: 5, per: 'day', onExceeded: 'wait' },
    { requests: 3, per: 'minute', onExceeded: 'wait' },
  ];
  const { budget, ask } = clientOf(limits, { maxWait: 0 });
  await exhaust(budget);
  await expect(ask()).rejects.toBeInstanceOf(QuotaExceeded);
});
