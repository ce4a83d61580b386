import { Stream } from 'openai/streaming';
import { events, json, stepped } from '../answers.ts';
import {
  COMPLETION,
  chat as chunks,
  collect,
  HELLO,
  STREAMED,
  textOf,
  toolCallChunks,
  USAGE,
} from '../bodies.ts';
import type { Scenario } from '../run.ts';

const stream = events(chunks(['Hel', 'lo', '!']));
const one = json(COMPLETION);

/** `chat.completions.create`, and what can be done with its stream. */
export const chat: Record<string, Scenario> = {
  'a completion': { answers: [one], run: ({ client }) => client().chat.completions.create(HELLO) },
  'a completion, then its promise again': {
    answers: [one],
    run: async ({ client, note }) => {
      const promise = client().chat.completions.create(HELLO);
      const [first, second] = [await promise, await promise];
      note('the same object', first === second);
      note('then', await promise.then((completion) => completion.id));
      note('finally', await promise.finally(() => note('over')));
      return first._request_id;
    },
  },
  'the body is the one given, unchanged': {
    answers: [stream, one],
    run: async ({ client, note }) => {
      const body = Object.freeze({ ...STREAMED, messages: Object.freeze([...HELLO.messages]) as never });
      await collect(await client().chat.completions.create(body));
      note('body', body);
    },
    outcomes: ['reported'],
  },
  'a stream': {
    answers: [stream],
    run: async ({ client, note }) => {
      const chunks = await client().chat.completions.create(STREAMED);
      note('stream', chunks.constructor.name);
      note('controller', chunks.controller.signal);
      return collect(chunks);
    },
  },
  'a stream that asks for its usage': {
    answers: [stream],
    run: async ({ client }) =>
      collect(
        await client().chat.completions.create({ ...STREAMED, stream_options: { include_usage: true } }),
      ),
  },
  'a stream that asks for no usage, in so many words': {
    answers: [stream],
    run: async ({ client }) =>
      collect(
        await client().chat.completions.create({ ...STREAMED, stream_options: { include_usage: false } }),
      ),
  },
  'a stream with another option': {
    answers: [stream],
    run: async ({ client }) => {
      const stream_options = { include_obfuscation: false };
      return collect(await client().chat.completions.create({ ...STREAMED, stream_options }));
    },
  },
  'a stream of any text': {
    answers: [events(chunks(['é', '😀', '","usage":null}', '\\"usage\\":null', '\u2028', 'data: x\n\n']))],
    run: async ({ client }) => collect(await client().chat.completions.create(STREAMED)),
  },
  'a stream of a tool call': {
    answers: [events(toolCallChunks('weather', 'call_1', ['{"city":', '"Rome","usage":null}']))],
    run: async ({ client }) => collect(await client().chat.completions.create(STREAMED)),
  },
  'a stream with usage in its last choice': {
    answers: [
      events((asked) => {
        const list = chunks(['Hello'])(asked).filter((chunk) => Object(chunk).choices.length > 0);
        return [...list.slice(0, -1), { ...list.at(-1), usage: USAGE }];
      }),
    ],
    run: async ({ client }) => collect(await client().chat.completions.create(STREAMED)),
  },
  'break out of a stream': {
    answers: [stepped(chunks(['Hel', 'lo', '!']))],
    run: async ({ client, server, note }) => {
      server.step();
      const stream = await client().chat.completions.create(STREAMED);
      for await (const chunk of stream) {
        note('chunk', chunk);
        break;
      }
      note('aborted', stream.controller.signal);
      await server.over(0);
    },
    outcomes: ['counted'],
  },
  'throw out of a stream': {
    answers: [stepped(chunks(['Hel', 'lo', '!']))],
    run: async ({ client, server }) => {
      server.step();
      for await (const _ of await client().chat.completions.create(STREAMED)) throw new RangeError('enough');
    },
    outcomes: ['counted'],
  },
  'a stream read twice': {
    answers: [stream],
    run: async ({ client }) => {
      const stream = await client().chat.completions.create(STREAMED);
      await collect(stream);
      return collect(stream);
    },
  },
  'the iterator by hand': {
    answers: [stepped(chunks(['Hel', 'lo', '!']))],
    run: async ({ client, server, note }) => {
      const iterator = (await client().chat.completions.create(STREAMED))[Symbol.asyncIterator]();
      server.step();
      note('next', await iterator.next());
      server.step();
      note('next', await iterator.next());
      note('return', await iterator.return?.());
      note('next', await iterator.next());
      await server.over(0);
    },
    outcomes: ['counted'],
  },
  tee: {
    answers: [stream],
    run: async ({ client }) => {
      const [left, right] = (await client().chat.completions.create(STREAMED)).tee();
      return Promise.all([collect(left), collect(right)]);
    },
  },
  'tee, one side of it left': {
    answers: [stream],
    run: async ({ client, note }) => {
      const [left, right] = (await client().chat.completions.create(STREAMED)).tee();
      for await (const chunk of left) {
        note('left', chunk);
        break;
      }
      return collect(right);
    },
  },
  toReadableStream: {
    answers: [stream],
    run: async ({ client }) => textOf((await client().chat.completions.create(STREAMED)).toReadableStream()),
  },
  'toReadableStream, and back': {
    answers: [stream],
    run: async ({ client }) => {
      const stream = await client().chat.completions.create(STREAMED);
      return collect(Stream.fromReadableStream(stream.toReadableStream(), new AbortController()));
    },
  },
  'toReadableStream, cancelled': {
    answers: [stepped(chunks(['Hel', 'lo', '!']))],
    run: async ({ client, server, note }) => {
      server.step();
      const stream = await client().chat.completions.create(STREAMED);
      const reader = stream.toReadableStream().getReader();
      note('read', await reader.read());
      await reader.cancel('enough');
      note('aborted', stream.controller.signal);
      await server.over(0);
    },
    outcomes: ['counted'],
  },
  'stored completions': {
    answers: [json({ ...COMPLETION, metadata: {} }), json({ id: 'chatcmpl-1', deleted: true })],
    run: async ({ client, note }) => {
      const { completions } = client().chat;
      note('retrieve', await completions.retrieve('chatcmpl-1'));
      note('update', await completions.update('chatcmpl-1', { metadata: { a: 'b' } }));
      note('delete', await completions.delete('chatcmpl-1'));
    },
  },
};
