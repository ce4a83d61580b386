import { calcPrice, findProvider } from '@pydantic/genai-prices';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Budget, UnknownPriceError } from '../src/index.ts';
import { loadPrices, PriceBook, type Quantities } from '../src/prices.ts';

const NOW = Date.UTC(2026, 10, 21);
beforeAll(loadPrices);

const none: Quantities = { promptTokens: 0, completionTokens: 0, images: 0 };

describe('listed prices', () => {
  const models = findProvider({ providerId: 'openai' })?.models.map(({ id }) => id) ?? [];

  test('are those of genai-prices, for every model and any usage that can be', () => {
    const tokens = fc.integer({ min: 0, max: 500_000 });
    const book = new PriceBook({});
    fc.assert(
      fc.property(
        fc.constantFrom(...models),
        tokens,
        tokens,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (model, prompt, completion, cached) => {
          const timestamp = new Date(NOW);
          const cache_read_tokens = Math.floor(prompt * cached);
          let listed: ReturnType<typeof calcPrice>;
          try {
            listed = calcPrice(
              { input_tokens: prompt, output_tokens: completion, cache_read_tokens },
              model,
              { providerId: 'openai', timestamp },
            );
          } catch {
            // Models whose price knows no cached tokens: the list refuses the question.
            return;
          }
          const pricing = book.pricing(model, NOW);
          const ours = pricing?.({
            ...none,
            promptTokens: prompt,
            completionTokens: completion,
            cachedTokens: cache_read_tokens,
          });
          expect(ours === undefined).toBe(listed === null);
          expect(Math.abs((ours ?? 0) - (listed?.total_price ?? 0) * 1e9)).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each(['dall-e-3', 'my-deployment', '', '__proto__', 'constructor'])('%j has none', (model) => {
    expect(new PriceBook({}).pricing(model, NOW)).toBeUndefined();
  });

  test('a router puts the provider before the model', () => {
    const quantities = { ...none, promptTokens: 1_000_000 };
    expect(new PriceBook({}).pricing('openai/gpt-4o', NOW)?.(quantities)).toBe(2.5e9);
  });
});

describe('prices of the budget', () => {
  const book = new PriceBook({
    'gpt-4o': { input: 1, output: 2, cachedInput: 0.5 },
    'dall-e-3': { image: 0.04 },
    'tts-1': { character: 15 },
    'our-deployment': 'gpt-4o-mini',
    'per-call': { request: 0.01, second: 0.002 },
  });

  test.each<[string, Partial<Quantities>, number]>([
    ['gpt-4o', { promptTokens: 1_000, completionTokens: 100 }, 0.0012],
    ['gpt-4o', { promptTokens: 1_000, cachedTokens: 400 }, 0.0008],
    // Parts beyond their total are not believed.
    ['gpt-4o', { promptTokens: 100, cachedTokens: 400 }, 0.0001],
    ['gpt-4o', { promptTokens: 100, audioPromptTokens: 40, imagePromptTokens: 60 }, 0.0001],
    ['dall-e-3', { images: 3 }, 0.12],
    ['tts-1', { characters: 2_000 }, 0.03],
    ['our-deployment', { promptTokens: 1_000_000 }, 0.15],
    ['per-call', { seconds: 5 }, 0.02],
  ])('%s %j costs %d dollars', (model, quantities, dollars) => {
    expect(book.pricing(model, NOW)?.({ ...none, ...quantities })).toBe(Math.round(dollars * 1e9));
  });
});

describe('a model without a price', () => {
  const body = { model: 'our-own-model', messages: [{ role: 'user', content: 'hi' }] };

  test('costs 0 in an estimate', async () => {
    expect((await new Budget().estimate('/chat/completions', body)).cost).toBe(0);
  });

  test('is refused under a cost limit before it is sent, unless the limit holds for other models', async () => {
    const { GovernedOpenAI } = await import('../src/client.ts');
    const { chatCompletion, chatUsage, json, mockUpstream } = await import('./support/upstream.ts');
    const { fetch, requests } = mockUpstream(json(chatCompletion(chatUsage(9, 4))));
    const strict = new GovernedOpenAI({ apiKey: 'x', fetch, budget: { limits: [{ cost: 1, per: 'day' }] } });
    const call = strict.chat.completions.create(body as never);
    await expect(call).rejects.toBeInstanceOf(UnknownPriceError);
    await expect(call).rejects.toMatchObject({ model: 'our-own-model', endpoint: '/chat/completions' });
    expect(requests).toHaveLength(0);
    const others = new GovernedOpenAI({
      apiKey: 'x',
      fetch,
      budget: { limits: [{ cost: 1, per: 'day', models: 'gpt-*' }] },
    });
    await others.chat.completions.create(body as never);
    expect(requests).toHaveLength(1);
  });
});
