import { setTimeout as immediate } from 'node:timers/promises';
import { OpenAI, RateLimitError } from 'openai';
import { describe, expect, test } from 'vitest';
import {
  Budget,
  GovernedAzureOpenAI,
  GovernedOpenAI,
  type Limit,
  QuotaExceeded,
  type Usage,
} from '../src/index.ts';
import { ManualClock } from './support/clock.ts';
import {
  type Answer,
  chatChunks,
  chatCompletion,
  chatUsage,
  eventStream,
  json,
  mockUpstream,
} from './support/upstream.ts';

const HELLO = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'Hello, OpenAI!' }] };
/** What HELLO's prompt is estimated at. */
const PROMPT = 12;

const EVERY_UNIT: Limit[] = [
  { requests: 1_000, per: 'day' },
  { promptTokens: 1e6, per: 'day' },
  { completionTokens: 1e6, per: 'day' },
  { tokens: 2e6, per: 'day' },
  { images: 1_000, per: 'day' },
  { cost: 1_000, per: 'day' },
];

function setUp(answers: Answer | Answer[], options: { maxRetries?: number; limits?: Limit[] } = {}) {
  const clock = new ManualClock();
  const budget = new Budget({ clock: clock.read, limits: options.limits ?? EVERY_UNIT });
  const upstream = mockUpstream(...[answers].flat());
  const openai = new GovernedOpenAI({
    apiKey: 'sk-test',
    fetch: upstream.fetch,
    budget,
    maxRetries: options.maxRetries ?? 0,
  });
  const outcomes: string[] = [];
  budget.on('settled', ({ source }) => outcomes.push(source));
  budget.on('refunded', () => outcomes.push('refunded'));
  return { openai, budget, outcomes, ...upstream };
}

/** What is charged, by unit. */
async function charged(budget: Budget): Promise<Partial<Usage>> {
  return Object.fromEntries((await budget.usage()).map(({ unit, used }) => [unit, used]));
}

