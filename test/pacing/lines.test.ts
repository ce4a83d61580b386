import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { randomNumbers } from '../workers/calls.ts';
import { type Asked, Bucket, DeniedBy, Scene } from './scene.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

/** One that never refills, and says that it will. */
function still(waitMs = 10_000): Bucket {
  const bucket = new Bucket(1_000, 0);
  bucket.add(-1_000);
  return Object.assign(bucket, { waitFor: () => waitMs });
}

/** Ends what still waits. */
async function finish(scene: Scene): Promise<void> {
  for (const bucket of Object.values(scene.buckets)) bucket.add(1_000);
  scene.pacing.poke();
  await pass(100);
  expect(scene.pacing.waiting).toBe(0);
}

describe('poke', () => {
  test('lets the first of each line try, and nobody else', async () => {
    const scene = new Scene({}, { a: still(), b: still() });
    for (const counter of ['a', 'b']) {
      for (let i = 0; i < 5; i++) scene.enter(`${counter}${i}`, { of: { [counter]: 1 } });
    }
    scene.tries.length = 0;
    scene.pacing.poke();
    await pass(100);
    expect(scene.tries).toEqual(['a0', 'b0']);
    await finish(scene);
  });

  test('of some counters lets those of others sleep', async () => {
    const scene = new Scene({}, { a: still(), b: still() });
    for (const counter of ['a', 'b']) scene.enter(counter, { of: { [counter]: 1 } });
    scene.tries.length = 0;
    scene.pacing.poke(['b', 'of nobody']);
    await pass(100);
    expect(scene.tries).toEqual(['b']);
    await finish(scene);
  });

  test('again and again makes few tries', async () => {
    const scene = new Scene({}, { a: still() });
    scene.enter('a', { of: { a: 1 }, latency: 1 });
    await pass(1);
    scene.tries.length = 0;
    for (let i = 0; i < 1_000; i++) {
      scene.pacing.poke();
      await pass(1);
    }
    expect(scene.tries.length).toBeGreaterThan(20);
    expect(scene.tries.length).toBeLessThanOrEqual(1_000 / 20 + 1);
    await finish(scene);
  });

  test('during a try is not lost, in a line', async () => {
    const { a } = { a: still() };
    const scene = new Scene({}, { a });
    scene.enter('one', { of: { a: 1 }, latency: 20 });
    await pass(20);
    scene.pacing.poke();
    await pass(15);
    // The store has denied the second try, and its answer is on the way.
    expect(scene.tries).toHaveLength(2);
    a.add(1);
    scene.pacing.poke();
    await pass(100);
    expect(scene.admitted).toEqual(['one']);
  });

  test('during its first try is not lost', async () => {
    const a = still();
    const scene = new Scene({}, { a });
    scene.enter('one', { of: { a: 1 }, latency: 20 });
    await pass(15);
    a.add(1);
    scene.pacing.poke();
    await pass(100);
    expect(scene.admitted).toEqual(['one']);
  });

  test('during a try saves one that would wait in vain', async () => {
    const a = still(5_000);
    const scene = new Scene({ maxWait: 5_030 }, { a });
    scene.enter('one', { of: { a: 1 }, latency: 20 });
    await pass(20);
    scene.pacing.poke();
    await pass(15);
    a.add(1);
    scene.pacing.poke();
    await pass(100);
    expect(scene.admitted).toEqual(['one']);
  });
});

describe('a call that is denied by another counter than it waited for', () => {
  test('tries again at once if room was made there during its try', async () => {
    const a = still();
    const b = still(20_000);
    const scene = new Scene({}, { a, b });
    scene.enter('both', { of: { a: 1, b: 1 }, latency: 20 });
    await pass(20);
    b.add(1);
    scene.pacing.poke(['b']);
    while (scene.tries.length < 2) await pass(1);
    await pass(15);
    a.add(1);
    scene.pacing.poke(['a']);
    await pass(100);
    expect(scene.admitted).toEqual(['both']);
  });
});

describe('who comes after the first', () => {
  /** One that was denied, and goes after one that never will fit, fails, or leaves; then room is made. */
  async function second(asked: Asked, leave?: () => void): Promise<Scene> {
    const a = still();
    const scene = new Scene({}, { a });
    scene.enter('second', { of: { a: 1 } });
    scene.enter('first', { of: { a: 1 }, priority: 0, ...asked });
    a.add(1);
    scene.pacing.poke();
    await pass(10);
    leave?.();
    await pass(100);
    return scene;
  }

  test('tries when that fails', async () => {
    const scene = await second({ fails: new Error('the store is away') });
    expect(scene.admitted).toEqual(['second']);
  });

  test('tries when that is refused for a counter that has nothing to do with it', async () => {
    const never = Object.assign(new Bucket(1, 0), { waitFor: () => undefined });
    never.add(-1);
    const a = still();
    const scene = new Scene({}, { a, never });
    scene.enter('second', { of: { a: 1 } });
    scene.enter('first', { of: { a: 1, never: 1 }, priority: 0 });
    a.add(1);
    scene.pacing.poke();
    await pass(100);
    expect(scene.errorOf('first')).toEqual(new DeniedBy('never'));
    expect(scene.admitted).toEqual(['second']);
  });

  test('tries when that leaves, if room was made since its own last try', async () => {
    const leaving = new AbortController();
    const scene = await second({ of: { a: 2 }, signal: leaving.signal }, () => leaving.abort());
    expect(scene.admitted).toEqual(['second']);
  });

  test('tries when that is gone from another line, which it had moved to', async () => {
    const a = still();
    const b = still(20_000);
    b.add(5);
    const scene = new Scene({}, { a, b });
    const leaving = new AbortController();
    scene.enter('both', { of: { a: 1, b: 1 } });
    scene.enter('b only', { of: { b: 10 }, priority: 0, signal: leaving.signal });
    a.add(1);
    scene.pacing.poke(['a']);
    await pass(100);
    // Its turn came, and it did not take what the other waits for.
    expect(scene.tries).toEqual(['both', 'b only']);
    leaving.abort();
    await pass(100);
    expect(scene.admitted).toEqual(['both']);
  });
});

