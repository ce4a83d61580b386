import { afterEach, describe, expect, test, vi } from 'vitest';
import { tapEventStream } from '../../src/responses/event-stream.ts';
import { eventSink, uncaughtErrors } from './sinks.ts';
import { expected, referenceEvents } from './sse-reference.ts';
import { drained, joined, pieces, source, text, utf8 } from './streams.ts';

const never = () => false;
const MIXED =
  '\ufeff: hello\n\nevent: a\r\ndata: {"t":"é漢😀"}\r\n\r\ndata:1\rdata: 2\r\rdata: hidden\r\n\r\n\n: ping\n\ndata: last\n\n';

afterEach(() => {
  vi.restoreAllMocks();
});

function tapped(body: BodyInit, hides: Parameters<typeof eventSink>[0] = never) {
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  const sink = eventSink(hides);
  expect(tapEventStream(response, sink)).toBe(true);
  return { response, sink };
}

describe('events', () => {
  const table: [name: string, stream: string, events: string[]][] = [
    ['LF', 'data: a\n\ndata: b\n\n', ['a', 'b']],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
    ['CR', 'data: a\r\rdata: b\r\r', ['a', 'b']],
    ['mixed line ends', 'data: a\n\r\ndata: b\r\n\ndata: c\r\n\rdata: d\n\r', ['a', 'b', 'c', 'd']],
    ['many blank lines', '\n\ndata: a\n\n\n\r\n\rdata: b\n\n', ['a', 'b']],
    ['many data lines', 'data: a\ndata:\ndata: b\n\n', ['a\n\nb']],
    ['no space after the colon', 'data:a\n\ndata:  b\n\n', ['a', ' b']],
    ['no colon', 'data\n\ndata\ndata: a\n\n', ['', '\na']],
    ['comments and other fields', ': ping\n\nevent: x\nid: 1\ndata: a\nretry: 3\n\nevent: alone\n\n', ['a']],
    ['fields that only begin like data', 'database: 1\n\ndata-x: 1\n\n data: 1\n\n', []],
    ['a BOM', '\ufeffdata: a\n\n', ['a']],
    ['a BOM before a BOM', 'data: a\n\n\ufeff\ufeffdata: b\n\n', ['a']],
    ['no blank line at the end', 'data: a\n\ndata: b\n', ['a', 'b']],
    ['no line end at the end', 'data: a\n\ndata: b', ['a', 'b']],
    ['a comment at the end', 'data: a\n\n: bye', ['a']],
    ['[DONE]', 'data: a\n\ndata: [DONE]\n\n', ['a']],
    ['anything after [DONE]', 'data: a\n\ndata: [DONE]\n\ndata: b\n\n', ['a']],
    ['no events', '', []],
  ];
  test.each(table)('%s', async (_name, stream, events) => {
    for (const size of [1, 2, 3, 1000]) {
      const { response, sink } = tapped(source(pieces(utf8(stream), [size])));
      expect(text(joined(await drained(response.body)))).toBe(stream);
      expect(sink.events).toEqual(events);
      expect(sink.ends).toEqual([['complete']]);
    }
  });

  test('invalid UTF-8 is replaced for the sink and unchanged for the app', async () => {
    const bytes = new Uint8Array([...utf8('data: '), 0xff, 0xe6, 0xbc, ...utf8('\n\n'), 0xf0, 0x9f]);
    const { response, sink } = tapped(bytes);
    expect(await response.bytes()).toEqual(bytes);
    expect(sink.events).toEqual(['\ufffd\ufffd']);
  });

  test('split at every byte, one event hidden', async () => {
    const all = utf8(MIXED);
    const { seen, shown } = expected(all, (index) => index === 2);
    expect(seen).toEqual(['{"t":"é漢😀"}', '1\n2', 'hidden', 'last']);
    for (let at = 1; at < all.length; at += 1) {
      const { response, sink } = tapped(source([all.slice(0, at), all.slice(at)]), (index) => index === 2);
      expect(joined(await drained(response.body))).toEqual(shown);
      expect(sink.events).toEqual(seen);
    }
  });
});

