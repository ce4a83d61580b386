import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { windowsOf } from '../../src/limits/period.ts';
import { fixedWindow, rollingWindow, type Window } from '../../src/limits/window.ts';

const NOW = Date.UTC(2026, 10, 21, 9);
const MINUTE = 60_000;

/** Admits on one counter as a store does. */
class Counter {
  value: number | undefined;
  readonly #window: Window;

  constructor(window: Window) {
    this.#window = window;
  }

  admit(amount: number, now: number): boolean {
    const bounds = this.#window.at(now);
    const next = Math.max(this.value ?? bounds.floor, bounds.floor) + this.#window.toStore(amount);
    if (next > bounds.floor + bounds.room) return false;
    this.value = next;
    return true;
  }

  used(now: number): number {
    return this.#window.used(this.value, now);
  }
}

describe('a rolling window', () => {
  test('holds its max at once, refills evenly, and holds no more than the burst after a rest', () => {
    const counter = new Counter(rollingWindow(60, MINUTE, 60));
    expect(counter.admit(60, NOW)).toBe(true);
    expect(counter.admit(1, NOW)).toBe(false);
    expect(counter.admit(1, NOW + 999)).toBe(false);
    expect(counter.admit(1, NOW + 1_000)).toBe(true);
    expect(counter.used(NOW + 1_000)).toBe(60);
    expect(counter.used(NOW + 31_000)).toBe(30);
    expect(counter.admit(61, NOW + 10 * MINUTE)).toBe(false);
    expect(counter.admit(60, NOW + 10 * MINUTE)).toBe(true);
  });

  test.each([3, 7, 50, 999, 100_000, 6_000_000])('%i single units a minute fit exactly', (max) => {
    const units = Math.min(max, 1_000);
    const counter = new Counter(rollingWindow(max, MINUTE, units));
    for (let i = 0; i < units; i++) expect(counter.admit(1, NOW)).toBe(true);
    expect(counter.admit(1, NOW)).toBe(false);
  });

  test('at rates beyond 100 units a millisecond, they fit up to what refills in 10 microseconds', () => {
    const counter = new Counter(rollingWindow(2_000_000, 1_000, 1_000));
    let fitted = 0;
    while (counter.admit(1, NOW)) fitted++;
    expect(Math.abs(fitted - 1_000)).toBeLessThanOrEqual(20);
  });

  test('says when an amount fits: not a millisecond earlier, and then it does', () => {
    const amounts = fc.integer({ min: 1, max: 1_000 });
    fc.assert(
      fc.property(
        amounts,
        fc.array(amounts, { maxLength: 20 }),
        fc.integer({ min: 1_000, max: MINUTE }),
        (ask, spent, period) => {
          const window = rollingWindow(1_000, period, 1_000);
          const counter = new Counter(window);
          for (const amount of spent) counter.admit(amount, NOW);
          const wait = window.retryAfterMs(counter.value, ask, NOW) ?? Number.NaN;
          const whole = Math.ceil(wait);
          expect(new Counter(window).admit(ask, NOW)).toBe(true);
          const early = Object.assign(new Counter(window), { value: counter.value });
          if (whole > 1) expect(early.admit(ask, NOW + whole - 2)).toBe(false);
          expect(counter.admit(ask, NOW + whole)).toBe(true);
        },
      ),
    );
    const window = rollingWindow(10, MINUTE, 5);
    expect(window.retryAfterMs(undefined, 6, NOW)).toBeUndefined();
  });

  test('within any span admits at most burst + rate x span, whatever is asked and when', () => {
    const asks = fc.array(
      fc.record({ wait: fc.integer({ min: 0, max: 5_000 }), amount: fc.integer({ min: 1, max: 40 }) }),
      {
        maxLength: 200,
      },
    );
    fc.assert(
      fc.property(
        asks,
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 100 }),
        (steps, max, burst) => {
          const period = 10_000;
          const counter = new Counter(rollingWindow(max, period, burst));
          const trace: { at: number; amount: number }[] = [];
          let now = NOW;
          for (const { wait, amount } of steps) {
            now += wait;
            if (counter.admit(amount, now)) trace.push({ at: now, amount });
          }
          for (const [i, first] of trace.entries()) {
            let sum = 0;
            for (const { at, amount } of trace.slice(i)) {
              sum += amount;
              expect(sum).toBeLessThanOrEqual(burst + ((at - first.at) * max) / period + 0.5);
            }
          }
        },
      ),
    );
  });

  test('what was spent survives a change of the max', () => {
    const before = new Counter(rollingWindow(100, MINUTE, 100));
    before.admit(80, NOW);
    const after = Object.assign(new Counter(rollingWindow(50, MINUTE, 50)), { value: before.value });
    expect(after.used(NOW)).toBe(40);
    expect(after.admit(11, NOW)).toBe(false);
    expect(after.admit(10, NOW)).toBe(true);
  });
});

describe('a fixed window', () => {
  const daily = windowsOf('day', { timeZone: 'UTC', startsAt: undefined });

  test('starts at 0 under a new id, and ends with the period', () => {
    const window = fixedWindow(10, 1, daily);
    const today = window.at(NOW);
    const tomorrow = window.at(Date.UTC(2026, 10, 22));
    expect(today).toMatchObject({ floor: 0, room: 10, span: { end: Date.UTC(2026, 10, 22) } });
    expect(tomorrow.id).not.toBe(today.id);
    expect(window.retryAfterMs(10, 1, NOW)).toBe(15 * 3_600_000);
    expect(window.retryAfterMs(0, 11, NOW)).toBeUndefined();
  });

  test('dollars sum exactly in nanodollars', () => {
    const window = fixedWindow(1, 1e9, daily);
    const counter = new Counter(window);
    for (let i = 0; i < 10; i++) expect(counter.admit(0.1, NOW)).toBe(true);
    expect(counter.used(NOW)).toBe(1);
    expect(counter.admit(1e-9, NOW)).toBe(false);
  });

  test('forever never renews', () => {
    const window = fixedWindow(5, 1, windowsOf('forever', { timeZone: 'UTC', startsAt: undefined }));
    expect(window.retryAfterMs(5, 1, NOW)).toBeUndefined();
    expect(window.resetAt(5, NOW)).toBeUndefined();
  });
});
