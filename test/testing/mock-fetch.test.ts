import OpenAI, { AzureOpenAI } from 'openai';
import { describe, expect, test } from 'vitest';
import {
  Budget,
  BudgetOptionError,
  GovernedAzureOpenAI,
  GovernedOpenAI,
  governFetch,
} from '../../src/index.ts';
import { type MockFetchOptions, type MockRequest, mockFetch } from '../../src/testing/index.ts';

const model = 'gpt-4o-mini';
const question = { model, messages: [{ role: 'user' as const, content: 'What is the answer?' }] };
const limits = [{ tokens: 1_000, per: 'day' as const }];

function clientOf(options: MockFetchOptions, more: object = {}) {
  const api = mockFetch(options);
  const openai = new GovernedOpenAI({ apiKey: 'test', fetch: api, budget: { limits }, ...more });
  const ask = async () => (await openai.chat.completions.create(question)).choices[0]?.message.content;
  const used = async () => {
    await openai.budget.flush();
    return (await openai.budget.usage())[0]?.used;
  };
  return { api, openai, ask, used };
}

describe('answers', () => {
  test('come in turn, and the last again and again', async () => {
    const { ask } = clientOf({ answers: ['one', { content: ['t', 'wo'] }, () => 'three'] });
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual(['one', 'two', 'three', 'three']);
  });

  test('come in the order of the requests where those are sent at once', async () => {
    const { ask } = clientOf({ answers: ['one', 'two', 'three'] });
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(['one', 'two', 'three']);
  });

  test('come in that order whatever it takes to read a request', async () => {
    const api = mockFetch({ answers: ['one', 'two'] });
    const form = new FormData();
    form.append('model', 'whisper-1');
    form.append('file', new Blob([new Uint8Array(100_000)]), 'speech.mp3');
    const upload = api('https://api/v1/audio/transcriptions', { method: 'POST', body: form });
    const chat = api('https://api/v1/chat/completions', { method: 'POST', body: JSON.stringify(question) });
    expect(await (await chat).json()).toMatchObject({ choices: [{ message: { content: 'two' } }] });
    expect(await (await upload).json()).toMatchObject({ text: 'one' });
  });

  test('may depend on the request', async () => {
    const { ask, api } = clientOf({ answers: ({ body }: MockRequest) => JSON.stringify(body['messages']) });
    expect(await ask()).toBe(JSON.stringify(question.messages));
    const [request] = api.requests;
    expect(request).toMatchObject({ endpoint: '/chat/completions', method: 'POST', model, body: question });
    expect(request?.headers.get('authorization')).toBe('Bearer test');
  });

  test('may be a whole Response, each time anew', async () => {
    const body = { choices: [{ message: { content: 'from a server of mine' } }] };
    const { ask } = clientOf({ answers: Response.json(body) });
    expect([await ask(), await ask()]).toEqual(Array(2).fill('from a server of mine'));
  });

  test('wait until the test lets them go, and the tokens are reserved meanwhile', async () => {
    const gate = Promise.withResolvers<string>();
    const arrived = Promise.withResolvers<void>();
    const { ask, openai } = clientOf({
      answers: () => {
        arrived.resolve();
        return gate.promise;
      },
    });
    const answer = ask();
    await arrived.promise;
    expect(await openai.budget.reservations()).toHaveLength(1);
    gate.resolve('at last');
    expect(await answer).toBe('at last');
    await openai.budget.flush();
    expect(await openai.budget.reservations()).toEqual([]);
  });
});