const STREAM = { ...HELLO, stream: true as const, max_tokens: 50 };

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('usage that a JSON response reports is what is charged', () => {
  test('chat: cached and reasoning tokens are in their totals, and cached ones cost less', async () => {
    const usage = {
      ...chatUsage(2_000, 100),
      prompt_tokens_details: { cached_tokens: 1_000, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 64 },
    };
    const { openai, budget } = setUp(json(chatCompletion(usage)));
    await openai.chat.completions.create({ ...HELLO, model: 'gpt-4o' });
    expect(await charged(budget)).toEqual({
      requests: 1,
      promptTokens: 2_000,
      completionTokens: 100,
      tokens: 2_100,
      images: 0,
      // 1,000 at 2.50, 1,000 cached at 1.25, 100 at 10 dollars a million.
      cost: 0.00475,
    });
  });

  test('responses', async () => {
    const usage = {
      input_tokens: 30,
      output_tokens: 2,
      total_tokens: 32,
      output_tokens_details: { reasoning_tokens: 1 },
    };
    const { openai, budget } = setUp(
      json({ id: 'resp_1', object: 'response', status: 'completed', output: [], usage }),
    );
    await openai.responses.create({ model: 'gpt-4o-mini', input: 'Hello' });
    expect(await charged(budget)).toMatchObject({ promptTokens: 30, completionTokens: 2, tokens: 32 });
  });

  test('embeddings, whose base64 the SDK decodes', async () => {
    const embedding = Buffer.from(Float32Array.from([0.5, -0.5]).buffer).toString('base64');
    const body = {
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding }],
      model: 'text-embedding-3-small',
      usage: { prompt_tokens: 5, total_tokens: 5 },
    };
    const { openai, budget } = setUp(json(body));
    const { data } = await openai.embeddings.create({
      model: 'text-embedding-3-small',
      input: 'five tokens stand here',
    });
    expect(data[0]?.embedding).toEqual([0.5, -0.5]);
    expect(await charged(budget)).toMatchObject({
      requests: 1,
      promptTokens: 5,
      completionTokens: 0,
      tokens: 5,
    });
  });

  test('legacy completions', async () => {
    const body = { id: 'cmpl-1', object: 'text_completion', choices: [], usage: chatUsage(5, 9) };
    const { openai, budget } = setUp(json(body));
    await openai.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'Hello' });
    expect(await charged(budget)).toMatchObject({ promptTokens: 5, completionTokens: 9 });
  });

  test('images with usage: tokens, and the images there are', async () => {
    const usage = {
      input_tokens: 10,
      input_tokens_details: { image_tokens: 0, text_tokens: 10 },
      output_tokens: 8_320,
      total_tokens: 8_330,
    };
    const { openai, budget } = setUp(
      json({ created: 1, data: [{ b64_json: 'AA==' }, { b64_json: 'AA==' }], usage }),
    );
    await openai.images.generate({ model: 'gpt-image-1', prompt: 'two cats', n: 3 });
    expect(await charged(budget)).toMatchObject({ images: 2, promptTokens: 10, completionTokens: 8_320 });
  });

  test('images without usage: the images there are', async () => {
    const limits: Limit[] = [
      { images: 10, per: 'day' },
      { tokens: 10, per: 'day' },
    ];
    const { openai, budget } = setUp(json({ created: 1, data: [{ url: 'https://x/y.png' }] }), { limits });
    await openai.images.generate({ model: 'dall-e-3', prompt: 'a cat', n: 1 });
    expect(await charged(budget)).toEqual({ images: 1, tokens: 0 });
  });

  test('an edit is a form: its n and model are read from it', async () => {
    const { openai, budget, requests } = setUp(
      json({
        created: 1,
        data: [{ b64_json: 'AA==' }],
        usage: { input_tokens: 432, output_tokens: 4_160, total_tokens: 4_592 },
      }),
    );
    let estimate: Usage | undefined;
    budget.on('admitted', (event) => {
      estimate = event.estimate;
    });
    const image = new File([new Uint8Array(64)], 'cat.png', { type: 'image/png' });
    await openai.images.edit({
      model: 'gpt-image-1',
      image: [image, image],
      prompt: 'a hat',
      n: 2,
      quality: 'low',
      size: '1024x1024',
    });
    expect(estimate).toMatchObject({ images: 2, completionTokens: 2 * 272 });
    expect(requests[0]?.body).toBeInstanceOf(FormData);
    expect(await charged(budget)).toMatchObject({ images: 1, promptTokens: 432, completionTokens: 4_160 });
  });

  test('transcriptions by tokens', async () => {
    const usage = {
      type: 'tokens',
      total_tokens: 30,
      input_tokens: 26,
      input_token_details: { text_tokens: 5, audio_tokens: 21 },
      output_tokens: 4,
    };
    const { openai, budget } = setUp(json({ text: 'Hello friend.', usage }));
    const file = new File([new Uint8Array(32_000)], 'hello.wav', { type: 'audio/wav' });
    await openai.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file });
    expect(await charged(budget)).toMatchObject({ promptTokens: 26, completionTokens: 4 });
  });

  test('transcriptions by duration cost by the second', async () => {
    const limits: Limit[] = [
      { cost: 1, per: 'day' },
      { tokens: 1, per: 'day' },
    ];
    const { openai, budget } = setUp(json({ text: 'Hi', usage: { type: 'duration', seconds: 40 } }), {
      limits,
    });
    const file = new File([new Uint8Array(4_000)], 'hello.mp3', { type: 'audio/mpeg' });
    await openai.audio.transcriptions.create({ model: 'whisper-1', file });
    // 0.36 dollars an hour.
    expect(await charged(budget)).toEqual({ cost: 0.004, tokens: 0 });
  });

  test('translations and variations', async () => {
    const usage = { type: 'tokens', input_tokens: 7, output_tokens: 3, total_tokens: 10 };
    const translation = setUp(json({ text: 'Hi', usage }));
    const file = new File([new Uint8Array(100)], 'hallo.mp3', { type: 'audio/mpeg' });
    await translation.openai.audio.translations.create({ model: 'gpt-4o-transcribe' as 'whisper-1', file });
    expect(await charged(translation.budget)).toMatchObject({ promptTokens: 7, completionTokens: 3 });

    const limits: Limit[] = [{ images: 10, per: 'day' }];
    const variation = setUp(json({ created: 1, data: [{ url: 'x' }, { url: 'y' }] }), { limits });
    const image = new File([new Uint8Array(100)], 'cat.png', { type: 'image/png' });
    await variation.openai.images.createVariation({ image, n: 2 });
    expect(await charged(variation.budget)).toEqual({ images: 2 });
  });

  test('moderations cost nothing and count as requests', async () => {
    const { openai, budget } = setUp(json({ id: 'modr-1', model: 'omni-moderation-latest', results: [] }));
    await openai.moderations.create({ input: 'hello' });
    expect(await charged(budget)).toMatchObject({ requests: 1, tokens: 0, cost: 0 });
  });

  test('speech has a binary answer and no usage: the estimate stands', async () => {
    const { openai, budget, outcomes } = setUp(
      () => new Response(new Uint8Array([1, 2, 3]), { headers: { 'content-type': 'audio/mpeg' } }),
    );
    const speech = await openai.audio.speech.create({
      model: 'gpt-4o-mini-tts',
      voice: 'alloy',
      input: 'Hello there',
    });
    expect(new Uint8Array(await speech.arrayBuffer())).toEqual(new Uint8Array([1, 2, 3]));
    expect(outcomes).toEqual(['estimated']);
    expect(await charged(budget)).toMatchObject({ requests: 1, promptTokens: 2, completionTokens: 22 });
  });
});

