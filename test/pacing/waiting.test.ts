import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Asked, Bucket, DeniedBy, emptied, Scene } from './scene.ts';
import { expectAdmitted, expectRefused, pass, TURN } from './timing.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

/** Nothing is left that would hold a process or wake for nobody. */
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

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
