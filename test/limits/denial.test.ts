import { describe, expect, test } from 'vitest';
import { Budget, type BudgetOptions, QuotaExceeded, type ReserveRequest } from '../../src/index.ts';
import { duration } from '../../src/limits/denial.ts';
import { ManualClock } from '../support/clock.ts';

/** Spends, then asks for more than is left: the error of that. */
async function denied(options: BudgetOptions, spend: ReserveRequest['usage'], ask: ReserveRequest['usage']) {
  const clock = new ManualClock();
  const budget = new Budget({ clock: clock.read, key: 'team', ...options });
  await budget.reserve({ usage: spend, model: 'gpt-4o' });
  const error = await budget.reserve({ usage: ask, model: 'gpt-4o' }).then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  );
  if (!(error instanceof QuotaExceeded)) throw error;
  return { error, headers: Object.fromEntries(error.headers ?? []) };
}

describe('QuotaExceeded mirrors the 429 of the API', () => {
  test('a rate: requests a minute', async () => {
    const { error, headers } = await denied(
      { limits: [{ requests: 3, per: 'minute' }] },
      { requests: 3 },
      { requests: 1 },
    );
    expect(error.error).toEqual({
      message:
        'Rate limit reached for gpt-4o in team on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.',
      type: 'requests',
      param: null,
      code: 'rate_limit_exceeded',
    });
    expect(error.message).toBe(`429 ${(error.error as { message: string }).message}`);
    expect(headers).toEqual({
      'retry-after': '20',
      'retry-after-ms': '20000',
      'x-ratelimit-limit-requests': '3',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1m0s',
    });
    expect(error).toMatchObject({
      status: 429,
      reason: 'rate',
      retryAfterMs: 20_000,
      code: 'rate_limit_exceeded',
    });
    expect(error.resetAt?.toISOString()).toBe('2026-11-21T09:01:00.000Z');
  });

  test('a rate: tokens a minute, for parts of a second', async () => {
    const { error, headers } = await denied(
      { limits: [{ tokens: 60_000, per: 'minute' }] },
      { promptTokens: 59_900 },
      { promptTokens: 215 },
    );
    expect(error.message).toMatch(
      /TPM\): Limit 60000, Used 59900, Requested 215\. Please try again in 115ms\.$/,
    );
    expect(headers).toMatchObject({
      'retry-after': '1',
      'retry-after-ms': '115',
      'x-ratelimit-remaining-tokens': '100',
    });
  });

  test('a quota: dollars a month, which the reset of the window ends', async () => {
    const limits = [{ cost: 25, per: 'month' as const, name: 'spend' }];
    const { error, headers } = await denied({ limits }, { cost: 24.99 }, { cost: 0.05 });
    expect(error.error).toEqual({
      message:
        'You exceeded your current quota for gpt-4o in team on cost per month (spend): Limit 25, Used 24.99, Requested 0.05. Please try again in 231h0m0s.',
      type: 'insufficient_quota',
      param: null,
      code: 'insufficient_quota',
    });
    expect(error).toMatchObject({
      reason: 'quota',
      limit: 'spend',
      unit: 'cost',
      max: 25,
      used: 24.99,
      remaining: 0.01,
    });
    expect(headers).toMatchObject({
      'retry-after': String(231 * 3_600),
      'x-ratelimit-remaining-cost': '0.01',
    });
    expect(error.resetAt?.toISOString()).toBe('2026-12-01T00:00:00.000Z');
  });

  test('a request that can never fit has no time to retry, and says so', async () => {
    const { error, headers } = await denied(
      { limits: [{ tokens: 1_000, per: 'minute' }] },
      {},
      { promptTokens: 2_500 },
    );
    expect(error).toMatchObject({
      reason: 'too_large',
      code: 'rate_limit_exceeded',
      type: 'tokens',
      retryAfterMs: undefined,
    });
    expect(error.message).toMatch(
      /^429 Request too large for gpt-4o in team on tokens per min \(TPM\): Limit 1000, .*Requested 2500\. It can never fit/,
    );
    expect(headers).not.toHaveProperty('retry-after');
    expect(headers).not.toHaveProperty('retry-after-ms');
    const quota = await denied({ limits: [{ images: 5, per: 'day' }] }, {}, { images: 6 });
    expect(quota.error).toMatchObject({
      reason: 'too_large',
      code: 'rate_limit_exceeded',
      type: 'images',
      retryAfterMs: undefined,
    });
  });

  test('a quota that does not renew has no time to retry', async () => {
    const { error } = await denied({ limits: [{ images: 5, per: 'forever' }] }, { images: 5 }, { images: 1 });
    expect(error).toMatchObject({ reason: 'quota', retryAfterMs: undefined, resetAt: undefined });
    expect(error.message).toContain('The quota does not renew.');
  });

  test('of several limits that do not fit, it names the one that takes longest', async () => {
    const limits = [
      { tokens: 100, per: 'minute' as const },
      { tokens: 500, per: 'day' as const, name: 'daily' },
      { requests: 100, per: 'minute' as const },
    ];
    const clock = new ManualClock();
    const budget = new Budget({ clock: clock.read, limits });
    for (let i = 0; i < 5; i++) {
      await budget.reserve({ usage: { requests: 1, promptTokens: 100 } });
      if (i < 4) clock.advance(60_000);
    }
    await expect(budget.reserve({ usage: { requests: 1, promptTokens: 1 } })).rejects.toMatchObject({
      limit: 'daily',
      reason: 'quota',
    });
    await expect(budget.reserve({ usage: { promptTokens: 101 } })).rejects.toMatchObject({
      limit: 'tokens per minute',
      reason: 'too_large',
    });
    clock.advance(60_000);
    await expect(budget.reserve({ usage: { promptTokens: 1 } })).rejects.toMatchObject({ limit: 'daily' });
  });
});

test.each([
  [0, '0s'],
  [115, '115ms'],
  [999.2, '1s'],
  [20_000, '20s'],
  [59_999, '59.999s'],
  [60_000, '1m0s'],
  [1_296_001, '21m36.001s'],
  [3_600_000, '1h0m0s'],
  [90_061_000, '25h1m1s'],
])('%d ms reads %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});
