import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tapEventStream } from '../../src/responses/event-stream.ts';
import { tapBody } from '../../src/responses/tap-body.ts';
import { bodySink, eventSink } from './sinks.ts';
import { text } from './streams.ts';

let server: Server;
let url: string;
/** The answer in progress: the test writes it, so that nothing has to wait for time. */
let answers: Promise<ServerResponse>;
let closed: Promise<void>;

beforeEach(async () => {
  let answer: (response: ServerResponse) => void;
  let close: () => void;
  answers = new Promise((resolve) => {
    answer = resolve;
  });
  closed = new Promise((resolve) => {
    close = resolve;
  });
  server = createServer((_request, response) => {
    response.on('close', () => close());
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function tappedStream(mayHide: boolean) {
  const abort = new AbortController();
  const response = await fetch(url, { signal: abort.signal });
  const sink = eventSink(mayHide ? (_index, data) => data === 'hide' : 'observe');
  expect(tapEventStream(response, sink)).toBe(true);
  return { abort, response, sink, server: await answers };
}

async function tappedBody() {
  const abort = new AbortController();
  const response = await fetch(url, { signal: abort.signal });
  const sink = bodySink();
  expect(tapBody(response, sink)).toBe(true);
  return { abort, response, sink, server: await answers };
}

const failed = async (promise: Promise<unknown> | undefined) =>
  promise?.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );

describe.each([true, false])('an event stream over a socket (mayHide %s)', (mayHide) => {
  test('a slow stream is passed on event by event', async () => {
    const { response, sink, server } = await tappedStream(mayHide);
    const reader = response.body?.getReader();
    for (const event of ['data: é\n\n', 'data: b\r\n\r\n', 'data: c\r\r']) {
      server.write(event);
      expect(text((await reader?.read())?.value ?? new Uint8Array())).toBe(event);
    }
    server.end('data: [DONE]\n\n');
    await reader?.read();
    expect(await reader?.read()).toEqual({ done: true, value: undefined });
    expect(sink.events).toEqual(['é', 'b', 'c']);
    expect(sink.ends).toEqual([['complete']]);
  });

  test('a connection destroyed in mid-body', async () => {
    const { response, sink, server } = await tappedStream(mayHide);
    const reader = response.body?.getReader();
    server.write('data: a\n\n');
    await reader?.read();
    server.destroy();
    const error = await failed(reader?.read());
    expect(error).toBeInstanceOf(TypeError);
    expect(sink.events).toEqual(['a']);
    expect(sink.ends).toEqual([['cut', error]]);
    expect(sink.ends[0]?.[1]).toBe(error);
  });

  test('an abort while a read waits', async () => {
    const { abort, response, sink, server } = await tappedStream(mayHide);
    const reader = response.body?.getReader();
    server.write('data: a\n\n');
    await reader?.read();
    const waiting = failed(reader?.read());
    abort.abort();
    expect(await waiting).toMatchObject({ name: 'AbortError' });
    expect(sink.ends).toEqual([['cut', await waiting]]);
    await closed;
  });

  test('an abort after which nobody reads', async () => {
    const { abort, response, sink, server } = await tappedStream(mayHide);
    const reader = response.body?.getReader();
    server.write('data: a\n\n');
    await reader?.read();
    abort.abort();
    const error = await failed(reader?.closed);
    expect(error).toMatchObject({ name: 'AbortError' });
    expect(sink.ends).toEqual([['cut', error]]);
  });

  test('break closes the connection', async () => {
    const { response, sink, server } = await tappedStream(mayHide);
    server.write('data: a\n\n');
    for await (const _chunk of response.body ?? []) break;
    await closed;
    expect(sink.events).toEqual(['a']);
    expect(sink.ends).toEqual([['cut']]);
  });

  test('text() of a connection destroyed in mid-body', async () => {
    const { response, sink, server } = await tappedStream(mayHide);
    const read = failed(response.text());
    server.write('data: a\n\ndata: b', () => server.destroy());
    const error = await read;
    expect(error).toBeInstanceOf(TypeError);
    expect(sink.events).toEqual(['a']);
    expect(sink.ends).toEqual([['cut', error]]);
  });

  test('the SDK, left by break', async () => {
    const sink = eventSink(mayHide ? () => false : 'observe');
    const tapping = async (input: string | URL | Request, init?: RequestInit) => {
      const response = await fetch(input, init);
      tapEventStream(response, sink);
      return response;
    };
    const openai = new OpenAI({ apiKey: 'x', baseURL: url, fetch: tapping });
    const stream = openai.chat.completions.create({ model: 'm', messages: [], stream: true });
    (await answers).write('data: {"choices":[]}\n\n');
    for await (const _chunk of await stream) break;
    await closed;
    expect(sink.events).toEqual(['{"choices":[]}']);
    expect(sink.ends).toHaveLength(1);
    expect(sink.ends[0]?.[0]).toBe('cut');
  });
});

describe('a body over a socket', () => {
  test('complete', async () => {
    const { response, sink, server } = await tappedBody();
    server.end('{"a":1}');
    expect(await response.json()).toEqual({ a: 1 });
    expect(sink.calls).toEqual([['complete', '{"a":1}']]);
  });

  const reads: [string, (response: Response) => Promise<unknown>][] = [
    ['json', (response) => response.json()],
    [
      'body',
      async (response) => {
        for await (const _chunk of response.body ?? []);
      },
    ],
  ];
  test.each(reads)('destroyed in mid-body, read by %s', async (_name, read) => {
    const { response, sink, server } = await tappedBody();
    const reading = failed(read(response));
    server.write('{"a":', () => server.destroy());
    const error = await reading;
    expect(error).toBeInstanceOf(TypeError);
    expect(sink.calls).toEqual([['failed', error]]);
    expect(sink.calls[0]?.[1]).toBe(error);
  });

  test.each(reads)('aborted in mid-body, read by %s', async (_name, read) => {
    const { abort, response, sink, server } = await tappedBody();
    const reading = failed(read(response));
    await new Promise((resolve) => server.write('{"a":', resolve));
    abort.abort();
    const error = await reading;
    expect(error).toMatchObject({ name: 'AbortError' });
    expect(sink.calls).toEqual([['failed', error]]);
    expect(sink.calls[0]?.[1]).toBe(error);
  });

  test('cancelled unread', async () => {
    const { response, sink } = await tappedBody();
    await response.body?.cancel();
    await closed;
    expect(sink.calls).toEqual([['cancelled']]);
  });
});