describe('a text left out of events', () => {
  const events = ['data: é1,x\n\n', ': c\r\nid: 7\r\ndata: ,x,x😀\r\n\r\n', 'data: none\n\n', 'data: 2,x'];
  const without = ['data: é1\n\n', ': c\r\nid: 7\r\ndata: ,x😀\r\n\r\n', 'data: none\n\n', 'data: 2'].join(
    '',
  );
  const omitting = (body: BodyInit, mayHide = true) => {
    const response = new Response(body);
    const omits = (data: string) => (data.includes('x') ? ',x' : undefined);
    tapEventStream(response, { ...eventSink('observe'), mayHide, omits });
    return response;
  };

  test('split at every byte, and by a clone alike', async () => {
    const all = utf8(events.join(''));
    for (let at = 1; at < all.length; at += 1) {
      const response = omitting(source([all.slice(0, at), all.slice(at)]));
      const copy = response.clone();
      expect(await response.text()).toBe(without);
      expect(await copy.text()).toBe(without);
    }
  });

  test('is left in when nothing may be hidden', async () => {
    expect(await omitting(events.join(''), false).text()).toBe(events.join(''));
  });
});

describe('the end is told once', () => {
  const closed = (length: number) =>
    referenceEvents(utf8(MIXED).slice(0, length)).flatMap(({ data, closed }) =>
      closed && data ? [data] : [],
    );

  test('failed at every byte', async () => {
    for (let length = 0; length <= utf8(MIXED).length; length += 1) {
      const failure = new Error('reset');
      const { response, sink } = tapped(source(pieces(utf8(MIXED).slice(0, length), [3]), 'bytes', failure));
      await expect(drained(response.body)).rejects.toBe(failure);
      expect(sink.events).toEqual(closed(length));
      expect(sink.ends).toEqual([['cut', failure]]);
    }
  });

  test('cancelled at every byte', async () => {
    for (let length = 0; length <= utf8(MIXED).length; length += 1) {
      const body = source(pieces(utf8(MIXED), [length, 1000]));
      const { response, sink } = tapped(body, 'observe');
      const reader = response.body?.getReader();
      if (length > 0) await reader?.read();
      await reader?.cancel('enough');
      await reader?.cancel('again');
      expect(body.cancelled).toEqual(['enough']);
      expect(sink.events).toEqual(closed(length));
      expect(sink.ends).toEqual([['cut']]);
    }
  });

  test('cancelled or failed after [DONE] is complete', async () => {
    for (const hides of [never, 'observe'] as const) {
      const { response, sink } = tapped(
        source([utf8('data: a\n\n'), utf8('data: [DONE]\n\n')], 'bytes', new Error()),
        hides,
      );
      const reader = response.body?.getReader();
      await reader?.read();
      expect(sink.ends).toEqual([]);
      expect(text((await reader?.read())?.value ?? utf8(''))).toBe('data: [DONE]\n\n');
      expect(sink.ends).toEqual([['complete']]);
      await expect(reader?.read()).rejects.toThrow();
      await reader?.cancel().catch(() => undefined);
      expect(sink.ends).toEqual([['complete']]);
    }
  });

  test('an error between two reads is told although no read follows', async () => {
    let fail: (error: unknown) => void = never;
    const body = new ReadableStream({
      type: 'bytes',
      start: (c) => {
        fail = (error) => c.error(error);
        c.enqueue(utf8('data: a\n\n'));
      },
    });
    const { response, sink } = tapped(body);
    const reader = response.body?.getReader();
    await reader?.read();
    const failure = new Error('abort');
    fail(failure);
    await expect(reader?.closed).rejects.toBe(failure);
    expect(sink.ends).toEqual([['cut', failure]]);
  });

  test('an event that a waiting read was cancelled in is none', async () => {
    let asked: () => void = never;
    const waits = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const chunks = [utf8('data: a\n\ndata: b')];
    const pull = (controller: ReadableByteStreamController) => {
      const chunk = chunks.shift();
      return chunk === undefined ? asked() : controller.enqueue(chunk);
    };
    const { response, sink } = tapped(new ReadableStream({ type: 'bytes', pull }));
    const reader = response.body?.getReader();
    await reader?.read();
    const waiting = reader?.read();
    await waits;
    await reader?.cancel();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect([sink.events, sink.ends]).toEqual([['a'], [['cut']]]);
  });

  test('a stream that is not read is told nothing', () => {
    const body = source([utf8('data: a\n\n')]);
    const { response, sink } = tapped(body);
    expect(response.body).toBe(response.body);
    expect(response.bodyUsed).toBe(false);
    expect([body.pulls, sink.events, sink.ends]).toEqual([0, [], []]);
  });
});

