import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EPOCH } from '../src/limits/window.ts';
import { MemoryStore } from '../src/stores/memory.ts';
import type { AdmitOp, CounterStore, SettleOp, StoredReservation } from '../src/stores/store.ts';

/** A store under test. */
export interface Subject {
  readonly store: CounterStore;
  /** Another worker's view of the same counters. Default: the same store. */
  readonly other?: CounterStore;
  /** Ends connections. */
  close?(): unknown;
}

const NOW = Date.UTC(2026, 10, 21, 9);
const DAY = { start: Date.UTC(2026, 10, 21), end: Date.UTC(2026, 10, 22) };
const USAGE = { requests: 1, promptTokens: 3, completionTokens: 4, tokens: 7, images: 0, cost: 0.25 };

/** Keys of one test: counters are never deleted by tests, only left behind. */
let made = 0;
const unique = (name: string) => `${name}-${process.pid}-${Date.now().toString(36)}-${++made}`;

function reservation(over: Partial<StoredReservation> = {}): StoredReservation {
  return {
    id: unique('reservation'),
    key: 'team',
    endpoint: '/chat/completions',
    model: 'gpt-4o',
    usage: USAGE,
    reservedAt: NOW,
    ...over,
  };
}

const fixed = (key: string, amount: number, room = 10): AdmitOp => ({ key, span: DAY, room, amount });
const moving = (key: string, amount: number, room = 10): AdmitOp => ({ key, span: undefined, room, amount });
const settled = ({ key, span, amount }: AdmitOp, used: number): SettleOp => ({
  key,
  span,
  reserved: amount,
  used,
});