describe('reading the raw response charges the same', () => {
  const answer = json(chatCompletion(chatUsage(9, 4)));
  const reads: Record<string, (response: Response) => Promise<unknown>> = {
    json: (response) => response.json(),
    text: (response) => response.text(),
    arrayBuffer: (response) => response.arrayBuffer(),
    blob: (response) => response.blob(),
    'a clone': (response) => response.clone().json(),
    'a reader': async (response) => {
      const reader = response.body?.getReader();
      while (reader && !(await reader.read()).done);
    },
    'for await': async (response) => collect((response.body ?? []) as AsyncIterable<unknown>),
  };
  test.each(Object.keys(reads))('%s', async (how) => {
    const { openai, budget } = setUp(answer);
    const response = await openai.chat.completions.create(HELLO).asResponse();
    await reads[how]?.(response);
    expect(await charged(budget)).toMatchObject({ promptTokens: 9, completionTokens: 4 });
  });

  test('withResponse gives data and response', async () => {
    const { openai, budget } = setUp(answer);
    const { data, response, request_id } = await openai.chat.completions.create(HELLO).withResponse();
    expect([data.usage?.total_tokens, response.status, request_id]).toEqual([13, 200, 'req_1']);
    expect(await charged(budget)).toMatchObject({ tokens: 13 });
  });

  test('a body that nobody reads leaves the estimate', async () => {
    const { openai, budget } = setUp(answer);
    await openai.chat.completions.create({ ...HELLO, max_tokens: 50 }).asResponse();
    expect(await charged(budget)).toMatchObject({ promptTokens: PROMPT, completionTokens: 50 });
  });

  test('raw client.post is governed as well', async () => {
    const { openai, budget, requests } = setUp(answer);
    await openai.post('/chat/completions', { body: HELLO });
    await openai.post('/chat/completions', {
      body: JSON.stringify(HELLO),
      headers: { 'content-type': 'application/json' },
    });
    await openai.post('https://api.openai.com/v1/chat/completions?a=b', { body: HELLO });
    expect(requests).toHaveLength(3);
    expect(await charged(budget)).toMatchObject({ requests: 3, promptTokens: 27, completionTokens: 12 });
  });
});

