import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawnImageTokens, editedImageTokens } from '../../src/tokens/image-generation.ts';

describe('output tokens of an image', () => {
  test.each<[model: string, quality: string | undefined, size: string | undefined, tokens: number]>([
    ['gpt-image-1', 'low', '1024x1024', 272],
    ['gpt-image-1-mini', 'low', '1024x1536', 408],
    ['gpt-image-1.5', 'low', '1536x1024', 400],
    ['gpt-image-1', 'medium', '1024x1024', 1_056],
    ['gpt-image-1', 'medium', '1024x1536', 1_584],
    ['gpt-image-1', 'medium', '1536x1024', 1_568],
    ['gpt-image-1', 'high', '1024x1024', 4_160],
    ['openai/gpt-image-1', 'high', '1024x1536', 6_240],
    ['gpt-image-1', 'high', '1536x1024', 6_208],
    // What the model may choose counts as the dearest of it.
    ['gpt-image-1', 'low', 'auto', 408],
    ['gpt-image-1', 'auto', '1024x1024', 4_160],
    ['gpt-image-1', undefined, undefined, 6_240],
    ['gpt-image-1', 'constructor', 'constructor', 6_240],
    // Examples of the calculator that users quote, and one recording.
    ['gpt-image-2', 'low', '1536x864', 120],
    ['gpt-image-2', 'low', '976x704', 129],
    ['gpt-image-2', 'high', '1024x1024', 7_024],
    ['gpt-image-2', 'high', '1536x1024', 5_488],
    ['gpt-image-2-2026-04-21', 'high', '1792x1024', 5_063],
    ['gpt-image-2', 'high', '3584x2048', 12_329],
    ['gpt-image-2', undefined, undefined, 7_024],
    ['gpt-image-2', 'high', 'huge', 23_719],
    ['gpt-image-2.5-flare', 'high', '1024x1024', 1_756],
    ['gpt-image-2.5-sunburst', 'max', '1024x1024', 7_024],
    ['gpt-image-2.6-sunburst', 'auto', 'auto', 7_024],
    ['chatgpt-image-latest', 'low', '1024x1024', 272],
    ['chatgpt-image-latest', undefined, undefined, 7_024],
  ])('%s, %s, %s', (model, quality, size, tokens) => {
    expect(drawnImageTokens(model, quality, size)).toBe(tokens);
  });
});

describe('input tokens of an image to edit', () => {
  test.each<[model: string, high: boolean, width: number, height: number, image: number, text: number]>([
    ['gpt-image-1', false, 68, 68, 194, 16],
    ['gpt-image-1', false, 1_024, 1_025, 194, 16],
    ['gpt-image-1', false, 512, 513, 323, 28],
    ['gpt-image-1.5', false, 480, 1_408, 452, 40],
    ['gpt-image-1.5', true, 1_024, 1_024, 194 + 4_160, 16],
    ['gpt-image-1.5', true, 1_024, 1_536, 323 + 6_240, 28],
    ['gpt-image-2', false, 128, 128, 64, 1],
    ['gpt-image-2', true, 1_024, 1_024, 1_024, 1],
    ['gpt-image-2', false, 100, 1, 21, 1],
    ['gpt-image-2', false, 8_000, 8_000, 1_521, 1],
    ['gpt-image-2.5-flare', false, 128, 128, 7_000, 60],
  ])('%s, high fidelity: %s, %i x %i', (model, high, width, height, image, text) => {
    expect(editedImageTokens(model, high, { width, height })).toEqual({ image, text });
  });

  test('no image counts more than one of unknown size', () => {
    const models = fc.constantFrom('gpt-image-1', 'gpt-image-2', 'gpt-image-3', '');
    const side = fc.integer({ min: 1, max: 0xffff_ffff });
    fc.assert(
      fc.property(models, fc.boolean(), side, side, (model, high, width, height) => {
        const most = editedImageTokens(model, high, undefined);
        const tokens = editedImageTokens(model, high, { width, height });
        expect(tokens.image > 0 && tokens.image <= most.image).toBe(true);
        expect(tokens.text > 0 && tokens.text <= most.text).toBe(true);
      }),
    );
  });

  test('anything at all is finite', () => {
    const sizes = fc.oneof(
      fc.anything({ withNullPrototype: true }),
      fc.constantFrom('0x0', '16x9999', '9999x10', '9999x9999'),
    );
    fc.assert(
      fc.property(fc.string(), fc.anything({ withNullPrototype: true }), sizes, (model, quality, size) => {
        for (const name of [model, `gpt-image-1${model}`, `gpt-image-2${model}`, 'gpt-image-2']) {
          const tokens = drawnImageTokens(name, quality, size);
          expect(tokens > 0 && tokens < 1e8).toBe(true);
        }
      }),
    );
  });
});
