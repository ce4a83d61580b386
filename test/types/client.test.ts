import type { AzureOpenAI, OpenAI } from 'openai';
import type { APIPromise } from 'openai/core/api-promise';
import { zodResponseFormat } from 'openai/helpers/zod';
import type { ParsedChatCompletion } from 'openai/resources/chat/completions';
import type { Stream } from 'openai/streaming';
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type {
  Budget,
  BudgetOptions,
  Caller,
  GovernedAzureClientOptions,
  GovernedClientOptions,
  QuotaExceeded,
} from '../../src/index.ts';
import { GovernedAzureOpenAI, GovernedOpenAI } from '../../src/index.ts';

/** Type-checks what it does, and never does it: there is nobody to answer. */
const never = (_unused: (openai: GovernedOpenAI) => unknown) => undefined;

const model = 'gpt-4o';
const messages: OpenAI.ChatCompletionMessageParam[] = [];

describe('a governed client is a client of the SDK', () => {
  test('also where one is asked for', () => {
    expectTypeOf<GovernedOpenAI>().toExtend<OpenAI>();
    expectTypeOf<GovernedAzureOpenAI>().toExtend<AzureOpenAI>();
    expectTypeOf<GovernedAzureOpenAI>().toExtend<OpenAI>();
    expectTypeOf<OpenAI>().not.toExtend<GovernedOpenAI>();
    expectTypeOf<typeof GovernedOpenAI.RateLimitError>().toEqualTypeOf<typeof OpenAI.RateLimitError>();
  });

  test('with every resource as it is', () => {
    type Resource = 'audio' | 'chat' | 'completions' | 'embeddings' | 'files' | 'images' | 'responses';
    expectTypeOf<Pick<GovernedOpenAI, Resource>>().toEqualTypeOf<Pick<OpenAI, Resource>>();
    expectTypeOf<keyof OpenAI>().toExtend<keyof GovernedOpenAI>();
    expectTypeOf<Exclude<keyof GovernedOpenAI, keyof OpenAI>>().toEqualTypeOf<'budget' | 'withCaller'>();
  });

  test('whose errors are errors of the SDK', () => {
    expectTypeOf<QuotaExceeded>().toExtend<InstanceType<typeof OpenAI.RateLimitError>>();
    expectTypeOf<QuotaExceeded['status']>().toEqualTypeOf<429>();
  });
});

describe('the results of calls keep their types', () => {
  test('chat', () => {
    never((openai) => {
      const { completions } = openai.chat;
      const body = { model, messages };
      const streamed: boolean = JSON.parse('true');
      expectTypeOf(completions.create(body)).toEqualTypeOf<APIPromise<OpenAI.ChatCompletion>>();
      expectTypeOf(completions.create({ ...body, stream: false })).toEqualTypeOf<
        APIPromise<OpenAI.ChatCompletion>
      >();
      expectTypeOf(completions.create({ ...body, stream: true })).toEqualTypeOf<
        APIPromise<Stream<OpenAI.ChatCompletionChunk>>
      >();
      expectTypeOf(completions.create({ ...body, stream: streamed })).toEqualTypeOf<
        APIPromise<OpenAI.ChatCompletion | Stream<OpenAI.ChatCompletionChunk>>
      >();
    });
  });

  test('responses', () => {
    never(({ responses }) => {
      const body = { model, input: 'hi' };
      const streamed: boolean = JSON.parse('true');
      type Events = Stream<OpenAI.Responses.ResponseStreamEvent>;
      expectTypeOf(responses.create(body)).toEqualTypeOf<APIPromise<OpenAI.Responses.Response>>();
      expectTypeOf(responses.create({ ...body, stream: false })).toEqualTypeOf<
        APIPromise<OpenAI.Responses.Response>
      >();
      expectTypeOf(responses.create({ ...body, stream: true })).toEqualTypeOf<APIPromise<Events>>();
      expectTypeOf(responses.create({ ...body, stream: streamed })).toEqualTypeOf<
        APIPromise<OpenAI.Responses.Response | Events>
      >();
    });
  });

  test('completions', () => {
    never(({ completions }) => {
      const body = { model, prompt: 'hi' };
      const streamed: boolean = JSON.parse('true');
      expectTypeOf(completions.create(body)).toEqualTypeOf<APIPromise<OpenAI.Completion>>();
      expectTypeOf(completions.create({ ...body, stream: true })).toEqualTypeOf<
        APIPromise<Stream<OpenAI.Completion>>
      >();
      expectTypeOf(completions.create({ ...body, stream: streamed })).toEqualTypeOf<
        APIPromise<OpenAI.Completion | Stream<OpenAI.Completion>>
      >();
    });
  });

  test('images', () => {
    never(({ images }) => {
      const body = { model: 'gpt-image-1', prompt: 'a cat' };
      const streamed: boolean = JSON.parse('true');
      type Events = Stream<OpenAI.ImageGenStreamEvent>;
      expectTypeOf(images.generate(body)).toEqualTypeOf<APIPromise<OpenAI.ImagesResponse>>();
      expectTypeOf(images.generate({ ...body, stream: true })).toEqualTypeOf<APIPromise<Events>>();
      expectTypeOf(images.generate({ ...body, stream: streamed })).toEqualTypeOf<
        APIPromise<OpenAI.ImagesResponse | Events>
      >();
    });
  });

  test('embeddings, uploads, speech', () => {
    never((openai) => {
      const embedding = openai.embeddings.create({ model, input: 'hi' });
      expectTypeOf(embedding).toEqualTypeOf<APIPromise<OpenAI.CreateEmbeddingResponse>>();
      const text = openai.audio.transcriptions.create({ model: 'whisper-1', file: new File([], 'a.mp3') });
      expectTypeOf(text).toEqualTypeOf<APIPromise<OpenAI.Audio.Transcription>>();
      const speech = openai.audio.speech.create({ model: 'tts-1', input: 'hi', voice: 'alloy' });
      expectTypeOf(speech).toEqualTypeOf<APIPromise<Response>>();
    });
  });

  test('parse() knows what was asked for', () => {
    never((openai) => {
      const City = z.object({ city: z.string() });
      const parsed = openai.chat.completions.parse({
        model,
        messages,
        response_format: zodResponseFormat(City, 'city'),
      });
      expectTypeOf(parsed).toEqualTypeOf<APIPromise<ParsedChatCompletion<{ city: string }>>>();
    });
  });

  test('withResponse() and asResponse()', () => {
    never((openai) => {
      const call = openai.chat.completions.create({ model, messages, stream: true });
      expectTypeOf(call.withResponse()).resolves.toEqualTypeOf<{
        data: Stream<OpenAI.ChatCompletionChunk>;
        response: Response;
        request_id: string | null;
      }>();
      expectTypeOf(call.asResponse()).resolves.toEqualTypeOf<Response>();
    });
  });
});

