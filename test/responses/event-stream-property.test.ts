import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tapEventStream } from '../../src/responses/event-stream.ts';
import { eventSink } from './sinks.ts';
import { expected, referenceEvents } from './sse-reference.ts';
import { type Bytes, drained, drainedByob, joined, pieces, source, utf8 } from './streams.ts';

const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('data: a', 'data:b', 'data: {"c":"é漢😀"}', 'data', 'data:  two '),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(': ping', 'event: x', 'id', '\ufeff', 'dat', 'data: [DONE]', 'database: 1'),
  },
  { weight: 8, arbitrary: fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n') },
);
const bytes = fc.oneof(
  { weight: 9, arbitrary: piece.map(utf8) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3 }).map((raw) => new Uint8Array(raw)) },
);
const stream = fc.array(bytes, { maxLength: 40, size: 'max' }).map(joined);
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
const hidden = fc.array(fc.boolean(), { maxLength: 12 });
const type = fc.constantFrom('bytes' as const, 'default' as const);

const reads: Record<string, (response: Response) => Promise<Bytes>> = {
  iterate: async (response) => joined(await drained(response.body)),
  arrayBuffer: async (response) => new Uint8Array(await response.arrayBuffer()),
  clone: async (response) => {
    const copy = response.clone();
    const [left, right] = await Promise.all([response.bytes(), drained(copy.body)]);
    expect(left).toEqual(joined(right));
    return left;
  },
};

describe('any stream, cut anyhow', () => {
  test.each(Object.entries(reads))('hiding, read by %s', async (_name, read) => {
    await fc.assert(
      fc.asyncProperty(stream, sizes, hidden, type, async (all, cut, hide, kind) => {
        const response = new Response(source(pieces(all, cut), kind));
        const sink = eventSink((index) => hide[index] ?? false);
        tapEventStream(response, sink);
        const { seen, shown } = expected(all, (index) => hide[index] ?? false);
        expect(await read(response)).toEqual(shown);
        expect(sink.events).toEqual(seen);
        expect(sink.ends).toEqual([['complete']]);
      }),
      { numRuns: 500 },
    );
  });

  test('observing only, chunk by chunk as they come', async () => {
    await fc.assert(
      fc.asyncProperty(stream, sizes, type, async (all, cut, kind) => {
        const response = new Response(source(pieces(all, cut), kind));
        const sink = eventSink('observe');
        tapEventStream(response, sink);
        expect(await drained(response.body)).toEqual(pieces(all, cut));
        expect(sink.events).toEqual(expected(all, () => false).seen);
        expect(sink.ends).toEqual([['complete']]);
      }),
      { numRuns: 500 },
    );
  });

  test('BYOB reads', async () => {
    await fc.assert(
      fc.asyncProperty(
        stream,
        sizes,
        hidden,
        fc.integer({ min: 1, max: 50 }),
        async (all, cut, hide, size) => {
          const response = new Response(source(pieces(all, cut)));
          tapEventStream(
            response,
            eventSink((index) => hide[index] ?? false),
          );
          const { shown } = expected(all, (index) => hide[index] ?? false);
          expect(await drainedByob(response.body as ReadableStream<Uint8Array>, size)).toEqual(shown);
        },
      ),
    );
  });

  test('when events may be hidden, the app gets whole events only', async () => {
    await fc.assert(
      fc.asyncProperty(stream, sizes, async (all, cut) => {
        const done = expected(all, () => false).seen.length;
        fc.pre(done === referenceEvents(all).filter(({ data }) => data !== undefined).length);
        const response = new Response(source(pieces(all, cut)));
        tapEventStream(
          response,
          eventSink(() => false),
        );
        const ends = new Set<number>();
        let length = 0;
        for (const { raw } of referenceEvents(all)) {
          length += raw.length;
          ends.add(length).add(raw.at(-2) === 13 ? length - 1 : length);
        }
        let given = 0;
        for (const chunk of await drained(response.body)) {
          given += chunk.length;
          expect(ends.has(given)).toBe(true);
        }
      }),
    );
  });
});
