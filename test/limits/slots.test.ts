import { RateLimitError } from 'openai';
import { expect, test } from 'vitest';
import { QuotaExceeded } from '../../src/index.ts';
import { type SlotUsage, tooManyCalls } from '../../src/limits/slots.ts';

const CALL = { endpoint: '/chat/completions', model: 'gpt-4o', body: {}, caller: {} };

test.each<[slots: SlotUsage, model: string, expected: object, message: string, header: string]>([
  [
    { limit: 'concurrent calls', max: 5, used: 5, retryAfterMs: 1_000 },
    'gpt-4o',
    { limit: 'concurrent calls', max: 5, used: 5, remaining: 0, retryAfterMs: 1_000 },
    'gpt-4o in team on concurrent calls: Limit 5, Used 5, Requested 1. Please try again in 1s.',
    '1',
  ],
  [
    { limit: 'concurrent calls', max: 5, used: 3, retryAfterMs: 1_000 },
    '',
    { limit: 'concurrent calls', max: 5, used: 3, remaining: 2, retryAfterMs: 1_000 },
    'this call in team on concurrent calls: Limit 5, Used 3, Requested 1. Please try again in 1s.',
    '1',
  ],
  [
    { limit: 'time between calls', max: 1, used: 1, retryAfterMs: 1_249.3 },
    'gpt-4o',
    { limit: 'time between calls', max: 1, used: 1, remaining: 0, retryAfterMs: 1_250 },
    'gpt-4o in team on time between calls: Limit 1, Used 1, Requested 1. Please try again in 1.25s.',
    '2',
  ],
])('%o: an error like that of a limit', (slots, model, expected, message, retryAfter) => {
  const error = tooManyCalls(slots, { ...CALL, model }, 'team');
  expect(error).toBeInstanceOf(QuotaExceeded);
  expect(error).toBeInstanceOf(RateLimitError);
  expect(error).toMatchObject({
    ...expected,
    status: 429,
    code: 'rate_limit_exceeded',
    type: 'requests',
    reason: 'rate',
    unit: 'requests',
    requested: 1,
    key: 'team',
    plan: undefined,
    resetAt: undefined,
  });
  expect(error.message).toBe(`429 Rate limit reached for ${message}`);
  expect(error.headers.get('retry-after')).toBe(retryAfter);
  expect(error.headers.get('retry-after-ms')).toBe(String(error.retryAfterMs));
});

test('names the plan of the call', () => {
  const slots = { limit: 'concurrent calls', max: 1, used: 1, retryAfterMs: 1 } as const;
  expect(tooManyCalls(slots, { ...CALL, caller: { plan: 'gold' } }, 'team').plan).toBe('gold');
});
