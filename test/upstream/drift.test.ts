import { describe, expect, test } from 'vitest';
import { EPOCH } from '../../src/limits/window.ts';
import { Drift } from '../../src/upstream/drift.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 21, 9);

/** A counter and a bucket that are used alike, but for what the bucket takes for one that is counted. */
function follow(taken: number, { calls = 40, everyMs = 500, amount = 600, behind = 0 } = {}) {
  const drift = new Drift();
  let value = 0;
  let bucket = 0;
  for (let i = 0; i < calls; i++) {
    const at = START + i * everyMs;
    value = Math.max(value, at - EPOCH) + amount;
    bucket = Math.max(bucket, at - EPOCH) + amount * taken;
    drift.observe(drift.mark(value, amount, at, MINUTE), bucket - behind);
  }
  return drift;
}

describe('a bucket that is as the counter says', () => {
  test('needs no correction', () => {
    expect(follow(1).correction(1)).toBe(0);
    expect(follow(1).ratio).toBe(1);
  });

  test('is known to be so after some answers only', () => {
    expect(follow(1, { calls: 3 }).isKnown).toBe(false);
    expect(follow(1, { calls: 4 }).isKnown).toBe(true);
  });
});

test('a counter that is behind is moved up to the bucket', () => {
  const drift = follow(1, { behind: -5_000 });
  expect(drift.correction(300)).toBeCloseTo(5_000, 6);
  expect(drift.correction(5_001)).toBe(0);
});

test('a counter that is ahead is moved down, but not by what may be on its way', () => {
  // A transit is two seconds of a minute, in which four calls are made.
  const drift = follow(1, { behind: 20_000 });
  expect(drift.correction(300)).toBeLessThan(-17_000);
  expect(drift.correction(300)).toBeGreaterThan(-18_000);
  expect(follow(1, { behind: 2_000 }).correction(300)).toBe(0);
});

test('answers to a burst, of which the last call got there first, move nothing down', () => {
  const drift = new Drift();
  const marks = Array.from({ length: 100 }, (_, i) =>
    drift.mark(START - EPOCH + (i + 1) * 500, 500, START, MINUTE),
  );
  for (const [place, mark] of marks.reverse().slice(0, 50).entries())
    drift.observe(mark, START - EPOCH + (place + 1) * 500);
  expect(drift.correction(300)).toBe(0);
});

test.each([
  ['twice as much as is counted', 2],
  ['a tenth more', 1.1],
  ['three tenths of it', 0.3],
])('a bucket that takes %s shows it', (_case, taken) => {
  // Upwards soon; downwards as soon as calls on their way cannot be the reason.
  expect(follow(taken, { calls: 200 }).ratio).toBeCloseTo(taken, taken < 1 ? 0 : 1);
  expect(Math.sign(follow(taken).ratio - 1)).toBe(Math.sign(taken - 1));
});

test('so does one that is empty before each call', () => {
  expect(follow(0.25, { everyMs: 5_000, calls: 10 }).ratio).toBeLessThan(0.6);
  expect(follow(2, { everyMs: 5_000, calls: 100 }).ratio).toBeCloseTo(2, 0);
});

test('no more is taken than the bucket lacks', () => {
  const drift = new Drift();
  for (let i = 1; i <= 5; i++) {
    const at = START + i * 100;
    drift.observe(drift.mark(START - EPOCH + i * 1_000, 1_000, at, MINUTE), at - EPOCH + 200);
  }
  expect(drift.ratio).toBeLessThanOrEqual(0.2);
});

test('what was seen before a move counts no more', () => {
  const drift = follow(2, { behind: -5_000 });
  drift.restart();
  expect([drift.correction(0), drift.ratio, drift.isKnown]).toEqual([0, 1, false]);
});