describe('refusals and failures', () => {
  test('a status is answered in the form of the API, and costs nothing', async () => {
    const { ask, used } = clientOf({ answers: { status: 429 } }, { maxRetries: 0 });
    const error = await ask().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ code: 'rate_limit_exceeded', type: 'requests', requestID: 'req_mock_1' });
    expect((error as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('retry-after-ms')).toBe('1');
    expect(await used()).toBe(0);
  });

  test('its body and headers may be given', async () => {
    const error = { message: 'No such model', code: 'model_not_found' };
    const { ask } = clientOf({ answers: { status: 404, error, headers: { 'x-request-id': 'mine' } } });
    await expect(ask()).rejects.toMatchObject({
      status: 404,
      message: '404 No such model',
      code: 'model_not_found',
      type: 'invalid_request_error',
      requestID: 'mine',
    });
  });

  test('the SDK tries again at once, and all attempts are noted', async () => {
    const { ask, api } = clientOf({ answers: [{ status: 500 }, { status: 503 }, 'Hi!'] });
    expect(await ask()).toBe('Hi!');
    expect(api.requests.map(({ headers }) => headers.get('x-stainless-retry-count'))).toEqual([
      '0',
      '1',
      '2',
    ]);
  });

  test.each([
    ['nothing, where the connection was refused', { code: 'ECONNREFUSED' }, 0],
    ['its estimate, where nobody knows', {}, 25],
  ])('a network failure rejects, and costs %s', async (_, about, charge) => {
    const answers = Object.assign(new Error('no network'), about);
    const { openai, used } = clientOf({ answers }, { maxRetries: 0 });
    const request = { ...question, max_completion_tokens: 13 };
    await expect(openai.chat.completions.create(request)).rejects.toBeInstanceOf(OpenAI.APIConnectionError);
    expect(await used()).toBe(charge);
  });

  test('a stream that is cut delivers half of it, which is charged', async () => {
    const content = ['one', ' two', ' three', ' four', ' five', ' six'];
    const { openai, used } = clientOf({ answers: { content, cut: new Error('reset') } });
    const stream = await openai.chat.completions.create({ ...question, stream: true });
    let text = '';
    const reading = async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content;
    };
    await expect(reading()).rejects.toThrow('reset');
    expect(text).toBe('one two three four');
    // 12 of the prompt, and what was delivered.
    expect(await used()).toBe(12 + 4);
  });

  test('a body that is cut keeps its estimate', async () => {
    const { openai, used } = clientOf({ answers: { cut: new Error('reset') } });
    const request = { ...question, max_completion_tokens: 30 };
    await expect(openai.chat.completions.create(request)).rejects.toThrow('reset');
    expect(await used()).toBe(12 + 30);
  });
});

describe('usage', () => {
  test.each<[string, MockFetchOptions, number]>([
    // 'What is the answer?' has 19 characters, 'Hello!' six.
    ['is made up of the lengths', {}, 5 + 2],
    ['of the mock', { usage: { promptTokens: 30, completionTokens: 12 } }, 42],
    ['in part', { usage: { promptTokens: 30 } }, 30 + 2],
    [
      'by a function',
      { usage: ({ endpoint }) => ({ promptTokens: endpoint.length, completionTokens: 0 }) },
      17,
    ],
    ['of a function that says nothing', { usage: () => undefined }, 5 + 2],
    [
      'of the answer before that of the mock',
      { usage: { promptTokens: 1 }, answers: { usage: { promptTokens: 10, completionTokens: 10 } } },
      20,
    ],
    // Nothing is reported: the estimate stands, of 12 and 30.
    ['none', { usage: null }, 42],
    ['none of this answer', { usage: { promptTokens: 1 }, answers: { usage: null } }, 42],
  ])('%s', async (_, options, charge) => {
    const { openai, used } = clientOf(options);
    await openai.chat.completions.create({ ...question, max_completion_tokens: 30 });
    expect(await used()).toBe(charge);
  });

  test('with parts that are priced by themselves', async () => {
    const usage = { promptTokens: 100, completionTokens: 50, cachedTokens: 80, reasoningTokens: 40 };
    const api = mockFetch({ usage });
    const prices = { [model]: { input: 10_000, cachedInput: 1_000, output: 20_000 } };
    const budget = { prices, limits: [{ cost: 100, per: 'day' as const }] };
    const openai = new GovernedOpenAI({ apiKey: 'test', fetch: api, budget });
    const completion = await openai.chat.completions.create(question);
    expect(completion.usage?.completion_tokens_details?.reasoning_tokens).toBe(40);
    await openai.budget.flush();
    expect((await openai.budget.usage())[0]?.used).toBeCloseTo(0.2 + 0.08 + 1, 9);
  });

  test('of streams is reported only where it is asked for', async () => {
    const openai = new OpenAI({ apiKey: 'test', fetch: mockFetch() });
    const chunksOf = async (options: object) => {
      const chunks: OpenAI.ChatCompletionChunk[] = [];
      for await (const chunk of await openai.chat.completions.create({
        ...question,
        ...options,
        stream: true,
      }))
        chunks.push(chunk);
      return chunks;
    };
    const plain = await chunksOf({});
    expect(plain.some((chunk) => 'usage' in chunk)).toBe(false);
    expect(await chunksOf({ stream_options: { include_usage: false } })).toHaveLength(plain.length);
    const asked = await chunksOf({ stream_options: { include_usage: true } });
    expect(asked.map(({ usage }) => usage?.total_tokens ?? usage)).toEqual([...plain.map(() => null), 7]);
    expect(asked.at(-1)?.choices).toEqual([]);
  });
});