describe('a client made of another is of its own class', () => {
  class Own extends GovernedOpenAI {
    readonly team = 'search';
    async ask(): Promise<string | null | undefined> {
      const { choices } = await this.chat.completions.create({ model, messages });
      return choices[0]?.message.content;
    }
  }
  class OwnAzure extends GovernedAzureOpenAI {
    readonly team = 'search';
  }

  test('by withOptions() and withCaller()', () => {
    expectTypeOf<ReturnType<GovernedOpenAI['withCaller']>>().toEqualTypeOf<GovernedOpenAI>();
    expectTypeOf<ReturnType<GovernedOpenAI['withOptions']>>().toEqualTypeOf<GovernedOpenAI>();
    expectTypeOf<ReturnType<GovernedAzureOpenAI['withCaller']>>().toEqualTypeOf<GovernedAzureOpenAI>();
    expectTypeOf<ReturnType<GovernedAzureOpenAI['withOptions']>>().toEqualTypeOf<GovernedAzureOpenAI>();
    expectTypeOf<Parameters<GovernedOpenAI['withCaller']>>().toEqualTypeOf<[caller: Caller]>();
    expectTypeOf<Parameters<GovernedOpenAI['withOptions']>>().toEqualTypeOf<
      [options: Partial<GovernedClientOptions>]
    >();
  });

  test('also of an app', () => {
    expectTypeOf<ReturnType<Own['withCaller']>['ask']>().toEqualTypeOf<Own['ask']>();
    expectTypeOf<ReturnType<Own['withOptions']>['team']>().toEqualTypeOf<'search'>();
    expectTypeOf<ReturnType<OwnAzure['withCaller']>['team']>().toEqualTypeOf<'search'>();
    expectTypeOf<ConstructorParameters<typeof Own>>().toEqualTypeOf<[options: GovernedClientOptions]>();
  });
});

describe('a client takes every option of the SDK, and a budget', () => {
  test('as options or as a Budget', () => {
    expectTypeOf<{
      apiKey: string;
      maxRetries: number;
      budget: BudgetOptions;
    }>().toExtend<GovernedClientOptions>();
    expectTypeOf<{ budget: Budget; caller: Caller }>().toExtend<GovernedClientOptions>();
    expectTypeOf<{ apiKey: string }>().not.toExtend<GovernedClientOptions>();
    expectTypeOf<{ endpoint: string; budget: Budget }>().toExtend<GovernedAzureClientOptions>();
    expectTypeOf<{ endpoint: string }>().not.toExtend<GovernedAzureClientOptions>();
  });

  test('and nothing else', () => {
    never((openai) => [
      // @ts-expect-error no options
      new GovernedOpenAI(),
      // @ts-expect-error no budget
      new GovernedOpenAI({ apiKey: 'x' }),
      // @ts-expect-error a misspelt name
      new GovernedOpenAI({ apiKey: 'x', budget: {}, maxRetry: 3 }),
      // @ts-expect-error a misspelt name in the budget
      new GovernedOpenAI({ apiKey: 'x', budget: { limit: [] } }),
      // @ts-expect-error a misspelt name
      new GovernedAzureOpenAI({ apiKey: 'x', budget: {}, deploy: 'x' }),
      // @ts-expect-error a misspelt name
      openai.withOptions({ bugdet: {} }),
      // @ts-expect-error a misspelt name
      openai.withCaller({ keys: 'user' }),
      // @ts-expect-error a key alone is no caller
      openai.withCaller('user'),
    ]);
    never((openai) => {
      // @ts-expect-error the budget of a client is read only
      openai.budget = openai.withOptions({}).budget;
    });
  });
});
