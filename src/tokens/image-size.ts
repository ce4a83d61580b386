import { type Bytes, bigEndian, hasText, littleEndian } from './base64.ts';

/** In pixels, both at least 1. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** Segments before the frame of a JPEG: thumbnails and depth maps fill a few hundred, a hostile file any number. */
const MOST_SEGMENTS = 2_000;

/**
 * The size of an image, read from its header: PNG, JPEG, WebP and GIF, the formats that the API takes. Undefined for any
 * other file and for a broken one. Its cost does not grow with the file.
 */
export function readImageSize(file: Bytes): ImageSize | undefined {
  const [width, height] = readSides(file);
  return width > 0 && height > 0 ? { width, height } : undefined;
}

type Sides = readonly [width: number, height: number];
const NONE: Sides = [0, 0];

function readSides(file: Bytes): Sides {
  if (hasText(file, 1, 'PNG')) return pngSides(file);
  if (hasText(file, 0, 'GIF8')) return [littleEndian(file, 6, 2), littleEndian(file, 8, 2)];
  if (hasText(file, 0, 'RIFF') && hasText(file, 8, 'WEBP')) return webpSides(file);
  if (file.at(0) === 0xff && file.at(1) === 0xd8) return jpegSides(file);
  return NONE;
}

function pngSides(file: Bytes): Sides {
  return hasText(file, 12, 'IHDR') ? [bigEndian(file, 16, 4), bigEndian(file, 20, 4)] : NONE;
}

function webpSides(file: Bytes): Sides {
  if (hasText(file, 12, 'VP8X')) return [littleEndian(file, 24, 3) + 1, littleEndian(file, 27, 3) + 1];
  if (hasText(file, 12, 'VP8L')) {
    const low = littleEndian(file, 21, 2);
    const high = littleEndian(file, 23, 2);
    if (Number.isNaN(low + high)) return NONE;
    // Fourteen bits each, side by side.
    return [(low & 0x3fff) + 1, (low >> 14) + (high & 0xfff) * 4 + 1];
  }
  // Lossy: the start code stands between the chunk's header and the sides, whose two highest bits are a scale.
  if (!hasText(file, 12, 'VP8 ') || !hasText(file, 23, '\x9d\x01\x2a')) return NONE;
  return [littleEndian(file, 26, 2) & 0x3fff, littleEndian(file, 28, 2) & 0x3fff];
}

/** Walks from segment to segment, over what they hold, to the frame: baseline, progressive or any other kind. */
function jpegSides(file: Bytes): Sides {
  let index = 2;
  for (let count = 0; count < MOST_SEGMENTS && file.at(index) === 0xff; count++) {
    const marker = file.at(index + 1);
    if (isFrame(marker)) return [bigEndian(file, index + 7, 2), bigEndian(file, index + 5, 2)];
    // 0xFF before a marker is a fill byte; restart markers have no length.
    if (marker === 0xff) index += 1;
    else if (marker >= 0xd0 && marker <= 0xd7) index += 2;
    else index += 2 + bigEndian(file, index + 2, 2);
  }
  return NONE;
}

/** C4, C8 and CC are tables and extensions; all others of this row start a frame. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}
