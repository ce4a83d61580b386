import OpenAI, { toFile } from 'openai';
import { describe, expect, test } from 'vitest';
import { ENDPOINTS } from '../../src/calls/endpoints.ts';
import { GovernedOpenAI, type Usage } from '../../src/index.ts';
import { type Answer, mockFetch } from '../../src/testing/index.ts';

const model = 'gpt-4o-mini';
const messages = [{ role: 'user' as const, content: 'What is the answer?' }];
const chosen = { promptTokens: 21, completionTokens: 8, seconds: 3 };
const both = { promptTokens: 21, completionTokens: 8 };
const file = () => toFile(new Uint8Array(48_000), 'speech.mp3');
const image = () => toFile(new Uint8Array(100), 'image.png', { type: 'image/png' });
const weather = { name: 'weather', arguments: { city: 'Rome' } };
const tool = { type: 'function' as const, name: 'weather', parameters: {}, strict: true };

async function listOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const event of stream) list.push(event);
  return list;
}

interface Case {
  readonly path: string;
  readonly answer?: Answer;
  /** Runs one call, and checks what it gives. */
  readonly run: (openai: OpenAI) => Promise<unknown>;
  /** What is charged: as chosen, where the API reports it; 'estimate' where it reports nothing. */
  readonly charged: Partial<Usage> | 'estimate';
}

