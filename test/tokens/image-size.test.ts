import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64Bytes } from '../../src/tokens/base64.ts';
import { readImageSize } from '../../src/tokens/image-size.ts';
import { ascii, base64, big, gif, jpeg, png, webp } from './media-files.ts';

const read = (bytes: readonly number[]) => readImageSize(base64Bytes(base64(bytes)));
const FRAMES = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];

describe('sizes', () => {
  const sides = fc.integer({ min: 1, max: 16_383 });
  test.each<[string, (width: number, height: number) => number[]]>([
    ['PNG', png],
    ['GIF', gif],
    ['JPEG', jpeg],
    ['progressive JPEG', (width, height) => jpeg(width, height, 0xc2)],
    ['lossy WebP', (width, height) => webp('VP8 ', width, height)],
    ['lossless WebP', (width, height) => webp('VP8L', width, height)],
    ['extended WebP', (width, height) => webp('VP8X', width, height)],
  ])('%s', (_, file) => {
    fc.assert(
      fc.property(sides, sides, (width, height) => {
        expect(read(file(width, height))).toEqual({ width, height });
      }),
    );
  });

  test.each(FRAMES)('a JPEG whose frame starts with %i', (frame) => {
    expect(read(jpeg(640, 480, frame))).toEqual({ width: 640, height: 480 });
  });

  test('a JPEG behind segments of any length', () => {
    const lengths = fc.array(fc.integer({ min: 2, max: 3_000 }), { maxLength: 20 });
    fc.assert(
      fc.property(lengths, (segments) => {
        expect(read(jpeg(640, 480, 0xc2, segments))).toEqual({ width: 640, height: 480 });
      }),
      { numRuns: 30 },
    );
    expect(read(jpeg(640, 480, 0xc0, [65_535, 65_535, 65_535]))).toEqual({ width: 640, height: 480 });
  });

  test('four billion pixels wide', () => {
    expect(read(png(4_294_967_295, 1))).toEqual({ width: 4_294_967_295, height: 1 });
  });
});

describe('no size', () => {
  test.each<[string, number[]]>([
    ['nothing', []],
    ['a width of 0', png(0, 9)],
    ['a height of 0', jpeg(9, 0)],
    ['a PNG without its header chunk', png(9, 9).with(12, 0)],
    ['a WebP of another kind', webp('VP8X', 9, 9).with(15, 0)],
    ['a lossy WebP without its start code', webp('VP8 ', 9, 9).with(23, 0)],
    ['a lossless WebP cut short', webp('VP8L', 9, 9).slice(0, 23)],
    ['a JPEG cut in a segment', jpeg(9, 9, 0xc0, [3_000]).slice(0, 500)],
    ['a JPEG that is out of step', jpeg(9, 9).with(20, 0)],
    ['a JPEG without a frame', jpeg(9, 9, 0xda)],
    ['another format', [...ascii('BM'), ...big(123, 8), ...ascii('more of it than any header needs')]],
  ])('%s', (_, bytes) => {
    expect(read(bytes)).toBeUndefined();
  });

  test('of any bytes: no exception, no size but a whole one', () => {
    const starts = fc.constantFrom<number[]>(
      [],
      png(1, 1),
      gif(1, 1),
      jpeg(1, 1),
      webp('VP8 ', 1, 1),
      webp('VP8L', 1, 1),
    );
    fc.assert(
      fc.property(starts, fc.nat(60), fc.uint8Array({ maxLength: 200 }), (start, kept, rest) => {
        const size = read([...start.slice(0, kept), ...rest]);
        if (size === undefined) return;
        expect(Number.isInteger(size.width) && size.width > 0).toBe(true);
        expect(Number.isInteger(size.height) && size.height > 0).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

test('a file of 20 MB of segments costs no more than a few thousand of them', () => {
  const endless = `/9j${'/4AAAv+A'.repeat(2_500_000)}`;
  const start = performance.now();
  for (let time = 0; time < 20; time++) expect(readImageSize(base64Bytes(endless))).toBeUndefined();
  expect((performance.now() - start) / 20).toBeLessThan(50);
});
