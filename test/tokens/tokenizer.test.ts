import { beforeEach, expect, it, vi } from 'vitest';

const fresh = () => import('../../src/tokens/tokenizer.ts');

beforeEach(() => {
  vi.resetModules();
});

it('loads an encoding once, for all who ask meanwhile', async () => {
  const { loadTokenizer, loadedTokenizer } = await fresh();
  expect(loadedTokenizer('cl100k_base')).toBeUndefined();
  const [first, second] = await Promise.all([loadTokenizer('cl100k_base'), loadTokenizer('cl100k_base')]);
  expect(second).toBe(first);
  expect(await loadTokenizer('cl100k_base')).toBe(first);
  expect(loadedTokenizer('cl100k_base')).toBe(first);
});

it.each([
  ['o200k_base', 7],
  ['cl100k_base', 7],
  ['p50k_base', 5],
  ['p50k_edit', 5],
  ['r50k_base', 5],
  ['gpt2', 5],
] as const)('loads %s', async (encoding, count) => {
  const { loadTokenizer, loadedTokenizer } = await fresh();
  const tokenizer = await loadTokenizer(encoding);
  expect(tokenizer.encoding).toBe(encoding);
  expect(tokenizer.count('2 + 2 = 4')).toBe(count);
  const others = ['o200k_base', 'gpt2'] as const;
  for (const other of others) if (other !== encoding) expect(loadedTokenizer(other)).toBeUndefined();
});

it('rejects all who wait for a load that fails, and loads anew when asked again', async () => {
  let failures = 0;
  vi.doMock('js-tiktoken/ranks/gpt2', async (original) => {
    if (failures++ === 0) throw new Error('chunk not found');
    return original();
  });
  const { loadTokenizer, loadedTokenizer } = await fresh();
  const loads = await Promise.allSettled([loadTokenizer('gpt2'), loadTokenizer('gpt2')]);
  expect(loads.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(loadedTokenizer('gpt2')).toBeUndefined();
  const tokenizer = await loadTokenizer('gpt2');
  expect(tokenizer.count('2 + 2 = 4')).toBe(5);
  expect(failures).toBe(2);
  vi.doUnmock('js-tiktoken/ranks/gpt2');
});
