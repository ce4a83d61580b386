import { expect, test } from 'vitest';
import { ROWS, rowsOf } from './rows.ts';

test('without a choice, all rows, none of them twice', () => {
  expect(rowsOf(undefined)).toBe(ROWS);
  expect(new Set(ROWS.map((row) => JSON.stringify(row))).size).toBe(ROWS.length);
});

test.each([
  ['openai@6,node@22', [{ openai: '6', keyv: '5', runtime: 'node@22' }]],
  ['bun', [{ openai: '7', keyv: '6', runtime: 'bun@latest', packedOnly: true }]],
  ['keyv@5', ROWS.filter(({ keyv }) => keyv === '5')],
  ['openai@5', [{ openai: '5', keyv: '6', runtime: 'node@26' }]],
  ['openai@5, deno', [{ openai: '5', keyv: '6', runtime: 'deno@latest', packedOnly: true }]],
])('--only %s', (only, rows) => {
  expect(rows).not.toEqual([]);
  expect(rowsOf(only)).toEqual(rows);
});

test.each(['opanai@6', 'openai', 'keyv@', '', 'packedOnly@x'])('--only %j is refused', (only) => {
  expect(() => rowsOf(only)).toThrow('--only: expected');
});
