import { describe, expect, test } from 'vitest';
import { Budget } from '../../src/index.ts';
import { base64, dataUrl, jpeg, png, wav } from '../tokens/media-files.ts';

const budget = new Budget({ limits: [{ tokens: 1e9, per: 'forever' }] });
const small = { image_url: dataUrl(png(128, 128)) };
/** Of "turn the logo to green", with its frame. */
const PROMPT = 11;

describe('images', () => {
  const edit = {
    model: 'gpt-image-1.5',
    prompt: 'turn the logo to green',
    size: '1024x1024',
    quality: 'low',
  };
  const MOST = 581 + 52;

  test.each<[string, string, object, object]>([
    [
      'generation',
      '/images/generations',
      { model: 'gpt-image-1', prompt: 'a siamese cat' },
      { promptTokens: 10 },
    ],
    ['one image in JSON', '/images/edits', { ...edit, images: [small] }, { promptTokens: PROMPT + 210 }],
    ['two', '/images/edits', { ...edit, images: [small, small] }, { promptTokens: PROMPT + 420 }],
    ['a mask', '/images/edits', { ...edit, images: [small], mask: small }, { promptTokens: PROMPT + 420 }],
    [
      'by URL: as 1,536 x 1,024',
      '/images/edits',
      { ...edit, images: [{ image_url: 'https://a.b/c.png' }] },
      { promptTokens: PROMPT + 323 + 28 },
    ],
    [
      'by file id',
      '/images/edits',
      { ...edit, images: [{ file_id: 'file-1' }] },
      { promptTokens: PROMPT + 323 + 28 },
    ],
    [
      'unreadable',
      '/images/edits',
      { ...edit, images: [{ image_url: 'data:image/png;base64,AA' }, 7, {}] },
      { promptTokens: PROMPT + 3 * MOST },
    ],
    [
      'high fidelity',
      '/images/edits',
      { ...edit, images: [small], input_fidelity: 'high' },
      { promptTokens: PROMPT + 210 + 4_160 },
    ],
    [
      'gpt-image-2',
      '/images/edits',
      { ...edit, model: 'gpt-image-2', images: [small], size: '1536x864' },
      { promptTokens: PROMPT + 65, completionTokens: 120 },
    ],
    [
      'text besides the image',
      '/images/generations',
      { ...edit, n: 2 },
      { images: 2, completionTokens: 2 * (272 + 400) },
    ],
    [
      'partial images',
      '/images/generations',
      { ...edit, model: 'gpt-image-1', n: 2, partial_images: 3 },
      { completionTokens: 2 * (272 + 300) },
    ],
    [
      'partial images that are no number',
      '/images/generations',
      { ...edit, model: 'gpt-image-1', partial_images: 'x' },
      { completionTokens: 272 },
    ],
    [
      'dall-e',
      '/images/generations',
      { model: 'dall-e-3', prompt: 'x', n: 1, size: '1024x1792', quality: 'hd' },
      { images: 1, tokens: 0 },
    ],
    ['a variation', '/images/variations', { image: {}, n: 3 }, { images: 3, tokens: 0 }],
  ])('%s', async (_, path, body, expected) => {
    expect(await budget.estimate(path, body)).toMatchObject(expected);
  });

  test('files of a form cannot be read: as the largest', async () => {
    const form = new FormData();
    for (const [name, value] of Object.entries(edit)) form.set(name, value);
    for (const name of ['image', 'image[]', 'image[1]', 'mask', 'other']) form.append(name, new Blob(['x']));
    expect(await budget.estimate('/images/edits', form)).toMatchObject({ promptTokens: PROMPT + 4 * MOST });
  });

  test('what is drawn costs the price of images, what is written that of text', async () => {
    // Dollars for a million: text 5, image input 8, text output 10, image output 32.
    const { cost } = await budget.estimate('/images/edits', { ...edit, images: [small] });
    expect(cost).toBeCloseTo(((PROMPT + 16) * 5 + 194 * 8 + 400 * 10 + 272 * 32) / 1e6, 9);
  });
});

describe('parts of a prompt', () => {
  const image = { type: 'image_url', image_url: { url: dataUrl(jpeg(640, 480)) } };
  const audio = { type: 'input_audio', input_audio: { data: base64(wav(32_000, 320_000)), format: 'wav' } };
  const chat = (part: object) => [{ role: 'user', content: [{ type: 'text', text: 'hi' }, part] }];
  const input = (part: object) => [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }, part] }];
  /** Of "hi", with its frame. */
  const HI = 8;

  test.each<[string, string, object, number]>([
    ['an image', '/chat/completions', { model: 'gpt-4o', messages: chat(image) }, HI + 425],
    [
      'an image',
      '/responses',
      { model: 'gpt-4o', input: input({ type: 'input_image', image_url: dataUrl(jpeg(640, 480)) }) },
      HI + 425,
    ],
    [
      'a file',
      '/responses',
      { model: 'gpt-4o', input: input({ type: 'input_file', file_id: 'file-1' }) },
      HI + 10_000,
    ],
    ['audio', '/chat/completions', { model: 'gpt-audio', messages: chat(audio) }, HI + 104],
    [
      'a screenshot',
      '/responses',
      {
        model: 'gpt-4o',
        input: [
          {
            type: 'computer_call_output',
            output: { type: 'computer_screenshot', image_url: small.image_url },
          },
        ],
      },
      7 + 255,
    ],
  ])('%s, %s', async (_, path, body, promptTokens) => {
    expect(await budget.estimate(path, { ...body, max_tokens: 0, max_output_tokens: 0 })).toMatchObject({
      promptTokens,
    });
  });

  test('audio costs the price of audio, in and out', async () => {
    // Dollars for a million: text 2.5, audio input 32, audio output 64.
    const body = {
      model: 'gpt-audio',
      messages: chat(audio),
      modalities: ['text', 'audio'],
      max_completion_tokens: 50,
    };
    const { cost } = await budget.estimate('/chat/completions', body);
    expect(cost).toBeCloseTo(((HI + 4) * 2.5 + 100 * 32 + 50 * 64) / 1e6, 9);
  });
});

describe('audio', () => {
  test.each<[string, string, object, object]>([
    [
      'a recorded call',
      'audio/wav',
      { model: 'gpt-4o-transcribe' },
      { promptTokens: 20, completionTokens: 20 },
    ],
    ['compressed', 'audio/mpeg', { model: 'gpt-4o-transcribe' }, { promptTokens: 40, completionTokens: 40 }],
    ['a voice note', 'audio/ogg', { model: 'gpt-4o-transcribe' }, { promptTokens: 80, completionTokens: 80 }],
    ['with a prompt', 'audio/wav', { model: 'gpt-4o-transcribe', prompt: 'hello' }, { promptTokens: 21 }],
    ['speakers told apart', 'audio/wav', { model: 'gpt-4o-transcribe-diarize' }, { completionTokens: 80 }],
    ['by the second', 'audio/wav', { model: 'whisper-1' }, { tokens: 0, cost: 0.0002 }],
  ])('%s', async (_, type, fields, expected) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', new Blob([new Uint8Array(16_000)], { type }));
    expect(await budget.estimate('/audio/transcriptions', form)).toMatchObject(expected);
  });
});
