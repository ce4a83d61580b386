/**
 * With the test runner of Node.
 *
 *     node --test examples/testing/app.node.test.js
 */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { BudgetStoreError, GovernedOpenAI } from 'governed-openai';
import { exhaust, failingStore, manualClock, mockFetch, quotaExceeded } from 'governed-openai/testing';
import { answer, limits } from './app.js';

test('a question is answered, and charged to who asks it', async () => {
  const fetch = mockFetch({ answers: 'Forty-two.', usage: { promptTokens: 12, completionTokens: 4 } });
  // A rolling limit refills as time goes by: here it stands still.
  const { now } = manualClock();
  const openai = new GovernedOpenAI({ apiKey: 'test', fetch, budget: { clock: now, limits } });
  assert.equal(await answer(openai, 'ada', 'What is the answer?'), 'Forty-two.');
  assert.equal(fetch.requests[0].body.max_completion_tokens, 100);
  await openai.budget.flush();
  const used = async (user) => (await openai.budget.usage(user)).map((state) => state.used);
  assert.deepEqual(await used('ada'), [16, 0.0000042]);
  assert.deepEqual(await used('bob'), [0, 0]);
});

test('who has used up a minute comes back in the next', async () => {
  const clock = manualClock();
  const openai = new GovernedOpenAI({
    apiKey: 'test',
    fetch: mockFetch(),
    budget: { clock: clock.now, limits },
  });
  await exhaust(openai.budget, 'ada', { limits: ['tokens per minute'] });
  assert.equal(await answer(openai, 'ada', 'Hello?'), 'Please come back in 7 seconds.');
  assert.equal(await answer(openai, 'bob', 'Hello?'), 'Hello!');
  clock.advance({ seconds: 7 });
  assert.equal(await answer(openai, 'ada', 'Hello?'), 'Hello!');
});

test('who has spent the month is told so', async () => {
  const create = mock.fn(async () => {
    throw quotaExceeded({ limit: limits[1] });
  });
  const openai = { withCaller: () => ({ chat: { completions: { create } } }) };
  assert.equal(await answer(openai, 'ada', 'Hello?'), 'You have spent your 5 dollars of this month.');
});

test('nothing is sent while the store is away', async () => {
  const fetch = mockFetch();
  const openai = new GovernedOpenAI({ apiKey: 'test', fetch, budget: { store: failingStore(), limits } });
  await assert.rejects(answer(openai, 'ada', 'Hello?'), BudgetStoreError);
  assert.equal(fetch.requests.length, 0);
});
