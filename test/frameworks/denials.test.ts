/** What the frameworks make of a call that the budget refuses: when they ask again, and what the app gets. */
import { createOpenAI } from '@ai-sdk/openai';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { Agent, OpenAIProvider, type RetryPolicy, Runner, retryPolicies } from '@openai/agents';
import { embed, generateText, streamText } from 'ai';
import { APIConnectionError, RateLimitError } from 'openai';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  Budget,
  BudgetStoreError,
  type Fetch,
  GovernedOpenAI,
  governFetch,
  type Limit,
  QuotaExceeded,
} from '../../src/index.ts';
import { RemoteStore } from '../support/stores.ts';
import {
  chatChunks,
  chatCompletion,
  chatUsage,
  eventStream,
  json,
  mockUpstream,
} from '../support/upstream.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: Date.UTC(2026, 10, 21, 12) });
});
afterEach(() => {
  vi.useRealTimers();
});

const LIMITS = {
  'a spent quota': { tokens: 100, per: 'day' },
  'a full rolling limit': { tokens: 100, per: 'minute' },
  'one that takes minutes': { tokens: 100, per: { seconds: 600 }, window: 'rolling' },
  'one that is too small': { tokens: 90, per: 'minute', burst: 40 },
} satisfies Record<string, Limit>;
type LimitName = keyof typeof LIMITS;

type Retries = { readonly maxRetries?: number };

/** One call of about 60 tokens. */
type Call = (fetch: Fetch, retries: Retries) => Promise<unknown>;

const chatAnswer = json(chatCompletion(chatUsage(8, 4)));
const chatStream = eventStream(chatChunks(['Hi'], chatUsage(8, 4)));
const embeddingAnswer = json({
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
  usage: { prompt_tokens: 60, total_tokens: 60 },
});
const LONG = 'hi '.repeat(60);

const langchain = (fetch: Fetch, retries: Retries) =>
  new ChatOpenAI({ model: 'gpt-4o', apiKey: 'x', maxTokens: 50, configuration: { fetch }, ...retries });
const LANGCHAIN: readonly (readonly [string, Call, () => Response])[] = [
  ['invoke', (fetch, retries) => langchain(fetch, retries).invoke('hi'), chatAnswer],
  [
    'stream',
    async (fetch, retries) => {
      for await (const _ of await langchain(fetch, retries).stream('hi'));
    },
    chatStream,
  ],
  [
    'embedQuery',
    (fetch, retries) =>
      new OpenAIEmbeddings({ apiKey: 'x', configuration: { fetch }, ...retries }).embedQuery(LONG),
    embeddingAnswer,
  ],
];

const aiSdk = (fetch: Fetch) => createOpenAI({ apiKey: 'x', fetch });
const AI_SDK: readonly (readonly [string, Call, () => Response])[] = [
  [
    'generateText',
    (fetch, retries) =>
      generateText({ model: aiSdk(fetch).chat('gpt-4o'), prompt: 'hi', maxOutputTokens: 50, ...retries }),
    chatAnswer,
  ],
  [
    'streamText',
    async (fetch, retries) => {
      const errors: unknown[] = [];
      const { textStream } = streamText({
        model: aiSdk(fetch).chat('gpt-4o'),
        prompt: 'hi',
        maxOutputTokens: 50,
        onError: ({ error }) => void errors.push(error),
        ...retries,
      });
      for await (const _ of textStream);
      for (const error of errors) throw error;
    },
    chatStream,
  ],
  [
    'embed',
    (fetch, retries) =>
      embed({ model: aiSdk(fetch).embedding('text-embedding-3-small'), value: LONG, ...retries }),
    embeddingAnswer,
  ],
];

/** Makes a call, and lets time pass until it is over: when it asked the budget, and what it sent. */
async function outcomeOf(
  call: (governed: Fetch, budget: Budget, fetch: Fetch) => Promise<unknown>,
  budget: Budget,
  answer: () => Response,
) {
  const upstream = mockUpstream(answer);
  const governed = governFetch(upstream.fetch, budget);
  const start = Date.now();
  const askedAt: number[] = [];
  const asking: Fetch = (input, init) => {
    askedAt.push(Date.now() - start);
    return governed(input, init);
  };
  let denials = 0;
  budget.on('denied', () => {
    denials += 1;
  });
  let over = false;
  const result = call(asking, budget, upstream.fetch)
    .then(
      () => undefined,
      (error: unknown) => error,
    )
    .finally(() => {
      over = true;
    });
  while (!over) {
    await vi.advanceTimersByTimeAsync(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { error: await result, askedAt, denials, sent: upstream.requests.length };
}

async function budgetWith(limit: LimitName): Promise<Budget> {
  const budget = new Budget({ limits: [LIMITS[limit]] });
  await budget.ready();
  await budget.reserve({ usage: { tokens: limit === 'one that is too small' ? 1 : 90 } });
  return budget;
}

async function budgetWithoutStore(): Promise<Budget> {
  const store = Object.assign(new RemoteStore(), { failure: new Error('down') });
  const budget = new Budget({ store, limits: [LIMITS['a spent quota']] });
  await budget.ready();
  return budget;
}

describe.each(LANGCHAIN)('LangChain %s', (_, call, answer) => {
  test.each<[LimitName, number | undefined, name: string]>([
    ['a spent quota', undefined, 'InsufficientQuotaError'],
    ['one that takes minutes', undefined, 'RateLimitCapacityError'],
    ['one that is too small', undefined, 'RateLimitCapacityError'],
    ['a full rolling limit', 0, 'Error'],
  ])('gives up at once on %s (maxRetries %s)', async (limit, maxRetries, name) => {
    const retries = maxRetries === undefined ? {} : { maxRetries };
    const { error, askedAt, sent } = await outcomeOf(
      (fetch) => call(fetch, retries),
      await budgetWith(limit),
      answer,
    );
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ name, status: 429 });
    expect({ askedAt, sent }).toEqual({ askedAt: [0], sent: 0 });
  });

  test('waits for a full rolling limit, once', async () => {
    const { error, askedAt, sent } = await outcomeOf(
      (fetch) => call(fetch, {}),
      await budgetWith('a full rolling limit'),
      answer,
    );
    expect(error).toBeUndefined();
    expect(askedAt).toEqual([0, expect.closeTo(30_000, -4)]);
    expect(sent).toBe(1);
  });

  test('takes a failed store for a lost connection', async () => {
    const { error, askedAt, sent } = await outcomeOf(
      (fetch) => call(fetch, { maxRetries: 1 }),
      await budgetWithoutStore(),
      answer,
    );
    expect(error).toBeInstanceOf(APIConnectionError);
    expect(error).toMatchObject({ cause: { name: 'BudgetStoreError' } });
    expect({ asked: askedAt.length, sent }).toEqual({ asked: 2, sent: 0 });
  });
});

