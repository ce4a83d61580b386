import type OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import type { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { z } from 'zod';
import { chatCompletion } from '../../support/upstream.ts';
import { chunked, events, failure, json, STREAM, stepped } from '../answers.ts';
import {
  COMPLETION,
  chat,
  collect,
  HELLO,
  MESSAGES,
  MODEL,
  textOf,
  toolCall,
  toolCallChunks,
  USAGE,
} from '../bodies.ts';
import type { Scenario, Side } from '../run.ts';

const City = z.object({ city: z.string() });
const text = events(chat(['Hel', 'lo', '!']));

const STREAM_EVENTS = [
  ...['connect', 'chunk', 'chatCompletion', 'message', 'content', 'content.delta', 'content.done'],
  ...['refusal.delta', 'refusal.done', 'logprobs.content.delta', 'finalChatCompletion', 'finalMessage'],
  ...['finalContent', 'totalUsage', 'error', 'abort', 'end', 'tool_calls.function.arguments.delta'],
  ...['tool_calls.function.arguments.done', 'functionToolCall', 'functionToolCallResult'],
  ...['finalFunctionToolCall', 'finalFunctionToolCallResult'],
] as const;

type Emitter = Pick<ChatCompletionStream<null>, 'on'>;

/** Notes every event of a helper, in order. */
function noteEvents(emitter: Emitter, note: Side['note']): void {
  for (const event of STREAM_EVENTS) {
    emitter.on(event as 'content', (...values: unknown[]) => note(event, values));
  }
}

/** What a helper tells at its end. */
async function noteEnd(runner: ReturnType<OpenAI['chat']['completions']['stream']>, note: Side['note']) {
  note('finalContent', await runner.finalContent());
  note('finalMessage', await runner.finalMessage());
  note('finalChatCompletion', await runner.finalChatCompletion());
  note('totalUsage', await runner.totalUsage());
  note('messages', runner.messages);
  note('allChatCompletions', runner.allChatCompletions());
  note('flags', [runner.ended, runner.errored, runner.aborted]);
}

/** A completion of this text. */
function said(content: string) {
  return chatCompletion(USAGE, content);
}

const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
    parse: JSON.parse as (text: string) => { city: string },
    function: ({ city }: { city: string }) => `It is sunny in ${city}.`,
  },
};
const ASKING = { model: MODEL, messages: [{ role: 'user' as const, content: 'The weather?' }] };

