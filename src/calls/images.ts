import { type Fields, isFields } from '../json.ts';
import type { Call } from '../limits/call.ts';
import type { Quantities } from '../prices.ts';
import {
  drawnImageTokens,
  type EditedImageTokens,
  editedImageTokens,
  PER_IMAGE_PROMPT,
} from '../tokens/image-generation.ts';
import type { ImageSize } from '../tokens/image-size.ts';
import { imageSizeOf } from '../tokens/images.ts';
import { boundOf, choicesOf, type Endpoint, type EstimateContext } from './endpoint.ts';

/** Each partial image of a stream is billed this many tokens, says the API's guide to image generation. */
const PARTIAL_IMAGE = 100;
/** A bound on the text that gpt-image-1.5 writes to itself for an image: 308 tokens at most in the recordings. */
const OUTPUT_TEXT = 400;
/** Images that one call may ask for and be given: what an upload that cannot be read counts as. */
const MOST_IMAGES = 10;
const MOST_INPUT_IMAGES = 16;

export const imageGenerations: Endpoint = {
  path: '/images/generations',
  countsImages: true,
  estimate: estimateImages,
};

export const imageEdits: Endpoint = {
  path: '/images/edits',
  upload: true,
  countsImages: true,
  estimate: estimateImages,
};

export const imageVariations: Endpoint = {
  path: '/images/variations',
  upload: true,
  countsImages: true,
  estimate: estimateImages,
};

function estimateImages({ model, body }: Call, context: EstimateContext): Quantities {
  const unread = Object.keys(body).length === 0;
  const images = unread ? MOST_IMAGES : choicesOf(body['n']);
  // dall-e models are billed by the image alone; a request without a model is theirs.
  if (!model.includes('image')) return { promptTokens: 0, completionTokens: 0, images };
  const { image: imagePromptTokens, text } = inputTokens(model, body, unread);
  const prompt = typeof body['prompt'] === 'string' ? context.model.tokens(body['prompt']) : 0;
  const partial = partialImagesOf(body['partial_images']) * PARTIAL_IMAGE;
  const drawn = drawnImageTokens(model, body['quality'], body['size']) + partial;
  const written = /gpt-image-1\.5|latest/.test(model) ? OUTPUT_TEXT : 0;
  return {
    promptTokens: PER_IMAGE_PROMPT + prompt + text + imagePromptTokens,
    completionTokens: images * (drawn + written),
    images,
    imagePromptTokens,
    imageCompletionTokens: images * drawn,
  };
}

/** A form holds the number as a text. */
function partialImagesOf(value: unknown): number {
  return boundOf(typeof value === 'string' ? Number(value) : value) ?? 0;
}

function inputTokens(model: string, body: Fields, unread: boolean): EditedImageTokens {
  const inputs = unread ? Array.from({ length: MOST_INPUT_IMAGES }) : inputImagesOf(body);
  const highFidelity = unread || body['input_fidelity'] === 'high';
  let image = 0;
  let text = 0;
  for (const input of inputs) {
    const tokens = editedImageTokens(model, highFidelity, sizeOf(input));
    image += tokens.image;
    text += tokens.text;
  }
  return { image, text };
}

/** Input images, the mask and the markup: files of a form (`image`, `image[]`, `image[0]`) or references in JSON. */
function inputImagesOf(body: Fields): readonly unknown[] {
  const named = Object.entries(body).filter(([name]) => /^(images?|mask|markup)(\[\d*\])?$/.test(name));
  return named.flatMap(([, value]) => value).filter((value) => value !== undefined && value !== null);
}

/** Undefined for a file of a form: its bytes cannot be read at once. */
function sizeOf(input: unknown): ImageSize | undefined {
  if (typeof input === 'string') return imageSizeOf(input);
  if (!isFields(input) || !('image_url' in input || 'file_id' in input)) return undefined;
  return imageSizeOf(input['image_url']);
}
