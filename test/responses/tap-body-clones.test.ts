import { describe, expect, test } from 'vitest';
import { tapBody } from '../../src/responses/tap-body.ts';
import { bodySink } from './sinks.ts';
import { pieces, source, utf8 } from './streams.ts';

const BODY = '{"usage":{"total_tokens":3}}';
const streamed = (failure: unknown) => source(pieces(utf8(BODY), [1, 7, 3]), 'bytes', failure);

function tapped(body: BodyInit = BODY) {
  const response = new Response(body);
  const sink = bodySink();
  tapBody(response, sink);
  return { response, sink };
}

describe('clones share one outcome', () => {
  test('the first completion counts, once', async () => {
    const { response, sink } = tapped();
    const copies = [response, response.clone(), response.clone()];
    expect(await Promise.all(copies.map((copy) => copy.text()))).toEqual([BODY, BODY, BODY]);
    expect(sink.calls).toEqual([['complete', BODY]]);
  });

  test('a cancelled branch leaves it to the other', async () => {
    const { response, sink } = tapped();
    const copy = response.clone();
    const cancelled = response.body?.cancel();
    expect(sink.calls).toEqual([]);
    await copy.text();
    expect(sink.calls).toEqual([['complete', BODY]]);
    void cancelled?.catch(() => undefined);
  });

  test('a branch that is refused after it was cancelled does not count twice', async () => {
    const { response, sink } = tapped();
    const copy = response.clone();
    const cancelled = response.body?.cancel();
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(sink.calls).toEqual([]);
    await copy.text();
    expect(sink.calls).toEqual([['complete', BODY]]);
    void cancelled?.catch(() => undefined);
  });

  test('all cancelled is cancelled', async () => {
    const { response, sink } = tapped();
    const copy = response.clone();
    await Promise.all([response.body?.cancel(), copy.body?.cancel()]);
    expect(sink.calls).toEqual([['cancelled']]);
  });

  test('all failed is failed', async () => {
    const failure = new Error('reset');
    const { response, sink } = tapped(streamed(failure));
    const reads = [response.clone().text(), response.json()];
    expect((await Promise.allSettled(reads)).map((read) => read.status)).toEqual(['rejected', 'rejected']);
    expect(sink.calls).toEqual([['failed', failure]]);
  });
});
