import { describe, expect, test } from 'vitest';
import { tapBody } from '../../src/responses/tap-body.ts';
import { bodySink } from './sinks.ts';

const BODY = '{"usage":{"total_tokens":3}}';

describe('mocks', () => {
  const tap = (mock: object) => {
    const sink = bodySink();
    return { mock: mock as Response, sink, tapped: tapBody(mock as Response, sink) };
  };

  test('frozen or sealed objects are left alone', () => {
    for (const lock of [Object.freeze, Object.seal, Object.preventExtensions]) {
      expect(tap(lock({ text: async () => BODY })).tapped).toBe(false);
    }
    const fixed = Object.defineProperty({}, 'json', { value: async () => 1 });
    expect(tap(fixed).tapped).toBe(false);
  });

  test('json alone', async () => {
    const { mock, sink } = tap({ status: 200, json: async () => JSON.parse(BODY) });
    expect(await mock.json()).toEqual(JSON.parse(BODY));
    expect(sink.calls).toEqual([['complete', BODY]]);
    expect(Object.keys(mock)).toEqual(['status', 'json']);
    expect('text' in mock || 'body' in mock).toBe(false);
  });

  test('its own json is called, not its text', async () => {
    const value = { a: 1 };
    const { mock, sink } = tap({ json: async () => value, text: async () => 'other' });
    expect(await mock.json()).toBe(value);
    expect(sink.calls).toEqual([['complete', '{"a":1}']]);
  });

  test('a json that has no text', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const { mock, sink } = tap({ json: async () => circular });
    expect(await mock.json()).toBe(circular);
    expect(sink.calls).toEqual([['failed', expect.any(TypeError)]]);
  });

  test('a method that throws', async () => {
    const failure = new Error('mock');
    const { mock, sink } = tap({
      text: () => {
        throw failure;
      },
    });
    await expect(mock.text()).rejects.toBe(failure);
    expect(sink.calls).toEqual([['failed', failure]]);
  });

  test('a body of another kind passes', async () => {
    for (const body of [
      'text',
      undefined,
      null,
      (async function* () {
        yield BODY;
      })(),
    ]) {
      expect(tap({ body }).mock.body).toBe(body);
    }
  });

  test('a stream of strings', async () => {
    const body = new ReadableStream({
      start: (c) => {
        c.enqueue('{"a"');
        c.enqueue(':1}');
        c.close();
      },
    });
    const { mock, sink } = tap({ body });
    const got: unknown[] = [];
    for await (const piece of mock.body ?? []) got.push(piece);
    expect(got).toEqual(['{"a"', ':1}']);
    expect(sink.calls).toEqual([['complete', '{"a":1}']]);
  });

  test('a clone that is the mock itself', async () => {
    const { mock, sink } = tap({
      text: async () => BODY,
      clone() {
        return this;
      },
    });
    const { text } = mock;
    expect(mock.clone()).toBe(mock);
    expect(mock.text).toBe(text);
    await mock.text();
    expect(sink.calls).toEqual([['complete', BODY]]);
  });
});