describe.each(AI_SDK)('AI SDK %s', (_, call, answer) => {
  test.each<LimitName>(['a spent quota', 'one that takes minutes', 'one that is too small'])(
    'asks for %s three times in six seconds',
    async (limit) => {
      const { error, askedAt, sent } = await outcomeOf(
        (fetch) => call(fetch, {}),
        await budgetWith(limit),
        answer,
      );
      expect(error).toMatchObject({
        name: 'AI_RetryError',
        lastError: { name: 'AI_APICallError', statusCode: 429 },
      });
      expect({ askedAt, sent }).toEqual({ askedAt: [0, 2_000, 6_000], sent: 0 });
    },
  );

  test.each(Object.keys(LIMITS) as LimitName[])('gives up at once on %s without retries', async (limit) => {
    const { error, askedAt, sent } = await outcomeOf(
      (fetch) => call(fetch, { maxRetries: 0 }),
      await budgetWith(limit),
      answer,
    );
    expect(error).toMatchObject({ name: 'AI_APICallError', statusCode: 429 });
    expect({ askedAt, sent }).toEqual({ askedAt: [0], sent: 0 });
  });

  test('waits for a full rolling limit, once', async () => {
    const { error, askedAt, sent } = await outcomeOf(
      (fetch) => call(fetch, {}),
      await budgetWith('a full rolling limit'),
      answer,
    );
    expect(error).toBeUndefined();
    expect(askedAt).toEqual([0, expect.closeTo(30_000, -4)]);
    expect(sent).toBe(1);
  });

  test('tells of a failed store at once, with its own error', async () => {
    const { error, askedAt, sent } = await outcomeOf(
      (fetch) => call(fetch, {}),
      await budgetWithoutStore(),
      answer,
    );
    expect(error).toBeInstanceOf(BudgetStoreError);
    expect({ askedAt, sent }).toEqual({ askedAt: [0], sent: 0 });
  });
});

describe('Agents SDK', () => {
  /** As an app would write it: other errors as the API suggests, a denial never. */
  const allButDenials: RetryPolicy = (context) =>
    !(context.error instanceof QuotaExceeded) && retryPolicies.providerSuggested()(context);

  function agent(policy?: RetryPolicy) {
    const retry = policy && { retry: { maxRetries: 2, policy } };
    const modelSettings = { maxTokens: 50, ...retry };
    return (_: Fetch, budget: Budget, fetch: Fetch) => {
      const openAIClient = new GovernedOpenAI({ apiKey: 'x', fetch, budget });
      const modelProvider = new OpenAIProvider({ openAIClient, useResponses: false });
      const runner = new Runner({ modelProvider, tracingDisabled: true });
      return runner.run(new Agent({ name: 'Guide', model: 'gpt-4o', modelSettings }), 'hi');
    };
  }

  test.each<[LimitName, string, RetryPolicy | undefined]>([
    ['a spent quota', 'without a policy', undefined],
    ['a full rolling limit', 'without a policy', undefined],
    ['a spent quota', 'with a policy that knows denials', allButDenials],
    ['a full rolling limit', 'with a policy that knows denials', allButDenials],
  ])('gives up at once on %s, %s', async (limit, _, policy) => {
    const { error, denials, sent } = await outcomeOf(agent(policy), await budgetWith(limit), chatAnswer);
    expect(error).toBeInstanceOf(QuotaExceeded);
    expect({ denials, sent }).toEqual({ denials: 1, sent: 0 });
  });

  test('waits for a limit as long as its denial says, with the policy of the API', async () => {
    const waiting = agent(retryPolicies.providerSuggested());
    const budget = await budgetWith('one that takes minutes');
    const { error, denials, sent } = await outcomeOf(waiting, budget, chatAnswer);
    expect(error).toBeUndefined();
    expect({ denials, sent }).toEqual({ denials: 1, sent: 1 });
  });
});
