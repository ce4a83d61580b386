import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Bucket, DeniedBy, Scene } from './scene.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const full = () => new Bucket(1_000, 1);

describe('maxConcurrent', () => {
  test('so many start at once; each that ends lets the next start, in order', async () => {
    const scene = new Scene({ maxConcurrent: 2 }, { bucket: full() });
    for (const [i, priority] of [5, 5, 5, 0, 5].entries()) scene.enter(`${priority}-${i}`, { priority });
    await pass(1_000);
    expect(scene.admitted).toEqual(['5-0', '5-1']);
    scene.pacing.leave();
    await pass(0);
    expect(scene.admitted).toEqual(['5-0', '5-1', '0-3']);
    scene.pacing.leave();
    scene.pacing.leave();
    await pass(0);
    expect(scene.admitted).toEqual(['5-0', '5-1', '0-3', '5-2', '5-4']);
    expect(scene.outcomes.get('5-4')).toEqual({ admittedAt: 1_000, waitedMs: 1_000 });
  });

  test('one who waits for a slot tries when there is one, not before', async () => {
    const scene = new Scene({ maxConcurrent: 1 }, { bucket: full() });
    scene.enter('one');
    scene.enter('two');
    await pass(500);
    expect(scene.tries).toEqual(['one']);
    scene.pacing.leave();
    await pass(0);
    expect(scene.tries).toEqual(['one', 'two']);
    expect(scene.admitted).toEqual(['one', 'two']);
  });

  test('a try takes a slot while it is under way, and gives it back if it is denied', async () => {
    const empty = new Bucket(1, 1);
    empty.add(-1);
    const scene = new Scene({ maxConcurrent: 1 }, { bucket: full(), empty });
    scene.enter('one', { of: { empty: 1 }, latency: 10 });
    scene.enter('two');
    await pass(9);
    expect(scene.tries).toEqual(['one']);
    await pass(1);
    expect(scene.admitted).toEqual(['two']);
    await pass(2_000);
    // It may fit, but there is no slot.
    expect(scene.tries).toEqual(['one', 'two']);
    scene.pacing.leave();
    await pass(10);
    expect(scene.admitted).toEqual(['two', 'one']);
  });

  test('those who wait for a counter and a slot do not pass each other', async () => {
    const bucket = new Bucket(1_000, 10);
    bucket.add(-1_000);
    const scene = new Scene({ maxConcurrent: 1 }, { bucket, other: full() });
    scene.enter('holder', { of: { other: 1 } });
    scene.enter('waits for a slot');
    scene.enter('and for the counter', { of: { bucket: 5 } });
    await pass(1_000);
    expect(scene.tries).toEqual(['holder']);
    scene.pacing.leave();
    await pass(0);
    scene.pacing.leave();
    await pass(0);
    expect(scene.admitted).toEqual(['holder', 'waits for a slot', 'and for the counter']);
  });

  test('of two lines that wait for a slot, the better first of them has it', async () => {
    const empty = () => {
      const bucket = new Bucket(1, 10);
      bucket.add(-1);
      return bucket;
    };
    const scene = new Scene({ maxConcurrent: 1 }, { a: empty(), b: empty(), other: full() });
    scene.enter('a', { of: { a: 1 }, priority: 6 });
    scene.enter('b', { of: { b: 1 }, priority: 4 });
    scene.enter('holder', { of: { other: 1 } });
    scene.enter('next', { of: { other: 1 } });
    await pass(1_000);
    for (let i = 0; i < 3; i++) {
      scene.pacing.leave();
      await pass(0);
    }
    expect(scene.admitted).toEqual(['holder', 'b', 'next', 'a']);
  });

  test('one that is denied by its counter gives the slot to the next', async () => {
    const empty = new Bucket(1, 1);
    empty.add(-1);
    const scene = new Scene({ maxConcurrent: 1 }, { bucket: full(), empty });
    scene.enter('holder');
    for (let i = 0; i < 5; i++) scene.enter(`denied-${i}`, { of: { empty: 1 } });
    scene.enter('last');
    scene.pacing.leave();
    await pass(0);
    expect(scene.admitted).toEqual(['holder', 'last']);
    // The first of them was denied; the others are behind it, and were not tried.
    expect(scene.tries).toEqual(['holder', 'denied-0', 'last']);
    for (let i = 0; i < 5; i++) {
      scene.pacing.leave();
      await pass(1_100);
    }
    expect(scene.admitted).toHaveLength(7);
  });

  test('what takes no slot waits for none, in a line that does', async () => {
    const bucket = new Bucket(2, 10);
    bucket.add(-2);
    const scene = new Scene({ maxConcurrent: 1 }, { bucket, other: full() });
    scene.enter('holder', { of: { other: 1 } });
    scene.enter('no slot, other counter', { of: { other: 1 }, slot: false });
    expect(scene.admitted).toEqual(['holder', 'no slot, other counter']);
    scene.pacing.leave();
    scene.enter('needs one');
    scene.enter('needs none', { slot: false });
    scene.enter('holder again', { of: { other: 1 } });
    await pass(200);
    expect(scene.admitted.slice(2)).toEqual(['holder again', 'needs none']);
    scene.enter('needs none either', { slot: false, latency: 30 });
    await pass(200);
    expect(scene.admitted.at(-1)).toBe('needs none either');
    scene.pacing.leave();
    await pass(0);
    expect(scene.admitted.at(-1)).toBe('needs one');
  });

  test('one who waits for a slot longer than maxWait is refused', async () => {
    const scene = new Scene({ maxConcurrent: 1, maxWait: 500 }, { bucket: full() });
    scene.enter('one');
    scene.enter('two');
    await pass(500);
    expect(scene.outcomes.get('two')).toEqual({
      refusedAt: 500,
      error: new DeniedBy('concurrent calls, 1 of 1'),
    });
    scene.pacing.leave();
    scene.enter('three');
    expect(scene.admitted).toEqual(['one', 'three']);
  });

  test.each([
    [{ maxQueued: 0 }, 0],
    [{ maxWait: 0 }, 1],
  ])('nobody waits with %o', async (options, within) => {
    const scene = new Scene({ maxConcurrent: 1, ...options }, { bucket: full() });
    scene.enter('one');
    scene.enter('two');
    await pass(within);
    expect(scene.errorOf('two')).toEqual(new DeniedBy('concurrent calls, 1 of 1'));
  });

  test('one that waits in a stalled line is refused for want of a slot', async () => {
    const bucket = new Bucket(2, 10);
    bucket.add(-2);
    const scene = new Scene({ maxConcurrent: 1, maxWait: 500 }, { bucket, other: full() });
    scene.enter('denied once');
    scene.enter('untried');
    scene.enter('untried too', { slot: false, of: { bucket: 2 } });
    scene.enter('holder', { of: { other: 1 } });
    await pass(500);
    expect(scene.errorOf('denied once')).toEqual(new DeniedBy('bucket'));
    expect(scene.errorOf('untried')).toEqual(new DeniedBy('concurrent calls, 1 of 1'));
    expect(scene.outcomes.get('untried too')).toHaveProperty('admittedAt');
  });

  test('an abort lets the next have the slot', async () => {
    const scene = new Scene({ maxConcurrent: 1 }, { bucket: full() });
    const leaving = new AbortController();
    scene.enter('one');
    scene.enter('two', { signal: leaving.signal });
    scene.enter('three');
    leaving.abort('gone');
    scene.pacing.leave();
    await pass(0);
    expect(scene.errorOf('two')).toBe('gone');
    expect(scene.admitted).toEqual(['one', 'three']);
  });
});

