/** Bytes of a file that are read one at a time, wherever they are, so that no more than a header is ever decoded. */
export interface Bytes {
  readonly length: number;
  /** NaN past the end, and where the text is not base64: whatever is reckoned with it compares as false. */
  at(index: number): number;
}

/** Longer than any header of a data URL; what does not match within is no data URL, and is not searched further. */
const HEADER_LENGTH = 200;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Six bits by character code, in the alphabet of base64 and in that of URLs. */
const SEXTETS = new Map(
  [...ALPHABET, '-', '_'].map((char, value) => [
    char.charCodeAt(0),
    value < ALPHABET.length ? value : value - 2,
  ]),
);

/** The bytes of a base64 text, from `start` on. */
export function base64Bytes(text: string, start = 0): Bytes {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const sextet = (index: number) => SEXTETS.get(text.charCodeAt(start + index)) ?? Number.NaN;
  return {
    length: Math.max(0, Math.floor(((text.length - start - padding) * 3) / 4)),
    at(index) {
      const within = index % 3;
      const first = ((index - within) / 3) * 4 + within;
      const high = sextet(first);
      const low = sextet(first + 1);
      if (Number.isNaN(high + low)) return Number.NaN;
      return ((high << (2 + 2 * within)) & 0xff) | (low >> (4 - 2 * within));
    },
  };
}

/** The bytes that a data URL holds; undefined for any other URL. */
export function dataUrlBytes(url: string): Bytes | undefined {
  const header = /^data:[^,]*;base64,/i.exec(url.slice(0, HEADER_LENGTH));
  return header === null ? undefined : base64Bytes(url, header[0].length);
}

/** Whether ASCII text stands at an index. */
export function hasText(file: Bytes, index: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (file.at(index + at) !== text.charCodeAt(at)) return false;
  }
  return true;
}

/** An unsigned number of `length` bytes, the highest first. */
export function bigEndian(file: Bytes, index: number, length: number): number {
  let value = 0;
  for (let at = 0; at < length; at++) value = value * 256 + file.at(index + at);
  return value;
}

/** An unsigned number of `length` bytes, the lowest first. */
export function littleEndian(file: Bytes, index: number, length: number): number {
  let value = 0;
  for (let at = length - 1; at >= 0; at--) value = value * 256 + file.at(index + at);
  return value;
}
