import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imageRule } from '../../src/tokens/image-rules.ts';
import { imagePartTokens, imageSizeOf, imageTokens } from '../../src/tokens/images.ts';
import { dataUrl, gif, jpeg, png, webp } from './media-files.ts';

function count(model: string, detail: string | undefined, width: number, height: number): number {
  return imageTokens(imageRule(model), detail, { width, height });
}

describe("the guide's own examples", () => {
  test.each<[model: string, detail: string, width: number, height: number, tokens: number]>([
    ['gpt-4o', 'high', 1_024, 1_024, 765],
    ['gpt-4o', 'high', 2_048, 4_096, 1_105],
    ['gpt-4o', 'low', 4_096, 8_192, 85],
    ['gpt-5.4', 'high', 1_024, 1_024, 1_229],
    ['gpt-5.4', 'high', 2_048, 2_048, 3_000],
  ])('%s, %s, %i x %i', (model, detail, width, height, tokens) => {
    expect(count(model, detail, width, height)).toBe(tokens);
    expect(count(model, detail, height, width)).toBe(tokens);
  });
});

describe('as measured', () => {
  test.each<[model: string, width: number, height: number, tokens: number]>([
    // Rounding to whole pixels decides whether there is a second row of tiles.
    ['gpt-4.1', 2_049, 513, 85 + 8 * 170],
    ['gpt-4.1', 2_050, 513, 85 + 4 * 170],
    ['gpt-4.1-mini', 4_000, 1_474, 2_489],
    ['gpt-5.5', 8_000, 1_000, 188 * 24 * 1.2],
    ['gpt-5-mini', 256, 256, 77],
    ['gpt-5-mini', 1_280, 720, 1_104],
    ['gpt-6-astra', 4_032, 3_024, 14_364],
    ['gpt-5.5', 4_032, 3_024, 11_868],
    ['gpt-6-astra', 3_840, 2_160, 9_792],
  ])('%s, %i x %i', (model, width, height, tokens) => {
    expect(count(model, 'auto', width, height)).toBe(Math.ceil(tokens));
  });
});

describe('one image of 640 x 480 and one of 3,000 x 2,000, by family', () => {
  test.each<[models: string, low: number, small: number, large: number]>([
    [
      'gpt-4o gpt-4.1 gpt-4-turbo gpt-4.5-preview chatgpt-4o-latest ft:gpt-4o:org::id openai/gpt-4o GPT-4o',
      85,
      425,
      1_105,
    ],
    ['gpt-4-vision-preview gpt-4o-2024-11-20 gpt-4 gpt-35-turbo', 85, 425, 1_105],
    ['gpt-4o-mini ft:gpt-4o-mini-2024-07-18:org::id', 2_833, 14_167, 36_835],
    ['o1 o1-pro o3 o3-2025-04-16', 75, 375, 975],
    ['computer-use-preview', 65, 323, 839],
    ['gpt-5 gpt-5-2025-08-07 gpt-5-chat-latest gpt-5.1 gpt-5-pro', 70, 350, 910],
    ['gpt-4.1-mini ft:gpt-4.1-mini:org::id', 486, 486, 4_459],
    ['gpt-4.1-nano', 738, 738, 6_770],
    ['o4-mini codex-mini-latest', 516, 516, 4_734],
    [
      'gpt-5-mini gpt-5-codex-mini gpt-5.1-codex-mini gpt-5.2 gpt-5.2-chat-latest gpt-5.3-codex',
      360,
      360,
      3_303,
    ],
    ['gpt-5-nano', 450, 450, 4_128],
    ['gpt-5.4 gpt-5.4-mini gpt-5.4-nano', 360, 360, 2_880],
    ['gpt-5.5 gpt-5.5-pro', 231, 360, 7_107],
    ['gpt-5.6-sol gpt-5.10 gpt-6-astra gpt-12 my-deployment', 231, 360, 7_107],
  ])('%s', (models, low, small, large) => {
    for (const model of models.split(' ')) {
      expect([model, count(model, 'low', 640, 480)]).toEqual([model, low]);
      for (const detail of ['auto', undefined, 'anything']) {
        expect([model, count(model, detail, 640, 480)]).toEqual([model, small]);
        expect([model, count(model, detail, 3_000, 2_000)]).toEqual([model, large]);
      }
    }
  });

  test('detail where it matters', () => {
    expect(count('gpt-5.4', 'low', 3_000, 2_000)).toBe(3_303);
    expect(count('gpt-5.4', 'original', 3_000, 2_000)).toBe(7_107);
    expect(count('gpt-5.5', 'high', 3_000, 2_000)).toBe(2_880);
    expect(count('gpt-5.5', 'original', 9_000, 9_000)).toBe(12_000);
    // The budget alone, and no side, bounds what the current models see at detail high.
    expect(count('gpt-6-astra', 'high', 2_560, 1_440)).toBe(2_931);
    expect(count('gpt-6-astra', 'high', 4_032, 3_024)).toBe(2_942);
    expect(count('gpt-6', 'original', 1e5, 1e5)).toBeLessThanOrEqual(36_000);
  });
});