export const helpers: Record<string, Scenario> = {
  'chat.completions.stream: every event and every end': {
    answers: [text],
    run: async ({ client, note }) => {
      const stream = client().chat.completions.stream(HELLO);
      noteEvents(stream, note);
      await noteEnd(stream, note);
    },
  },
  'chat.completions.stream, which asks for its usage': {
    answers: [text],
    run: async ({ client, note }) => {
      const stream = client().chat.completions.stream({ ...HELLO, stream_options: { include_usage: true } });
      noteEvents(stream, note);
      await noteEnd(stream, note);
    },
  },
  'chat.completions.stream, iterated': {
    answers: [text],
    run: async ({ client }) => collect(client().chat.completions.stream(HELLO)),
  },
  'chat.completions.stream, left': {
    answers: [stepped(chat(['Hel', 'lo', '!']))],
    run: async ({ client, server, note }) => {
      const stream = client().chat.completions.stream(HELLO);
      stream.on('abort', (error) => note('abort', error));
      server.step();
      for await (const chunk of stream) {
        note('chunk', chunk);
        break;
      }
      note('aborted', stream.aborted);
      await server.over(0);
    },
    outcomes: ['counted'],
  },
  'chat.completions.stream, aborted': {
    answers: [stepped(chat(['Hel', 'lo', '!']))],
    run: async ({ client, server, note }) => {
      const stream = client().chat.completions.stream(HELLO);
      stream.once('chunk', () => stream.abort());
      stream.on('abort', (error) => note('abort', error));
      server.step();
      note('done', await stream.done().catch((error: unknown) => error));
      note('flags', [stream.ended, stream.errored, stream.aborted]);
      await server.over(0);
    },
    outcomes: ['counted'],
  },
  'chat.completions.stream, refused by the API': {
    answers: [failure(400)],
    run: async ({ client, note }) => {
      const stream = client().chat.completions.stream(HELLO);
      stream.on('error', (error) => note('error', error));
      return stream.finalContent();
    },
  },
  'chat.completions.stream, without an end': {
    answers: [
      chunked(
        chat(['Hel'])(false)
          .slice(0, 2)
          .map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`),
        { headers: STREAM },
      ),
    ],
    run: ({ client }) => client().chat.completions.stream(HELLO).finalContent(),
    outcomes: ['counted'],
  },
  'chat.completions.stream, toReadableStream': {
    answers: [text],
    run: async ({ client }) => textOf(client().chat.completions.stream(HELLO).toReadableStream()),
  },
  'chat.completions.stream of JSON by a schema': {
    answers: [events(chat(['{"city":', '"Ro', 'me"}']))],
    run: async ({ client, note }) => {
      const response_format = zodResponseFormat(City, 'city');
      const stream = client().chat.completions.stream({ ...HELLO, response_format });
      noteEvents(stream as unknown as Emitter, note);
      note('message', await stream.finalMessage());
    },
  },
  'chat.completions.stream of a tool call by a schema': {
    answers: [events(toolCallChunks('weather', 'call_1', ['{"city":', '"Rome"}']))],
    run: async ({ client, note }) => {
      const tools = [zodFunction({ name: 'weather', parameters: City })];
      const stream = client().chat.completions.stream({ ...ASKING, tools });
      noteEvents(stream as Emitter, note);
      note('message', await stream.finalMessage());
    },
  },
  'chat.completions.parse': {
    answers: [json(said('{"city":"Rome"}'))],
    run: ({ client }) =>
      client().chat.completions.parse({ ...HELLO, response_format: zodResponseFormat(City, 'city') }),
  },
  'chat.completions.parse, with its response': {
    answers: [json(said('{"city":"Rome"}'))],
    run: ({ client }) =>
      client()
        .chat.completions.parse({ ...HELLO, response_format: zodResponseFormat(City, 'city') })
        .withResponse(),
  },
  'chat.completions.parse of what does not fit': {
    answers: [json(said('{"town":1}'))],
    run: ({ client, note }) =>
      client()
        .chat.completions.parse({ ...HELLO, response_format: zodResponseFormat(City, 'city') })
        .catch((error: unknown) => note('error', error)),
  },
  'chat.completions.parse of a tool call': {
    answers: [json(toolCall('weather', 'call_1', '{"city":"Rome"}'))],
    run: ({ client }) =>
      client().chat.completions.parse({
        ...ASKING,
        tools: [zodFunction({ name: 'weather', parameters: City })],
      }),
  },
  'chat.completions.parse, cut by its length': {
    answers: [json({ ...COMPLETION, choices: [{ ...COMPLETION.choices[0], finish_reason: 'length' }] })],
    run: ({ client }) =>
      client().chat.completions.parse({ ...HELLO, response_format: zodResponseFormat(City, 'city') }),
  },
  'chat.completions.runTools, three rounds': {
    answers: [
      json(toolCall('weather', 'call_1', '{"city":"Rome"}')),
      json(toolCall('weather', 'call_2', '{"city":"Oslo"}')),
      json(COMPLETION),
    ],
    run: async ({ client, note }) => {
      const runner = client().chat.completions.runTools({ ...ASKING, tools: [weather] });
      noteEvents(runner as unknown as Emitter, note);
      note('finalContent', await runner.finalContent());
      note('totalUsage', await runner.totalUsage());
      note('finalFunctionToolCallResult', await runner.finalFunctionToolCallResult());
      note('messages', runner.messages);
    },
  },
  'chat.completions.runTools, streamed, three rounds': {
    answers: [
      events(toolCallChunks('weather', 'call_1', ['{"city":', '"Rome"}'])),
      events(toolCallChunks('weather', 'call_2', ['{"city":"Oslo"}'])),
      text,
    ],
    run: async ({ client, note }) => {
      const runner = client().chat.completions.runTools({ ...ASKING, tools: [weather], stream: true });
      noteEvents(runner as unknown as Emitter, note);
      note('finalContent', await runner.finalContent());
      note('totalUsage', await runner.totalUsage());
      note('messages', runner.messages);
    },
  },
  'chat.completions.runTools with a tool by a schema': {
    answers: [json(toolCall('weather', 'call_1', '{"city":"Rome"}')), json(COMPLETION)],
    run: async ({ client, note }) => {
      const tool = zodFunction({
        name: 'weather',
        parameters: City,
        function: ({ city }) => `Sun in ${city}.`,
      });
      const runner = client().chat.completions.runTools({ ...ASKING, tools: [tool] });
      note('finalContent', await runner.finalContent());
      note('messages', runner.messages);
    },
  },
  'chat.completions.runTools, whose tool throws': {
    answers: [json(toolCall('weather', 'call_1', '{"city":"Rome"}')), json(COMPLETION)],
    run: async ({ client, note }) => {
      const failing = () => {
        throw new RangeError('no weather');
      };
      const tool = { ...weather, function: { ...weather.function, function: failing } };
      const runner = client().chat.completions.runTools({ ...ASKING, tools: [tool] });
      note('end', await runner.finalContent().catch((error: unknown) => error));
      note('messages', runner.messages);
    },
  },
  'chat.completions.runTools, refused in its second round': {
    answers: [json(toolCall('weather', 'call_1', '{"city":"Rome"}')), failure(429)],
    run: async ({ client, note }) => {
      const runner = client().chat.completions.runTools({ ...ASKING, tools: [weather] });
      note('end', await runner.finalContent().catch((error: unknown) => error));
    },
  },
  'chat.completions.runTools, aborted in its second round': {
    answers: [json(toolCall('weather', 'call_1', '{"city":"Rome"}')), json(COMPLETION)],
    run: async ({ client, note }) => {
      const runner = client().chat.completions.runTools({ ...ASKING, tools: [weather] });
      runner.on('functionToolCallResult', () => runner.abort());
      note('end', await runner.finalContent().catch((error: unknown) => error));
    },
    outcomes: ['reported'],
  },
  'chat.completions.runTools, held to one completion': {
    answers: [json(toolCall('weather', 'call_1', '{"city":"Rome"}'))],
    run: async ({ client, note }) => {
      const body = { model: MODEL, messages: MESSAGES, tools: [weather] };
      const runner = client().chat.completions.runTools(body, { maxChatCompletions: 1 });
      await runner.done();
      note('messages', runner.messages);
      note('usage', USAGE);
    },
  },
};
