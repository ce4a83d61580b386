import { afterEach, describe, expect, test, vi } from 'vitest';
import { tapBody } from '../../src/responses/tap-body.ts';
import { bodySink, uncaughtErrors } from './sinks.ts';
import { drained, drainedByob, joined, pieces, type StreamType, source, text, utf8 } from './streams.ts';

const BODY = '{"usage":{"total_tokens":3},"text":"é漢😀"}';
const HEADERS = { 'content-type': 'application/json' };

afterEach(() => {
  vi.restoreAllMocks();
});

function tapped(body: BodyInit | null = BODY) {
  const response = new Response(body, { headers: HEADERS });
  const sink = bodySink();
  expect(tapBody(response, sink)).toBe(true);
  return { response, sink };
}

const streamed = (type: StreamType, failure?: unknown) =>
  source(pieces(utf8(BODY), [1, 7, 3]), type, failure);

describe('each way to read the body', () => {
  const reads: [name: string, read: (response: Response) => Promise<unknown>][] = [
    ['text', (response) => response.text()],
    ['json', async (response) => JSON.stringify(await response.json())],
    ['arrayBuffer', async (response) => text(new Uint8Array(await response.arrayBuffer()))],
    ['bytes', async (response) => text(await response.bytes())],
    ['blob', async (response) => (await response.blob()).text()],
    ['for await', async (response) => text(joined(await drained(response.body)))],
    [
      'getReader',
      async (response) => {
        const reader = response.body?.getReader();
        const chunks: Uint8Array[] = [];
        for (let read = await reader?.read(); read?.value; read = await reader?.read())
          chunks.push(read.value);
        return text(joined(chunks));
      },
    ],
    [
      'tee',
      async (response) => {
        const [left, right] = response.body?.tee() ?? [null, null];
        const both = await Promise.all([drained(left), drained(right)]);
        expect(both[0]).toEqual(both[1]);
        return text(joined(both[0]));
      },
    ],
    [
      'pipeTo',
      async (response) => {
        const chunks: Uint8Array[] = [];
        await response.body?.pipeTo(new WritableStream({ write: (chunk) => void chunks.push(chunk) }));
        return text(joined(chunks));
      },
    ],
    [
      'pipeThrough',
      async (response) => {
        const decoded = response.body?.pipeThrough(new TextDecoderStream());
        let all = '';
        for await (const piece of decoded ?? []) all += piece;
        return all;
      },
    ],
    ['new Response(body)', (response) => new Response(response.body).text()],
    [
      'touching body before text',
      (response) => {
        expect(response.body?.locked).toBe(false);
        return response.text();
      },
    ],
    [
      'clone, itself',
      (response) => {
        response.clone();
        return response.text();
      },
    ],
    ['clone, the copy', (response) => response.clone().text()],
    [
      'clone after touching body, the body',
      async (response) => {
        const { body } = response;
        response.clone();
        return text(joined(await drained(body)));
      },
    ],
    [
      'clone of a clone, its body',
      async (response) => text(joined(await drained(response.clone().clone().body))),
    ],
  ];
  for (const [kind, body] of [
    ['string', () => BODY],
    ['byte stream', () => streamed('bytes')],
    ['stream', () => streamed('default')],
  ] as const) {
    test.each(reads)(`%s, of a ${kind}`, async (_name, read) => {
      const { response, sink } = tapped(body());
      const before = sink.calls.length;
      const result = read(response).then((value) => ({ value, calls: sink.calls.length }));
      expect(before).toBe(0);
      expect(await result).toEqual({ value: BODY, calls: 1 });
      expect(sink.calls).toEqual([['complete', BODY]]);
      expect(response.bodyUsed || _name.startsWith('clone')).toBe(true);
    });
  }

  test.each([1, 2, 5, 1000])('BYOB reads of %i bytes', async (size) => {
    const { response, sink } = tapped(streamed('bytes'));
    expect(text(await drainedByob(response.body as ReadableStream<Uint8Array>, size))).toBe(BODY);
    expect(sink.calls).toEqual([['complete', BODY]]);
  });

  test('BYOB is refused where the native body refuses it', () => {
    const { response } = tapped(streamed('default'));
    expect(() => response.body?.getReader({ mode: 'byob' })).toThrow(TypeError);
  });
});

