import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Bucket, DeniedBy, Scene } from './scene.ts';
import { pass } from './timing.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const full = () => new Bucket(1_000, 1);

describe('minTime', () => {
  test('holds no timer for one that has left', async () => {
    const scene = new Scene({ minTime: 100 }, { bucket: full() });
    const leaving = new AbortController();
    scene.enter('one');
    scene.enter('two', { signal: leaving.signal });
    leaving.abort('gone');
    expect(vi.getTimerCount()).toBe(0);
    await pass(0);
    expect(scene.errorOf('two')).toBe('gone');
  });

  test('is between the starts of calls', async () => {
    const scene = new Scene({ minTime: 100 }, { bucket: full() });
    for (let i = 0; i < 4; i++) scene.enter(`call-${i}`);
    await pass(299);
    expect(scene.admitted).toHaveLength(3);
    await pass(101);
    expect([...scene.outcomes.values()]).toEqual(
      [0, 100, 200, 300].map((at) => ({ admittedAt: at, waitedMs: at })),
    );
  });

  test('is over for a call that comes late enough', async () => {
    const scene = new Scene({ minTime: 100 }, { bucket: full() });
    scene.enter('one');
    await pass(100);
    scene.enter('two');
    expect(scene.admitted).toEqual(['one', 'two']);
  });

  test('counts from the moment that a call is admitted, and from none that is denied', async () => {
    const empty = new Bucket(1, 1);
    empty.add(-1);
    const scene = new Scene({ minTime: 100 }, { bucket: full(), empty });
    scene.enter('slow', { latency: 40 });
    scene.enter('denied', { of: { empty: 1 }, latency: 40 });
    scene.enter('next');
    await pass(400);
    // 40, then a try until 180 that is denied.
    expect(scene.outcomes.get('slow')).toEqual({ admittedAt: 40, waitedMs: 0 });
    expect(scene.outcomes.get('next')).toEqual({ admittedAt: 180, waitedMs: 180 });
    await pass(1_000);
    expect(scene.admitted).toHaveLength(3);
  });

  test('that no wait is long enough for refuses at once', async () => {
    const scene = new Scene({ minTime: 100, maxWait: 99 }, { bucket: full() });
    scene.enter('one');
    scene.enter('two');
    await pass(0);
    expect(scene.outcomes.get('two')).toEqual({
      refusedAt: 0,
      error: new DeniedBy('time between calls, 1 of 1'),
    });
    await pass(1);
    scene.enter('three');
    await pass(99);
    expect(scene.outcomes.get('three')).toHaveProperty('admittedAt');
  });

  test('holds beside maxConcurrent', async () => {
    const scene = new Scene({ minTime: 100, maxConcurrent: 2 }, { bucket: full() });
    for (let i = 0; i < 4; i++) scene.enter(`call-${i}`);
    await pass(1_000);
    expect(scene.admitted).toHaveLength(2);
    scene.pacing.leave();
    scene.pacing.leave();
    await pass(99);
    expect(scene.admitted).toHaveLength(3);
    await pass(1);
    expect(scene.admitted).toHaveLength(4);
  });
});