describe('a signal', () => {
  const never = () => new Promise<never>(() => undefined);

  test('that is aborted already sends nothing', async () => {
    const api = mockFetch();
    const signal = AbortSignal.abort(new Error('too late'));
    const sending = api('https://api.openai.com/v1/chat/completions', { method: 'POST', body: '{}', signal });
    await expect(sending).rejects.toThrow('too late');
    expect(api.requests).toEqual([]);
  });

  test('ends the wait for an answer', async () => {
    const stop = new AbortController();
    const { openai } = clientOf({
      answers: () => {
        queueMicrotask(() => stop.abort());
        return never();
      },
    });
    const asking = openai.chat.completions.create(question, { signal: stop.signal });
    await expect(asking).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
  });

  test('of a Request counts, too', async () => {
    const stop = new AbortController();
    const body = JSON.stringify(question);
    const request = new Request('https://api.openai.com/v1/chat/completions', {
      method: 'POST',
      body,
      signal: stop.signal,
    });
    const sending = mockFetch({ answers: never })(request);
    stop.abort(new Error('stopped'));
    await expect(sending).rejects.toThrow('stopped');
  });

  test('ends a stream', async () => {
    const stop = new AbortController();
    const body = JSON.stringify({ ...question, stream: true });
    const init = { method: 'POST', body, signal: stop.signal };
    const response = await mockFetch()('https://api.openai.com/v1/chat/completions', init);
    const reader = response.body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    stop.abort(new Error('enough'));
    await expect(reader?.read()).rejects.toThrow('enough');
  });

  test('that ends a stream half-way leaves what was delivered', async () => {
    const { openai, used } = clientOf({ answers: 'one two three four five' });
    const stop = new AbortController();
    const stream = await openai.chat.completions.create(
      { ...question, stream: true },
      { signal: stop.signal },
    );
    let text = '';
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (text === 'one two ') stop.abort();
    }
    expect(text).toBe('one two ');
    expect(await used()).toBeLessThan(12 + 6);
  });
});

describe('clients', () => {
  const azure = {
    apiKey: 'test',
    endpoint: 'https://mine.openai.azure.com',
    apiVersion: '2025-01-01',
    deployment: 'chat',
  };

  test('Azure: the deployment is the model', async () => {
    const api = mockFetch();
    const bare = new AzureOpenAI({ ...azure, fetch: api });
    for (const openai of [bare, new GovernedAzureOpenAI({ ...azure, fetch: api, budget: { limits } })]) {
      const completion = await openai.chat.completions.create(question);
      expect(completion).toMatchObject({ model: 'chat', choices: [{ message: { content: 'Hello!' } }] });
      expect(api.requests.at(-1)).toMatchObject({ endpoint: '/chat/completions', model: 'chat' });
    }
  });

  test('governFetch, with a Request', async () => {
    const budget = new Budget({ limits });
    const fetch = governFetch(mockFetch({ usage: { promptTokens: 20, completionTokens: 5 } }), budget);
    const body = JSON.stringify(question);
    const response = await fetch(new Request('https://router/v1/chat/completions', { method: 'POST', body }));
    expect(await response.json()).toMatchObject({ object: 'chat.completion' });
    await budget.flush();
    expect((await budget.usage())[0]?.used).toBe(25);
  });

  test('other paths are not found, take no answer, and say who does not find them', async () => {
    const { openai, ask, api } = clientOf({ answers: ['one', 'two'] });
    const error = await openai.models.list().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(`${error}`).toMatch(
      /Invalid URL \(GET \/v1\/models\): mockFetch answers POST requests to .*\/chat\/completions/,
    );
    expect(await ask()).toBe('one');
    expect(api.requests.map(({ endpoint }) => endpoint)).toEqual(['/v1/models', '/chat/completions']);
  });
});

test.each<[string, object, string]>([
  ['an unknown option', { answer: 'Hi!' }, 'did you mean answers?'],
  ['usage in the words of the API', { usage: { prompt_tokens: 9 } }, 'mockFetch.usage: expected only'],
  [
    'an answer with such usage',
    { answers: { usage: { tokens: 9 } } },
    'mockFetch.answers[0].usage: expected',
  ],
  ['no answers', { answers: [] }, 'mockFetch.answers: expected at least one answer, got an empty array'],
  ['a misspelt answer', { answers: [{ contents: 'Hi!' }] }, 'did you mean content?'],
  [
    'a status that is no refusal',
    { answers: { status: 200 } },
    'mockFetch.answers[0].status: expected a status from 400 to 599, got 200',
  ],
])('%s is refused', (_, options, message) => {
  expect(() => mockFetch(options)).toThrow(BudgetOptionError);
  expect(() => mockFetch(options)).toThrow(message);
});
