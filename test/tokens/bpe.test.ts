import fc from 'fast-check';
import { Tiktoken } from 'js-tiktoken/lite';
import { describe, expect, it } from 'vitest';
import { BytePairEncoder, tokenUpperBound } from '../../src/tokens/bpe.ts';
import { counterOf, naiveCounterOf, TABLES } from './counters.ts';
import { naiveCounter } from './naive.ts';
import { shortTexts } from './texts.ts';

const encodings = {
  o200k_base: 6_000,
  cl100k_base: 4_000,
  p50k_base: 1_000,
  p50k_edit: 500,
  r50k_base: 1_000,
  gpt2: 500,
} as const;

describe.each(Object.entries(encodings))('%s', (encoding, numRuns) => {
  const name = encoding as keyof typeof encodings;
  const count = counterOf(name);

  it('counts what js-tiktoken encodes', () => {
    const oracle = new Tiktoken(TABLES[name]);
    const property = fc.property(shortTexts, (text) => {
      expect(count(text)).toBe(oracle.encode(text, [], []).length);
    });
    fc.assert(property, { seed: 1, numRuns });
  });

  it('counts no more tokens than bytes', () => {
    const property = fc.property(shortTexts, (text) => {
      expect(tokenUpperBound(text)).toBe(Buffer.byteLength(text, 'utf8'));
      expect(count(text)).toBeLessThanOrEqual(tokenUpperBound(text));
    });
    fc.assert(property, { seed: 2, numRuns });
  });
});

it('bounds by the bytes of UTF-8, at the borders of their number', () => {
  for (const code of [
    0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdfff, 0xe000, 0xffff, 0x10000, 0x10ffff,
  ]) {
    const text = String.fromCodePoint(code);
    expect(tokenUpperBound(text)).toBe(Buffer.byteLength(text, 'utf8'));
    expect(counterOf('r50k_base')(text)).toBe(naiveCounterOf('r50k_base')(text));
  }
});

it('reads no further than the end of a slice, which codePointAt does once it is compiled', () => {
  const smiles = '😀'.repeat(20);
  const counts = new Set<number>();
  for (let i = 0; i < 20_000; i++) {
    const slice = smiles.slice(0, 39);
    counts.add(tokenUpperBound(slice)).add(counterOf('r50k_base')(slice));
  }
  expect([...counts]).toEqual([79, naiveCounterOf('r50k_base')(smiles.slice(0, 39))]);
});

describe('known counts', () => {
  // Lines 2 to 5 are those of OpenAI's cookbook, "How to count tokens with tiktoken".
  it.each([
    { text: '', r50k_base: 0, p50k_base: 0, cl100k_base: 0, o200k_base: 0 },
    { text: 'antidisestablishmentarianism', r50k_base: 5, p50k_base: 5, cl100k_base: 6, o200k_base: 6 },
    { text: '2 + 2 = 4', r50k_base: 5, p50k_base: 5, cl100k_base: 7, o200k_base: 7 },
    { text: 'お誕生日おめでとう', r50k_base: 14, p50k_base: 14, cl100k_base: 9, o200k_base: 8 },
    { text: 'tiktoken is great!', r50k_base: 6, p50k_base: 6, cl100k_base: 6, o200k_base: 6 },
    { text: '<|endoftext|>', r50k_base: 7, p50k_base: 7, cl100k_base: 7, o200k_base: 7 },
    { text: '\ud800', r50k_base: 1, p50k_base: 1, cl100k_base: 1, o200k_base: 1 },
    { text: ' '.repeat(128), r50k_base: 128, p50k_base: 8, cl100k_base: 1, o200k_base: 1 },
  ])('of $text', ({ text, ...counts }) => {
    for (const [encoding, count] of Object.entries(counts)) {
      expect(counterOf(encoding as keyof typeof counts)(text)).toBe(count);
    }
  });
});

describe('blocks', () => {
  const token = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 2, maxLength: 5 });
  const tokens = fc.uniqueArray(token, { maxLength: 40, size: 'max' });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 300, size: 'max' });
  const blockTokens = fc.constantFrom(1, 2, 4, 16);

  it('never change a count, whatever the tokens', () => {
    const property = fc.property(tokens, text, blockTokens, (merged, piece, size) => {
      const base64 = ['a', 'b', 'c', ...merged].map((bytes) => btoa(bytes));
      const table = { pat_str: '[^]+', special_tokens: {}, bpe_ranks: `! 0 ${base64.join(' ')}` };
      expect(new BytePairEncoder(table, size).count(piece)).toBe(naiveCounter(table)(piece));
    });
    fc.assert(property, { seed: 3, numRuns: 5_000 });
  });
});
