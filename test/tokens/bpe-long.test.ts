import { describe, expect, it } from 'vitest';
import { counterOf, naiveCounterOf } from './counters.ts';
import { LONG_TEXTS } from './texts.ts';

/** More bytes than a block, of any text; little enough for an encoder whose time is quadratic. */
const LENGTH = 2_500;

describe.each(['o200k_base', 'cl100k_base', 'r50k_base'] as const)('%s', (encoding) => {
  it.each(Object.entries(LONG_TEXTS))('counts %s as the naive encoder', (_, textOf) => {
    const text = textOf(LENGTH);
    expect(counterOf(encoding)(text)).toBe(naiveCounterOf(encoding)(text));
  });
});
