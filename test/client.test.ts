import { inspect } from 'node:util';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { Budget, GovernedOpenAI, QuotaExceeded } from '../src/index.ts';
import { ManualClock } from './support/clock.ts';
import { chatCompletion, chatUsage, json, mockUpstream } from './support/upstream.ts';

const HELLO = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'Hello, OpenAI!' }],
  max_tokens: 20,
};
const PROMPT = 12;

function setUp(limits: ConstructorParameters<typeof Budget>[0], ...answers: Parameters<typeof mockUpstream>) {
  const clock = new ManualClock();
  const budget = new Budget({ clock: clock.read, ...limits });
  const upstream = mockUpstream(...answers);
  const openai = new GovernedOpenAI({ apiKey: 'sk-test', fetch: upstream.fetch, budget, maxRetries: 0 });
  return { openai, budget, clock, ...upstream };
}

describe('a chat call', () => {
  test('is charged with what it really used', async () => {
    const { openai, budget } = setUp(
      { limits: [{ tokens: 100, per: 'minute' }] },
      json(chatCompletion(chatUsage(9, 4))),
    );
    const completion = await openai.chat.completions.create(HELLO);
    expect(completion.choices[0]?.message.content).toBe('Hello!');
    expect(await budget.usage()).toMatchObject([{ used: 13, remaining: 87, max: 100, key: 'default' }]);
  });

  test('is refused when the budget is spent: nothing sent, nothing counted, not retried', async () => {
    const { openai, budget, requests, clock } = setUp(
      { limits: [{ tokens: 50, per: 'minute' }], key: 'team-search' },
      json(chatCompletion(chatUsage(30, 15))),
    );
    await openai.chat.completions.create(HELLO);
    const error = await openai.chat.completions.create(HELLO, { maxRetries: 5 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(QuotaExceeded);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({
      status: 429,
      code: 'rate_limit_exceeded',
      type: 'tokens',
      param: null,
      limit: 'tokens per minute',
      unit: 'tokens',
      max: 50,
      used: 45,
      remaining: 5,
      requested: PROMPT + 20,
      key: 'team-search',
      reason: 'rate',
      retryAfterMs: 32_400,
    });
    expect(requests).toHaveLength(1);
    expect(await budget.usage()).toMatchObject([{ used: 45 }]);
    clock.advance(32_399);
    await expect(openai.chat.completions.create(HELLO)).rejects.toThrow(QuotaExceeded);
    clock.advance(1);
    await openai.chat.completions.create(HELLO);
    expect(requests).toHaveLength(2);
  });
});

test('no error and no event holds the API key or the prompt', async () => {
  const [apiKey, prompt] = ['sk-very-secret', 'a confidential question'];
  const { fetch } = mockUpstream(json(chatCompletion(chatUsage(9, 4))));
  const budget = new Budget({
    limits: [
      { requests: 1, per: 'day' },
      { cost: 1, per: 'day', models: 'gpt-*' },
    ],
  });
  const seen: unknown[] = [];
  for (const event of ['admitted', 'denied', 'settled', 'refunded', 'warning'] as const) {
    budget.on(event, (payload) => seen.push(payload));
  }
  const openai = new GovernedOpenAI({ apiKey, fetch, budget, maxRetries: 0 });
  const ask = (model: string) =>
    openai.chat.completions
      .create({ model, messages: [{ role: 'user', content: prompt }] })
      .catch((error: unknown) => seen.push(error));
  await ask('gpt-4o');
  await ask('gpt-4o');
  await ask('gpt-without-a-price');
  const strict = new GovernedOpenAI({ apiKey, fetch, budget: { ungoverned: 'reject' } });
  await strict.models.list().catch((error: unknown) => seen.push(error));
  expect(seen.map((thing) => (thing instanceof Error ? thing.name : 'event'))).toEqual([
    'event',
    'event',
    'event',
    'event',
    'QuotaExceeded',
    'UnknownPriceError',
    'UngovernedEndpointError',
  ]);
  const shown = inspect(seen, { depth: 20, showHidden: true });
  expect(shown).not.toContain(apiKey);
  expect(shown).not.toContain(prompt);
});
