import { describe, expect, test } from 'vitest';
import { Budget, BudgetError, GovernedOpenAI, QuotaExceeded } from '../src/index.ts';
import { chatCompletion, chatUsage, json, mockUpstream } from './support/upstream.ts';

const HELLO = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }], max_tokens: 5 };
/** 3 + (3 + 1 + 1). */
const PROMPT = 8;

function estimate(path: string, body: object, options = {}) {
  return new Budget(options).estimate(path, body);
}

describe('a bad body never makes the estimate smaller, and never crashes', () => {
  test.each<[string, object, { promptTokens: number; completionTokens: number }]>([
    ['n of a billion', { n: 1e9 }, { promptTokens: PROMPT, completionTokens: 5e9 }],
    ['n of -1', { n: -1 }, { promptTokens: PROMPT, completionTokens: 5 }],
    ['n of 0', { n: 0 }, { promptTokens: PROMPT, completionTokens: 5 }],
    ['n that is not a number', { n: Number.NaN }, { promptTokens: PROMPT, completionTokens: 5 }],
    ['n as text', { n: '3' }, { promptTokens: PROMPT, completionTokens: 15 }],
    ['n of 2.5', { n: 2.5 }, { promptTokens: PROMPT, completionTokens: 15 }],
    ['n of null', { n: null }, { promptTokens: PROMPT, completionTokens: 5 }],
    ['no messages', { messages: undefined }, { promptTokens: 3, completionTokens: 5 }],
    ['messages that are none', { messages: 'hi' }, { promptTokens: 3, completionTokens: 5 }],
    ['messages of anything', { messages: [null, 5, 'x', []] }, { promptTokens: 3, completionTokens: 5 }],
    [
      'a special token in the text',
      { messages: [{ role: 'user', content: '<|endoftext|>' }] },
      { promptTokens: 14, completionTokens: 5 },
    ],
    ['no model', { model: undefined }, { promptTokens: PROMPT, completionTokens: 5 }],
    ['a model that is none', { model: { a: 1 } }, { promptTokens: PROMPT, completionTokens: 5 }],
  ])('%s', async (_, over, expected) => {
    expect(await estimate('/chat/completions', { ...HELLO, ...over })).toMatchObject(expected);
  });

  test.each([-5, Number.NaN, Infinity, '7', null, {}])(
    'max_tokens of %s bounds nothing',
    async (max_tokens) => {
      const { completionTokens } = await estimate(
        '/chat/completions',
        { ...HELLO, max_tokens },
        { completion: 'max' },
      );
      expect(completionTokens).toBe(16_384);
    },
  );

  test('a cyclic or very deep schema is bounded', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    let deep: object = {};
    for (let i = 0; i < 100_000; i++) deep = { deep };
    for (const parameters of [cyclic, deep]) {
      const tools = [{ type: 'function', function: { name: 'f', parameters } }];
      expect((await estimate('/chat/completions', { ...HELLO, tools })).promptTokens).toBeGreaterThanOrEqual(
        PROMPT,
      );
    }
  });

  test('a prompt of 100 MB is bounded by its bytes, and refused', async () => {
    const content = 'spend '.repeat(100e6 / 6);
    const { fetch, requests } = mockUpstream(json({}));
    const openai = new GovernedOpenAI({
      apiKey: 'x',
      fetch,
      budget: { limits: [{ tokens: 1e6, per: 'minute' }] },
    });
    const error = await openai.chat.completions
      .create({ model: 'gpt-4o', messages: [{ role: 'user', content }], max_tokens: 5 })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(QuotaExceeded);
    expect(error).toMatchObject({ reason: 'too_large' });
    expect(String(error).length).toBeLessThan(500);
    expect(requests).toHaveLength(0);
  });

  test('a body that is no JSON is left to the API to refuse', async () => {
    const { fetch, requests } = mockUpstream(json({ error: { message: 'bad' } }, { status: 400 }));
    const openai = new GovernedOpenAI({
      apiKey: 'x',
      fetch,
      budget: { limits: [{ tokens: 1e6, per: 'minute' }] },
    });
    const headers = { 'content-type': 'application/json' };
    for (const body of ['{', '[]', '"x"', new TextEncoder().encode('nothing')]) {
      await expect(openai.post('/chat/completions', { body, headers })).rejects.toMatchObject({
        status: 400,
      });
    }
    await expect(openai.post('/chat/completions')).rejects.toMatchObject({ status: 400 });
    expect(requests).toHaveLength(5);
    expect(await openai.budget.usage()).toMatchObject([{ used: 0 }]);
  });

  test('a stream where JSON belongs is refused before it is sent: what it holds cannot be known', async () => {
    const { fetch, requests } = mockUpstream(json({}));
    const openai = new GovernedOpenAI({ apiKey: 'x', fetch, budget: {} });
    const body = new ReadableStream();
    await expect(openai.post('/chat/completions', { body })).rejects.toBeInstanceOf(BudgetError);
    expect(requests).toHaveLength(0);
  });

  test('a streamed upload is sent, and estimated at the most that it can be', async () => {
    const { fetch } = mockUpstream(
      json({ text: 'hi', usage: { type: 'tokens', input_tokens: 9, output_tokens: 2 } }),
    );
    const openai = new GovernedOpenAI({
      apiKey: 'x',
      fetch,
      budget: { limits: [{ tokens: 1e6, per: 'day' }] },
    });
    let reserved = 0;
    openai.budget.on('admitted', (event) => {
      expect(event.model).toBe('gpt-4o-transcribe');
      reserved = event.estimate.tokens;
    });
    const { toStreamingFile } = await import('openai');
    const file = toStreamingFile([new Uint8Array(8)] as never, 'a.mp3');
    await openai.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: file as never });
    expect(reserved).toBe(30_000);
    expect(await openai.budget.usage()).toMatchObject([{ used: 11 }]);
  });
});

