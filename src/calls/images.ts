import { type Fields, listOf } from '../json.ts';
import type { Call } from '../limits/limit.ts';
import { boundOf, choicesOf, type Endpoint, type EstimateContext } from './endpoint.ts';

/**
 * Output tokens of one image of the gpt-image models by quality and size, from the table under "Calculating costs" of
 * the API's guide to image generation. An unknown or `auto` value counts as the dearest.
 */
const OUTPUT_TOKENS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  low: { '1024x1024': 272, '1024x1536': 408, '1536x1024': 400 },
  medium: { '1024x1024': 1_056, '1024x1536': 1_584, '1536x1024': 1_568 },
  high: { '1024x1024': 4_160, '1024x1536': 6_240, '1536x1024': 6_208 },
};
const DEAREST = 6_240;
/** Each partial image of a stream is billed this many tokens, says the same guide. */
const PARTIAL_IMAGE = 100;
/** Bounds on what one input image counts, by `input_fidelity`. */
const INPUT_IMAGE = { low: 1_000, high: 7_000 };
/** Images that one call may ask for: what an upload asks for that cannot be read. */
const MOST_IMAGES = 10;

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

function estimateImages({ model, body }: Call, context: EstimateContext) {
  const unread = Object.keys(body).length === 0;
  const images = unread ? MOST_IMAGES : choicesOf(body['n']);
  // dall-e models are billed by the image alone; a request without a model is theirs.
  if (!model.includes('image')) return { promptTokens: 0, completionTokens: 0, images };
  const text = typeof body['prompt'] === 'string' ? context.model.tokens(body['prompt']) : 0;
  const inputImages = unread ? MOST_IMAGES : inputImagesOf(body);
  const imagePromptTokens = inputImages * INPUT_IMAGE[body['input_fidelity'] === 'low' ? 'low' : 'high'];
  const partial = (boundOf(Number(body['partial_images'] ?? 0)) ?? 0) * PARTIAL_IMAGE;
  const output = OUTPUT_TOKENS[String(body['quality'])]?.[String(body['size'])] ?? DEAREST;
  return {
    promptTokens: text + imagePromptTokens,
    completionTokens: images * (output + partial),
    images,
    imagePromptTokens,
  };
}

/** Input images and the mask: files of a form (`image`, `image[]`, `mask`) or references in JSON (`images`). */
function inputImagesOf(body: Fields): number {
  const files = [body['image'], body['image[]'], body['mask']].flat().filter((file) => file !== undefined);
  return files.length + listOf(body['images']).length;
}