/** What every store must do, whatever it is made of. */
export function conformance(name: string, open: () => Subject | Promise<Subject>, { runs = 100 } = {}): void {
  describe(`${name}, as every store`, () => {
    let subject: Subject;
    let store: CounterStore;
    let other: CounterStore;
    beforeAll(async () => {
      subject = await open();
      store = subject.store;
      other = subject.other ?? store;
    });
    afterAll(async () => {
      await subject?.close?.();
    });
    const values = async (...keys: string[]) => (await other.read(keys, NOW)).values;

    test('admits all ops or none; a denial writes nothing and tells the values as they stand', async () => {
      const [a, b, c] = [unique('a'), unique('b'), unique('c')];
      expect(await store.admit(reservation(), [fixed(a, 6), fixed(b, 3)], NOW)).toEqual({
        admitted: true,
        values: [6, 3],
        now: NOW,
      });
      const denied = reservation({ key: unique('denied') });
      expect(await other.admit(denied, [fixed(b, 1), fixed(a, 5), fixed(c, 1)], NOW)).toEqual({
        admitted: false,
        values: [3, 6, undefined],
        now: NOW,
      });
      expect(await values(a, b, c)).toEqual([6, 3, undefined]);
      expect(await other.reservations(denied.key, NOW)).toEqual([]);
      expect((await store.admit(reservation(), [fixed(a, 4)], NOW)).admitted).toBe(true);
    });

    test('a moving counter counts from the present, an infinite room always fits', async () => {
      const a = unique('a');
      const floor = NOW - EPOCH;
      expect(await store.admit(reservation(), [moving(a, 6.25)], NOW)).toMatchObject({
        values: [floor + 6.25],
      });
      expect(await store.admit(reservation(), [moving(a, 4)], NOW)).toMatchObject({ admitted: false });
      expect(await store.admit(reservation(), [moving(a, 3.75)], NOW)).toMatchObject({
        values: [floor + 10],
      });
      expect(await store.admit(reservation(), [moving(a, 5)], NOW + 5)).toMatchObject({
        values: [floor + 15],
      });
      expect(await store.admit(reservation(), [moving(a, 1)], NOW + 99)).toMatchObject({
        values: [floor + 100],
      });
      expect(await store.admit(reservation(), [moving(a, 1e6, Infinity)], NOW + 99)).toMatchObject({
        values: [floor + 100 + 1e6],
      });
    });

    test('keeps fractions and large numbers to the last digit', async () => {
      const a = unique('a');
      const amounts = [0.1, 1 / 3, 2 ** 52 / 1e3, 1e-9, 123_456_789.123_456_78];
      let sum = 0;
      for (const amount of amounts) {
        sum += amount;
        expect((await store.admit(reservation(), [fixed(a, amount, Infinity)], NOW)).values).toEqual([sum]);
      }
      expect(await values(a)).toEqual([sum]);
    });

    test('answers that a window is not that of the present, and writes nothing', async () => {
      const [a, b] = [unique('a'), unique('b')];
      for (const now of [DAY.start - 1, DAY.end]) {
        expect(await store.admit(reservation(), [moving(b, 1), fixed(a, 1)], now)).toMatchObject({
          admitted: 'stale',
          now,
        });
      }
      expect(await values(a, b)).toEqual([undefined, undefined]);
      expect((await store.admit(reservation(), [fixed(a, 1)], DAY.end - 1)).admitted).toBe(true);
    });

    test('counts by a clock of its own where it is given no moment', async () => {
      const before = (await store.read([])).now;
      const admission = await store.admit(reservation(), [moving(unique('a'), 5)]);
      const after = (await other.read([])).now;
      expect(before).toBeGreaterThan(Date.UTC(2026));
      expect(admission.now).toBeGreaterThanOrEqual(before);
      expect(after).toBeGreaterThanOrEqual(admission.now);
      expect(admission.values).toEqual([admission.now - EPOCH + 5]);
      const ended = { start: 0, end: before - 1 };
      expect(
        await store.admit(reservation(), [{ key: unique('b'), span: ended, room: 9, amount: 1 }]),
      ).toMatchObject({ admitted: 'stale' });
    });

    test('settles once, however often and by whomever it is told', async () => {
      const a = unique('a');
      const [op, made] = [fixed(a, 6), reservation()];
      await store.admit(made, [op], NOW);
      await Promise.all([
        store.settle(made, [settled(op, 2)], true, NOW),
        other.settle(made, [settled(op, 2)], true, NOW),
      ]);
      await other.settle(made, [settled(op, 0)], true, NOW);
      expect(await values(a)).toEqual([2]);
    });

    test('a refund gives all back, and what was used beyond the room is kept', async () => {
      const [a, b] = [unique('a'), unique('b')];
      const [refunded, overdrawn] = [reservation(), reservation()];
      await store.admit(refunded, [fixed(a, 6)], NOW);
      await store.settle(refunded, [settled(fixed(a, 6), 0)], true, NOW);
      await store.admit(overdrawn, [fixed(a, 5), moving(b, 5)], NOW);
      await store.settle(overdrawn, [settled(fixed(a, 5), 50), settled(moving(b, 5), 40)], true, NOW);
      expect(await values(a, b)).toEqual([50, NOW - EPOCH + 40]);
      expect((await store.admit(reservation(), [moving(b, 1)], NOW + 30)).admitted).toBe(false);
      expect((await store.admit(reservation(), [moving(b, 1)], NOW + 31)).admitted).toBe(true);
    });

    test('never below the floor', async () => {
      const [a, b] = [unique('a'), unique('b')];
      const made = reservation();
      await store.admit(made, [fixed(a, 5), moving(b, 5)], NOW);
      await store.settle(
        made,
        [
          { key: a, span: DAY, reserved: 9, used: 0 },
          { key: b, span: undefined, reserved: 5, used: 1 },
        ],
        true,
        NOW + 3,
      );
      expect(await values(a, b)).toEqual([0, NOW - EPOCH + 3]);
    });

    test('a settlement in a window that has ended leaves that counter, and settles the others', async () => {
      const [a, b] = [unique('a'), unique('b')];
      const made = reservation({ key: unique('late') });
      const late = DAY.end - 5;
      await store.admit(made, [fixed(a, 5), moving(b, 5)], late);
      await store.settle(made, [settled(fixed(a, 5), 1), settled(moving(b, 5), 40)], true, DAY.end + 1);
      expect((await store.read([b], DAY.end + 1)).values).toEqual([late - EPOCH + 40]);
      expect([5, undefined]).toContain((await store.read([a], DAY.end + 1)).values[0]);
      expect(await store.reservations(made.key, DAY.end + 1)).toEqual([]);
    });

    test('a reservation that may not be there: settled in full if it is not, and then not opened any more', async () => {
      const a = unique('a');
      const [lost, there, cancelled] = [reservation(), reservation(), reservation()];
      await store.settle(lost, [settled(fixed(a, 6), 2)], false, NOW);
      await store.settle(lost, [settled(fixed(a, 6), 2)], false, NOW);
      expect(await values(a)).toEqual([2]);
      await store.admit(there, [fixed(a, 6)], NOW);
      await store.settle(there, [settled(fixed(a, 6), 3)], false, NOW);
      await other.settle(there, [settled(fixed(a, 6), 3)], false, NOW);
      expect(await values(a)).toEqual([5]);
      await store.settle(cancelled, [settled(fixed(a, 1), 0)], false, NOW);
      expect((await other.admit(cancelled, [fixed(a, 1)], NOW)).admitted).toBe(false);
      expect(await values(a)).toEqual([5]);
      await store.settle(reservation(), [settled(fixed(a, 1), 3)], true, NOW);
      expect(await values(a)).toEqual([5]);
    });

    test('lists what is open, by counter key', async () => {
      const [key, elsewhere] = [unique('key {with} "odd": chars 🎈'), unique('elsewhere')];
      const made = [reservation({ key }), reservation({ key, model: 'é"\\', reservedAt: NOW + 5 })];
      for (const one of [...made, reservation({ key: elsewhere })]) await store.admit(one, [], NOW);
      const byAge = (list: readonly StoredReservation[]) =>
        [...list].sort((a, b) => a.reservedAt - b.reservedAt);
      expect(byAge(await other.reservations(key, NOW))).toEqual(made);
      for (const one of made) await store.settle(one, [], true, NOW);
      expect(await other.reservations(key, NOW)).toEqual([]);
      expect(await other.reservations(elsewhere, NOW)).toHaveLength(1);
    });

    test('tells what is the first time, of all workers, and keeps no reservation of that', async () => {
      const [key, first] = [unique('once'), reservation({ key: '' })];
      const once = [fixed(key, 1, 1)];
      expect((await store.admit(first, once, NOW)).admitted).toBe(true);
      await store.settle(first, [], true, NOW);
      expect((await other.admit(reservation({ key: '' }), once, NOW)).admitted).toBe(false);
      expect(await values(key)).toEqual([1]);
      expect((await other.reservations('', NOW)).filter(({ id }) => id === first.id)).toEqual([]);
    });

    test('keeps notes', async () => {
      const name = unique('resp');
      expect(await other.noted(name, NOW)).toBeUndefined();
      await store.note(name, '{"a":"é🎈\'\\\\"}', NOW);
      expect(await other.noted(name, NOW)).toBe('{"a":"é🎈\'\\\\"}');
    });

    test('forgets counters that are deleted', async () => {
      const [a, b] = [unique('a'), unique('b')];
      await store.admit(reservation(), [fixed(a, 1), fixed(b, 2)], NOW);
      await other.delete([a, unique('not there')]);
      expect(await values(a, b)).toEqual([undefined, 2]);
      await store.delete([]);
    });

    test('of many at once, exactly as many are admitted as fit', async () => {
      const keys = [unique('a'), unique('b'), unique('c')] as const;
      const results = await Promise.all(
        Array.from({ length: 120 }, (_, i) => {
          const ops = [fixed(keys[0], 1, 50), moving(keys[1], 1, 60), fixed(keys[2], 1, 1_000)];
          // In every order: stores that lock must not lock each other out.
          const shift = i % 3;
          const by = i % 2 === 0 ? store : other;
          return by.admit(reservation(), [...ops.slice(shift), ...ops.slice(0, shift)], NOW);
        }),
      );
      expect(results.filter(({ admitted }) => admitted === true)).toHaveLength(50);
      expect(await values(...keys)).toEqual([50, NOW - EPOCH + 50, 50]);
    });

    test('does what the store in memory does, whatever happens in whatever order', async () => {
      const amount = fc.integer({ min: 0, max: 12 });
      const ops = fc.uniqueArray(
        fc.record({
          counter: fc.integer({ min: 0, max: 3 }),
          amount,
          room: fc.constantFrom(10, 25, Infinity),
        }),
        { maxLength: 4, selector: ({ counter }) => counter },
      );
      const step = fc.oneof(
        fc.record({ kind: fc.constant('admit' as const), ops }),
        fc.record({
          kind: fc.constant('settle' as const),
          of: fc.nat(30),
          used: fc.array(amount, { minLength: 4, maxLength: 4 }),
          certain: fc.boolean(),
        }),
        fc.record({ kind: fc.constant('wait' as const), milliseconds: fc.integer({ min: 1, max: 20 }) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const model = new MemoryStore();
          const scope = unique('run');
          const keys = [0, 1, 2, 3].map((i) => `${scope}:${i}`);
          const done: { made: StoredReservation; ops: AdmitOp[] }[] = [];
          let now = NOW;
          let side = false;
          for (const step of steps) {
            side = !side;
            const by = side ? store : other;
            if (step.kind === 'wait') {
              now += step.milliseconds;
            } else if (step.kind === 'admit') {
              const made = reservation({ key: scope });
              const asked = step.ops.map(({ counter, amount, room }) =>
                (counter % 2 === 0 ? fixed : moving)(keys[counter] ?? '', amount, room),
              );
              done.push({ made, ops: asked });
              const expected = model.admit(made, asked, now);
              expect(await by.admit(made, asked, now)).toEqual(expected);
            } else {
              const one = done[step.of % Math.max(1, done.length)];
              if (one === undefined) continue;
              const settles = one.ops.map((op, i) => settled(op, step.used[i] ?? 0));
              model.settle(one.made, settles, step.certain, now);
              await by.settle(one.made, settles, step.certain, now);
            }
          }
          expect(await other.read(keys, now)).toEqual(model.read(keys, now));
          const ids = (list: readonly StoredReservation[]) => list.map(({ id }) => id).sort();
          expect(ids(await other.reservations(scope, now))).toEqual(ids(model.reservations(scope, now)));
        }),
        { numRuns: runs },
      );
    });
  });
}
