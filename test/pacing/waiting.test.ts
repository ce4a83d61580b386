import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Asked, Bucket, DeniedBy, Scene } from './scene.ts';

/** Milliseconds within which a line has its turn: those between two turns, and what Bottleneck takes. */
const TURN = 30;

beforeEach(() => {
  vi.useFakeTimers();
});

/** Nothing is left that would hold a process or wake for nobody. */
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

function expectAdmitted(scene: Scene, name: string, at: number): void {
  const outcome = scene.outcomes.get(name);
  expect(outcome, name).toHaveProperty('admittedAt');
  if (outcome === undefined || !('admittedAt' in outcome)) return;
  expect(outcome.admittedAt, name).toBeGreaterThanOrEqual(at);
  expect(outcome.admittedAt, name).toBeLessThanOrEqual(at + TURN);
}

function expectRefused(scene: Scene, name: string, at: number, error: unknown): void {
  expect(scene.outcomes.get(name), name).toEqual({ refusedAt: at, error });
}

/** One that is full when the scene begins is empty after this. */
function emptied(rate: number, capacity = 10): Bucket {
  const bucket = new Bucket(capacity, rate);
  bucket.add(-capacity);
  return bucket;
}

describe('a call that fits', () => {
  test('is admitted at once, and leaves nothing behind', () => {
    const scene = new Scene({}, { bucket: new Bucket(2, 1) });
    const applicant = scene.applicant('one', {});
    expect(scene.pacing.enter(applicant)).toBe(0);
    expect(scene.pacing.waiting).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is admitted as soon as a store answers', async () => {
    const scene = new Scene({}, { bucket: new Bucket(2, 1) });
    scene.enter('one', { latency: 4 });
    await pass(4);
    expect(scene.outcomes.get('one')).toEqual({ admittedAt: 4, waitedMs: 0 });
  });
});

describe('a call that does not fit', () => {
  test('waits until it does, and knows how long', async () => {
    const scene = new Scene({}, { bucket: emptied(10) });
    scene.enter('one');
    expect(scene.pacing.waiting).toBe(1);
    await pass(99);
    expect(scene.outcomes.size).toBe(0);
    await pass(TURN);
    expectAdmitted(scene, 'one', 100);
    const { admittedAt, waitedMs } = scene.outcomes.get('one') as { admittedAt: number; waitedMs: number };
    expect(waitedMs).toBe(admittedAt);
    expect(scene.tries).toEqual(['one', 'one']);
    expect(scene.pacing.waiting).toBe(0);
  });

  test.each<[name: string, asked: Asked, maxWait: number]>([
    ['it never fits', { of: { bucket: 11 } }, 60_000],
    ['it does not fit in time', { of: { bucket: 10 } }, 999],
    ['nobody may wait', {}, 0],
  ])('is refused at once if %s', async (_, asked, maxWait) => {
    const scene = new Scene({ maxWait }, { bucket: emptied(10) });
    scene.enter('one', asked);
    scene.enter('two', { ...asked, latency: 2 });
    await pass(2);
    expectRefused(scene, 'one', 0, new DeniedBy('bucket'));
    expectRefused(scene, 'two', 2, new DeniedBy('bucket'));
  });

  test('is admitted in the last moment of its time', async () => {
    const scene = new Scene({ maxWait: 100 }, { bucket: emptied(10) }, () => 1);
    scene.enter('one');
    await pass(100);
    expect(scene.outcomes.get('one')).toEqual({ admittedAt: 100, waitedMs: 100 });
  });

  test('is refused with its last denial when its time is over', async () => {
    const bucket = emptied(10);
    const scene = new Scene({ maxWait: 1_000 }, { bucket });
    scene.enter('one', { of: { bucket: 9 } });
    await pass(500);
    // Another worker takes some of it, each time.
    bucket.add(-1);
    await pass(450);
    expect(scene.tries).toHaveLength(2);
    bucket.add(-1);
    await pass(49);
    expect(scene.outcomes.size).toBe(0);
    await pass(1);
    expectRefused(scene, 'one', 1_000, new DeniedBy('bucket'));
  });

  test('is refused as soon as a try shows that it would wait in vain', async () => {
    const bucket = emptied(10);
    const scene = new Scene({ maxWait: 1_000 }, { bucket });
    scene.enter('one', { of: { bucket: 5 } });
    await pass(490);
    bucket.add(-9);
    await pass(TURN);
    expect(scene.errorOf('one')).toEqual(new DeniedBy('bucket'));
  });

  test('may conclude a try that is under way when its time is over', async () => {
    const scene = new Scene({ maxWait: 130 }, { bucket: emptied(10) });
    scene.enter('one', { latency: 40 });
    await pass(130);
    expect(scene.tries).toHaveLength(2);
    expect(scene.outcomes.size).toBe(0);
    await pass(40);
    expectAdmitted(scene, 'one', 140);
  });

  test('is refused if that try is denied, though room may have been made meanwhile', async () => {
    const bucket = emptied(10);
    const scene = new Scene({ maxWait: 130 }, { bucket });
    scene.enter('one', { latency: 40 });
    await pass(125);
    expect(scene.tries).toHaveLength(2);
    bucket.add(-1);
    await pass(25);
    scene.pacing.poke();
    await pass(50);
    expect(scene.errorOf('one')).toEqual(new DeniedBy('bucket'));
    expect(scene.pacing.waiting).toBe(0);
  });

  test('waits for longer than a timer can', async () => {
    const month = 30 * 86_400_000;
    const bucket = new Bucket(1, 1_000 / month);
    bucket.add(-1);
    const scene = new Scene({ maxWait: 2 * month }, { bucket });
    scene.enter('one');
    await pass(month - 1_000);
    expect(scene.outcomes.size).toBe(0);
    expect(scene.tries).toHaveLength(1);
    await pass(1_000 + TURN);
    expectAdmitted(scene, 'one', month);
  });
});

