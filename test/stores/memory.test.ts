import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EPOCH } from '../../src/limits/window.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { DRAINED_KEPT, RESERVATION_KEPT, type StoredReservation } from '../../src/stores/store.ts';
import { conformance } from '../conformance.ts';

conformance('memory', () => ({ store: new MemoryStore() }));

const reservation = (id: string): StoredReservation => ({
  id,
  key: 'team',
  endpoint: '',
  model: '',
  usage: { requests: 0, promptTokens: 0, completionTokens: 0, tokens: 0, images: 0, cost: 0 },
  reservedAt: 0,
});
const SPAN = { start: 0, end: 1_000_000 };

describe('MemoryStore', () => {
  test('the counter is what is open and what was used, whatever is settled in whatever order', () => {
    const call = fc.record({
      amount: fc.integer({ min: 0, max: 40 }),
      used: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
      settledAfter: fc.nat(20),
      times: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
        const store = new MemoryStore();
        const due: { at: number; id: string; amount: number; used: number }[] = [];
        let counted = 0;
        for (const [i, { amount, used, settledAfter, times }] of calls.entries()) {
          for (const one of due.filter(({ at }) => at === i)) {
            store.settle(
              reservation(one.id),
              [{ key: 'c', span: SPAN, reserved: one.amount, used: one.used }],
              true,
              i,
            );
          }
          const ids = new Set(due.filter(({ at }) => at === i).map(({ id }) => id));
          for (const id of ids) {
            const one = due.find((other) => other.id === id && other.at === i);
            const first = due.find((other) => other.id === id);
            if (one !== undefined && first === one) counted += one.used - one.amount;
          }
          const admission = store.admit(
            reservation(`r${i}`),
            [{ key: 'c', span: SPAN, room: 100, amount }],
            i,
          );
          expect(admission.admitted).toBe(counted + amount <= 100);
          if (admission.admitted !== true) continue;
          counted += amount;
          if (used === undefined) continue;
          for (let n = 0; n < times; n++)
            due.push({ at: i + 1 + settledAfter + n, id: `r${i}`, amount, used });
          due.sort((a, b) => a.at - b.at);
        }
        expect(store.read(['c'], calls.length).values[0] ?? 0).toBe(counted);
      }),
      { numRuns: 300 },
    );
  });

  test('forgets a fixed counter with its window, a moving one some time after it has drained, a reservation last', () => {
    const store = new MemoryStore();
    const now = EPOCH + 500;
    store.admit(
      reservation('r'),
      [
        { key: 'fixed', span: { start: 0, end: now + 10 }, room: 9, amount: 5 },
        { key: 'moving', span: undefined, room: 100, amount: 100 },
      ],
      now,
    );
    expect(store.read(['fixed', 'moving'], now + 9).values).toEqual([5, 600]);
    expect(store.read(['fixed', 'moving'], now + 10).values).toEqual([undefined, 600]);
    expect(store.read(['moving'], now + 99 + DRAINED_KEPT).values).toEqual([600]);
    expect(store.read(['moving'], now + 100 + DRAINED_KEPT).values).toEqual([undefined]);
    expect(store.reservations('team', now + RESERVATION_KEPT - 1)).toHaveLength(1);
    expect(store.reservations('team', now + RESERVATION_KEPT)).toEqual([]);
  });

  test('does not grow with windows that have ended', () => {
    const store = new MemoryStore();
    for (let now = 0; now < 50_000; now++) {
      const made = reservation(`r${now}`);
      const counter = { key: `key ${now}`, span: { start: now, end: now + 10 } };
      store.admit(made, [{ ...counter, room: 9, amount: 1 }], now);
      store.settle(made, [{ ...counter, reserved: 1, used: 1 }], true, now);
    }
    expect(store.size).toBeLessThan(3_000);
  });
});
