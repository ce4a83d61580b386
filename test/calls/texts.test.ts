import { describe, expect, test } from 'vitest';
import { Budget } from '../../src/index.ts';

const budget = new Budget({ limits: [{ tokens: 1e9, per: 'forever' }] });

describe('embeddings', () => {
  test.each<[string, unknown, number]>([
    ['text', 'hello world', 2],
    ['texts', ['hello', 'hello world', ''], 3],
    ['token ids', [1, 2, 3], 3],
    ['lists of token ids', [[1, 2], [], [3, 4, 5]], 5],
    ['nothing', undefined, 0],
    ['an object', { text: 'hello' }, 0],
  ])('%s', async (_, input, promptTokens) => {
    for (const model of [
      'text-embedding-3-small',
      'text-embedding-ada-002',
      'my-embedding-deployment',
      'other',
    ]) {
      const usage = await budget.estimate('/embeddings', { model, input });
      expect([model, usage.promptTokens, usage.completionTokens]).toEqual([model, promptTokens, 0]);
    }
  });

  test('a deployment that is named for embeddings has their encoding', async () => {
    const input = 'Überraschung: 東京タワー';
    const known = await budget.estimate('/embeddings', { model: 'text-embedding-3-large', input });
    for (const model of ['embedding', 'My-Embedding', 'azure-text-embedding-3-small']) {
      expect((await budget.estimate('/embeddings', { model, input })).promptTokens).toBe(known.promptTokens);
    }
  });
});

describe('completions', () => {
  test.each<[string, object, promptTokens: number, completionTokens: number]>([
    ['text', { prompt: 'hello world' }, 2, 16],
    ['no prompt', {}, 7, 16],
    ['texts', { prompt: ['hello', 'hello world'], max_tokens: 5 }, 3, 10],
    ['token ids', { prompt: [1, 2, 3], max_tokens: 5 }, 3, 5],
    ['lists of token ids', { prompt: [[1, 2], [3]], max_tokens: 5, n: 2 }, 3, 20],
    ['best_of', { prompt: 'hello', max_tokens: 5, n: 2, best_of: 4 }, 1, 20],
    ['suffix', { prompt: 'hello', suffix: 'hello world', max_tokens: 5 }, 3, 5],
    ['a suffix for each prompt', { prompt: ['hello', 'hello'], suffix: 'hello', max_tokens: 5 }, 4, 10],
    ['echo', { prompt: 'hello world', echo: true, max_tokens: 0, n: 2 }, 2, 4],
  ])('%s', async (_, body, promptTokens, completionTokens) => {
    const usage = await budget.estimate('/completions', { model: 'gpt-3.5-turbo-instruct', ...body });
    expect(usage).toMatchObject({ promptTokens, completionTokens });
  });
});
