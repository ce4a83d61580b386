import { type Fields, isFields, textOf } from '../json.ts';
import { dataUrlBytes } from './base64.ts';
import { type ImageRule, imageRule, type PatchLimits, type PatchRule, type TileRule } from './image-rules.ts';
import { type ImageSize, readImageSize } from './image-size.ts';

const TILE = 512;
const TILED_SIDE = 2_048;
const TILED_SHORT_SIDE = 768;
/** Of an image of 2,048 by 768 pixels. */
const MOST_TILES = 8;
const PATCH = 32;
/** What recordings show beyond the guide's count, give or take one; of its own rounding the guide says the same. */
const PER_PATCHED_IMAGE = 1;

/**
 * What an image is taken for whose size is not in the request, by URL or by file id: as large as tile models and those of
 * 1,536 patches see a photo (3:2). No image by URL counts more in the recordings.
 */
const UNSEEN: ImageSize = { width: 1_536, height: 1_024 };

/** Whether a part is an image: `image_url` in chat, `input_image` or `computer_screenshot` in responses. */
export function isImagePart(part: Fields): boolean {
  return part['image_url'] !== undefined || /^(input_image|computer_screenshot)$/.test(textOf(part['type']));
}

/** Prompt tokens of an image part. */
export function imagePartTokens(model: string, part: Fields): number {
  const image = isFields(part['image_url']) ? part['image_url'] : part;
  const rule = imageRule(model);
  const size = imageSizeOf(image['url'] ?? image['image_url']);
  return imageTokens(rule, image['detail'], size) + ('tile' in rule ? 0 : PER_PATCHED_IMAGE);
}

/** The size of an image by its URL; undefined where a data URL holds none that can be read. */
export function imageSizeOf(url: unknown): ImageSize | undefined {
  if (typeof url !== 'string' || !/^data:/i.test(url)) return UNSEEN;
  const file = dataUrlBytes(url);
  return file === undefined ? undefined : readImageSize(file);
}

/** What a model counts for an image; the most that it counts for any image if the size is unknown. */
export function imageTokens(rule: ImageRule, detail: unknown, size: ImageSize | undefined): number {
  return 'tile' in rule ? tiledTokens(rule, detail, size) : patchedTokens(rule, detail, size);
}

function tiledTokens({ base, tile }: TileRule, detail: unknown, size: ImageSize | undefined): number {
  if (detail === 'low') return base;
  return base + tile * (size === undefined ? MOST_TILES : tilesOf(size, TILED_SHORT_SIDE));
}

/** Tiles that cover an image once it is shrunk to 2,048 pixels, and then to the shorter side that a model looks at. */
export function tilesOf(size: ImageSize, shortSide: number): number {
  const fitted = fittedTo(size, TILED_SIDE);
  const short = Math.min(fitted.width, fitted.height);
  const long = Math.max(fitted.width, fitted.height);
  if (short <= shortSide) return Math.ceil(short / TILE) * Math.ceil(long / TILE);
  return Math.ceil(shortSide / TILE) * Math.ceil(Math.floor((long * shortSide) / short) / TILE);
}

function patchedTokens(rule: PatchRule, detail: unknown, size: ImageSize | undefined): number {
  const limits = detail === 'low' || detail === 'high' || detail === 'original' ? rule[detail] : rule.auto;
  const patches = size === undefined ? mostPatches(limits) : patchesOf(size, limits);
  return Math.ceil((patches * rule.percent) / 100);
}

/** Patches that cover an image once it is shrunk, by the guide's steps A to C. */
export function patchesOf(size: ImageSize, { side, budget }: PatchLimits): number {
  const fitted = fittedTo(size, side);
  if (covering(fitted) <= budget) return covering(fitted);
  const { width, height } = fitted;
  const shrink = Math.sqrt((PATCH * PATCH * budget) / (width * height));
  const factor = shrink * Math.min(wholePatches(width * shrink), wholePatches(height * shrink));
  const shrunk = { width: Math.floor(width * factor), height: Math.floor(height * factor) };
  return Math.min(budget, covering(shrunk));
}

function mostPatches({ side, budget }: PatchLimits): number {
  return Math.min(budget, Math.ceil(side / PATCH) ** 2);
}

function covering({ width, height }: ImageSize): number {
  return Math.ceil(width / PATCH) * Math.ceil(height / PATCH);
}

/** The share of a side that whole patches cover. */
function wholePatches(pixels: number): number {
  return Math.floor(pixels / PATCH) / (pixels / PATCH);
}

/** Shrinks to a longest side, rounding to whole pixels; smaller images are not enlarged. */
function fittedTo({ width, height }: ImageSize, side: number): ImageSize {
  const scale = Math.min(1, side / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
