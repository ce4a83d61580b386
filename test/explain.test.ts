import { describe, expect, test } from 'vitest';
import { Budget, type BudgetOptions, BudgetStoreError } from '../src/index.ts';
import { ManualClock } from './support/clock.ts';
import { RemoteStore } from './support/stores.ts';

const PIXEL = `data:image/png;base64,${'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='}`;
const TOOL = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};
const SCHEMA = {
  type: 'json_schema',
  json_schema: { name: 'answer', schema: { type: 'object', properties: { yes: { type: 'boolean' } } } },
};
const TEXT = { type: 'text', text: 'What is this?' };
const BODY = {
  model: 'gpt-4o',
  messages: [{ role: 'user', content: [TEXT, { type: 'image_url', image_url: { url: PIXEL } }] }],
  tools: [TOOL],
  response_format: SCHEMA,
  max_completion_tokens: 300,
};

function setUp(options: BudgetOptions) {
  const clock = new ManualClock();
  return { clock, budget: new Budget({ key: 'team', clock: clock.read, ...options }) };
}

describe('explain', () => {
  test('splits the estimate into parts that sum up to it', async () => {
    const { budget } = setUp({ prices: { 'gpt-4o': { input: 2.5, output: 10 } } });
    const { parts, usage, ...rest } = await budget.explain('/chat/completions', BODY);
    expect(usage).toEqual(await budget.estimate('/chat/completions', BODY));
    expect(parts.messages + parts.images + parts.tools + parts.schema).toBe(usage.promptTokens);
    expect(parts).toMatchObject({ messages: 11, completion: 300, dollars: { completion: 0.003 } });
    for (const part of [parts.images, parts.tools, parts.schema]) expect(part).toBeGreaterThan(5);
    const { prompt = 0, completion = 0 } = parts.dollars ?? {};
    expect(prompt + completion).toBeCloseTo(usage.cost, 9);
    expect(rest).toEqual({
      endpoint: '/chat/completions',
      model: 'gpt-4o',
      key: 'team',
      limits: [],
      admitted: true,
      retryAfterMs: 0,
    });
  });

  test('of Responses too, and of endpoints whose prompt has no parts', async () => {
    const { budget } = setUp({});
    const responses = await budget.explain('/responses', {
      model: 'gpt-4o',
      instructions: 'Be brief.',
      input: [{ role: 'user', content: [{ type: 'input_image', image_url: PIXEL, detail: 'low' }] }],
      tools: [{ type: 'function', ...TOOL.function }],
      text: { format: { type: 'json_schema', ...SCHEMA.json_schema } },
    });
    for (const part of ['messages', 'images', 'tools', 'schema'] as const)
      expect(responses.parts[part]).toBeGreaterThan(5);
    expect(
      await budget.explain('/embeddings', { model: 'text-embedding-3-small', input: 'hello' }),
    ).toMatchObject({
      parts: { messages: 1, images: 0, tools: 0, schema: 0, completion: 0 },
    });
    const unpriced = await budget.explain('/chat/completions', { ...BODY, model: 'my-own-model' });
    expect(unpriced.parts.dollars).toBeUndefined();
  });

  test('shows each limit that applies, and when the call would be admitted', async () => {
    for (const store of [undefined, new RemoteStore()]) {
      const { budget, clock } = setUp({
        store,
        limits: [
          { tokens: 100, per: 'minute' },
          { requests: 5, per: 'day' },
          { requests: 1, per: 'day', name: 'soft', onExceeded: 'allow' },
          { images: 5, per: 'day', endpoints: '/images/*' },
        ],
      });
      await budget.reserve({ usage: { tokens: 90, requests: 1 }, endpoint: '/chat/completions' });
      const body = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 42 };
      const explained = await budget.explain('/chat/completions', body);
      expect(explained).toMatchObject({
        admitted: false,
        retryAfterMs: 24_000,
        limits: [
          {
            limit: 'tokens per minute',
            used: 90,
            remaining: 10,
            requested: 50,
            fits: false,
            retryAfterMs: 24_000,
          },
          { limit: 'requests per day', used: 1, requested: 1, fits: true, retryAfterMs: 0 },
          { limit: 'soft', used: 1, fits: true },
        ],
      });
      expect(await budget.usage()).toMatchObject([{ used: 90 }, { used: 1 }, { used: 1 }, { used: 0 }]);
      clock.advance(24_000);
      expect(await budget.explain('/chat/completions', body)).toMatchObject({
        admitted: true,
        retryAfterMs: 0,
      });
      const huge = await budget.explain('/chat/completions', { ...body, max_tokens: 500 });
      expect(huge).toMatchObject({ admitted: false, retryAfterMs: undefined });
    }
  });

  test('a call that takes the rest to the last token fits', async () => {
    const { budget } = setUp({ limits: [{ tokens: 100, per: 'day' }] });
    await budget.reserve({ usage: { tokens: 50 } });
    const body = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }] };
    const explain = (max_tokens: number) => budget.explain('/chat/completions', { ...body, max_tokens });
    expect(await explain(42)).toMatchObject({ admitted: true, limits: [{ requested: 50, fits: true }] });
    expect(await explain(43)).toMatchObject({ admitted: false, limits: [{ requested: 51, fits: false }] });
  });

  test('for a caller, and with typed errors', async () => {
    const store = new RemoteStore();
    const { budget } = setUp({ store, limits: [{ tokens: 100, per: 'minute' }] });
    expect(await budget.explain('/embeddings', { input: 'hi' }, { key: 'user-1' })).toMatchObject({
      key: 'user-1',
      limits: [{ key: 'user-1' }],
    });
    await expect(budget.explain('/models', {})).rejects.toThrow(
      'explain(path): expected the path of a governed',
    );
    store.failure = new Error('away');
    await expect(budget.explain('/embeddings', { input: 'hi' })).rejects.toBeInstanceOf(BudgetStoreError);
  });
});
