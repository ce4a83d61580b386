import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { Budget, BudgetOptionError, type Limit, QuotaExceeded } from '../../src/index.ts';
import { type DeniedCall, manualClock, quotaExceeded } from '../../src/testing/index.ts';

test('without fields: a minute of tokens is spent', () => {
  const error = quotaExceeded();
  expect(error).toBeInstanceOf(QuotaExceeded);
  expect(error).toBeInstanceOf(OpenAI.RateLimitError);
  expect(error).toMatchObject({
    status: 429,
    limit: 'tokens per minute',
    unit: 'tokens',
    max: 100_000,
    used: 100_000,
    remaining: 0,
    requested: 10_000,
    key: 'default',
    plan: undefined,
    reason: 'rate',
    retryAfterMs: 6_000,
    code: 'rate_limit_exceeded',
    type: 'tokens',
  });
  expect(error.headers?.get('retry-after-ms')).toBe('6000');
  expect(error.message).toBe(
    '429 Rate limit reached for gpt-4o-mini in default on tokens per min (TPM): Limit 100000, Used 100000, ' +
      'Requested 10000. Please try again in 6s.',
  );
});

const rows: [string, DeniedCall & { limit: Limit }][] = [
  ['a rolling limit', { limit: { tokens: 60_000, per: 'minute' }, used: 59_000, requested: 5_000 }],
  ['a quota', { limit: { cost: 25, per: 'month', name: 'spend' }, used: 24.9, requested: 0.5, plan: 'gold' }],
  [
    'a call that never fits',
    { limit: { images: 5, per: 'day' }, used: 0, requested: 6, model: 'gpt-image-1' },
  ],
  ['a limit without end', { limit: { requests: 1, per: 'forever' }, used: 1, requested: 1, key: 'user-42' }],
  ['a limit with a key of its own', { limit: { tokens: 9, per: 'day', key: 'team' }, used: 9, requested: 1 }],
  ['a burst', { limit: { requests: 60, per: 'minute', burst: 3 }, used: 3, requested: 1 }],
];

describe.each(rows)('%s', (_, fields) => {
  test('is the error that a budget throws', async () => {
    const { limit, used = 0, requested = 0, model, key, plan } = fields;
    const unit = (['tokens', 'cost', 'images', 'requests'] as const).find(
      (name) => limit[name] !== undefined,
    );
    const budget = new Budget({ clock: manualClock().now, limits: [limit] });
    const reserve = (amount: number) =>
      budget.reserve({ usage: { [unit ?? 'tokens']: amount }, key, plan, model: model ?? 'gpt-4o-mini' });
    await reserve(used);
    const thrown: unknown = await reserve(requested).catch((error: unknown) => error);
    const made = quotaExceeded(fields);
    expect(thrown).toBeInstanceOf(QuotaExceeded);
    expect({ ...made, headers: [...(made.headers ?? [])] }).toEqual({
      ...(thrown as QuotaExceeded),
      headers: [...((thrown as QuotaExceeded).headers ?? [])],
    });
    expect(made.message).toBe((thrown as QuotaExceeded).message);
  });
});

test('follows its moment', () => {
  const limit: Limit = { requests: 10, per: 'day' };
  const { retryAfterMs, resetAt, reason } = quotaExceeded({ limit, now: Date.UTC(2026, 0, 1, 23, 59, 50) });
  expect([retryAfterMs, resetAt, reason]).toEqual([10_000, new Date('2026-01-02T00:00:00Z'), 'quota']);
});

test('of a limit that lets calls pass is one all the same', () => {
  const limit: Limit = { requests: 10, per: 'day', onExceeded: 'allow' };
  expect(quotaExceeded({ limit }).remaining).toBe(0);
});

test.each<[string, object, string]>([
  [
    'a call that fits',
    { used: 50_000, requested: 50_000 },
    'requested: expected more than the 50000 that remain',
  ],
  ['a wrong limit', { limit: { tokens: 1 } }, 'quotaExceeded.limit[0].per'],
  ['a name that is none of the fields', { unit: 'images' }, 'expected only the options limit, used'],
  ['a negative amount', { used: -1 }, 'quotaExceeded.used: expected a finite number >= 0, got -1'],
  ['an empty key', { key: '' }, 'quotaExceeded.key'],
])('%s is refused', (_, fields, message) => {
  expect(() => quotaExceeded(fields)).toThrow(BudgetOptionError);
  expect(() => quotaExceeded(fields)).toThrow(message);
});