describe('parts', () => {
  const photo = jpeg(640, 480, 0xc2, [3_000]);

  test.each<[string, object, number]>([
    ['chat', { type: 'image_url', image_url: { url: dataUrl(photo) } }, 425],
    ['chat, low', { type: 'image_url', image_url: { url: dataUrl(photo), detail: 'low' } }, 85],
    ['chat, a bare URL', { type: 'image_url', image_url: dataUrl(png(640, 480)) }, 425],
    ['responses', { type: 'input_image', image_url: dataUrl(gif(640, 480)), detail: 'high' }, 425],
    [
      'responses, low',
      { type: 'input_image', image_url: dataUrl(webp('VP8X', 640, 480)), detail: 'low' },
      85,
    ],
    ['a screenshot', { type: 'computer_screenshot', image_url: dataUrl(png(640, 480)) }, 425],
    ['by URL: as a photo of 1,536 x 1,024', { image_url: { url: 'https://example.com/a.png' } }, 1_105],
    ['by file id', { type: 'input_image', file_id: 'file-1', detail: 'auto' }, 1_105],
    ['by URL, low', { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'low' }, 85],
    ['unreadable: as the largest', { image_url: { url: 'data:image/png;base64,AAAA' } }, 1_445],
    ['not base64', { image_url: { url: 'data:image/svg+xml,<svg/>' } }, 1_445],
    ['no URL', { image_url: null }, 1_105],
  ])('%s', (_, part, tokens) => {
    expect(imagePartTokens('gpt-4o', { ...part })).toBe(tokens);
  });

  test('a patch model counts one more for each image', () => {
    expect(imagePartTokens('o4-mini', { image_url: { url: dataUrl(png(640, 480)) } })).toBe(517);
    expect(imagePartTokens('gpt-5.4', { image_url: { url: 'https://example.com/a.png' } })).toBe(1_845);
  });

  test.each(['gpt-4o-mini', 'o4-mini', 'gpt-5.4', 'gpt-5.5', 'gpt-6', ''])(
    '%s: no image counts more than one of unknown size',
    (model) => {
      const sides = fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 0xffff_ffff }));
      const details = fc.constantFrom('low', 'high', 'original', 'auto', undefined);
      fc.assert(
        fc.property(sides, sides, details, (width, height, detail) => {
          const tokens = count(model, detail, width, height);
          expect(Number.isInteger(tokens) && tokens > 0).toBe(true);
          expect(tokens).toBeLessThanOrEqual(imageTokens(imageRule(model), detail, undefined));
        }),
        { numRuns: 300 },
      );
    },
  );

  test('anything at all is finite', () => {
    const url = fc.oneof(
      fc.string(),
      fc.string().map((text) => `data:image/png;base64,${text}`),
      fc.anything({ withNullPrototype: true }),
    );
    fc.assert(
      fc.property(fc.string(), url, fc.anything({ withNullPrototype: true }), (model, image, detail) => {
        for (const part of [
          { image_url: { url: image, detail } },
          { type: 'input_image', image_url: image, detail },
        ]) {
          expect(imagePartTokens(model, part)).toBeGreaterThan(0);
          expect(imagePartTokens(model, part)).toBeLessThan(50_000);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('20 MB cost no more than their header', () => {
    const url = `${dataUrl(png(640, 480))}${'A'.repeat(20_000_000)}`;
    imageSizeOf(url);
    const start = performance.now();
    for (let time = 0; time < 100; time++) expect(imageSizeOf(url)).toEqual({ width: 640, height: 480 });
    expect((performance.now() - start) / 100).toBeLessThan(2);
  });
});
