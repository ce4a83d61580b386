import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fittingCompletion } from '../src/fit.ts';
import {
  Budget,
  BudgetOptionError,
  type BudgetOptions,
  GovernedOpenAI,
  governFetch,
  QuotaExceeded,
} from '../src/index.ts';
import { ManualClock } from './support/clock.ts';
import { RemoteStore } from './support/stores.ts';
import {
  chatChunks,
  chatCompletion,
  chatUsage,
  eventStream,
  json,
  mockUpstream,
} from './support/upstream.ts';

const MESSAGES = [{ role: 'user' as const, content: 'Tell me everything.' }];
/** Of the messages above. */
const PROMPT = 11;

function setUp(options: Omit<BudgetOptions, 'clock'>, ...answers: Parameters<typeof mockUpstream>) {
  const { fetch, requests } = mockUpstream(...answers);
  const budget = new Budget({ fitToBudget: { min: 16 }, clock: new ManualClock().read, ...options });
  const openai = new GovernedOpenAI({ apiKey: 'test', fetch, maxRetries: 0, budget });
  const body = () => requests.at(-1)?.body as Record<string, unknown>;
  return { budget, openai, requests, body, fetch };
}

const answer = json(chatCompletion(chatUsage(PROMPT, 20)));

describe('fitToBudget', () => {
  test.each([
    ['a bound of its own', { max_completion_tokens: 5_000 }, 'max_completion_tokens'],
    ['the older bound', { max_tokens: 5_000 }, 'max_tokens'],
    ['no bound', {}, 'max_completion_tokens'],
  ])('a call with %s is bounded to what remains', async (_, bound, field) => {
    for (const store of [undefined, new RemoteStore()]) {
      const { openai, body, budget } = setUp({ store, limits: [{ tokens: 500, per: 'minute' }] }, answer);
      const call = { model: 'gpt-4o', messages: MESSAGES, ...bound };
      await openai.chat.completions.create(call);
      expect(body()).toEqual({ ...call, [field]: 500 - PROMPT });
      await budget.flush();
      expect(await budget.usage()).toMatchObject([{ used: PROMPT + 20 }]);
    }
  });

  test('a call that fits is sent as it is', async () => {
    const { openai, body } = setUp({ limits: [{ tokens: 500, per: 'minute' }] }, answer);
    const call = { model: 'gpt-4o', messages: MESSAGES, max_tokens: 489 };
    await openai.chat.completions.create(call);
    expect(body()).toEqual(call);
  });

  test('never below the minimum', async () => {
    const { openai, requests, body } = setUp({ limits: [{ tokens: PROMPT + 16, per: 'day' }] }, answer);
    await openai.chat.completions.create({ model: 'gpt-4o', messages: MESSAGES });
    expect(body()).toMatchObject({ max_completion_tokens: 16 });
    const short = setUp({ limits: [{ tokens: PROMPT + 15, per: 'day' }] }, answer);
    const denied = short.openai.chat.completions.create({ model: 'gpt-4o', messages: MESSAGES });
    await expect(denied).rejects.toBeInstanceOf(QuotaExceeded);
    expect([requests.length, short.requests.length]).toEqual([1, 0]);
  });

  test('a call that its prompt, or another limit, keeps out is denied', async () => {
    const { openai, requests } = setUp(
      {
        limits: [
          { tokens: 10_000, per: 'day' },
          { requests: 1, per: 'day' },
        ],
      },
      answer,
    );
    const call = { model: 'gpt-4o', messages: MESSAGES, max_tokens: 50_000 };
    await openai.chat.completions.create(call);
    await expect(openai.chat.completions.create(call)).rejects.toMatchObject({ limit: 'requests per day' });
    const prompt = setUp({ limits: [{ promptTokens: 5, per: 'day' }] }, answer);
    await expect(prompt.openai.chat.completions.create(call)).rejects.toMatchObject({ unit: 'promptTokens' });
    expect(requests).toHaveLength(1);
  });

  test('of several limits, the tightest counts: dollars and choices too', async () => {
    const limits = [
      { tokens: 1_000, per: 'minute' as const },
      { cost: 0.001, per: 'day' as const },
      { completionTokens: 900, per: 'day' as const },
    ];
    const { openai, body, budget } = setUp(
      { limits, prices: { 'gpt-4o': { input: 0, output: 10 } } },
      json(chatCompletion(undefined)),
    );
    await openai.chat.completions.create({ model: 'gpt-4o', messages: MESSAGES, n: 2 });
    expect(body()).toMatchObject({ max_completion_tokens: 50, n: 2 });
    expect((await budget.usage()).map(({ used }) => used)).toEqual([PROMPT + 100, 0.001, 100]);
  });

  test('streams, responses and completions too; what cannot be bounded is denied', async () => {
    const limits = [{ tokens: 200, per: 'minute' as const }];
    const chat = setUp({ limits }, eventStream(chatChunks(['a'], chatUsage(PROMPT, 1))));
    for await (const _ of await chat.openai.chat.completions.create({
      model: 'gpt-4o',
      messages: MESSAGES,
      stream: true,
    }));
    expect(chat.body()).toMatchObject({
      max_completion_tokens: 200 - PROMPT,
      stream_options: { include_usage: true },
    });
    const responses = setUp({ limits }, json({ usage: { input_tokens: 1, output_tokens: 1 } }));
    await responses.openai.responses.create({ model: 'gpt-4o', input: 'Tell me everything.' });
    expect(responses.body()).toMatchObject({ max_output_tokens: 200 - PROMPT });
    const completions = setUp({ limits }, json({ choices: [], usage: chatUsage(1, 1) }));
    await completions.openai.completions.create({
      model: 'gpt-3.5-turbo-instruct',
      prompt: 'Hi',
      max_tokens: 400,
    });
    expect(completions.body()).toMatchObject({ max_tokens: 199 });
    const echo = { model: 'gpt-3.5-turbo-instruct', prompt: 'Hi', max_tokens: 400, echo: true };
    await expect(completions.openai.completions.create(echo)).rejects.toBeInstanceOf(QuotaExceeded);
  });

  test('whatever takes a fetch', async () => {
    const { budget, fetch, body } = setUp({ limits: [{ tokens: 100, per: 'minute' }] }, answer);
    const governed = governFetch(fetch, budget);
    const call = { model: 'gpt-4o', messages: MESSAGES };
    await governed('https://api.openai.com/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify(call),
    });
    expect(body()).toEqual({ ...call, max_completion_tokens: 100 - PROMPT });
  });

  test('many calls at once are bounded to what the others leave, and never exceed the limit together', async () => {
    const store = new RemoteStore();
    const { openai, requests, budget } = setUp(
      { store, limits: [{ tokens: 1_000, per: 'day' }] },
      json(chatCompletion(undefined)),
    );
    const calls = Array.from({ length: 20 }, () =>
      openai.chat.completions.create({ model: 'gpt-4o', messages: MESSAGES, max_tokens: 300 }),
    );
    await Promise.allSettled(calls);
    const bounds = requests.map(({ body }) => (body as { max_tokens: number }).max_tokens);
    expect(bounds.slice(0, 3)).toEqual([300, 300, 300]);
    const sum = bounds.reduce((a, b) => a + b + PROMPT, 0);
    expect(sum).toBeLessThanOrEqual(1_000);
    expect(await budget.usage()).toMatchObject([{ used: sum }]);
  });

  test.each([[{ min: 0 }], [{ min: 1.5 }], [{}], [true], [{ minimum: 3 }]])('refuses %j', (fitToBudget) => {
    expect(() => new Budget({ fitToBudget: fitToBudget as never })).toThrow(BudgetOptionError);
  });
});

test('the most that fits is found: one more does not', () => {
  const room = fc.integer({ min: 0, max: 5_000 });
  fc.assert(
    fc.property(
      room,
      room,
      room,
      fc.integer({ min: 0, max: 4_000 }),
      (tokens, completionTokens, cents, most) => {
        const quantities = { promptTokens: 100, completionTokens: most, images: 0 };
        // A price with a step, as some models have for long contexts.
        const pricing = (q: typeof quantities) =>
          q.completionTokens * (q.completionTokens > 2_000 ? 2e7 : 1e7);
        const left = {
          requests: 1,
          promptTokens: 100,
          tokens,
          completionTokens,
          images: 0,
          cost: cents / 100,
        };
        const fits = (n: number) =>
          n + 100 <= tokens && n <= completionTokens && (n * (n > 2_000 ? 2e7 : 1e7)) / 1e9 <= cents / 100;
        const found = fittingCompletion(quantities, pricing, left);
        if (found === undefined) expect(fits(0)).toBe(false);
        else expect([fits(found), found === most || fits(found + 1)]).toEqual([true, found === most]);
      },
    ),
  );
});
