import { describe, expect, test } from 'vitest';
import { tapEventStream } from '../../src/responses/event-stream.ts';
import { eventSink } from './sinks.ts';
import { drained, joined, pieces, source, text, utf8 } from './streams.ts';

const never = () => false;

/** What a native response says when its body is read twice. */
async function readError(): Promise<Error> {
  const used = new Response('x');
  await used.text();
  return used.text().catch((error) => error);
}

function tapped(body: BodyInit, hides: Parameters<typeof eventSink>[0] = never) {
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  const sink = eventSink(hides);
  expect(tapEventStream(response, sink)).toBe(true);
  return { response, sink };
}

describe('raw reads', () => {
  const STREAM = 'data: {"a":"é"}\n\ndata: hide\n\ndata: [DONE]\n\n';
  const SHOWN = 'data: {"a":"é"}\n\ndata: [DONE]\n\n';
  const hide = (_index: number, data: string) => data === 'hide';
  const reads: [name: string, read: (response: Response) => Promise<string>][] = [
    ['text', (response) => response.text()],
    ['arrayBuffer', async (response) => text(new Uint8Array(await response.arrayBuffer()))],
    ['bytes', async (response) => text(await response.bytes())],
    ['blob', async (response) => (await response.blob()).text()],
    ['body', async (response) => text(joined(await drained(response.body)))],
    ['tee', async (response) => text(joined(await drained(response.body?.tee()[1] ?? null)))],
    ['touching body first', (response) => (response.body?.locked ? Promise.reject() : response.text())],
  ];
  test.each(reads)('%s gives the filtered bytes', async (_name, read) => {
    const { response, sink } = tapped(source(pieces(utf8(STREAM), [5])), hide);
    expect(await read(response)).toBe(SHOWN);
    expect(sink.events).toEqual(['{"a":"é"}', 'hide']);
    expect(sink.ends).toEqual([['complete']]);
    expect(response.bodyUsed).toBe(true);
  });

  test('json() fails as ever', async () => {
    const { response, sink } = tapped(STREAM, hide);
    await expect(response.json()).rejects.toThrow(SyntaxError);
    expect(sink.ends).toEqual([['complete']]);
  });

  test('blob() has the type of the response', async () => {
    expect((await tapped(STREAM).response.blob()).type).toBe('text/event-stream');
  });

  test('a failed read gives the app the same error, and the sink the events before it', async () => {
    const failure = new Error('reset');
    const { response, sink } = tapped(source([utf8('data: a\n\ndata: b')], 'bytes', failure));
    await expect(response.text()).rejects.toBe(failure);
    expect([sink.events, sink.ends]).toEqual([['a'], [['cut', failure]]]);
  });

  test('locks are those of a native body', async () => {
    const { response, sink } = tapped(STREAM, hide);
    const reader = response.body?.getReader();
    expect(() => response.clone()).toThrow(TypeError);
    await expect(response.text()).rejects.toThrow(await readError());
    expect(sink.ends).toEqual([]);
    reader?.releaseLock();
    expect(text(joined(await drained(response.body)))).toBe(SHOWN);
    await expect(response.text()).rejects.toThrow(await readError());
    expect(sink.ends).toEqual([['complete']]);
  });
});

describe('clones', () => {
  const STREAM = 'data: a\n\ndata: hide\n\ndata: b\n\n';
  const hide = (_index: number, data: string) => data === 'hide';

  test('are filtered alike, and each event is told once', async () => {
    const { response, sink } = tapped(source(pieces(utf8(STREAM), [4])), hide);
    const copy = response.clone();
    const further = copy.clone();
    expect(await further.text()).toBe('data: a\n\ndata: b\n\n');
    expect(await response.text()).toBe('data: a\n\ndata: b\n\n');
    expect(text(joined(await drained(copy.body)))).toBe('data: a\n\ndata: b\n\n');
    expect(sink.events).toEqual(['a', 'hide', 'b']);
    expect(sink.ends).toEqual([['complete']]);
  });

  test('a cancelled branch leaves the rest to the other', async () => {
    const { response, sink } = tapped(source(pieces(utf8(STREAM), [9])), hide);
    const copy = response.clone();
    const reader = response.body?.getReader();
    await reader?.read();
    const cancelled = reader?.cancel();
    expect([sink.events, sink.ends]).toEqual([['a'], []]);
    await copy.text();
    await cancelled;
    expect([sink.events, sink.ends]).toEqual([['a', 'hide', 'b'], [['complete']]]);
  });

  test('all cut is cut, once', async () => {
    const failure = new Error('reset');
    const { response, sink } = tapped(source([utf8('data: a\n\n')], 'bytes', failure));
    const reads = await Promise.allSettled([response.clone().text(), response.text()]);
    expect(reads.map((read) => read.status)).toEqual(['rejected', 'rejected']);
    expect([sink.events, sink.ends]).toEqual([['a'], [['cut', failure]]]);
  });
});

test('what cannot be tapped is left alone', () => {
  const stream = () => new ReadableStream();
  for (const mock of [
    new Response(null),
    Object.freeze({ body: stream() }),
    { body: 'data: a\n\n' },
    { text: async () => '' },
  ]) {
    const before = Object.getOwnPropertyNames(mock);
    expect(tapEventStream(mock as Response, eventSink(never))).toBe(false);
    expect(Object.getOwnPropertyNames(mock)).toEqual(before);
  }
});

describe('mocks', () => {
  const strings = () =>
    new ReadableStream({
      start: (controller) => {
        for (const piece of ['data: a\n\ndata: hi', 'de\n\n', 'data: b\n\n']) controller.enqueue(piece);
        controller.close();
      },
    });
  const hide = (_index: number, data: string) => data === 'hide';

  const all = async ({ body }: Response) => {
    let got = '';
    for await (const piece of (body ?? []) as AsyncIterable<unknown>) {
      got += typeof piece === 'string' ? piece : text(piece as Uint8Array);
    }
    return got;
  };

  test('a stream of strings and nothing else', async () => {
    const mock = { body: strings() } as unknown as Response;
    const sink = eventSink(hide);
    expect(tapEventStream(mock, sink)).toBe(true);
    expect(await all(mock)).toBe('data: a\n\ndata: b\n\n');
    expect(Object.keys(mock)).toEqual(['body']);
    expect(sink.events).toEqual(['a', 'hide', 'b']);
  });

  test('strings stay strings when nothing may be hidden', async () => {
    const mock = { body: strings() } as unknown as Response;
    const sink = eventSink('observe');
    tapEventStream(mock, sink);
    const got: unknown[] = [];
    for await (const piece of mock.body ?? []) got.push(piece);
    expect(got).toEqual(['data: a\n\ndata: hi', 'de\n\n', 'data: b\n\n']);
    expect(sink.events).toEqual(['a', 'hide', 'b']);
  });

  test('a clone that is the mock itself', async () => {
    const mock = { body: strings(), clone: () => mock } as unknown as Response;
    const sink = eventSink((index) => index === 0);
    tapEventStream(mock, sink);
    expect(mock.clone()).toBe(mock);
    expect(await all(mock)).toBe('data: hide\n\ndata: b\n\n');
    expect(sink.events).toEqual(['a', 'hide', 'b']);
  });
});
