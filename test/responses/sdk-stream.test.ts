import fc from 'fast-check';
import OpenAI from 'openai';
import { _iterSSEMessages, Stream } from 'openai/core/streaming';
import { VERSION } from 'openai/version';
import { describe, expect, test } from 'vitest';
import { tapEventStream } from '../../src/responses/event-stream.ts';
import { tapBody } from '../../src/responses/tap-body.ts';
import { bodySink, eventSink } from './sinks.ts';
import { type Bytes, joined, pieces, source, text, utf8 } from './streams.ts';

/** Version 6 of the SDK reads the body on after [DONE], and drops an event that no blank line ends. */
const IS_SDK_6 = Number.parseInt(VERSION, 10) <= 6;

const chunk = (content: string) => {
  const choice = {
    index: 0,
    delta: { role: 'assistant', content },
    finish_reason: content === '!' ? 'stop' : null,
  };
  return `data: ${JSON.stringify({ id: 'c', choices: [choice] })}\n\n`;
};
const USAGE = `data: ${JSON.stringify({ id: 'c', choices: [], usage: { total_tokens: 7 } })}\n\n`;
const WORDS = ['Hello', ' wörld', ' 漢', '!'];
const STREAM = [...WORDS.map(chunk), USAGE, 'data: [DONE]\n\n'];

/** An SDK client whose every response is tapped. */
function client(stream = STREAM, failure?: unknown) {
  const sink = eventSink((_index, data) => data.includes('"usage"'));
  const body = source(stream.map(utf8), 'bytes', failure);
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  expect(tapEventStream(response, sink)).toBe(true);
  const openai = new OpenAI({ apiKey: 'x', fetch: async () => response });
  const create = () =>
    openai.chat.completions.create({
      model: 'gpt-5',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
    });
  return { openai, create, sink, body };
}

const words = async (stream: AsyncIterable<OpenAI.ChatCompletionChunk>) => {
  const all: unknown[] = [];
  for await (const { choices } of stream) all.push(choices[0]?.delta.content);
  return all;
};

describe('an event stream through the SDK', () => {
  test('read to its end', async () => {
    const { create, sink, body } = client();
    expect(await words(await create())).toEqual(WORDS);
    expect(sink.events).toHaveLength(5);
    expect(sink.ends).toEqual([['complete']]);
    expect(body.cancelled).toHaveLength(IS_SDK_6 ? 0 : 1);
  });

  test('without [DONE]', async () => {
    const { create, sink } = client(STREAM.slice(0, -1));
    expect(await words(await create())).toEqual(WORDS);
    expect(sink.ends).toEqual([['complete']]);
  });

  test('left by break', async () => {
    const { create, sink, body } = client();
    const stream = await create();
    for await (const { choices } of stream) if (choices[0]?.delta.content === ' wörld') break;
    expect(stream.controller.signal.aborted).toBe(true);
    expect(sink.events).toHaveLength(2);
    expect(sink.ends).toEqual([['cut']]);
    expect(body.cancelled).toHaveLength(1);
  });

  test('tee', async () => {
    const { create, sink } = client();
    const [left, right] = (await create()).tee();
    expect(await words(left)).toEqual(WORDS);
    expect(await words(right)).toEqual(WORDS);
    expect(sink.events).toHaveLength(5);
    expect(sink.ends).toEqual([['complete']]);
  });

  test('toReadableStream', async () => {
    const { create, sink } = client();
    const stream = Stream.fromReadableStream<OpenAI.ChatCompletionChunk>(
      (await create()).toReadableStream(),
      new AbortController(),
    );
    expect(await words(stream)).toEqual(WORDS);
    expect(sink.ends).toEqual([['complete']]);
  });

  test('toReadableStream, cancelled', async () => {
    const { create, sink } = client();
    const reader = (await create()).toReadableStream().getReader();
    await reader.read();
    await reader.cancel();
    expect(sink.ends).toEqual([['cut']]);
  });

  test('a lost connection', async () => {
    const failure = new Error('reset');
    const { create, sink } = client(STREAM.slice(0, 2), failure);
    await expect(words(await create())).rejects.toBe(failure);
    expect(sink.events).toHaveLength(2);
    expect(sink.ends).toEqual([['cut', failure]]);
  });

  test('asResponse() and withResponse()', async () => {
    const { create, sink } = client();
    const raw = await create().asResponse();
    expect(raw).toBeInstanceOf(Response);
    expect(await raw.text()).toBe(STREAM.filter((event) => event !== USAGE).join(''));
    expect(sink.ends).toEqual([['complete']]);
    expect(await words((await client().create().withResponse()).data)).toEqual(WORDS);
  });

  test('the chat stream helper', async () => {
    const { openai, sink } = client();
    const stream = openai.chat.completions.stream({
      model: 'gpt-5',
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect(await words(stream)).toEqual(WORDS);
    expect(sink.ends).toEqual([['complete']]);
  });
});

describe('JSON through the SDK', () => {
  const BODY = JSON.stringify({ id: 'c', choices: [], usage: { total_tokens: 7 } });
  const respond = (status: number) => {
    const sink = bodySink();
    const headers = { 'content-type': 'application/json', 'x-request-id': 'r' };
    const response = new Response(BODY, { status, headers });
    tapBody(response, sink);
    return { response, sink };
  };
  const ask = (openai: OpenAI, signal?: AbortSignal) =>
    openai.chat.completions.create({ model: 'm', messages: [] }, signal ? { signal } : {});

  test('is complete once, also when a signal makes the SDK touch the body', async () => {
    for (const signal of [undefined, new AbortController().signal]) {
      const { response, sink } = respond(200);
      const openai = new OpenAI({ apiKey: 'x', fetch: async () => response });
      expect(await ask(openai, signal)).toMatchObject({ usage: { total_tokens: 7 }, _request_id: 'r' });
      expect(sink.calls).toEqual([['complete', BODY]]);
    }
  });

  test('a retried response is cancelled', async () => {
    const first = respond(500);
    const second = respond(200);
    const responses = [first.response, second.response];
    first.response.headers.set('retry-after-ms', '1');
    const openai = new OpenAI({ apiKey: 'x', fetch: async () => responses.shift() ?? Response.error() });
    await ask(openai);
    expect(first.sink.calls).toEqual([['cancelled']]);
    expect(second.sink.calls).toEqual([['complete', BODY]]);
  });
});

test('the sink sees the events that the decoder of the SDK sees', async () => {
  const line = fc.constantFrom(
    'data: a',
    'data:b',
    'data',
    'data:  é漢😀',
    ': ping',
    'event: x',
    'id: 1',
    'dat',
    'x:data: 1',
  );
  const end = fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n');
  const stream = fc
    .array(fc.oneof(line, end), { maxLength: 40, size: 'max' })
    .map((parts) => utf8(parts.join('') + (IS_SDK_6 ? '\n\n' : '')));
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
  const decoded = async (all: Bytes, cut: number[]) => {
    const seen: string[] = [];
    for await (const sse of _iterSSEMessages(new Response(source(pieces(all, cut))), new AbortController())) {
      if (sse.raw.some((raw) => raw === 'data' || raw.startsWith('data:'))) seen.push(sse.data);
    }
    return seen;
  };
  await fc.assert(
    fc.asyncProperty(stream, sizes, async (all, cut) => {
      const response = new Response(source(pieces(all, cut)));
      const sink = eventSink(() => false);
      tapEventStream(response, sink);
      expect(text(joined([await response.bytes()]))).toBe(text(all));
      expect(sink.events).toEqual(await decoded(all, cut));
    }),
    { numRuns: 500 },
  );
});
