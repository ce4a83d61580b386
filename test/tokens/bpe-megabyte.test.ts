import { describe, expect, it } from 'vitest';
import { tokenUpperBound } from '../../src/tokens/bpe.ts';
import { counterOf } from './counters.ts';
import { LONG_TEXTS } from './texts.ts';

const MEGABYTE = 1_000_000;
const LONGEST_TOKEN = 128;
/** Room for a fifth of each text, at three bytes per unit: no seams. */
const ONE_BLOCK = Math.ceil((3 * MEGABYTE) / 5 / LONGEST_TOKEN);

describe.each(Object.entries(LONG_TEXTS))('%s', (_, textOf) => {
  it('a megabyte is counted', () => {
    const text = textOf(MEGABYTE);
    const count = counterOf('o200k_base')(text);
    expect(count).toBeLessThanOrEqual(tokenUpperBound(text));
    expect(count).toBeGreaterThanOrEqual(tokenUpperBound(text) / LONGEST_TOKEN);
  });

  it('a fifth of it counts the same in one block', () => {
    const text = textOf(MEGABYTE / 5);
    expect(counterOf('o200k_base')(text)).toBe(counterOf('o200k_base', ONE_BLOCK)(text));
  });
});

it('bounds a run of letters that the regular expression cannot match, and then counts on', () => {
  const count = counterOf('o200k_base');
  const text = `Hello ${'中'.repeat(5 * MEGABYTE)}`;
  expect(count(text)).toBeGreaterThan(MEGABYTE);
  expect(count(text)).toBeLessThanOrEqual(tokenUpperBound(text));
  expect(count('hey')).toBe(1);
});