describe('a stream', () => {
  const usage = chatUsage(9, 3);

  test('asks for its usage where the app did not, and hides the answer from the app', async () => {
    const { openai, budget, requests } = setUp(eventStream(chatChunks(['Hel', 'lo'], usage)));
    const chunks = await collect(await openai.chat.completions.create(STREAM));
    expect(chunks).toEqual(chatChunks(['Hel', 'lo']));
    expect(requests[0]?.body).toEqual({ ...STREAM, stream_options: { include_usage: true } });
    expect(await charged(budget)).toMatchObject({ promptTokens: 9, completionTokens: 3 });
  });

  test('that reports usage with its last choice loses no choice', async () => {
    const chunks = chatChunks(['Hi']).map((chunk, i, all) =>
      i === all.length - 1 ? { ...chunk, usage } : chunk,
    );
    const { openai, budget } = setUp(eventStream(chunks));
    expect(await collect(await openai.chat.completions.create(STREAM))).toEqual(chunks);
    expect(await charged(budget)).toMatchObject({ tokens: 12 });
  });

  test('that the app asked to report usage is passed on whole', async () => {
    const asking = { ...STREAM, stream_options: { include_usage: true } };
    const { openai, budget } = setUp(eventStream(chatChunks(['Hi'], usage)));
    const chunks = await collect(await openai.chat.completions.create(asking));
    expect(chunks).toEqual(chatChunks(['Hi'], usage));
    expect(await charged(budget)).toMatchObject({ tokens: 12 });
  });

  test('does not change the body that the app gave', async () => {
    const { openai } = setUp(eventStream(chatChunks(['Hi'], usage)));
    const body = { ...STREAM };
    await collect(await openai.chat.completions.create(body));
    expect(body).toEqual(STREAM);
  });

  test('hides the usage of a retry as well', async () => {
    const failure = json({ error: { message: 'busy' } }, { status: 503, headers: { 'retry-after-ms': '1' } });
    const { openai, requests } = setUp([failure, eventStream(chatChunks(['Hi'], usage))], { maxRetries: 1 });
    const chunks = await collect(await openai.chat.completions.create(STREAM));
    expect(chunks).toEqual(chatChunks(['Hi']));
    expect(requests).toHaveLength(2);
  });

  test('that reports no usage is counted: the prompt, and what was delivered', async () => {
    const { openai, budget, outcomes } = setUp(
      eventStream(chatChunks(['Hello', '!', ' How', ' can', ' I', ' help', '?'])),
    );
    await collect(await openai.chat.completions.create(STREAM));
    expect(await charged(budget)).toMatchObject({ promptTokens: PROMPT, completionTokens: 7 });
    expect(outcomes).toEqual(['counted']);
  });

  test('that is answered with JSON leaves the estimate, if that tells no usage to a reader of events', async () => {
    const { openai, budget } = setUp(json(chatCompletion(chatUsage(9, 4))));
    expect(await collect(await openai.chat.completions.create(STREAM))).toEqual([]);
    expect(await charged(budget)).toMatchObject({ promptTokens: PROMPT, completionTokens: 50 });
  });

  test('cut after each chunk is charged for the prompt and what was delivered', async () => {
    const pieces = ['Hello', '!', ' How', ' can', ' I', ' help', '?'];
    const total = chatChunks(pieces).length;
    for (let seen = 1; seen <= total; seen++) {
      const { openai, budget } = setUp(eventStream(chatChunks(pieces), 'open'));
      let count = 0;
      for await (const _ of await openai.chat.completions.create(STREAM)) if (++count === seen) break;
      await immediate(0);
      const delivered = Math.min(Math.max(0, seen - 1), pieces.length);
      const { completionTokens } = await charged(budget);
      // The event behind the break may have been delivered already.
      expect([delivered, Math.min(delivered + 1, pieces.length)]).toContain(completionTokens);
      expect(await charged(budget)).toMatchObject({ promptTokens: PROMPT });
    }
  });

  test('lost in the middle is charged for what was delivered, and the app gets the error', async () => {
    const lost = new Error('connection reset');
    const { openai, budget } = setUp(eventStream(chatChunks(['Hello', '!']).slice(0, 3), lost));
    await expect(collect(await openai.chat.completions.create(STREAM))).rejects.toThrow('connection reset');
    expect(await charged(budget)).toMatchObject({ promptTokens: PROMPT, completionTokens: 2 });
  });

  test('aborted by its controller is charged for what was delivered', async () => {
    const { openai, budget, outcomes } = setUp((_, init) => {
      const response = eventStream(chatChunks(['Hello', '!']).slice(0, 2), 'open')();
      const reader = response.body?.getReader();
      const body = new ReadableStream({
        start(controller) {
          init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason));
        },
        async pull(controller) {
          const { done, value } = (await reader?.read()) ?? { done: true };
          if (!done) controller.enqueue(value);
          else await new Promise(() => undefined);
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    });
    const stream = await openai.chat.completions.create(STREAM);
    const seen: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) {
      seen.push(chunk);
      if (seen.length === 2) stream.controller.abort();
    }
    await immediate(0);
    expect(outcomes).toEqual(['counted']);
    expect(await charged(budget)).toMatchObject({ promptTokens: PROMPT, completionTokens: 1 });
  });

  test('of a reasoning model that is cut keeps its estimate: what it thought is billed and never seen', async () => {
    const { openai, budget } = setUp(eventStream(chatChunks(['Hello', '!']), 'open'));
    const body = {
      model: 'o4-mini',
      messages: HELLO.messages,
      stream: true as const,
      max_completion_tokens: 500,
    };
    for await (const _ of await openai.chat.completions.create(body)) break;
    await immediate(0);
    expect(await charged(budget)).toMatchObject({ completionTokens: 500 });
  });

  test('with several choices and tool calls is counted by all it delivered', async () => {
    const call = (delta: object) => ({ choices: [{ index: 0, delta }] });
    const events = [
      ...chatChunks(['Hello'], undefined, 1),
      ...chatChunks(['Hello'], undefined, 0),
      call({
        tool_calls: [
          { index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } },
        ],
      }),
      call({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
      call({ tool_calls: [{ index: 0, function: { arguments: '"Rome"}' } }] }),
    ];
    const { openai, budget } = setUp(eventStream(events));
    await collect(await openai.chat.completions.create({ ...STREAM, n: 2 }));
    const { completionTokens } = await charged(budget);
    // Two Hellos, the name, and {"city":"Rome"}.
    expect(completionTokens).toBe(2 + 1 + 5);
  });

  test('that fails before any output is refunded; after some output, it is not', async () => {
    const failure = { error: { message: 'quota', type: 'insufficient_quota', code: 'insufficient_quota' } };
    const early = setUp(eventStream([failure], 'open'));
    await expect(collect(await early.openai.chat.completions.create(STREAM))).rejects.toThrow();
    expect(await charged(early.budget)).toMatchObject({ requests: 0, tokens: 0 });
    const late = setUp(eventStream([...chatChunks(['Hello']), failure], 'open'));
    await expect(collect(await late.openai.chat.completions.create(STREAM))).rejects.toThrow();
    expect(await charged(late.budget)).toMatchObject({ requests: 1, completionTokens: 1 });
  });

  test('of the Responses API is charged with the usage of its last event', async () => {
    const response = { id: 'resp_1', object: 'response', output: [] };
    const usage = { input_tokens: 13, output_tokens: 284, total_tokens: 297 };
    const events = [
      { type: 'response.created', response: { ...response, error: null, usage: null } },
      { type: 'response.output_text.delta', item_id: 'a', content_index: 0, delta: 'One' },
      { type: 'response.completed', response: { ...response, usage } },
    ];
    const { openai, budget, requests } = setUp(eventStream(events, 'open'));
    const body = { model: 'gpt-4o-mini', input: 'Count', stream: true as const };
    expect(await collect(await openai.responses.create(body))).toEqual(events);
    expect(requests[0]?.body).toEqual(body);
    expect(await charged(budget)).toMatchObject({ promptTokens: 13, completionTokens: 284 });
    const cut = setUp(eventStream(events.slice(0, 2), 'open'));
    await collect(await cut.openai.responses.create(body));
    expect(await charged(cut.budget)).toMatchObject({ completionTokens: 1 });
  });

  test('of images counts each', async () => {
    const usage = { input_tokens: 10, output_tokens: 272, total_tokens: 282 };
    const done = { type: 'image_generation.completed', b64_json: 'AA==', usage };
    const { openai, budget } = setUp(
      eventStream([{ type: 'image_generation.partial_image', b64_json: 'AA==' }, done, done]),
    );
    await collect(
      await openai.images.generate({
        model: 'gpt-image-1',
        prompt: 'cats',
        n: 2,
        stream: true,
        partial_images: 1,
      }),
    );
    expect(await charged(budget)).toMatchObject({ images: 2, promptTokens: 20, completionTokens: 544 });
  });
});

describe('errors', () => {
  const limits: Limit[] = [
    { requests: 10, per: 'day' },
    { tokens: 1_000, per: 'day' },
  ];
  const failing = (status: number) => json({ error: { message: 'no', type: 'x', code: 'y' } }, { status });

  test.each([400, 401, 403, 404, 422, 429, 500, 503])(
    'status %i before any output is refunded',
    async (status) => {
      const { openai, budget, outcomes } = setUp(failing(status), { limits });
      const error = await openai.chat.completions.create(HELLO).catch((e: unknown) => e);
      expect(error).toMatchObject({ status });
      expect(error).not.toBeInstanceOf(QuotaExceeded);
      expect(outcomes).toEqual(['refunded']);
      expect(await charged(budget)).toEqual({ requests: 0, tokens: 0 });
    },
  );

  test('each attempt of the SDK has a reservation of its own', async () => {
    const busy = json({ error: { message: 'busy' } }, { status: 500, headers: { 'retry-after-ms': '1' } });
    const { openai, budget, outcomes, requests } = setUp(
      [busy, busy, json(chatCompletion(chatUsage(9, 4)))],
      { limits, maxRetries: 2 },
    );
    await openai.chat.completions.create(HELLO);
    expect(requests).toHaveLength(3);
    expect(outcomes).toEqual(['refunded', 'refunded', 'reported']);
    expect(await charged(budget)).toEqual({ requests: 1, tokens: 13 });
  });

  test.each([
    [
      'refused',
      Object.assign(new TypeError('fetch failed'), {
        cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
      }),
    ],
    [
      'no such host',
      Object.assign(new TypeError('fetch failed'), {
        cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }),
      }),
    ],
    [
      'timed out while connecting',
      Object.assign(new TypeError('fetch failed'), {
        cause: Object.assign(new Error('x'), { code: 'ETIMEDOUT', syscall: 'connect' }),
      }),
    ],
    [
      'refused, on Deno',
      new TypeError('fetch failed', {
        cause: new Error(
          'error sending request for url (http://x/): client error (Connect): tcp connect error: Connection refused',
        ),
      }),
    ],
  ])('a connection that never was (%s) is refunded', async (_, error) => {
    const { openai, budget } = setUp(error, { limits });
    await expect(openai.chat.completions.create(HELLO)).rejects.toThrow('Connection error');
    expect(await charged(budget)).toEqual({ requests: 0, tokens: 0 });
  });

  test('a connection lost after sending leaves the estimate', async () => {
    const reset = Object.assign(new TypeError('fetch failed'), {
      cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }),
    });
    const { openai, budget } = setUp(reset, { limits });
    await expect(openai.chat.completions.create({ ...HELLO, max_tokens: 20 })).rejects.toThrow(
      'Connection error',
    );
    expect(await charged(budget)).toEqual({ requests: 1, tokens: PROMPT + 20 });
  });

  test('a body lost after the headers leaves the estimate', async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"id":'));
        controller.error(new Error('reset'));
      },
    });
    const { openai, budget } = setUp(
      () => new Response(body, { headers: { 'content-type': 'application/json' } }),
      { limits },
    );
    await expect(openai.chat.completions.create({ ...HELLO, max_tokens: 20 })).rejects.toThrow('reset');
    expect(await charged(budget)).toEqual({ requests: 1, tokens: PROMPT + 20 });
  });

  test.each([
    ['no usage', {}],
    ['usage of text', { usage: { prompt_tokens: '9', completion_tokens: '4' } }],
    ['negative usage', { usage: { prompt_tokens: -9, completion_tokens: 4 } }],
    ['absurd usage', { usage: { prompt_tokens: 1e300, completion_tokens: 4 } }],
    ['a list', { usage: [1, 2] }],
    ['usage in a string', { note: '"usage":{"prompt_tokens":0,"completion_tokens":0}' }],
  ])('a response with %s leaves the estimate', async (_, fields) => {
    const { openai, budget } = setUp(json({ ...chatCompletion(undefined), ...fields }), { limits });
    await openai.chat.completions.create({ ...HELLO, max_tokens: 20 });
    expect(await charged(budget)).toEqual({ requests: 1, tokens: PROMPT + 20 });
  });

  test('aborted before it is sent is refunded or never reserved; after, the estimate stands', async () => {
    const before = setUp(json({}), { limits });
    await expect(
      before.openai.chat.completions.create(HELLO, { signal: AbortSignal.abort() }),
    ).rejects.toThrow('aborted');
    expect(before.requests).toHaveLength(0);
    expect(await charged(before.budget)).toEqual({ requests: 0, tokens: 0 });

    const between = setUp(json({}), { limits });
    const controller = new AbortController();
    between.budget.on('admitted', () => controller.abort());
    await expect(
      between.openai.chat.completions.create(HELLO, { signal: controller.signal }),
    ).rejects.toThrow('aborted');
    expect(between.requests).toHaveLength(0);
    expect(await charged(between.budget)).toEqual({ requests: 0, tokens: 0 });

    const after = setUp(
      (_, init) =>
        new Promise((_resolve, reject) =>
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)),
        ),
      { limits },
    );
    const late = new AbortController();
    const call = after.openai.chat.completions.create({ ...HELLO, max_tokens: 20 }, { signal: late.signal });
    const failed = expect(call).rejects.toThrow('aborted');
    while (after.requests.length === 0) await immediate(0);
    late.abort();
    await failed;
    expect(await charged(after.budget)).toEqual({ requests: 1, tokens: PROMPT + 20 });
  });

  test('leaves no listener on the signal, and nothing of ours in what fetch is given', async () => {
    const seen: (symbol | string)[] = [];
    const { openai, fetch } = setUp(
      (_, init) => {
        seen.push(...Reflect.ownKeys(init ?? {}));
        return json(chatCompletion(chatUsage(9, 4)))();
      },
      { limits },
    );
    const listenersLeft = async (client: OpenAI) => {
      const { signal } = new AbortController();
      const listeners = new Set<unknown>();
      signal.addEventListener = (_: string, listener: unknown) => void listeners.add(listener);
      signal.removeEventListener = (_: string, listener: unknown) => void listeners.delete(listener);
      await client.chat.completions.create(HELLO, { signal });
      return listeners.size;
    };
    expect(await listenersLeft(openai)).toBe(await listenersLeft(new OpenAI({ apiKey: 'x', fetch })));
    expect(seen.filter((key) => typeof key === 'symbol')).toEqual([]);
  });

  test('the SDK timeout leaves the estimate', async () => {
    const { openai, budget } = setUp(
      (_, init) =>
        new Promise((_resolve, reject) =>
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)),
        ),
      { limits },
    );
    await expect(
      openai.chat.completions.create({ ...HELLO, max_tokens: 20 }, { timeout: 5 }),
    ).rejects.toThrow('timed out');
    expect(await charged(budget)).toEqual({ requests: 1, tokens: PROMPT + 20 });
  });

  test('a request that the SDK fails to build is refunded', async () => {
    const { openai, budget, requests } = setUp(json({}), { limits });
    await expect(openai.chat.completions.create(HELLO, { timeout: -1 })).rejects.toThrow('timeout');
    expect(requests).toHaveLength(0);
    expect(await charged(budget)).toEqual({ requests: 0, tokens: 0 });
  });
});

