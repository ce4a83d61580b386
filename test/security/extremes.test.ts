import { expect, test } from 'vitest';
import { BOUNDED, HELLO, raw, setUp } from './support.ts';

test('a report of more than a limit leaves errors and headers that can be read', async () => {
  const { openai, budget } = setUp(raw('{"usage":{"prompt_tokens":1e12,"completion_tokens":4}}'), {
    limits: [{ tokens: 1, burst: 100, per: 'minute' }],
  });
  await openai.chat.completions.create(BOUNDED);
  const error = await openai.chat.completions.create({ ...HELLO, max_tokens: 1 }).catch((e: unknown) => e);
  expect(error).toMatchObject({ name: 'QuotaExceeded', remaining: 0 });
  const headers = Object.fromEntries(
    error instanceof Error && 'headers' in error ? (error.headers as Headers) : [],
  );
  expect(Object.values(headers).join()).not.toMatch(/NaN|Infinity|undefined/);
  for (const { resetAt } of await budget.usage()) expect(resetAt?.getTime()).toBeGreaterThan(0);
});
