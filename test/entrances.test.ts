import { LLMock } from '@copilotkit/aimock';
import type OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Budget, GovernedOpenAI, QuotaExceeded } from '../src/index.ts';

/** Every entrance of the SDK to a billable endpoint, against a server over HTTP. */
const mock = new LLMock({ port: 0 });
const usage = { prompt_tokens: 20, completion_tokens: 10 };
const responsesUsage = { input_tokens: 20, output_tokens: 10 };
const Answer = z.object({ city: z.string() });

beforeAll(async () => {
  mock.onMessage('as JSON', { content: '{"city":"Rome"}', usage: { ...usage, ...responsesUsage } });
  // The first that matches answers: the second round of a tool call before the first.
  mock.onToolResult('call_1', { content: 'It is sunny.', usage });
  mock.onMessage('weather', {
    toolCalls: [{ name: 'weather', arguments: '{"city":"Rome"}', id: 'call_1' }],
    usage,
  });
  mock.onMessage(/./, { content: 'Hello there.', usage: { ...usage, ...responsesUsage } });
  await mock.start();
});
afterAll(() => mock.stop());

const messages = [{ role: 'user' as const, content: 'hello' }];
const asJson = [{ role: 'user' as const, content: 'as JSON' }];
const model = 'gpt-4o-mini';
const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
    parse: JSON.parse,
    function: () => 'sunny',
  },
};

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

/** Each makes `calls` calls of 30 tokens. */
const entrances: Record<string, { calls: number; run: (openai: OpenAI) => Promise<unknown> }> = {
  'chat.completions.create': { calls: 1, run: (o) => o.chat.completions.create({ model, messages }) },
  'chat.completions.create, streamed': {
    calls: 1,
    run: async (o) => drain(await o.chat.completions.create({ model, messages, stream: true })),
  },
  'chat.completions.parse': {
    calls: 1,
    run: async (o) => {
      const format = zodResponseFormat(Answer, 'answer');
      const completion = await o.chat.completions.parse({ model, messages: asJson, response_format: format });
      expect(completion.choices[0]?.message.parsed).toEqual({ city: 'Rome' });
    },
  },
  'chat.completions.stream': {
    calls: 1,
    run: async (o) => {
      const stream = o.chat.completions.stream({ model, messages });
      expect(await stream.finalContent()).toBe('Hello there.');
    },
  },
  'chat.completions.runTools': {
    calls: 2,
    run: async (o) => {
      const runner = o.chat.completions.runTools({
        model,
        messages: [{ role: 'user', content: 'weather' }],
        tools: [weather],
      });
      expect(await runner.finalContent()).toBe('It is sunny.');
      expect((await runner.totalUsage()).total_tokens).toBe(60);
    },
  },
  'chat.completions.runTools, streamed': {
    calls: 2,
    run: async (o) => {
      const body = {
        model,
        messages: [{ role: 'user' as const, content: 'weather' }],
        tools: [weather],
        stream: true as const,
      };
      expect(await o.chat.completions.runTools(body).finalContent()).toBe('It is sunny.');
    },
  },
  'responses.create': { calls: 1, run: (o) => o.responses.create({ model, input: 'hello' }) },
  'responses.create, streamed': {
    calls: 1,
    run: async (o) => drain(await o.responses.create({ model, input: 'hello', stream: true })),
  },
  'responses.stream': {
    calls: 1,
    run: async (o) =>
      expect((await o.responses.stream({ model, input: 'hello' }).finalResponse()).output_text).toBe(
        'Hello there.',
      ),
  },
  'responses.parse': {
    calls: 1,
    run: async (o) => {
      const response = await o.responses.parse({
        model,
        input: 'as JSON',
        text: { format: zodTextFormat(Answer, 'answer') },
      });
      expect(response.output_parsed).toEqual({ city: 'Rome' });
    },
  },
  'client.post': { calls: 1, run: (o) => o.post('/chat/completions', { body: { model, messages } }) },
  'client.request': {
    calls: 1,
    run: (o) => o.request({ method: 'post', path: '/chat/completions', body: { model, messages } }),
  },
  withResponse: { calls: 1, run: (o) => o.chat.completions.create({ model, messages }).withResponse() },
  asResponse: {
    calls: 1,
    run: async (o) => (await o.chat.completions.create({ model, messages }).asResponse()).json(),
  },
  withOptions: {
    calls: 1,
    run: (o) => o.withOptions({ timeout: 9_000 }).chat.completions.create({ model, messages }),
  },
};

describe.each(Object.keys(entrances))('%s', (name) => {
  const entrance = entrances[name];
  const client = (budget: Budget) =>
    new GovernedOpenAI({ apiKey: 'mock', baseURL: `${mock.url}/v1`, budget, maxRetries: 0 });

  test('is charged with what it used', async () => {
    const budget = new Budget({
      limits: [
        { tokens: 10_000, per: 'day' },
        { requests: 10, per: 'day' },
      ],
    });
    await entrance?.run(client(budget));
    const calls = entrance?.calls ?? 0;
    expect((await budget.usage()).map(({ used }) => used)).toEqual([30 * calls, calls]);
  });

  test('is refused when nothing is left', async () => {
    const budget = new Budget({ limits: [{ requests: 1, per: 'day' }] });
    await budget.reserve({ usage: { requests: 1 } });
    const before = mock.getRequests().length;
    await expect(entrance?.run(client(budget))).rejects.toBeInstanceOf(QuotaExceeded);
    expect(mock.getRequests()).toHaveLength(before);
  });
});

test('a client of a subclass is governed as well', async () => {
  class OurOpenAI extends GovernedOpenAI {}
  const budget = new Budget({ limits: [{ tokens: 10_000, per: 'day' }] });
  const openai = new OurOpenAI({ apiKey: 'mock', baseURL: `${mock.url}/v1`, budget });
  const derived = openai.withCaller({ key: 'a' });
  expect(derived).toBeInstanceOf(OurOpenAI);
  await derived.chat.completions.create({ model, messages });
  expect(await budget.usage('a')).toMatchObject([{ used: 30 }]);
});
