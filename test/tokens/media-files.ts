/** Headers of files made by hand, each with some bytes after it. */

const BODY = new Array<number>(40).fill(7);

export function big(value: number, length: number): number[] {
  return Array.from({ length }, (_, at) => Math.floor(value / 256 ** (length - 1 - at)) % 256);
}

export function little(value: number, length: number): number[] {
  return big(value, length).reverse();
}

export function ascii(text: string): number[] {
  return [...text].map((char) => char.charCodeAt(0));
}

export function png(width: number, height: number): number[] {
  return [
    ...[0x89, ...ascii('PNG'), 0x0d, 0x0a, 0x1a, 0x0a],
    ...[...big(13, 4), ...ascii('IHDR'), ...big(width, 4), ...big(height, 4), 8, 6, 0, 0, 0],
    ...BODY,
  ];
}

export function gif(width: number, height: number): number[] {
  return [...ascii('GIF89a'), ...little(width, 2), ...little(height, 2), ...BODY];
}

export function webp(kind: 'VP8 ' | 'VP8L' | 'VP8X', width: number, height: number): number[] {
  const chunk = {
    'VP8 ': () => [1, 2, 3, 0x9d, 0x01, 0x2a, ...little(width + 0x4000, 2), ...little(height, 2)],
    VP8L: () => [0x2f, ...little(width - 1 + (height - 1) * 2 ** 14, 4)],
    VP8X: () => [0, 0, 0, 0, ...little(width - 1, 3), ...little(height - 1, 3)],
  }[kind]();
  return [
    ...ascii('RIFF'),
    ...little(99, 4),
    ...ascii('WEBP'),
    ...ascii(kind),
    ...little(10, 4),
    ...chunk,
    ...BODY,
  ];
}

/** With leading segments of these lengths, each as full of frame markers as of thumbnails. */
export function jpeg(
  width: number,
  height: number,
  frame = 0xc0,
  segments: readonly number[] = [16],
): number[] {
  const leading = segments.flatMap((length, at) => [
    ...[0xff, 0xe0 + (at % 16), ...big(length, 2)],
    ...Array.from({ length: length - 2 }, (_, byte) => (byte % 2 === 0 ? 0xff : 0xc0)),
  ]);
  const table = [0xff, 0xc4, ...big(5, 2), 1, 2, 3];
  const sides = [...big(height, 2), ...big(width, 2)];
  return [0xff, 0xd8, ...leading, ...table, 0xff, 0xff, frame, ...big(17, 2), 8, ...sides, ...BODY];
}

export function wav(bytesPerSecond: number, size: number, before: readonly number[] = []): number[] {
  const format = [...ascii('fmt '), ...little(16, 4), 1, 0, 1, 0, ...little(bytesPerSecond / 2, 4)];
  const header = [...ascii('RIFF'), 0xff, 0xff, 0xff, 0xff, ...ascii('WAVE'), ...before];
  const all = [
    ...header,
    ...format,
    ...little(bytesPerSecond, 4),
    2,
    0,
    16,
    0,
    ...ascii('data'),
    0xff,
    0xff,
    0xff,
    0xff,
  ];
  return [...all, ...new Array<number>(size - all.length).fill(0)];
}

export function base64(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('base64');
}

export function dataUrl(bytes: readonly number[], type = 'image/png'): string {
  return `data:${type};base64,${base64(bytes)}`;
}