describe('derived clients', () => {
  test('withOptions keeps the budget and governs once', async () => {
    const { openai, budget } = setUp(json(chatCompletion(chatUsage(9, 4))));
    const derived = openai.withOptions({ timeout: 1_000 }).withOptions({ maxRetries: 1 });
    expect(derived).toBeInstanceOf(GovernedOpenAI);
    expect(derived.budget).toBe(budget);
    await derived.chat.completions.create(HELLO);
    expect(await charged(budget)).toMatchObject({ requests: 1, tokens: 13 });
  });

  test('withCaller counts for another key of the same budget', async () => {
    const { openai, budget } = setUp(json(chatCompletion(chatUsage(9, 4))));
    await openai.withCaller({ key: 'user-42', plan: 'gold', roles: ['dev'] }).chat.completions.create(HELLO);
    await openai.withCaller({ key: 'user-42' }).withOptions({ timeout: 9 }).chat.completions.create(HELLO);
    const used = (await budget.usage('user-42')).find(({ unit }) => unit === 'tokens');
    expect(used).toMatchObject({ used: 26, key: 'user-42' });
    expect(await charged(budget)).toMatchObject({ tokens: 0 });
  });

  test('two clients on one budget share it', async () => {
    const { openai, budget, fetch } = setUp(json(chatCompletion(chatUsage(9, 4))));
    const other = new GovernedOpenAI({ apiKey: 'other', fetch, budget });
    await openai.chat.completions.create(HELLO);
    await other.chat.completions.create(HELLO);
    expect(await charged(budget)).toMatchObject({ requests: 2, tokens: 26 });
  });

  test('Azure: the deployment stands in the path and counts as the model', async () => {
    const upstream = mockUpstream(json(chatCompletion(chatUsage(9, 4))));
    const budget = new Budget({
      limits: [
        { tokens: 1_000, per: 'day', models: 'team-gpt' },
        { requests: 5, per: 'day' },
      ],
    });
    const azure = new GovernedAzureOpenAI({
      apiKey: 'x',
      apiVersion: '2025-01-01-preview',
      endpoint: 'https://example.openai.azure.com',
      deployment: 'team-gpt',
      fetch: upstream.fetch,
      budget,
    });
    await azure.withCaller({}).chat.completions.create({ ...HELLO, model: '' });
    expect(upstream.requests[0]?.url).toContain('/deployments/team-gpt/chat/completions');
    expect(await charged(budget)).toEqual({ tokens: 13, requests: 1 });
  });
});

