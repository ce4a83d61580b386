import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Bucket, emptied, Scene } from './scene.ts';
import { expectAdmitted, expectRefused, pass, TURN } from './timing.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

/** Nothing is left that would hold a process or wake for nobody. */
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('an abort', () => {
  test('ends a wait at once, with its reason, and who is next sleeps on', async () => {
    const scene = new Scene({}, { bucket: emptied(10) });
    const leaving = new AbortController();
    const removed = vi.spyOn(leaving.signal, 'removeEventListener');
    scene.enter('one', { signal: leaving.signal, of: { bucket: 2 } });
    scene.enter('two');
    await pass(50);
    leaving.abort('gone');
    await pass(0);
    expectRefused(scene, 'one', 50, 'gone');
    expect(removed).toHaveBeenCalledTimes(1);
    await pass(200);
    expectAdmitted(scene, 'two', 100);
  });

  test('before it enters: it does not try', () => {
    const scene = new Scene({}, { bucket: new Bucket(1, 1) });
    scene.enter('one', { signal: AbortSignal.abort('gone') });
    expectRefused(scene, 'one', 0, 'gone');
    expect(scene.tries).toEqual([]);
  });

  test('during its first try: it does not wait', async () => {
    const scene = new Scene({}, { bucket: emptied(10) });
    const leaving = new AbortController();
    scene.enter('one', { signal: leaving.signal, latency: 10 });
    await pass(5);
    leaving.abort('gone');
    await pass(5);
    expectRefused(scene, 'one', 10, 'gone');
  });

  test('after it was admitted changes nothing, and nothing listens', async () => {
    const scene = new Scene({}, { bucket: emptied(10) });
    const leaving = new AbortController();
    const added = vi.spyOn(leaving.signal, 'addEventListener');
    const removed = vi.spyOn(leaving.signal, 'removeEventListener');
    scene.enter('one', { signal: leaving.signal });
    await pass(200);
    leaving.abort('gone');
    expectAdmitted(scene, 'one', 100);
    expect(removed.mock.calls).toEqual(added.mock.calls);
  });

  test('during a later try: what it was admitted to is given back, with its slot, and the next has it', async () => {
    const scene = new Scene({ maxConcurrent: 1 }, { bucket: emptied(10) });
    const leaving = new AbortController();
    scene.enter('one', { signal: leaving.signal, latency: 20 });
    await pass(20);
    scene.enter('two');
    await pass(110 - 20);
    // It has been sent to the store, which admits it, and has not answered yet.
    await pass(TURN / 2);
    expect(scene.tries).toEqual(['one', 'one']);
    leaving.abort('gone');
    await pass(0);
    expect(scene.errorOf('one')).toBe('gone');
    await pass(2 * TURN);
    expect(scene.abandoned).toEqual(['one']);
    expect(scene.admitted).toEqual(['two']);
  });

  test('during a later try that is denied', async () => {
    const bucket = emptied(10);
    const scene = new Scene({}, { bucket });
    const leaving = new AbortController();
    scene.enter('one', { signal: leaving.signal, latency: 20 });
    await pass(90);
    bucket.add(-0.5);
    await pass(TURN + 5);
    expect(scene.tries).toHaveLength(2);
    leaving.abort('gone');
    await pass(1_000);
    expect(scene.errorOf('one')).toBe('gone');
    expect([scene.tries.length, scene.abandoned, scene.pacing.waiting]).toEqual([2, [], 0]);
  });
});

describe('a try that fails', () => {
  const broken = new Error('the store is away');

  test.each([0, 1, 2])(
    'fails its call alone, also where its counters cannot be told (after %i times)',
    async (told) => {
      const scene = new Scene({}, { bucket: emptied(10), other: emptied(1) });
      for (const name of ['one', 'two']) scene.enter(name);
      const applicant = scene.applicant('three', { priority: 0 });
      let times = 0;
      const counters = () => {
        if (times++ === told) throw broken;
        return applicant.counters();
      };
      let failure: unknown;
      try {
        const entered = scene.pacing.enter({ ...applicant, counters });
        await Promise.all([entered, pass(1_000)]);
      } catch (error) {
        failure = error;
      }
      expect(failure).toBe(told < 2 ? broken : undefined);
      await pass(1_000);
      expect(scene.admitted).toEqual(['one', 'two']);
      expect(scene.pacing.waiting).toBe(0);
    },
  );

  test.each([undefined, 2])('fails its call alone (latency %s)', async (latency) => {
    const scene = new Scene({ maxConcurrent: 2 }, { bucket: new Bucket(1, 1) });
    const asked = { fails: broken, ...(latency === undefined ? {} : { latency }) };
    for (const name of ['one', 'two']) scene.enter(name, asked);
    await pass(10);
    expect([scene.errorOf('one'), scene.errorOf('two')]).toEqual([broken, broken]);
    // They hold no slot.
    scene.enter('three');
    expect(scene.admitted).toEqual(['three']);
  });

  test.each([undefined, 2])('in a line: the line goes on (latency %s)', async (latency) => {
    const scene = new Scene({}, { bucket: emptied(10) });
    scene.enter('one');
    scene.enter('two', { fails: broken, ...(latency === undefined ? {} : { latency }) });
    scene.enter('three');
    await pass(300);
    expect(scene.errorOf('two')).toBe(broken);
    expect(scene.admitted).toEqual(['one', 'three']);
  });
});