test('a streamed upload of an image counts as the most images that one call may ask for', async () => {
  const { fetch } = mockUpstream(json({ created: 1, data: [{ b64_json: 'AA==' }] }));
  const openai = new GovernedOpenAI({ apiKey: 'x', fetch, budget: { limits: [{ images: 50, per: 'day' }] } });
  const { toStreamingFile } = await import('openai');
  const image = toStreamingFile([new Uint8Array(8)] as never, 'a.png');
  const call = openai.images.edit({ model: 'gpt-image-1', image: image as never, prompt: 'x' });
  let reserved = 0;
  openai.budget.on('admitted', ({ estimate }) => {
    reserved = estimate.images;
  });
  await call;
  expect(reserved).toBe(10);
  expect(await openai.budget.usage()).toMatchObject([{ used: 1 }]);
});

describe('what a call may use, by endpoint', () => {
  test.each<[string, string, object, object]>([
    [
      'chat: framing',
      '/chat/completions',
      {
        model: 'gpt-4o',
        messages: [
          { role: 'system', content: 'You are a helpful assistant.' },
          { role: 'user', name: 'bob', content: 'Hello, OpenAI!' },
        ],
        max_completion_tokens: 9,
        n: 2,
      },
      { promptTokens: 24, completionTokens: 18 },
    ],
    [
      'chat: max_completion_tokens before max_tokens',
      '/chat/completions',
      { ...HELLO, max_completion_tokens: 3 },
      { completionTokens: 3 },
    ],
    [
      'chat: a reasoning model is framed with one less',
      '/chat/completions',
      { ...HELLO, model: 'o3' },
      { promptTokens: PROMPT - 1 },
    ],
    [
      'chat: JSON mode adds nothing',
      '/chat/completions',
      { ...HELLO, response_format: { type: 'json_object' } },
      { promptTokens: PROMPT },
    ],
    [
      'responses: text',
      '/responses',
      { model: 'gpt-4o', input: 'hi', max_output_tokens: 7 },
      { promptTokens: PROMPT, completionTokens: 7 },
    ],
    [
      'embeddings: text',
      '/embeddings',
      { model: 'text-embedding-3-small', input: 'hello world' },
      { promptTokens: 2, completionTokens: 0 },
    ],
    [
      'embeddings: texts',
      '/embeddings',
      { model: 'text-embedding-3-small', input: ['hello', 'hello world'] },
      { promptTokens: 3 },
    ],
    [
      'embeddings: token ids',
      '/embeddings',
      { model: 'text-embedding-3-small', input: [1, 2, 3] },
      { promptTokens: 3 },
    ],
    [
      'embeddings: lists of token ids',
      '/embeddings',
      {
        model: 'text-embedding-3-small',
        input: [
          [1, 2],
          [3, 4, 5],
        ],
      },
      { promptTokens: 5 },
    ],
    [
      'completions: defaults',
      '/completions',
      { model: 'gpt-3.5-turbo-instruct', prompt: 'hello' },
      { promptTokens: 1, completionTokens: 16 },
    ],
    [
      'completions: prompts x best_of',
      '/completions',
      { model: 'gpt-3.5-turbo-instruct', prompt: ['hello', 'hello'], best_of: 3, n: 2, max_tokens: 10 },
      { promptTokens: 2, completionTokens: 60 },
    ],
    [
      'completions: echo',
      '/completions',
      { model: 'gpt-3.5-turbo-instruct', prompt: 'hello', echo: true, max_tokens: 0 },
      { completionTokens: 1 },
    ],
    [
      'images: by n',
      '/images/generations',
      { model: 'dall-e-3', prompt: 'x', n: 2 },
      { images: 2, tokens: 0 },
    ],
    ['images: no model', '/images/generations', { prompt: 'x' }, { images: 1, tokens: 0 }],
    [
      'images: by quality and size',
      '/images/generations',
      { model: 'gpt-image-1', prompt: 'hello', quality: 'medium', size: '1536x1024', n: 2 },
      { images: 2, promptTokens: 7, completionTokens: 3_136 },
    ],
    [
      'images: unknown quality counts as the dearest',
      '/images/generations',
      { model: 'gpt-image-1', prompt: 'hello' },
      { completionTokens: 6_240 },
    ],
    [
      'compaction',
      '/responses/compact',
      { model: 'gpt-4o', input: 'hello' },
      { requests: 1, promptTokens: 8 },
    ],
    ['moderations', '/moderations', { input: 'hello' }, { requests: 1, tokens: 0, cost: 0 }],
    ['speech by characters', '/audio/speech', { model: 'tts-1', input: 'hello', voice: 'x' }, { tokens: 0 }],
    [
      "Azure's path",
      'https://x.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=1',
      { messages: HELLO.messages, max_tokens: 1 },
      { promptTokens: PROMPT, completionTokens: 1 },
    ],
  ])('%s', async (_, path, body, expected) => {
    expect(await estimate(path, body)).toMatchObject(expected);
  });

  test('an object that makes its own JSON is read as it will be sent', async () => {
    const body = { toJSON: () => HELLO };
    expect(await estimate('/chat/completions', body)).toMatchObject({
      promptTokens: PROMPT,
      completionTokens: 5,
    });
  });

  test('a form is read as the SDK sends it', async () => {
    const form = new FormData();
    form.set('model', 'gpt-image-1');
    form.set('n', '3');
    form.append('image[]', new Blob(['x']));
    form.append('image[]', new Blob(['y']));
    const expected = { images: 3, completionTokens: 3 * 6_240, promptTokens: 6 + 2 * (581 + 52) };
    expect(await estimate('/images/edits', form)).toMatchObject(expected);
  });

  test('the path must be governed', async () => {
    await expect(estimate('/models', {})).rejects.toThrow(
      'estimate(path): expected the path of a governed endpoint',
    );
  });
});