const cases: Record<string, Case> = {
  chat: {
    path: '/chat/completions',
    answer: 'Forty-two.',
    charged: both,
    async run(openai) {
      const completion = await openai.chat.completions.create({ model, messages });
      expect(completion).toMatchObject({ id: 'chatcmpl-mock-1', object: 'chat.completion', model });
      const message = { role: 'assistant', content: 'Forty-two.', refusal: null };
      expect(completion.choices).toEqual([{ index: 0, message, logprobs: null, finish_reason: 'stop' }]);
    },
  },
  'chat of two choices': {
    path: '/chat/completions',
    charged: both,
    async run(openai) {
      const { choices } = await openai.chat.completions.create({ model, messages, n: 2 });
      expect(choices.map(({ index, message }) => [index, message.content])).toEqual([
        [0, 'Hello!'],
        [1, 'Hello!'],
      ]);
    },
  },
  'chat with a tool call': {
    path: '/chat/completions',
    answer: { toolCalls: [weather] },
    charged: both,
    async run(openai) {
      const { choices } = await openai.chat.completions.create({ model, messages });
      expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } });
      expect(choices[0]?.message.tool_calls).toEqual([
        {
          id: 'call_mock_1_0',
          type: 'function',
          function: { name: 'weather', arguments: '{"city":"Rome"}' },
        },
      ]);
    },
  },
  'chat parsed as JSON': {
    path: '/chat/completions',
    answer: { json: { city: 'Rome' } },
    charged: both,
    async run(openai) {
      const json_schema = { name: 'answer', schema: {} };
      const request = { model, messages, response_format: { type: 'json_schema' as const, json_schema } };
      const { choices } = await openai.chat.completions.parse(request);
      expect(choices[0]?.message.parsed).toEqual({ city: 'Rome' });
    },
  },
  'chat streamed': {
    path: '/chat/completions',
    answer: 'The answer is forty-two.',
    charged: both,
    async run(openai) {
      const chunks = await listOf(await openai.chat.completions.create({ model, messages, stream: true }));
      expect(chunks.map(({ choices }) => choices[0]?.delta.content)).toEqual([
        '',
        'The ',
        'answer ',
        'is ',
        'forty-two.',
        undefined,
      ]);
      expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
    },
  },
  'chat streamed by the helper': {
    path: '/chat/completions',
    answer: { content: ['For', 'ty-two.'], toolCalls: [weather] },
    charged: both,
    async run(openai) {
      const stream_options = { include_usage: true };
      const stream = openai.chat.completions.stream({ model, messages, stream_options });
      expect((await stream.finalMessage()).tool_calls?.[0]).toMatchObject({
        function: { name: 'weather', arguments: '{"city":"Rome"}' },
      });
      expect(await stream.finalContent()).toBe('Forty-two.');
      expect((await stream.finalChatCompletion()).usage).toMatchObject({ total_tokens: 29 });
      expect(await stream.totalUsage()).toMatchObject({ prompt_tokens: 21, completion_tokens: 8 });
    },
  },
  responses: {
    path: '/responses',
    answer: { content: 'Forty-two.', toolCalls: [weather] },
    charged: both,
    async run(openai) {
      const response = await openai.responses.create({ model, input: 'What is the answer?', tools: [tool] });
      expect(response).toMatchObject({ status: 'completed', output_text: 'Forty-two.', model });
      expect(response.output[1]).toMatchObject({ name: 'weather', arguments: '{"city":"Rome"}' });
      expect(response.usage).toMatchObject({ input_tokens: 21, output_tokens: 8, total_tokens: 29 });
    },
  },
  'responses streamed by the helper': {
    path: '/responses',
    answer: { content: ['For', 'ty-two.'], toolCalls: [weather] },
    charged: both,
    async run(openai) {
      const stream = openai.responses.stream({ model, input: 'What is the answer?', tools: [tool] });
      const events = await listOf(stream);
      expect(events.filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(2);
      expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
      const response = await stream.finalResponse();
      expect(response.output_text).toBe('Forty-two.');
      expect(response.output[1]).toMatchObject({ parsed_arguments: { city: 'Rome' } });
      expect(response.usage).toMatchObject({ total_tokens: 29 });
    },
  },
  completions: {
    path: '/completions',
    answer: 'Forty-two.',
    charged: both,
    async run(openai) {
      const { choices } = await openai.completions.create({ model, prompt: 'The answer is' });
      expect(choices).toEqual([{ index: 0, text: 'Forty-two.', logprobs: null, finish_reason: 'stop' }]);
    },
  },
  'completions streamed': {
    path: '/completions',
    answer: 'Forty- two.',
    charged: both,
    async run(openai) {
      const chunks = await listOf(await openai.completions.create({ model, prompt: 'The', stream: true }));
      expect(chunks.map(({ choices }) => choices[0]?.text)).toEqual(['Forty- ', 'two.', '']);
    },
  },
  embeddings: {
    path: '/embeddings',
    charged: { promptTokens: 21 },
    async run(openai) {
      const model = 'text-embedding-3-small';
      const { data } = await openai.embeddings.create({ model, input: ['one', 'two', 'one'] });
      const [one, two, again] = data.map(({ embedding }) => Array.from(embedding));
      expect(one).toHaveLength(1_536);
      expect(Math.hypot(...(one ?? []))).toBeCloseTo(1);
      expect(again).toEqual(one);
      expect(two).not.toEqual(one);
      // The SDK asked for base64; numbers are the same.
      const floats = await openai.embeddings.create({ model, input: 'one', encoding_format: 'float' });
      expect(floats.data[0]?.embedding).toEqual(one);
    },
  },
  'embeddings of token ids': {
    path: '/embeddings',
    charged: { promptTokens: 21 },
    async run(openai) {
      const model = 'text-embedding-3-large';
      const { data } = await openai.embeddings.create({ model, input: [1, 2, 3], dimensions: 8 });
      expect(data.map(({ embedding }) => embedding.length)).toEqual([8]);
    },
  },
  'images generated': {
    path: '/images/generations',
    charged: { ...both, images: 2 },
    async run(openai) {
      const { data, usage } = await openai.images.generate({ model: 'gpt-image-1', prompt: 'a cat', n: 2 });
      expect(data?.map(({ b64_json }) => atob(b64_json ?? '').slice(1, 4))).toEqual(['PNG', 'PNG']);
      expect(usage).toMatchObject({ total_tokens: 29 });
    },
  },
  'images of dall-e': {
    path: '/images/generations',
    charged: { images: 1 },
    async run(openai) {
      const drawn = await openai.images.generate({ model: 'dall-e-3', prompt: 'a cat' });
      expect(drawn.data).toEqual([{ url: 'https://images.invalid/mock-1-0.png' }]);
      expect(drawn.usage).toBeUndefined();
    },
  },
  'images streamed': {
    path: '/images/generations',
    charged: { ...both, images: 3 },
    async run(openai) {
      const request = { model: 'gpt-image-1', prompt: 'a cat', partial_images: 2, n: 3 };
      const events = await listOf(await openai.images.generate({ ...request, stream: true }));
      expect(events.map(({ type }) => type)).toEqual([
        ...Array(2).fill('image_generation.partial_image'),
        ...Array(3).fill('image_generation.completed'),
      ]);
    },
  },
  'images edited': {
    path: '/images/edits',
    charged: { ...both, images: 1 },
    async run(openai) {
      const { data } = await openai.images.edit({
        model: 'gpt-image-1',
        prompt: 'a cat',
        image: await image(),
      });
      expect(data).toHaveLength(1);
    },
  },
  'images edited, streamed': {
    path: '/images/edits',
    charged: { ...both, images: 1 },
    async run(openai) {
      const request = { model: 'gpt-image-1', prompt: 'a cat', image: await image(), stream: true as const };
      const events = await listOf(await openai.images.edit(request));
      expect(events.map(({ type }) => type)).toEqual(['image_edit.completed']);
    },
  },
  'images varied': {
    path: '/images/variations',
    charged: { images: 2 },
    async run(openai) {
      const { data } = await openai.images.createVariation({
        image: await image(),
        n: 2,
        response_format: 'b64_json',
      });
      expect(data?.every(({ b64_json }) => b64_json !== undefined)).toBe(true);
    },
  },
  'a transcription billed by the token': {
    path: '/audio/transcriptions',
    answer: 'Hello friend.',
    charged: both,
    async run(openai) {
      const request = { model: 'gpt-4o-mini-transcribe', file: await file() };
      expect(await openai.audio.transcriptions.create(request)).toMatchObject({
        text: 'Hello friend.',
        usage: { type: 'tokens', input_tokens: 21, output_tokens: 8, total_tokens: 29 },
      });
    },
  },
  'a transcription billed by the second': {
    path: '/audio/transcriptions',
    charged: { cost: 0.75 },
    async run(openai) {
      const request = { model: 'whisper-1', file: await file(), response_format: 'verbose_json' as const };
      const { duration, segments, usage } = await openai.audio.transcriptions.create(request);
      expect([duration, segments?.[0]?.text, usage]).toEqual([3, 'Hello!', { type: 'duration', seconds: 3 }]);
    },
  },
  'a transcription streamed': {
    path: '/audio/transcriptions',
    answer: { content: ['Hello ', 'friend.'] },
    charged: both,
    async run(openai) {
      const request = { model: 'gpt-4o-mini-transcribe', file: await file(), stream: true as const };
      const events = await listOf(await openai.audio.transcriptions.create(request));
      expect(events.at(-1)).toMatchObject({ type: 'transcript.text.done', text: 'Hello friend.' });
      expect(events).toHaveLength(3);
    },
  },
  ...Object.fromEntries(
    (['text', 'srt', 'vtt'] as const).map((response_format) => [
      `a transcription as ${response_format}`,
      {
        path: '/audio/transcriptions',
        charged: 'estimate',
        async run(openai: OpenAI) {
          const request = { model: 'whisper-1', file: await file(), response_format };
          const text = await openai.audio.transcriptions.create(request);
          expect(text).toMatch(
            { text: /^Hello!\n$/, srt: /^1\n.* --> .*\nHello!\n/, vtt: /^WEBVTT\n\n.* --> .*\nHello!\n/ }[
              response_format
            ],
          );
        },
      } satisfies Case,
    ]),
  ),
  'a translation': {
    path: '/audio/translations',
    charged: 'estimate',
    async run(openai) {
      const { text } = await openai.audio.translations.create({ model: 'whisper-1', file: await file() });
      expect(text).toBe('Hello!');
    },
  },
  speech: {
    path: '/audio/speech',
    answer: 'sound of hello',
    charged: 'estimate',
    async run(openai) {
      const request = { model: 'gpt-4o-mini-tts', voice: 'ash', input: 'Hello!' };
      const response = await openai.audio.speech.create(request);
      expect(response.headers.get('content-type')).toBe('audio/mpeg');
      expect(await response.text()).toBe('sound of hello');
    },
  },
  'speech in events': {
    path: '/audio/speech',
    charged: both,
    async run(openai) {
      const request = {
        model: 'gpt-4o-mini-tts',
        voice: 'ash',
        input: 'Hello!',
        stream_format: 'sse' as const,
      };
      const text = await (await openai.audio.speech.create(request)).text();
      expect(text).toContain('"type":"speech.audio.done"');
    },
  },
  moderations: {
    path: '/moderations',
    answer: { flagged: true },
    charged: { tokens: 0, cost: 0 },
    async run(openai) {
      const { results } = await openai.moderations.create({ input: ['one', 'two'] });
      expect(
        results.map(({ flagged, categories }) => [flagged, categories.harassment, categories.hate]),
      ).toEqual([
        [true, true, false],
        [true, true, false],
      ]);
    },
  },
};

