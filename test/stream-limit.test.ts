import { describe, expect, test } from 'vitest';
import { Budget, type BudgetOptions, GovernedOpenAI, QuotaExceeded } from '../src/index.ts';
import { ManualClock } from './support/clock.ts';
import { RemoteStore } from './support/stores.ts';
import { chatChunks, chatUsage, eventStream, mockUpstream } from './support/upstream.ts';

const CALL = {
  model: 'gpt-4o',
  messages: [{ role: 'user' as const, content: 'Count.' }],
  stream: true as const,
};
/** Of the messages above. */
const PROMPT = 9;
/** One token each. */
const WORDS = Array.from({ length: 1_000 }, () => ' word');

function setUp(options: BudgetOptions, chunks: readonly object[]) {
  const { fetch } = mockUpstream(eventStream(chunks));
  const budget = new Budget({ stopAtLimit: true, clock: new ManualClock().read, ...options });
  const openai = new GovernedOpenAI({ apiKey: 'test', fetch, maxRetries: 0, budget });
  const used = async () => {
    await budget.flush();
    return (await budget.usage()).map((limit) => limit.used);
  };
  const deliver = async (call: object) => {
    let words = 0;
    let error: unknown;
    try {
      for await (const { choices } of await openai.chat.completions.create({ ...CALL, ...call })) {
        if (choices[0]?.delta.content) words++;
      }
    } catch (caught) {
      error = caught;
    }
    return { words, error };
  };
  return { budget, used, deliver };
}

describe('stopAtLimit', () => {
  const limits = [{ tokens: 500, per: 'day' as const }];

  test.each([
    ['in this process', undefined],
    ['across a network', new RemoteStore()],
  ])('cuts a stream that delivers more than was reserved, when nothing remains: %s', async (_, store) => {
    const { deliver, used, budget } = setUp({ store, limits, completion: 'none' }, chatChunks(WORDS));
    const { words, error } = await deliver({});
    expect(error).toBeInstanceOf(QuotaExceeded);
    expect(error).toMatchObject({
      limit: 'tokens per day',
      reason: expect.stringMatching(/quota|too_large/),
    });
    // What is reserved in advance is at most a quarter of what the stream had.
    expect(words).toBeGreaterThan(350);
    expect(words).toBeLessThanOrEqual(500 - PROMPT + 10);
    expect(await used()).toEqual([PROMPT + words]);
    expect(await budget.reservations()).toEqual([]);
  });

  test('lets a stream go on while there is budget, and charges what it reports', async () => {
    const { deliver, used, budget } = setUp(
      { limits: [{ tokens: 5_000, per: 'day' }], completion: 'none' },
      chatChunks(WORDS, chatUsage(PROMPT, 1_000)),
    );
    expect(await deliver({})).toEqual({ words: 1_000, error: undefined });
    expect(await used()).toEqual([PROMPT + 1_000]);
    expect(await budget.reservations()).toEqual([]);
  });

  test('is nothing to a stream that stays within its bound', async () => {
    const { deliver, used, budget } = setUp(
      { limits },
      chatChunks(WORDS.slice(0, 50), chatUsage(PROMPT, 50)),
    );
    const admitted: unknown[] = [];
    budget.on('admitted', (event) => admitted.push(event));
    expect(await deliver({ max_tokens: 100 })).toEqual({ words: 50, error: undefined });
    expect(admitted).toHaveLength(1);
    expect(await used()).toEqual([PROMPT + 50]);
  });

  test('off by default: what is used beyond the limit is counted', async () => {
    const { deliver, used } = setUp({ limits, completion: 'none', stopAtLimit: false }, chatChunks(WORDS));
    expect(await deliver({})).toEqual({ words: 1_000, error: undefined });
    expect(await used()).toEqual([PROMPT + 1_000]);
  });

  test('a store that fails cuts the stream with its error, or lets it pass', async () => {
    for (const onStoreError of ['reject', 'allow'] as const) {
      const store = new RemoteStore();
      const { deliver, budget } = setUp(
        { store, limits, completion: 'none', onStoreError },
        chatChunks(WORDS),
      );
      budget.on('admitted', () => {
        store.failure = new Error('away');
      });
      const { words, error } = await deliver({});
      if (onStoreError === 'allow') expect([words, error]).toEqual([1_000, undefined]);
      else expect(error).toMatchObject({ name: 'BudgetStoreError', operation: 'admit' });
    }
  });
});
