import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Gate } from '../../src/pacing/gate.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const CONCURRENT = 'concurrent calls';
const BETWEEN = 'time between calls';

type Step = 'take' | 'start' | 'cancel' | 'leave' | number;

test.each<[maxConcurrent: number, minTime: number, steps: Step[], isOpen: boolean, usage: object]>([
  [2, 0, [], true, { limit: CONCURRENT, max: 2, used: 0, retryAfterMs: 1_000 }],
  [2, 0, ['take', 'start', 'take'], false, { limit: CONCURRENT, max: 2, used: 2, retryAfterMs: 1_000 }],
  [2, 0, ['take', 'start', 'take', 'cancel'], true, { limit: CONCURRENT, max: 2, used: 1 }],
  [1, 0, ['take', 'start', 'leave'], true, { limit: CONCURRENT, max: 1, used: 0 }],
  [Infinity, 100, ['take'], false, { limit: BETWEEN, max: 1, used: 1, retryAfterMs: 100 }],
  [Infinity, 100, ['take', 'cancel'], true, { limit: BETWEEN }],
  [Infinity, 100, ['take', 30, 'start', 60], false, { limit: BETWEEN, max: 1, used: 1, retryAfterMs: 40 }],
  [Infinity, 100, ['take', 'start', 100], true, { limit: BETWEEN }],
  [Infinity, 100, ['take', 'start', 100, 'take', 50], false, { limit: BETWEEN, retryAfterMs: 100 }],
  [1, 100, ['take', 'start', 200], false, { limit: CONCURRENT, max: 1, used: 1, retryAfterMs: 1_000 }],
  [1, 100, ['take', 'start', 'leave', 40], false, { limit: BETWEEN, retryAfterMs: 60 }],
])('at most %d at once, %d ms between: after %j', (maxConcurrent, minTime, steps, isOpen, usage) => {
  const gate = new Gate(maxConcurrent, minTime);
  for (const step of steps) {
    if (typeof step === 'number') vi.advanceTimersByTime(step);
    else gate[step]();
  }
  expect(gate.isOpen).toBe(isOpen);
  expect(gate.usage).toMatchObject(usage);
});