/** Not every version of the SDK that this library works with has a method for it. */
cases['compaction'] = {
  path: '/responses/compact',
  charged: both,
  async run(openai) {
    const compacted = await openai.post('/responses/compact', { body: { model, input: 'What was it?' } });
    expect(compacted).toMatchObject({ object: 'response.compaction', output: [{ type: 'compaction' }] });
  },
};

test('every governed endpoint is among the cases', () => {
  const paths = Object.values(cases).map(({ path }) => path);
  expect(ENDPOINTS.map(({ path }) => path).filter((path) => !paths.includes(path))).toEqual([]);
});

describe.each(Object.entries(cases))('%s', (_, { path, answer = 'Hello!', run, charged }) => {
  test('is answered as the SDK expects it', async () => {
    const api = mockFetch({ answers: answer, usage: chosen });
    await run(new OpenAI({ apiKey: 'test', fetch: api }));
    expect(api.requests[0]).toMatchObject({ endpoint: path, method: 'POST' });
  });

  test('is charged as chosen', async () => {
    const prices = { 'whisper-1': { second: 0.25 } };
    const api = mockFetch({ answers: answer, usage: chosen });
    const openai = new GovernedOpenAI({
      apiKey: 'test',
      fetch: api,
      budget: { prices, limits: [{ requests: 1e6, per: 'forever' }] },
    });
    const settled: { estimate: Usage; usage: Usage; source: string }[] = [];
    openai.budget.on('settled', (event) => settled.push(event));
    await run(openai);
    await openai.budget.flush();
    const [first] = settled;
    if (charged === 'estimate') expect(first).toMatchObject({ source: 'estimated', usage: first?.estimate });
    else expect(first).toMatchObject({ source: 'reported', usage: charged });
  });
});
