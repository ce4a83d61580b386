import type Keyv from 'keyv';
import type Keyv6 from 'keyv6';
import type { AzureOpenAI, OpenAI } from 'openai';
import type { Stream } from 'openai/streaming';
import { describe, expectTypeOf, test } from 'vitest';
import type {
  Budget,
  BudgetOptions,
  GovernedAzureOpenAI,
  GovernedClientOptions,
  GovernedOpenAI,
  Limit,
  QuotaExceeded,
} from '../src/index.ts';

describe('types are those of the SDK', () => {
  test('a governed client is a client', () => {
    expectTypeOf<GovernedOpenAI>().toExtend<OpenAI>();
    expectTypeOf<GovernedAzureOpenAI>().toExtend<AzureOpenAI>();
    expectTypeOf<GovernedOpenAI['chat']>().toEqualTypeOf<OpenAI['chat']>();
    expectTypeOf<QuotaExceeded>().toExtend<InstanceType<typeof OpenAI.RateLimitError>>();
    expectTypeOf<ReturnType<GovernedOpenAI['withCaller']>>().toExtend<GovernedOpenAI>();
  });

  test('the overloads of create keep their narrow results', () => {
    const calls = (openai: GovernedOpenAI) => ({
      plain: openai.chat.completions.create({ model: 'gpt-4o', messages: [] }),
      streamed: openai.chat.completions.create({ model: 'gpt-4o', messages: [], stream: true }),
    });
    type Calls = ReturnType<typeof calls>;
    expectTypeOf<Awaited<Calls['plain']>>().toExtend<OpenAI.ChatCompletion>();
    expectTypeOf<Awaited<Calls['streamed']>>().toExtend<Stream<OpenAI.ChatCompletionChunk>>();
  });

  test('a client takes every option of the SDK, and a budget', () => {
    expectTypeOf<{
      apiKey: string;
      maxRetries: number;
      budget: BudgetOptions;
    }>().toExtend<GovernedClientOptions>();
    expectTypeOf<{ budget: Budget }>().toExtend<GovernedClientOptions>();
    expectTypeOf<{ apiKey: string }>().not.toExtend<GovernedClientOptions>();
  });

  test('a store is a Keyv instance as it is', () => {
    expectTypeOf<Keyv>().toExtend<NonNullable<BudgetOptions['store']>>();
    expectTypeOf<Keyv6>().toExtend<NonNullable<BudgetOptions['store']>>();
    expectTypeOf<string>().not.toExtend<NonNullable<BudgetOptions['store']>>();
  });

  test('a limit has exactly one unit, a known period, and no other name', () => {
    expectTypeOf<{ tokens: 1; per: 'minute' }>().toExtend<Limit>();
    expectTypeOf<{ cost: 1; per: { seconds: 5 }; name: 'x' }>().toExtend<Limit>();
    expectTypeOf<{ per: 'minute' }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1; cost: 1; per: 'minute' }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: 'minutes' }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1 }>().not.toExtend<Limit>();
    // @ts-expect-error a misspelt name
    const limit: Limit = { tokens: 1, per: 'minute', burts: 5 };
    // @ts-expect-error a misspelt name
    const options: BudgetOptions = { limit: [limit] };
    expectTypeOf(options).toEqualTypeOf<BudgetOptions>();
  });
});
