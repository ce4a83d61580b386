import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base64Bytes, bigEndian, dataUrlBytes, hasText, littleEndian } from '../../src/tokens/base64.ts';

test('reads every byte, in either alphabet', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom('base64', 'base64url' as const),
      (bytes, encoding) => {
        const text = Buffer.from(bytes).toString(encoding);
        const read = base64Bytes(`>>${text}`, 2);
        expect([...bytes.keys()].map((index) => read.at(index))).toEqual([...bytes]);
        expect(read.length).toBeGreaterThanOrEqual(bytes.length);
      },
    ),
  );
});

test('what is not base64, and what is past the end, is NaN', () => {
  const read = base64Bytes('AA*A');
  expect([read.at(0), read.at(1), read.at(2), read.at(3), read.at(1e9)]).toEqual([
    0,
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Number.NaN,
  ]);
  expect(base64Bytes('').at(0)).toBeNaN();
  expect(bigEndian(read, 0, 2)).toBeNaN();
  expect(littleEndian(read, 0, 2)).toBeNaN();
  expect(hasText(read, 0, '\0\0')).toBe(false);
});

test('numbers of either order', () => {
  const read = base64Bytes(Buffer.from([1, 2, 3, 255]).toString('base64'));
  expect([bigEndian(read, 0, 4), littleEndian(read, 0, 4), bigEndian(read, 2, 2)]).toEqual([
    0x010203ff, 0xff030201, 0x03ff,
  ]);
});

test.each<[string, boolean]>([
  ['data:image/png;base64,QUJD', true],
  ['DATA:image/PNG;charset=x;BASE64,QUJD', true],
  ['data:;base64,QUJD', true],
  ['data:image/svg+xml,<svg/>', false],
  ['data:image/png;base64', false],
  [`data:${'x'.repeat(300)};base64,QUJD`, false],
  ['https://example.com/a.png?data:;base64,QUJD', false],
  ['', false],
])('%s', (url, isData) => {
  const bytes = dataUrlBytes(url);
  expect(bytes !== undefined).toBe(isData);
  if (bytes !== undefined) expect(hasText(bytes, 0, 'ABC')).toBe(true);
});
