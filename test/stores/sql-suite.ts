import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Budget, QuotaExceeded } from '../../src/index.ts';
import { EPOCH } from '../../src/limits/window.ts';
import { type AdmitOp, RESERVATION_KEPT, type StoredReservation } from '../../src/stores/store.ts';
import { ODD_TEXTS } from '../support/odd-texts.ts';
import type { SqlServer, Worker, WorkerOptions } from '../support/sql-server.ts';

const NOW = Date.UTC(2026, 10, 21, 9);
const DAY = { start: Date.UTC(2026, 10, 21), end: Date.UTC(2026, 10, 22) };
const LATER = NOW + RESERVATION_KEPT;
const TABLES = ['governed_openai_counters', 'governed_openai_reservations', 'governed_openai_notes'];
const USAGE = { requests: 1, promptTokens: 3, completionTokens: 4, tokens: 7, images: 0, cost: 0.25 };

const fixed = (key: string, amount: number, room = 10): AdmitOp => ({ key, span: DAY, room, amount });
const moving = (key: string, amount: number, room = 10): AdmitOp => ({ key, span: undefined, room, amount });

let made = 0;
function reservation(): StoredReservation {
  const id = `reservation-${++made}`;
  return { id, key: 'team', endpoint: '/embeddings', model: 'gpt-4o', usage: USAGE, reservedAt: NOW };
}