describe('what the app sees', () => {
  test('is the same response', () => {
    const { response } = tapped();
    expect(response).toBeInstanceOf(Response);
    expect(Object.keys(response)).toEqual([]);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.status).toBe(200);
  });

  test('chunks of a plain stream are the very same objects, still usable by who made them', async () => {
    const chunk = utf8(BODY);
    const { response } = tapped(source([chunk], 'default'));
    const got: unknown[] = [];
    for await (const piece of response.body ?? []) got.push(piece);
    expect(got[0]).toBe(chunk);
    expect(chunk.length).toBe(utf8(BODY).length);
  });

  test('chunks keep their bounds', async () => {
    for (const type of ['bytes', 'default'] as const) {
      const chunks = pieces(utf8(BODY), [3, 1]);
      expect(await drained(tapped(source(chunks, type)).response.body)).toEqual(chunks);
    }
  });

  test('a SyntaxError in the words of json()', async () => {
    for (const bad of ['{"a":', '', 'nope', '\ufeff{}x']) {
      const native = await new Response(bad).json().catch((error: unknown) => error);
      const { response, sink } = tapped(bad);
      const ours = await response.json().catch((error: unknown) => error);
      expect(ours).toBeInstanceOf(SyntaxError);
      expect(ours).toEqual(native);
      expect(sink.calls).toEqual([['complete', bad.replace('\ufeff', '')]]);
    }
  });

  test('null stays null', async () => {
    const { response, sink } = tapped(null);
    expect(response.body).toBeNull();
    expect(sink.calls).toEqual([]);
    expect(await response.text()).toBe('');
    expect(sink.calls).toEqual([['complete', '']]);
  });
});

describe('nothing is read that the app does not read', () => {
  test('a body nobody reads calls nothing', async () => {
    const body = streamed('bytes');
    const { response, sink } = tapped(body);
    expect(response.body).toBe(response.body);
    response.body?.getReader().releaseLock();
    expect(response.bodyUsed).toBe(false);
    expect(body.pulls).toBe(0);
    expect(sink.calls).toEqual([]);
  });

  test('a chunk a read', async () => {
    for (const type of ['bytes', 'default'] as const) {
      const body = streamed(type);
      const reader = tapped(body).response.body?.getReader();
      await reader?.read();
      await reader?.read();
      expect(body.pulls).toBe(2);
    }
  });
});

describe('a failed read', () => {
  const failure = new Error('reset');
  const reads: [name: string, read: (response: Response) => Promise<unknown>][] = [
    ['text', (response) => response.text()],
    ['json', (response) => response.json()],
    ['blob', (response) => response.blob()],
    ['body', (response) => drained(response.body)],
    ['BYOB', (response) => drainedByob(response.body as ReadableStream<Uint8Array>, 4)],
  ];
  test.each(reads)('%s gives the app the same error', async (_name, read) => {
    const { response, sink } = tapped(streamed('bytes', failure));
    await expect(read(response)).rejects.toBe(failure);
    expect(sink.calls).toEqual([['failed', failure]]);
  });

  test('is known although the app reads no further', async () => {
    let fail: (error: unknown) => void = () => undefined;
    const body = new ReadableStream({
      start: (controller) => {
        fail = (error) => controller.error(error);
        controller.enqueue(utf8('x'));
      },
    });
    const { response, sink } = tapped(body);
    const reader = response.body?.getReader();
    await reader?.read();
    fail(failure);
    await expect(reader?.closed).rejects.toBe(failure);
    expect(sink.calls).toEqual([['failed', failure]]);
  });
});

describe('cancelling', () => {
  test('passes the reason on, before the first read or after', async () => {
    for (const read of [false, true]) {
      const body = streamed('bytes');
      const { response, sink } = tapped(body);
      const reader = response.body?.getReader();
      if (read) await reader?.read();
      await reader?.cancel('enough');
      expect(body.cancelled).toEqual(['enough']);
      expect(sink.calls).toEqual([['cancelled']]);
      expect(response.bodyUsed).toBe(true);
      expect(await reader?.read()).toEqual({ done: true, value: undefined });
    }
  });

  test('by break', async () => {
    const body = streamed('default');
    const { response, sink } = tapped(body);
    for await (const _chunk of response.body ?? []) break;
    expect(body.cancelled).toHaveLength(1);
    expect(sink.calls).toEqual([['cancelled']]);
  });

  test('while a read is waiting', async () => {
    const { response, sink } = tapped(new ReadableStream({ type: 'bytes' }));
    const reader = response.body?.getReader();
    const waiting = reader?.read();
    await reader?.cancel();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(sink.calls).toEqual([['cancelled']]);
  });
});

describe('a body above 64 MB', () => {
  const large = () => source(Array(70).fill(new Uint8Array(1024 * 1024)), 'default');

  test('read as bytes or by its stream is told as such, at its end', async () => {
    for (const read of [
      (r: Response) => r.arrayBuffer(),
      (r: Response) => r.blob(),
      (r: Response) => drained(r.body),
    ]) {
      const { response, sink } = tapped(large());
      await read(response);
      expect(sink.calls).toEqual([['oversized']]);
    }
  });

  test('read as text is complete', async () => {
    const { response, sink } = tapped(large());
    const all = await response.text();
    expect(sink.calls).toEqual([['complete', all]]);
  });
});

test('what the sink throws never reaches the app', async () => {
  const errors = uncaughtErrors();
  for (const read of [
    (r: Response) => r.text(),
    (r: Response) => r.json(),
    (r: Response) => drained(r.body),
  ]) {
    const response = new Response(BODY);
    const broken = new Error('sink');
    tapBody(response, {
      ...bodySink(),
      complete: () => {
        throw broken;
      },
    });
    await read(response);
    await Promise.resolve();
    expect(errors.splice(0)).toEqual([broken]);
  }
});
