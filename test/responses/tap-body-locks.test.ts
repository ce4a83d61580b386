import { describe, expect, test } from 'vitest';
import { tapBody } from '../../src/responses/tap-body.ts';
import { bodySink } from './sinks.ts';
import { drained, pieces, source, text, utf8 } from './streams.ts';

const BODY = '{"usage":{"total_tokens":3}}';
const streamed = () => source(pieces(utf8(BODY), [1, 7, 3]));

function tapped(body: BodyInit = BODY) {
  const response = new Response(body);
  const sink = bodySink();
  tapBody(response, sink);
  return { response, sink };
}

async function cloneError(): Promise<Error> {
  const used = new Response(BODY);
  await used.text();
  try {
    return used.clone() && expect.unreachable();
  } catch (error) {
    return error as Error;
  }
}

describe('locks are those of a native body', () => {
  test('after text() the body is locked and used', async () => {
    for (const touch of [true, false]) {
      const { response, sink } = tapped();
      if (touch) expect(response.body?.locked).toBe(false);
      const read = response.text();
      expect(response.body?.locked).toBe(true);
      expect(() => response.body?.getReader()).toThrow(TypeError);
      expect(() => response.clone()).toThrow(await cloneError());
      await expect(response.json()).rejects.toThrow(TypeError);
      await read;
      expect(response.bodyUsed).toBe(true);
      await expect(response.text()).rejects.toThrow(TypeError);
      expect(sink.calls).toEqual([['complete', BODY]]);
    }
  });

  test('a locked body refuses text() and clone(), and goes on', async () => {
    const { response, sink } = tapped();
    const reader = response.body?.getReader();
    expect(() => response.clone()).toThrow(await cloneError());
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(sink.calls).toEqual([]);
    expect(text((await reader?.read())?.value ?? utf8(''))).toBe(BODY);
    expect(await reader?.read()).toEqual({ done: true, value: undefined });
    expect(sink.calls).toEqual([['complete', BODY]]);
  });

  test('a body that was locked, and let go unread, is whole', async () => {
    for (const read of ['text', 'clone'] as const) {
      const { response, sink } = tapped(streamed());
      const reader = response.body?.getReader();
      await expect(response.text()).rejects.toThrow(TypeError);
      reader?.releaseLock();
      expect(await (read === 'clone' ? response.clone() : response).text()).toBe(BODY);
      expect(sink.calls).toEqual([['complete', BODY]]);
    }
  });

  test('a body read in part refuses text()', async () => {
    const { response, sink } = tapped(streamed());
    const reader = response.body?.getReader();
    await reader?.read();
    reader?.releaseLock();
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(sink.calls).toEqual([]);
    await drained(response.body);
    expect(sink.calls).toEqual([['complete', BODY]]);
  });
});
