/**
 * How an app tests itself against a governed client, without network, key or waiting: with an injected `fetch` and a
 * clock of its own, and with a mock server.
 *
 *     node --test examples/mocking.ts
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LLMock } from '@copilotkit/aimock';
import { GovernedOpenAI, QuotaExceeded } from 'governed-openai';

/** The app: what is to be tested. */
async function answer(openai: GovernedOpenAI, question: string): Promise<string> {
  try {
    const completion = await openai.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: question }],
      max_completion_tokens: 5,
    });
    return completion.choices[0]?.message.content ?? '';
  } catch (error) {
    if (error instanceof QuotaExceeded) return 'Please come back later.';
    throw error;
  }
}

test('with an injected fetch and clock', async () => {
  let now = Date.UTC(2026, 0, 1);
  const body = {
    choices: [{ index: 0, message: { role: 'assistant', content: 'Forty-two.' } }],
    usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
  };
  const openai = new GovernedOpenAI({
    apiKey: 'test',
    fetch: async () => Response.json(body),
    budget: { clock: () => now, limits: [{ tokens: 20, per: 'minute' }] },
  });
  assert.equal(await answer(openai, 'What is the answer?'), 'Forty-two.');
  assert.equal(await answer(openai, 'What is the answer?'), 'Please come back later.');
  now += 60_000;
  assert.equal(await answer(openai, 'What is the answer?'), 'Forty-two.');
});

test('with a mock server', async () => {
  const mock = new LLMock({ port: 0 });
  mock.onMessage(/./, { content: 'Forty-two.', usage: { prompt_tokens: 9, completion_tokens: 4 } });
  await mock.start();
  try {
    const openai = new GovernedOpenAI({
      apiKey: 'test',
      baseURL: `${mock.url}/v1`,
      budget: { limits: [{ requests: 1, per: 'day' }] },
    });
    assert.equal(await answer(openai, 'What is the answer?'), 'Forty-two.');
    assert.equal(await answer(openai, 'What is the answer?'), 'Please come back later.');
  } finally {
    await mock.stop();
  }
});
