import { expect, test } from 'vitest';
import { standing } from '../../src/limits/charge.ts';
import { limitsOf } from '../../src/limits/limit-options.ts';

const NOW = Date.UTC(2026, 10, 21, 9);
const DAY = 86_400_000;
const CONTEXT = { option: 'budget.limits', onExceeded: 'reject' } as const;

test('each window, limit and counter key has a counter of its own, whatever characters they hold', () => {
  const limits = limitsOf(
    [
      { tokens: 1, per: 'day' },
      { tokens: 1, per: 'month', name: '4:x' },
      { tokens: 1, per: 'year', name: '4' },
    ],
    CONTEXT,
  );
  const keys = ['x', ':x', '4:x', '1:x', '', ' ', 'é', '{x}', 'x'.repeat(10_000)];
  const made = new Set<string>();
  for (const limit of limits) {
    for (const key of keys) {
      for (const now of [NOW, NOW + 366 * DAY]) {
        const { storeKey } = standing(limit, key, now);
        expect(made).not.toContain(storeKey);
        expect(standing(limit, key, now).storeKey).toBe(storeKey);
        made.add(storeKey);
      }
    }
  }
});

test('a rolling limit keeps one counter for a key', () => {
  const [limit] = limitsOf([{ tokens: 1, per: 'minute' }], CONTEXT);
  if (limit === undefined) throw new Error('no limit');
  expect(standing(limit, 'a', NOW).storeKey).toBe(standing(limit, 'a', NOW + DAY).storeKey);
});