describe('the better first has the slot', () => {
  test('when the one that took it is denied, and the next of its line is worse', async () => {
    const bucket = new Bucket(2, 10);
    bucket.add(-2);
    const second = new Bucket(1, 1);
    const scene = new Scene({ maxConcurrent: 1 }, { bucket, second, other: full() });
    scene.enter('a1', { of: { bucket: 1, second: 1 } });
    scene.enter('a2', { of: { bucket: 1 }, priority: 8 });
    second.add(-1);
    scene.enter('holder', { of: { other: 1 } });
    scene.enter('slot', { of: { other: 1 }, priority: 6 });
    await pass(300);
    scene.pacing.leave();
    await pass(0);
    expect(scene.tries.slice(-2)).toEqual(['a1', 'slot']);
    for (let i = 0; i < 2; i++) {
      scene.pacing.leave();
      await pass(1_000);
    }
    expect(scene.admitted).toEqual(['holder', 'slot', 'a2', 'a1']);
  });

  test('when it came free while one that needs none tried', async () => {
    const bucket = new Bucket(2, 10);
    bucket.add(-2);
    const scene = new Scene({ maxConcurrent: 1 }, { bucket, other: full() });
    scene.enter('holder', { of: { other: 1 } });
    scene.enter('needs none', { slot: false, latency: 40 });
    await pass(40);
    scene.enter('needs one', { priority: 4 });
    await pass(60);
    const { length } = scene.tries;
    while (scene.tries.length === length) await pass(1);
    expect(scene.tries.at(-1)).toBe('needs none');
    scene.pacing.leave();
    expect(scene.admitted).toEqual(['holder']);
    await pass(200);
    expect(scene.admitted).toEqual(['holder', 'needs none', 'needs one']);
  });
});

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
