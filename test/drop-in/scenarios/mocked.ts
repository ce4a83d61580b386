import type { LLMock } from '@copilotkit/aimock';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { collect, HELLO, MESSAGES, MODEL, STREAMED } from '../bodies.ts';
import type { Scenario } from '../run.ts';

const City = z.object({ city: z.string() });
const usage = { prompt_tokens: 1_009, completion_tokens: 34, input_tokens: 1_009, output_tokens: 34 };
const fixed = { id: 'chatcmpl-1', created: 1 };

function answering(content: string) {
  return (mock: LLMock) => void mock.onMessage(/./, { content, usage, ...fixed });
}

const greeting = answering('Hello there.');
const rome = answering('{"city":"Rome"}');
const weather = (mock: LLMock) => {
  // The first that matches answers: the second round of a tool call before the first.
  mock.onToolResult('call_1', { content: 'It is sunny.', usage, ...fixed });
  mock.onMessage(/./, {
    toolCalls: [{ name: 'weather', arguments: '{"city":"Rome"}', id: 'call_1' }],
    usage,
    ...fixed,
  });
};
const tool = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'The weather of a city',
    parameters: { type: 'object' },
    parse: JSON.parse as (text: string) => object,
    function: () => 'sunny',
  },
};

export const mocked: Record<string, Scenario> = {
  'chat.completions.create': { mock: greeting, run: ({ client }) => client().chat.completions.create(HELLO) },
  'chat.completions.create, streamed': {
    mock: greeting,
    run: async ({ client }) => collect(await client().chat.completions.create(STREAMED)),
  },
  'chat.completions.create, streamed with its usage': {
    mock: greeting,
    run: async ({ client }) =>
      collect(
        await client().chat.completions.create({ ...STREAMED, stream_options: { include_usage: true } }),
      ),
  },
  'chat.completions.parse': {
    mock: rome,
    run: ({ client }) =>
      client().chat.completions.parse({ ...HELLO, response_format: zodResponseFormat(City, 'city') }),
  },
  'chat.completions.stream': {
    mock: greeting,
    run: async ({ client, note }) => {
      const stream = client().chat.completions.stream(HELLO);
      note('content', await stream.finalContent());
      return stream.finalChatCompletion();
    },
  },
  'chat.completions.runTools': {
    mock: weather,
    run: async ({ client, note }) => {
      const runner = client().chat.completions.runTools({ model: MODEL, messages: MESSAGES, tools: [tool] });
      note('content', await runner.finalContent());
      note('messages', runner.messages);
    },
  },
  'chat.completions.runTools, streamed': {
    mock: weather,
    run: async ({ client, note }) => {
      const body = { model: MODEL, messages: MESSAGES, tools: [tool], stream: true as const };
      const runner = client().chat.completions.runTools(body);
      note('content', await runner.finalContent());
      note('messages', runner.messages);
    },
  },
  'responses.create': {
    mock: greeting,
    run: ({ client }) => client().responses.create({ model: MODEL, input: 'Hello' }),
  },
  'responses.create, streamed': {
    mock: greeting,
    run: async ({ client }) =>
      collect(await client().responses.create({ model: MODEL, input: 'Hello', stream: true })),
  },
  'responses.stream': {
    mock: greeting,
    run: ({ client }) => client().responses.stream({ model: MODEL, input: 'Hello' }).finalResponse(),
  },
  'responses.parse': {
    mock: rome,
    run: ({ client }) =>
      client().responses.parse({
        model: MODEL,
        input: 'Hello',
        text: { format: zodTextFormat(City, 'city') },
      }),
  },
  'embeddings.create': {
    mock: (mock) => void mock.onEmbedding(/./, { embedding: [0.5, -0.25, 1] }),
    run: ({ client }) => client().embeddings.create({ model: 'text-embedding-3-small', input: 'Hello' }),
  },
  'images.generate': {
    mock: (mock) => void mock.onImage(/./, { image: { b64Json: 'AAAA' } }),
    run: ({ client }) =>
      client().images.generate({ model: 'dall-e-3', prompt: 'A cat', response_format: 'b64_json' }),
  },
  'audio.speech.create': {
    mock: (mock) => void mock.onSpeech(/./, { audio: 'AAAA' }),
    run: async ({ client }) =>
      (await client().audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Hello' })).arrayBuffer(),
    outcomes: ['estimated'],
  },
  'audio.transcriptions.create': {
    mock: (mock) => void mock.onTranscription({ transcription: { text: 'Hello!' } }),
    run: ({ client }) =>
      client().audio.transcriptions.create({ file: new File(['abc'], 'a.mp3'), model: 'whisper-1' }),
    outcomes: ['estimated'],
  },
  'moderations.create': {
    mock: (mock) => void mock.onModerate(/./, { flagged: false, categories: {} }),
    run: ({ client }) => client().moderations.create({ input: 'Hello' }),
    usage: { total_tokens: 0 },
  },
  'an error of the mock': {
    mock: (mock) => void mock.nextRequestError(429, { message: 'Slow down.', type: 'rate_limit_error' }),
    run: ({ client }) => client().chat.completions.create(HELLO),
  },
};
