import { createOpenAI } from '@ai-sdk/openai';
import { embedMany, generateText, streamText } from 'ai';
import { expect, test } from 'vitest';
import { Budget, governFetch } from '../../src/index.ts';
import { mockFetch } from '../../src/testing/index.ts';

/** The AI SDK checks every answer against a schema of its own. */
function aiOf() {
  const usage = { promptTokens: 21, completionTokens: 8 };
  const budget = new Budget({ limits: [{ tokens: 1_000, per: 'day' }] });
  const fetch = governFetch(mockFetch({ answers: 'Forty-two or so.', usage }), budget);
  const used = async () => {
    await budget.flush();
    return (await budget.usage())[0]?.used;
  };
  return { ai: createOpenAI({ apiKey: 'test', fetch }), used };
}

const prompt = 'What is the answer?';

test.each(['chat', 'responses', 'completion'] as const)('%s', async (kind) => {
  const { ai, used } = aiOf();
  const model = ai[kind]('gpt-4o-mini');
  const { text, totalUsage } = await generateText({ model, prompt });
  expect([text, totalUsage.inputTokens, totalUsage.outputTokens]).toEqual(['Forty-two or so.', 21, 8]);
  const stream = streamText({ model, prompt });
  expect(await stream.text).toBe('Forty-two or so.');
  expect(await used()).toBe(58);
});

test('embeddings', async () => {
  const { ai, used } = aiOf();
  const model = ai.embedding('text-embedding-3-small');
  const { embeddings } = await embedMany({ model, values: ['one', 'two'] });
  expect(embeddings.map((vector) => vector.length)).toEqual([1_536, 1_536]);
  expect(await used()).toBe(21);
});
