import { expect, test } from 'vitest';
import { Budget, BudgetOptionError, QuotaExceeded } from '../../src/index.ts';
import { manualClock } from '../../src/testing/index.ts';

test('stands still until it is moved', () => {
  const { now, advance, set } = manualClock('2026-03-01T00:00:00Z');
  expect([now(), now()]).toEqual(Array(2).fill(Date.UTC(2026, 2, 1)));
  advance(1);
  expect(now()).toBe(Date.UTC(2026, 2, 1) + 1);
  set(new Date('2025-01-01T00:00:00Z'));
  expect(now()).toBe(Date.UTC(2025, 0, 1));
});

test.each([
  [{ seconds: 1 }, 1_000],
  [{ minutes: 2 }, 120_000],
  [{ hours: 1.5 }, 5_400_000],
  [{ days: 1, hours: 1, minutes: 1, seconds: 1 }, 90_061_000],
  [{}, 0],
])('advance(%j)', (span, milliseconds) => {
  const clock = manualClock(0);
  clock.advance(span);
  expect(clock.now()).toBe(milliseconds);
});

test.each<[string, () => unknown]>([
  ['no moment', () => manualClock('soon')],
  ['backwards', () => manualClock().advance(-1)],
  ['a span with another unit', () => manualClock().advance({ weeks: 1 } as object)],
  ['a span of no number', () => manualClock().advance({ hours: Number.NaN })],
  ['no moment to set', () => manualClock().set(Number.NaN)],
])('%s is refused', (_, wrong) => {
  expect(wrong).toThrow(BudgetOptionError);
});

test('windows of a budget end by it', async () => {
  const clock = manualClock('2026-01-31T23:59:00Z');
  const budget = new Budget({ clock: clock.now, limits: [{ requests: 1, per: 'month' }] });
  const reserve = () => budget.reserve({ usage: { requests: 1 } });
  await reserve();
  await expect(reserve()).rejects.toBeInstanceOf(QuotaExceeded);
  clock.advance({ minutes: 1 });
  await reserve();
});