/** What stores in a database must do beside what every store does. */
export function sqlStores(server: SqlServer): void {
  let workers: Pick<Worker, 'close'>[] = [];
  afterEach(async () => {
    vi.restoreAllMocks();
    await Promise.all(workers.map((worker) => worker.close()));
    workers = [];
  });

  const open = (url: string, options?: WorkerOptions) => {
    const worker = server.open(url, options);
    workers.push(worker);
    return worker;
  };
  const openNew = async (options?: WorkerOptions) => open(await server.createDatabase(), options);
  const rows = ({ query }: Worker) =>
    Promise.all(
      TABLES.map(async (table) => Number((await query(`SELECT COUNT(*) AS n FROM ${table}`))[0]?.['n'])),
    );

  describe('installation', () => {
    test('by several workers at the same moment', async () => {
      const url = await server.createDatabase();
      const stores = Array.from({ length: 6 }, () => open(url).store);
      const admissions = await Promise.all(
        [...stores, ...stores, ...stores].map((store) =>
          store.admit(reservation(), [fixed('a', 1, 11)], NOW),
        ),
      );
      expect(admissions.filter(({ admitted }) => admitted === true)).toHaveLength(11);
    });

    test('once more when tables and procedures have vanished', async () => {
      const { store, query } = await openNew();
      const admit = async () => (await store.admit(reservation(), [fixed('a', 4)], NOW)).values;
      expect(await admit()).toEqual([4]);
      for (const statement of server.wipe) await query(statement);
      expect(await admit()).toEqual([4]);
      await query('DROP TABLE governed_openai_counters');
      expect(await admit()).toEqual([4]);
      expect(await admit()).toEqual([8]);
    });

    test('by an administrator, for a user who may not create', async () => {
      const url = await server.createDatabase();
      const { store } = open(await server.createUser(url));
      const admit = async () => store.admit(reservation(), [fixed('a', 4)], NOW);
      await expect(admit()).rejects.toThrow(/denied/);
      await expect(admit()).rejects.toThrow(/denied/);
      await open(url).store.read([]);
      expect(await admit()).toMatchObject({ admitted: true, values: [4] });
    });
  });

  describe('what is kept', () => {
    test('nothing of a denial, of a window that is not the present, of a settlement of nothing', async () => {
      const worker = await openNew();
      const { store } = worker;
      await store.admit(reservation(), [fixed('a', 5), moving('b', 5), fixed('c', 11)], NOW);
      await store.admit(reservation(), [moving('b', 5), fixed('a', 5), moving('c', 11)], NOW);
      await store.admit(reservation(), [moving('b', 5), fixed('a', 5)], DAY.end);
      await store.settle(reservation(), [{ key: 'a', span: DAY, reserved: 5, used: 1 }], true, NOW);
      expect(await rows(worker)).toEqual([0, 0, 0]);
      const closed = reservation();
      await store.settle(closed, [], false, NOW);
      await store.admit(closed, [fixed('a', 5), moving('b', 5)], NOW);
      expect(await rows(worker)).toEqual([0, 1, 0]);
    });

    test('what has expired does not count, and goes with a sweep', async () => {
      const worker = await openNew();
      const { store, failures } = worker;
      const forever = { key: 'c', span: { start: 0, end: Infinity } };
      const settleNothing = (now: number) => store.settle(reservation(), [], true, now);
      const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
      const open = reservation();
      await store.admit(open, [fixed('a', 1), moving('b', 1), { ...forever, room: 10, amount: 1 }], NOW);
      await store.settle(reservation(), [], false, NOW);
      await store.note('resp', 'text', NOW);
      await store.settle(open, [{ ...forever, reserved: 1, used: 0 }], true, LATER);
      expect(await store.read(['a', 'b', 'c'], LATER)).toMatchObject({ values: [undefined, undefined, 1] });
      expect(await store.reservations(open.key, LATER)).toEqual([]);
      expect(await store.noted('resp', LATER)).toBeUndefined();
      expect(await rows(worker)).toEqual([3, 2, 1]);
      random.mockReturnValue(0);
      await settleNothing(LATER - 1);
      await vi.waitFor(async () => expect(await rows(worker)).toEqual([1, 1, 1]), { interval: 5 });
      await settleNothing(LATER);
      await vi.waitFor(async () => expect(await rows(worker)).toEqual([1, 0, 0]), { interval: 5 });
      expect((await store.read(['c'], LATER)).values).toEqual([1]);
      expect(failures).toEqual([]);
    });

    test('a sweep that fails is reported, and disturbs nobody', async () => {
      const { store, failures, query } = await openNew();
      await store.read([]);
      for (const statement of server.breakSweep) await query(statement);
      vi.spyOn(Math, 'random').mockReturnValue(0);
      await store.settle(reservation(), [], true, NOW);
      await vi.waitFor(() => expect(failures).toMatchObject([{ message: 'broken' }]), { interval: 5 });
    });
  });

  describe('values', () => {
    test('numbers to the last bit, whatever the settings of the connection', async () => {
      const { store } = await openNew({ settings: server.oddSettings });
      const amount = fc.double({ min: 0, max: 1e15, noNaN: true });
      const moment = fc.double({ min: DAY.start, max: DAY.end, maxExcluded: true, noNaN: true });
      await fc.assert(
        fc.asyncProperty(amount, amount, moment, async (a, b, now) => {
          const floor = now - EPOCH;
          const [key, other] = [`a-${++made}`, `b-${made}`];
          const first = await store.admit(reservation(), [fixed(key, a, a), moving(other, b, Infinity)], now);
          expect(first).toEqual({ admitted: true, values: [a, floor + b], now });
          expect(await store.read([other, key], now)).toEqual({ values: [floor + b, a], now });
          const second = await store.admit(reservation(), [fixed(key, b, Infinity)], now);
          expect(second.values).toEqual([a + b]);
        }),
        {
          numRuns: 150,
          examples: [
            [5e-324, 1e-7, DAY.start],
            [1e15 + 0.125, 0.1, DAY.start + 0.1],
          ],
        },
      );
      expect((await store.admit(reservation(), [fixed('one bit', 0.1 + 0.2, 0.3)], NOW)).admitted).toBe(
        false,
      );
    });

    test('the moment of the server, whatever its time zone', async () => {
      const { store } = await openNew({ settings: server.oddSettings });
      await store.read([]);
      const before = Date.now();
      const { now } = await store.read([]);
      expect(now).toBeGreaterThan(before - 1);
      expect(now).toBeLessThan(Date.now() + 1);
    });

    describe('keys, models and notes of odd characters', () => {
      let worker: Worker;
      beforeAll(async () => {
        worker = server.open(await server.createDatabase(), { settings: server.oddSettings });
      });
      afterAll(() => worker?.close());

      test.each(ODD_TEXTS.map((text) => [label(text), text]))('%s', async (_, text) => {
        const { store } = worker;
        const limits = [
          { requests: 1, per: 'day' },
          { tokens: 9, per: 'minute' },
        ] as const;
        const budget = new Budget({ store, key: text, limits });
        await budget.reserve({ usage: { requests: 1, promptTokens: 5 }, model: text, endpoint: text });
        await expect(budget.reserve({ usage: { requests: 1 } })).rejects.toThrow(QuotaExceeded);
        expect((await budget.usage()).map(({ used }) => Math.round(used))).toEqual([1, 5]);
        expect(await budget.reservations()).toMatchObject([
          { key: text, model: text.slice(0, 200), endpoint: text },
        ]);
        await store.note(text, text);
        expect(await store.noted(text)).toBe(text);
      });
    });
  });

  describe('many at once', () => {
    test('operations on the same counters, in whatever order, never lock each other out', async () => {
      const url = await server.createDatabase();
      const four = Array.from({ length: 4 }, () => open(url, { connections: 4 }));
      await four[0]?.store.read([]);
      for (const { errors } of four) errors.length = 0;
      const kept = Array.from({ length: 8 }, () => 0);
      const work = async ({ store }: Worker, i: number) => {
        const counters = shuffled([...kept.keys()]).slice(0, 1 + (i % 5));
        const ops = counters.map((n) => (n % 2 === 0 ? fixed : moving)(`k${n}`, 1, n < 2 ? 40 : Infinity));
        const one = reservation();
        if ((await store.admit(one, ops, NOW)).admitted !== true) return;
        if (i % 7 === 0) await store.delete(shuffled(['k8', 'k9', 'k10']));
        const used = i % 3;
        await store.settle(
          one,
          shuffled(ops).map(({ key, span, amount }) => ({ key, span, reserved: amount, used })),
          i % 2 === 0,
          NOW,
        );
        for (const n of counters) kept[n] = (kept[n] ?? 0) + used;
      };
      await Promise.all(Array.from({ length: 100 }, (_, i) => four.map((worker) => work(worker, i))).flat());
      const keys = kept.map((_, n) => `k${n}`);
      expect(await four[0]?.store.read(keys, NOW)).toEqual({
        values: kept.map((used, n) => used + (n % 2 === 0 ? 0 : NOW - EPOCH)),
        now: NOW,
      });
      expect(four.flatMap(({ errors }) => errors)).toEqual([]);
    });

    test.each([
      ['through one connection each', 1, []],
      ['with odd settings', 4, server.oddSettings],
    ])('%s', async (_, connections, settings) => {
      const url = await server.createDatabase();
      const two = [open(url, { connections, settings }), open(url, { connections, settings })];
      const ops = [fixed('a', 1, 33), moving('b', 1, 50)];
      const admissions = await Promise.all(
        Array.from({ length: 40 }, () => two.map(({ store }) => store.admit(reservation(), ops, NOW))).flat(),
      );
      expect(admissions.filter(({ admitted }) => admitted === true)).toHaveLength(33);
    });
  });

  describe('failures', () => {
    test('a database that may only be read: an error, and nothing is written', async () => {
      const url = await server.createDatabase();
      const worker = open(url);
      await worker.store.admit(reservation(), [fixed('a', 1)], NOW);
      const { store } = open(url, { settings: [server.readOnly] });
      await expect(store.admit(reservation(), [fixed('a', 1)], NOW)).rejects.toThrow(/read.only/i);
      await expect(store.note('a', 'b', NOW)).rejects.toThrow(/read.only/i);
      expect((await store.read(['a'], NOW)).values).toEqual([1]);
      expect(await rows(worker)).toEqual([1, 1, 0]);
    });

    test('an error half way undoes what was written before it', async () => {
      const { store, query } = await openNew();
      await store.read([]);
      await query('ALTER TABLE governed_openai_reservations ADD CONSTRAINT full_up CHECK (expires_at < 0)');
      const admit = async () => store.admit(reservation(), [fixed('a', 1), fixed('b', 1)], NOW);
      await expect(admit()).rejects.toThrow(/full_up/);
      expect((await store.read(['a', 'b'], NOW)).values).toEqual([undefined, undefined]);
      await query('ALTER TABLE governed_openai_reservations DROP CONSTRAINT full_up');
      expect((await admit()).values).toEqual([1, 1]);
    });

    test('a restart of the server in between', async () => {
      const { store } = await openNew({ connections: 2 });
      const admit = async () => store.admit(reservation(), [fixed('a', 1)], NOW);
      await admit();
      await server.stop();
      await expect(admit()).rejects.toThrow();
      await server.restart();
      expect((await admit()).values).toEqual([2]);
    });

    test('a server that is down when the adapter is made', async () => {
      const url = await server.createDatabase();
      await server.stop();
      const adapter = server.openAdapter(url);
      // Nobody waits for this one while it cannot connect.
      const unused = server.openAdapter(url);
      workers.push(adapter);
      const admit = async () => adapter.store.admit(reservation(), [fixed('a', 1)], NOW);
      for (let i = 0; i < 3; i++) await expect(admit()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await server.restart();
      expect((await admit()).values).toEqual([1]);
      expect((await vi.waitFor(async () => unused.store.read(['a'], NOW))).values).toEqual([1]);
    });
  });
}

function label(text: string): string {
  return text.length > 50 ? `${text.length} times ${text[0]}` : JSON.stringify(text);
}

function shuffled<T>(items: readonly T[]): T[] {
  const places = new Map(items.map((item) => [item, Math.random()]));
  return [...items].sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
}
