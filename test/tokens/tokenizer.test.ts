import { beforeEach, expect, it, vi } from 'vitest';

const fresh = () => import('../../src/tokens/tokenizer.ts');

const TABLES = ['o200k_base', 'cl100k_base', 'p50k_base', 'p50k_edit', 'r50k_base', 'gpt2'] as const;

beforeEach(() => {
  vi.resetModules();
  for (const table of TABLES) vi.doUnmock(`js-tiktoken/ranks/${table}`);
});

/** The names of the tables that are read from now on. */
function watchTables(): string[] {
  const read: string[] = [];
  for (const table of TABLES) {
    vi.doMock(`js-tiktoken/ranks/${table}`, async (original) => {
      read.push(table);
      return original();
    });
  }
  return read;
}

it('loads an encoding once, for all who ask meanwhile', async () => {
  const read = watchTables();
  const { loadTokenizer } = await fresh();
  expect(read).toEqual([]);
  const [first, second] = await Promise.all([loadTokenizer('cl100k_base'), loadTokenizer('cl100k_base')]);
  expect(second).toBe(first);
  expect(await loadTokenizer('cl100k_base')).toBe(first);
  expect(read).toEqual(['cl100k_base']);
});

it.each([
  ['o200k_base', 7],
  ['cl100k_base', 7],
  ['p50k_base', 5],
  ['p50k_edit', 5],
  ['r50k_base', 5],
  ['gpt2', 5],
] as const)('loads %s', async (encoding, count) => {
  const read = watchTables();
  const { loadTokenizer } = await fresh();
  const tokenizer = await loadTokenizer(encoding);
  expect(tokenizer.encoding).toBe(encoding);
  expect(tokenizer.count('2 + 2 = 4')).toBe(count);
  expect(read).toEqual([encoding]);
});

it('rejects all who wait for a load that fails, and loads anew when asked again', async () => {
  let failures = 0;
  vi.doMock('js-tiktoken/ranks/gpt2', async (original) => {
    if (failures++ === 0) throw new Error('chunk not found');
    return original();
  });
  const { loadTokenizer } = await fresh();
  const loads = await Promise.allSettled([loadTokenizer('gpt2'), loadTokenizer('gpt2')]);
  expect(loads.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(failures).toBe(1);
  const tokenizer = await loadTokenizer('gpt2');
  expect(tokenizer.count('2 + 2 = 4')).toBe(5);
  expect(failures).toBe(2);
  vi.doUnmock('js-tiktoken/ranks/gpt2');
});
