import { textOf } from '../json.ts';
import type { ImageSize } from './image-size.ts';
import { patchesOf, tilesOf } from './images.ts';
import { baseModel } from './model.ts';

/** Tokens that frame the prompt of a GPT Image model; seen in recordings. */
export const PER_IMAGE_PROMPT = 6;

/** What an image that is given to be edited counts. */
export interface EditedImageTokens {
  readonly image: number;
  /** Text tokens that describe the image to the model. */
  readonly text: number;
}

/**
 * Output tokens of one image of the gpt-image-1 models by quality and size, from the table under "Calculating costs" of
 * the API's guide to image generation.
 */
const DEAREST_ROW = row(4_160, 6_240, 6_208);
const TABLE = new Map([
  ['low', row(272, 408, 400)],
  ['medium', row(1_056, 1_584, 1_568)],
  ['high', DEAREST_ROW],
]);

/** Tokens along the longer side of an image by quality, from the calculator of the same guide. */
const GRIDS_OF_2 = new Map([
  ['low', 16],
  ['medium', 48],
  ['high', 96],
]);
const LATER_GRIDS = new Map([
  ['low', 16],
  ['medium', 24],
  ['high', 48],
  ['xhigh', 64],
  ['max', 96],
]);
const DENSEST = 96;
/** What these models may choose where the request leaves the size to them, as far as the guide says. */
const STANDARD_SIZES: readonly ImageSize[] = [
  { width: 1_024, height: 1_024 },
  { width: 1_536, height: 1_024 },
];
/** The API refuses images that are longer, and looks at no more of those that it is given. */
const MOST_RATIO = 3;
/** The dearest that they can be asked for: as many pixels as the guide allows, in a square. */
const LARGEST: ImageSize = { width: 2_880, height: 2_880 };

/** Output tokens of an image; the dearest that the model may choose where quality or size are its choice. */
export function drawnImageTokens(model: string, quality: unknown, size: unknown): number {
  const name = baseModel(model);
  if (name.startsWith('gpt-image-1')) return tabledTokens(quality, size);
  if (/^gpt-image-2(-|$)/.test(name)) return griddedTokens(GRIDS_OF_2, quality, size);
  if (/^gpt-image-\d/.test(name)) return griddedTokens(LATER_GRIDS, quality, size);
  return Math.max(tabledTokens(quality, size), griddedTokens(GRIDS_OF_2, quality, size));
}

function row(square: number, portrait: number, landscape: number): ReadonlyMap<string, number> {
  return new Map([
    ['1024x1024', square],
    ['1024x1536', portrait],
    ['1536x1024', landscape],
  ]);
}

function tabledTokens(quality: unknown, size: unknown): number {
  const sizes = TABLE.get(textOf(quality)) ?? DEAREST_ROW;
  return sizes.get(textOf(size)) ?? Math.max(...sizes.values());
}

function griddedTokens(grids: ReadonlyMap<string, number>, quality: unknown, size: unknown): number {
  const grid = grids.get(textOf(quality)) ?? DENSEST;
  return Math.max(...sizesOf(size).map((one) => gridTokens(grid, one)));
}

/** The calculator's formula: a grid as dense as the quality, the denser the larger the image. */
function gridTokens(grid: number, { width, height }: ImageSize): number {
  const narrowest = grid / MOST_RATIO;
  const across = Math.round(Math.max(narrowest, (grid * Math.min(width, height)) / Math.max(width, height)));
  return Math.ceil((grid * across * (2_000_000 + width * height)) / 4_000_000);
}

function sizesOf(size: unknown): readonly ImageSize[] {
  const sides = /^([1-9]\d{1,3})x([1-9]\d{1,3})$/.exec(textOf(size));
  if (sides !== null) return [{ width: Number(sides[1]), height: Number(sides[2]) }];
  return size === undefined || size === null || size === 'auto' ? STANDARD_SIZES : [LARGEST];
}

/** Of an input image of gpt-image-1, from the guide to images and vision: as in a prompt, but for the shorter side. */
const TILED = { base: 65, tile: 129, shortSide: 512, most: 4 };
/** Added by `input_fidelity` high, the more to an image that is no square. */
const FIDELITY = 6_240;
const SQUARE_FIDELITY = 4_160;
/** Text tokens by image and tile: 16 for one tile and 38 for three were measured; the guide does not speak of them. */
const TILED_TEXT = { base: 4, tile: 12 };

/** An input image of gpt-image-2, as measured: enlarged up to twice towards 1,024 pixels, at most 3 to 1, in patches. */
const PATCHED = { enlarged: 1_024, limits: { side: Number.POSITIVE_INFINITY, budget: 1_536 } };
/** A bound for an input image of a model whose rule is not known. */
const UNKNOWN: EditedImageTokens = { image: 7_000, text: 60 };

/** Input tokens of an image to edit; the most of any image where its size is unknown. */
export function editedImageTokens(
  model: string,
  highFidelity: boolean,
  size: ImageSize | undefined,
): EditedImageTokens {
  const name = baseModel(model);
  if (/^gpt-image-2(-|$)/.test(name)) return { image: size === undefined ? 1_536 : patched(size), text: 1 };
  if (!name.startsWith('gpt-image-1')) return UNKNOWN;
  const tiles = size === undefined ? TILED.most : tilesOf(size, TILED.shortSide);
  const square = size !== undefined && size.width === size.height;
  const fidelity = highFidelity ? (square ? SQUARE_FIDELITY : FIDELITY) : 0;
  return {
    image: TILED.base + TILED.tile * tiles + fidelity,
    text: TILED_TEXT.base + TILED_TEXT.tile * tiles,
  };
}

function patched({ width, height }: ImageSize): number {
  const long = Math.max(width, height);
  const short = Math.max(Math.min(width, height), long / MOST_RATIO);
  const scale = Math.min(2, Math.max(1, PATCHED.enlarged / long));
  return patchesOf({ width: Math.round(long * scale), height: Math.round(short * scale) }, PATCHED.limits);
}
