/**
 * With Vitest, as it comes.
 *
 *     npx vitest run --root examples/testing app.vitest
 */
import { BudgetStoreError, GovernedOpenAI } from 'governed-openai';
import { exhaust, failingStore, manualClock, mockFetch, quotaExceeded } from 'governed-openai/testing';
import { expect, test, vi } from 'vitest';
import { answer, limits } from './app.js';

test('a question is answered, and charged to who asks it', async () => {
  const fetch = mockFetch({ answers: 'Forty-two.', usage: { promptTokens: 12, completionTokens: 4 } });
  // A rolling limit refills as time goes by: here it stands still.
  const { now } = manualClock();
  const openai = new GovernedOpenAI({ apiKey: 'test', fetch, budget: { clock: now, limits } });
  expect(await answer(openai, 'ada', 'What is the answer?')).toBe('Forty-two.');
  expect(fetch.requests).toMatchObject([{ model: 'gpt-4o-mini', body: { max_completion_tokens: 100 } }]);
  await openai.budget.flush();
  expect(await openai.budget.usage('ada')).toMatchObject([{ used: 16 }, { limit: 'spend', used: 0.0000042 }]);
  expect(await openai.budget.usage('bob')).toMatchObject([{ used: 0 }, { used: 0 }]);
});

test('who has used up a minute comes back in the next', async () => {
  const clock = manualClock();
  const openai = new GovernedOpenAI({
    apiKey: 'test',
    fetch: mockFetch(),
    budget: { clock: clock.now, limits },
  });
  await exhaust(openai.budget, 'ada', { limits: ['tokens per minute'] });
  expect(await answer(openai, 'ada', 'Hello?')).toBe('Please come back in 7 seconds.');
  expect(await answer(openai, 'bob', 'Hello?')).toBe('Hello!');
  clock.advance({ seconds: 7 });
  expect(await answer(openai, 'ada', 'Hello?')).toBe('Hello!');
});

test('who has spent the month is told so', async () => {
  const create = vi.fn().mockRejectedValue(quotaExceeded({ limit: limits[1] }));
  const openai = { withCaller: () => ({ chat: { completions: { create } } }) };
  expect(await answer(openai, 'ada', 'Hello?')).toBe('You have spent your 5 dollars of this month.');
});

test('nothing is sent while the store is away', async () => {
  const fetch = mockFetch();
  const openai = new GovernedOpenAI({ apiKey: 'test', fetch, budget: { store: failingStore(), limits } });
  await expect(answer(openai, 'ada', 'Hello?')).rejects.toBeInstanceOf(BudgetStoreError);
  expect(fetch.requests).toHaveLength(0);
});