describe('output that the request does not bound', () => {
  const body = { model: 'gpt-4o', messages: HELLO.messages };

  test.each<[object, number]>([
    [{ completion: 'none' }, 0],
    [{ completion: 'max' }, 16_384],
    [{ completion: () => 77 }, 77],
    [{ completion: () => Number.NaN }, 16_384],
    [{ completion: 'expected', limits: [{ tokens: 500, per: 'minute' }] }, 50],
    [
      {
        completion: 'expected',
        limits: [
          { tokens: 500, per: 'minute', models: 'o3' },
          { completionTokens: 900, per: 'day' },
        ],
      },
      90,
    ],
    [
      {
        limits: [
          { tokens: 500, per: 'minute' },
          { tokens: 9_000, per: 'day' },
        ],
      },
      50,
    ],
    [{ completion: 'expected', limits: [{ cost: 0.001, per: 'day' }] }, 10],
  ])('%j reserves %i', async (options, expected) => {
    expect((await estimate('/chat/completions', body, options)).completionTokens).toBe(expected);
  });

  test("'expected' learns a high quantile of what calls used", async () => {
    const { fetch } = mockUpstream(json(chatCompletion(chatUsage(8, 100))));
    const openai = new GovernedOpenAI({ apiKey: 'x', fetch, budget: {} });
    const guess = async () => (await openai.budget.estimate('/chat/completions', body)).completionTokens;
    expect(await guess()).toBeGreaterThan(1_000);
    for (let i = 0; i < 100; i++) await openai.chat.completions.create(body as never);
    expect(await guess()).toBeGreaterThanOrEqual(100);
    expect(await guess()).toBeLessThanOrEqual(125);
  });
});