describe('workers that share a counter', () => {
  test('wake at different moments of the same sleep', async () => {
    const wokenAt: number[] = [];
    for (const random of [0, 0.5, 1]) {
      const scene = new Scene({}, { a: still() }, () => random);
      scene.enter('one', { of: { a: 1 } });
      await pass(9_990);
      expect(scene.tries).toHaveLength(1);
      while (scene.tries.length === 1) await pass(1);
      wokenAt.push(scene.now);
      await finish(scene);
    }
    const [none = 0, half = 0, all = 0] = wokenAt;
    expect([half - none, all - none]).toEqual([25, 50]);
    expect(none).toBeLessThan(10_010);
  });

  test('that sleep shortly wake shortly after', async () => {
    const scene = new Scene({}, { a: still(40) }, () => 1);
    scene.enter('one', { of: { a: 1 } });
    while (scene.tries.length === 1) await pass(1);
    expect(scene.now).toBeLessThan(40 + 4 + 10);
    await finish(scene);
  });

  test('are not thought faster where room that was made was too small', async () => {
    const scene = new Scene({}, { a: still() }, () => 1);
    scene.enter('one', { of: { a: 1 } });
    for (let i = 0; i < 10; i++) {
      scene.pacing.poke();
      await pass(100);
    }
    expect(scene.tries).toHaveLength(11);
    await pass(10_000);
    expect(scene.tries).toHaveLength(12);
    await finish(scene);
  });

  test('let each other try: of many, most do not ask for each room that there is', async () => {
    const rate = 40;
    const bucket = new Bucket(10, rate);
    bucket.add(-10);
    const random = randomNumbers(1);
    const workers = Array.from({ length: 20 }, () => new Scene({ maxWait: 1e6 }, { bucket }, random));
    for (const scene of workers) {
      for (let i = 0; i < 12; i++) scene.enter(String(i), { latency: 2 });
    }
    await pass(2);
    const firstTries = tries(workers);
    expect(firstTries).toBe(240);
    await pass((240 * 1_000) / rate + 500);
    expect(workers.map(({ admitted }) => admitted.length)).toEqual(workers.map(() => 12));
    expect((tries(workers) - firstTries) / 240).toBeLessThan(9);
  });
});

function tries(scenes: readonly Scene[]): number {
  return scenes.reduce((sum, { tries }) => sum + tries.length, 0);
}

describe('a call that counts on several counters', () => {
  test('waits for the one that takes longest, then for the next, and keeps its place', async () => {
    const a = still();
    const b = still(20_000);
    const scene = new Scene({}, { a, b });
    scene.enter('both', { of: { a: 1, b: 1 } });
    scene.enter('a only', { of: { a: 1 } });
    await pass(10);
    expect(scene.tries).toEqual(['both', 'a only']);
    b.add(1);
    scene.pacing.poke(['b']);
    await pass(100);
    // It is denied by `a` now, and goes before the one that came later.
    expect(scene.tries).toEqual(['both', 'a only', 'both']);
    a.add(1);
    scene.pacing.poke(['a']);
    await pass(100);
    expect(scene.admitted).toEqual(['both']);
    await finish(scene);
  });

  test('does not take what one before it waits for in another line', async () => {
    const a = still();
    const b = still(20_000);
    const scene = new Scene({}, { a, b });
    scene.enter('first of a', { of: { a: 10 } });
    scene.enter('both', { of: { b: 1, a: 1 } });
    await pass(10);
    a.add(5);
    b.add(1);
    scene.pacing.poke(['b']);
    await pass(100);
    expect(scene.admitted).toEqual([]);
    a.add(5);
    scene.pacing.poke(['a']);
    await pass(100);
    expect(scene.admitted).toEqual(['first of a']);
    await finish(scene);
    expect(scene.admitted).toEqual(['first of a', 'both']);
  });

  test('lets those wait for nobody that count on other counters', async () => {
    const scene = new Scene({}, { a: still(), b: new Bucket(10, 0) });
    scene.enter('both', { of: { a: 1, b: 1 } });
    scene.enter('b only', { of: { b: 1 } });
    expect(scene.admitted).toEqual(['b only']);
    await finish(scene);
  });
});
