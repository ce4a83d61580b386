import { expect, test } from 'vitest';
import { BudgetStoreError, GovernedOpenAI } from '../../src/index.ts';
import { failingStore, mockFetch } from '../../src/testing/index.ts';

const question = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'Hi' }] };
const limits = [{ tokens: 1_000, per: 'day' as const }];
const usage = { promptTokens: 20, completionTokens: 5 };

function clientOf(more: object = {}) {
  const store = failingStore();
  const api = mockFetch({ usage });
  const openai = new GovernedOpenAI({ apiKey: 'test', fetch: api, budget: { store, limits, ...more } });
  return { store, api, openai, ask: () => openai.chat.completions.create(question) };
}

test('refuses calls while it is away, and counts them when it is back', async () => {
  const { store, api, openai, ask } = clientOf();
  const error: unknown = await ask().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(BudgetStoreError);
  expect(`${error}`).toContain("the budget's store failed to admit: Error (ECONNREFUSED)");
  expect(api.requests).toEqual([]);
  for (const fails of [
    openai.budget.usage(),
    openai.budget.reset(),
    openai.budget.reservations(),
    openai.budget.explain('/chat/completions', question),
  ]) {
    await expect(fails).rejects.toBeInstanceOf(BudgetStoreError);
  }
  store.away = false;
  await ask();
  await openai.budget.flush();
  expect(await openai.budget.usage()).toMatchObject([{ used: 25 }]);
  expect(await openai.budget.reservations()).toEqual([]);
});

test('takes what was settled while it was away', async () => {
  const { store, openai, ask } = clientOf({ onStoreError: 'allow' });
  await ask();
  await expect(openai.budget.flush({ timeout: 1 })).rejects.toBeInstanceOf(BudgetStoreError);
  store.away = false;
  await openai.budget.flush();
  expect(await openai.budget.usage()).toMatchObject([{ used: 25 }]);
});

test('settles a response that goes on in the background', async () => {
  const { store, openai } = clientOf();
  store.away = false;
  const background = { background: true, store: true, model: 'gpt-4o-mini', input: 'Hi' };
  await openai.responses.create(background);
  await openai.budget.flush();
  expect(await openai.budget.usage()).toMatchObject([{ used: 25 }]);
});
