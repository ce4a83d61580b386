import { afterEach, expect, test, vi } from 'vitest';
import { Budget, BudgetError } from '../../src/index.ts';

let broken = true;
vi.mock('js-tiktoken/ranks/o200k_base', async (original) => {
  if (broken) throw new Error('not found');
  return original();
});
afterEach(() => vi.resetModules());

test('a table that cannot be loaded is a typed error that keeps its cause', async () => {
  const call = new Budget().estimate('/chat/completions', { model: 'gpt-4o', messages: [] });
  await expect(call).rejects.toBeInstanceOf(BudgetError);
  await expect(call).rejects.toMatchObject({
    name: 'BudgetError',
    message: expect.stringContaining('js-tiktoken'),
  });
  expect(await call.catch((error: BudgetError) => error.cause)).toBeInstanceOf(Error);
});

test('another model is not affected', async () => {
  broken = false;
  const usage = await new Budget().estimate('/chat/completions', {
    model: 'gpt-4',
    messages: [],
    max_tokens: 1,
  });
  expect(usage.tokens).toBe(4);
});