describe('a request that comes unprepared is governed at its fetch', () => {
  const limits: Limit[] = [{ tokens: 20, per: 'day' }];

  test('of a subclass that overrides prepareOptions without its super', async () => {
    class Careless extends GovernedOpenAI {
      protected override async prepareOptions(): Promise<void> {
        this.maxRetries = 0;
      }
    }
    const { fetch, requests } = mockUpstream(json(chatCompletion(chatUsage(9, 4))));
    const openai = new Careless({ apiKey: 'x', fetch, budget: { limits } });
    await openai.chat.completions.create({ ...HELLO, max_tokens: 4 });
    expect(await charged(openai.budget)).toEqual({ tokens: 13 });
    const denied = openai.chat.completions.create({ ...HELLO, max_tokens: 4 });
    await expect(denied).rejects.toBeInstanceOf(RateLimitError);
    expect(requests).toHaveLength(1);
  });

  test('of a call of fetchWithTimeout', async () => {
    const { fetch } = mockUpstream(json(chatCompletion(chatUsage(9, 4))));
    const openai = new GovernedOpenAI({ apiKey: 'x', fetch, budget: { limits } });
    const init = { method: 'post', body: JSON.stringify({ ...HELLO, max_tokens: 4 }) };
    const url = 'https://api.openai.com/v1/chat/completions';
    await (await openai.fetchWithTimeout(url, init, 1_000, new AbortController())).text();
    expect(await charged(openai.budget)).toEqual({ tokens: 13 });
  });
});

describe('what is not governed', () => {
  test('passes untouched', async () => {
    const { openai, budget, requests } = setUp(json({ object: 'list', data: [] }));
    await openai.models.list();
    await openai.chat.completions.list();
    await openai.post('/chat/completions/chatcmpl-1', { body: { metadata: {} } });
    expect(requests).toHaveLength(3);
    expect(await charged(budget)).toMatchObject({ requests: 0 });
  });

  test("is refused before it is sent with ungoverned: 'reject'", async () => {
    const upstream = mockUpstream(json({ data: [] }));
    const openai = new GovernedOpenAI({
      apiKey: 'x',
      fetch: upstream.fetch,
      budget: { ungoverned: 'reject' },
    });
    await expect(openai.models.list()).rejects.toMatchObject({
      name: 'UngovernedEndpointError',
      method: 'get',
      path: '/models',
    });
    await expect(openai.videos.create({ prompt: 'x' } as never)).rejects.toThrow(
      /POST \/videos is not governed/,
    );
    expect(upstream.requests).toHaveLength(0);
  });
});
