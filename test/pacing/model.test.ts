import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { ResolvedPacing } from '../../src/pacing-options.ts';
import { type JudgedCall, JudgedScene } from './judge.ts';
import { Bucket } from './scene.ts';

/*
 * Random calls of random priorities, amounts and lengths come and leave, on one or two buckets, while others use the
 * buckets too; a judge watches every try and every moment (judge.ts).
 */

/** Milliseconds from one look of the judge to the next. */
const MOMENT = 5;

interface Step {
  /** Milliseconds to pass before it. */
  readonly after: number;
  readonly priority: number;
  readonly a: number;
  readonly b: number;
  readonly slot: boolean;
  /** Milliseconds that it is under way once it is admitted. */
  readonly lasts: number;
  /** Milliseconds until its caller leaves. */
  readonly leaves: number | undefined;
  /** Its tries fail. */
  readonly fails: boolean;
  /** Used, or given back, by others at the same time. */
  readonly others: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  after: fc.integer({ min: 0, max: 60 }),
  priority: fc.integer({ min: 0, max: 9 }),
  a: fc.integer({ min: 0, max: 12 }),
  b: fc.integer({ min: 0, max: 12 }),
  slot: fc.boolean(),
  lasts: fc.integer({ min: 0, max: 300 }),
  leaves: fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined, freq: 3 }),
  fails: fc.constantFrom(true, ...Array.from({ length: 9 }, () => false)),
  others: fc.integer({ min: -6, max: 4 }),
});

const options: fc.Arbitrary<ResolvedPacing> = fc.record({
  maxWait: fc.constantFrom(0, 50, 400, 2_000, 100_000),
  maxQueued: fc.constantFrom(0, 3, Infinity, Infinity),
  maxConcurrent: fc.constantFrom(1, 2, Infinity),
  minTime: fc.constantFrom(0, 0, 35),
});

const buckets = fc.record({ rate: fc.constantFrom(20, 100), capacity: fc.constantFrom(8, 12) });

async function play(
  pacing: ResolvedPacing,
  { rate, capacity }: { rate: number; capacity: number },
  steps: readonly Step[],
  latency: number | undefined,
): Promise<JudgedScene> {
  vi.useFakeTimers();
  try {
    const a = new Bucket(capacity, rate);
    const b = new Bucket(capacity, rate);
    const scene = new JudgedScene(pacing, { a, b }, () => 0.1);
    const pass = async (milliseconds: number) => {
      await vi.advanceTimersByTimeAsync(0);
      for (let left = milliseconds; left > 0; left -= MOMENT) {
        await vi.advanceTimersByTimeAsync(Math.min(MOMENT, left));
        scene.judgeMoment();
      }
    };
    for (const [i, step] of steps.entries()) {
      await pass(step.after);
      const bucket = i % 2 === 0 ? a : b;
      bucket.add(Math.max(step.others, -bucket.level));
      if (step.others > 0) scene.pacing.poke([i % 2 === 0 ? 'a' : 'b']);
      scene.enter(String(i), callOf(step, latency));
    }
    await pass(Math.min(pacing.maxWait, 20_000) + 1_000);
    expect(vi.getTimerCount()).toBe(0);
    return scene;
  } finally {
    vi.useRealTimers();
  }
}

function callOf(
  { a, b, priority, slot, lasts, leaves, fails }: Step,
  latency: number | undefined,
): JudgedCall {
  const leaving = new AbortController();
  if (leaves !== undefined) setTimeout(() => leaving.abort('left'), leaves);
  return {
    of: { ...(a > 0 ? { a } : {}), ...(b > 0 ? { b } : {}) },
    priority,
    slot,
    lasts,
    signal: leaving.signal,
    ...(latency === undefined ? {} : { latency }),
    ...(fails ? { fails: new Error('the store is away') } : {}),
  };
}

test.each([undefined, 3])('every call ends as it should (a try takes %s ms)', async (latency) => {
  await fc.assert(
    fc.asyncProperty(
      options,
      buckets,
      fc.array(step, { minLength: 1, maxLength: 25 }),
      async (pacing, bucket, steps) => {
        const scene = await play(pacing, bucket, steps, latency);
        expect(scene.offences).toEqual([]);
        expect(scene.outcomes.size).toBe(steps.length);
        expect(scene.pacing.waiting).toBe(0);
        expect(scene.active).toBe(0);
      },
    ),
    { numRuns: 100 },
  );
});