describe('no event waits', () => {
  test('longer than for its blank line, when some may be hidden', async () => {
    const chunks = ['data: a\n', '\nda', 'ta: b\r', '\rdata: c\r\n\r', '\ndata: hide\n\n', 'data: d\n\n'];
    const body = source(chunks.map(utf8));
    const { response } = tapped(body, (_index, data) => data === 'hide');
    const reader = response.body?.getReader();
    const got: [string, number][] = [];
    for (let read = await reader?.read(); read?.value; read = await reader?.read())
      got.push([text(read.value), body.pulls]);
    expect(got).toEqual([
      ['data: a\n\n', 2],
      ['data: b\r\rdata: c\r\n\r', 4],
      ['\n', 5],
      ['data: d\n\n', 6],
    ]);
  });

  test('at all, when none may be hidden', async () => {
    const chunks = ['da', 'ta: a\n', '\n', 'data: b'];
    const body = source(chunks.map(utf8));
    const { response, sink } = tapped(body, 'observe');
    const reader = response.body?.getReader();
    for (const [index, chunk] of chunks.entries()) {
      expect(text((await reader?.read())?.value ?? utf8(''))).toBe(chunk);
      expect(body.pulls).toBe(index + 1);
      expect(sink.events).toEqual(index < 2 ? [] : ['a']);
    }
  });

  test('a chunk of whole events is passed on as it is', async () => {
    const chunk = utf8('data: a\n\ndata: b\n\n');
    const { response } = tapped(source([chunk], 'default'));
    const got: unknown[] = [];
    for await (const piece of response.body ?? []) got.push(piece);
    expect(got[0]).toBe(chunk);
  });

  test("'hide' from a sink that may not is ignored", async () => {
    const response = new Response('data: a\n\n');
    tapEventStream(response, { mayHide: false, event: () => 'hide', end: never });
    expect(await response.text()).toBe('data: a\n\n');
  });
});

describe('an event above 32 MB', () => {
  const MB = 1024 * 1024;
  const filler = new Uint8Array(MB).fill(0x61);
  const parts = [
    utf8('data: a\n\ndata: '),
    ...Array<typeof filler>(40).fill(filler),
    utf8('\n\ndata: b\n\n'),
  ];

  test.each(['observe', never] as const)('passes unseen, without being held (%s)', async (hides) => {
    const body = source(parts, 'default');
    const { response, sink } = tapped(body, hides);
    let bytes = 0;
    let largest = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      largest = Math.max(largest, chunk.length);
    }
    expect(bytes).toBe(joined(parts).length);
    expect(largest).toBeLessThanOrEqual(33 * MB);
    expect(sink.events).toEqual(['a', 'b']);
    expect(sink.ends).toEqual([['complete']]);
  });

  test('passes unseen in one chunk too', async () => {
    const { response, sink } = tapped(source([joined(parts)], 'default'), () => true);
    expect((await response.bytes()).length).toBe(joined(parts).length - 2 * 'data: a\n\n'.length);
    expect(sink.events).toEqual(['a', 'b']);
  });
});

test('what the sink throws never reaches the app', async () => {
  const errors = uncaughtErrors();
  const response = new Response('data: a\n\ndata: b\n\n');
  const thrower = (where: string) => () => {
    throw new Error(where);
  };
  tapEventStream(response, { mayHide: true, event: thrower('event'), end: thrower('end') });
  expect(await response.text()).toBe('data: a\n\ndata: b\n\n');
  expect(errors.map(String)).toEqual(['Error: event', 'Error: event', 'Error: end']);
});