describe('a line that is empty', () => {
  test('is gone: who comes then is admitted at once', async () => {
    const scene = new Scene({}, { bucket: emptied(10) });
    scene.enter('one');
    await pass(1_000);
    expect(scene.admitted).toEqual(['one']);
    expect(scene.pacing.enter(scene.applicant('two', {}))).toBe(0);
  });

  test('has no timer, whoever leaves it', () => {
    const scene = new Scene({}, { bucket: emptied(10) });
    const leaving = new AbortController();
    scene.enter('one', { signal: leaving.signal });
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    leaving.abort('gone');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('those who wait', () => {
  test('go by priority, then by arrival', async () => {
    const scene = new Scene({}, { bucket: emptied(10) });
    const priorities = [5, 9, 0, 5, 0, 9];
    for (const [i, priority] of priorities.entries()) {
      scene.enter(`${priority}-${i}`, { priority });
      await pass(1);
    }
    await pass(1_000);
    expect(scene.admitted).toEqual(['0-2', '0-4', '5-0', '5-3', '9-1', '9-5']);
  });

  test.each([
    [901, ['old', 'new']],
    [899, ['new', 'old']],
  ])('of the worst priority go before the best that come %i ms later, of 1,000', async (later, order) => {
    const bucket = emptied(0);
    const scene = new Scene({ maxWait: 1_000 }, { bucket });
    const never = { waitFor: () => 950 };
    Object.assign(bucket, never);
    scene.enter('old', { priority: 9 });
    await pass(later);
    scene.enter('new', { priority: 0 });
    bucket.add(2);
    await pass(1_000);
    expect(scene.admitted).toEqual(order);
  });

  test('are not passed by one that comes later and would fit', async () => {
    const bucket = emptied(10);
    const scene = new Scene({}, { bucket });
    scene.enter('large', { of: { bucket: 10 } });
    for (let i = 0; i < 9; i++) {
      await pass(100);
      scene.enter(`small-${i}`);
    }
    await pass(2_000);
    expectAdmitted(scene, 'large', 1_000);
    expect(scene.admitted[0]).toBe('large');
    // And tried by nobody meanwhile.
    expect(scene.tries.slice(0, 3)).toEqual(['large', 'large', 'small-0']);
  });

  test('are passed by one of better priority, at once if it fits', async () => {
    const scene = new Scene({}, { bucket: emptied(10) });
    scene.enter('large', { of: { bucket: 10 } });
    await pass(500);
    scene.enter('better', { priority: 4, of: { bucket: 2 } });
    await pass(TURN);
    expectAdmitted(scene, 'better', 500);
    await pass(2_000);
    expectAdmitted(scene, 'large', 1_200);
  });

  test('are admitted in one turn as far as there is room', async () => {
    const bucket = emptied(0);
    Object.assign(bucket, { waitFor: () => 1_000 });
    const scene = new Scene({}, { bucket });
    for (let i = 0; i < 12; i++) scene.enter(`call-${i}`);
    await pass(500);
    bucket.add(10);
    scene.pacing.poke();
    await pass(TURN);
    expect(scene.admitted).toEqual(Array.from({ length: 10 }, (_, i) => `call-${i}`));
    expect(scene.pacing.waiting).toBe(2);
    // The first try of one, ten that are admitted, and the one that is denied.
    expect(scene.tries).toHaveLength(12);
    bucket.add(2);
    await pass(1_000 + TURN);
    expect(scene.admitted).toHaveLength(12);
  });

  test('are refused without a try when all their time went to those before them', async () => {
    const bucket = emptied(10);
    const scene = new Scene({ maxWait: 1_000 }, { bucket });
    scene.enter('first', { of: { bucket: 10 } });
    scene.enter('second', { of: { bucket: 10 } });
    await pass(1_000);
    expect(scene.outcomes.get('first')).toHaveProperty('admittedAt');
    expectRefused(scene, 'second', 1_000, new DeniedBy('bucket'));
    const third = { of: { bucket: 10 } };
    scene.enter('third', third);
    scene.enter('fourth', third);
    await pass(300);
    scene.enter('fifth', { ...third, priority: 0 });
    await pass(700);
    expectRefused(scene, 'fourth', 2_000, new DeniedBy('untried'));
    await pass(1_000);
  });

  test('fail with what making their denial fails with', async () => {
    const scene = new Scene({ maxQueued: 1 }, { bucket: emptied(10) });
    scene.enter('one');
    const away = new Error('the store is away');
    const applicant = { ...scene.applicant('two', {}), denialUntried: () => Promise.reject(away) };
    await expect(scene.pacing.enter(applicant)).rejects.toBe(away);
    await pass(1_000);
  });

  test('are no more than maxQueued', async () => {
    const scene = new Scene({ maxQueued: 2 }, { bucket: emptied(10), other: emptied(10) });
    for (const name of ['one', 'two', 'three']) scene.enter(name);
    await pass(0);
    expectRefused(scene, 'three', 0, new DeniedBy('untried'));
    scene.enter('four', { of: { other: 1 } });
    await pass(0);
    expectRefused(scene, 'four', 0, new DeniedBy('other'));
    expect(scene.tries).toEqual(['one', 'four']);
    await pass(90);
    // Others take what the first waits for: it waits on.
    scene.buckets['bucket']?.add(-0.5);
    await pass(1_000);
    expect(scene.admitted).toEqual(['one', 'two']);
  });
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
