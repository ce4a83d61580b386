import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { AdmitOp, CounterStore } from '../../src/stores/store.ts';
import type { TestLimit } from './limits.ts';
import { Replay } from './replay.ts';
import { work } from './work.ts';

const LIMITS: readonly TestLimit[] = [
  { name: 'user', unit: 'tokens', max: 1_500, per: 'minute', window: 'rolling' },
  { name: 'team', unit: 'nanodollars', max: 1_500_000, per: 'month', window: 'fixed', key: 'team' },
];

/** Two workers in this process, which take turns at every await. */
async function run(store: CounterStore): Promise<Replay> {
  const job = { kind: 'calls', scope: 'run', limits: LIMITS, lanes: 16, calls: 5 } as const;
  return new Replay(LIMITS, await Promise.all([0, 1].map((worker) => work(store, { ...job, worker }))));
}

test('finds no fault with a store that has none', async () => {
  const replay = await run(new MemoryStore());
  expect(replay.admitted).toBeGreaterThan(20);
  expect(replay.denied).toBeGreaterThan(20);
  expect(replay.full.size).toBe(LIMITS.length);
});

/** What each operation of a store does wrong. */
const FAULTS: { readonly [fault: string]: (store: MemoryStore) => Partial<CounterStore> } = {
  'admits what does not fit': (store) => ({
    admit: (made, ops, now) =>
      store.admit(
        made,
        changed(ops, () => ({ room: Infinity })),
        now,
      ),
  }),
  'denies what fits': (store) => ({
    admit: (made, ops, now) =>
      store.admit(
        made,
        changed(ops, ({ room }) => ({ room: room / 2 })),
        now,
      ),
  }),
  'looks, and then counts what others have counted in between': (store) => ({
    async admit(made, ops, now) {
      const gained = await gainedMeanwhile(store, ops);
      return store.admit(
        made,
        changed(ops, ({ room }, i) => ({ room: room + gained(i) })),
        now,
      );
    },
  }),
  'reads, and then overwrites what others have written in between': (store) => ({
    async admit(made, ops, now) {
      const gained = await gainedMeanwhile(store, ops);
      return store.admit(
        made,
        changed(ops, ({ amount }, i) => ({ amount: amount - gained(i) })),
        now,
      );
    },
  }),
  'takes one limit after the other': (store) => ({
    admit(made, ops, now) {
      const first = store.admit({ ...made, id: `${made.id}, first` }, ops.slice(0, 1), now);
      const rest = store.admit(made, ops.slice(1), now);
      return {
        ...rest,
        values: [...first.values, ...rest.values],
        admitted: first.admitted && rest.admitted,
      };
    },
  }),
  'settles twice': (store) => ({
    settle(made, ops, certain, now) {
      store.settle(made, ops, certain, now);
      const again = { ...made, id: `${made.id}, again` };
      store.settle(again, ops, false, now);
    },
  }),
  'loses a settlement': (store) => ({
    settle(made, ops, certain, now) {
      if (!made.id.endsWith('7')) store.settle(made, ops, certain, now);
    },
  }),
  'settles in part': (store) => ({
    settle: (made, ops, certain, now) => store.settle(made, ops.slice(1), certain, now),
  }),
};

test.each(Object.entries(FAULTS))('finds out a store that %s', async (_name, fault) => {
  const store = new MemoryStore();
  const faulty: CounterStore = {
    scope: 'process',
    admit: store.admit.bind(store),
    settle: store.settle.bind(store),
    read: store.read.bind(store),
    delete: store.delete.bind(store),
    reservations: store.reservations.bind(store),
    note: store.note.bind(store),
    noted: store.noted.bind(store),
    ...fault(store),
  };
  await expect(run(faulty)).rejects.toThrow(/the store says|the store counts|has settled|beyond|but it fits/);
});

function changed(ops: readonly AdmitOp[], change: (op: AdmitOp, i: number) => Partial<AdmitOp>): AdmitOp[] {
  return ops.map((op, i) => ({ ...op, ...change(op, i) }));
}

/** By how much counters were raised while this worker waited for what it had read. */
async function gainedMeanwhile(store: MemoryStore, ops: readonly AdmitOp[]): Promise<(i: number) => number> {
  const keys = ops.map(({ key }) => key);
  const { values: before } = store.read(keys);
  await turn();
  const { values: after } = store.read(keys);
  return (i) => (after[i] ?? 0) - (before[i] ?? after[i] ?? 0);
}
