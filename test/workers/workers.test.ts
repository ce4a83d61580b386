import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OpenReservationInfo } from '../../src/index.ts';
import { describeWith } from '../support/server.ts';
import { USER_NAMES } from './calls.ts';
import { Crew, WorkerProcess } from './crew.ts';
import type { Standing } from './job.ts';
import { type Amounts, amountsOf, type TestLimit } from './limits.ts';
import { Replay } from './replay.ts';
import { STORES } from './stores.ts';
import type { Decision } from './trace.ts';

/*
 * The promise, with real processes: forked workers with many calls under way at once, on one real store, each with a
 * client and a budget of its own and an upstream that bills less or more than was asked for, fails, or is cut off.
 *
 * Every worker records what the store decided, and the store itself numbers the operations as it does them
 * (recording-store.ts). So all that happened can be put in order and done again by a model of the limits that shares no
 * code with the source (replay.ts, model.ts): it must come to the same decision, and the same counters, at every step.
 * That the model finds out stores that are wrong is shown in replay.test.ts.
 */

/** Each of the first three is reached first by the user of that name, the last by all. */
const MIXED: readonly TestLimit[] = [
  { name: 'long prompts', unit: 'tokens', max: 15_000, per: 'minute', window: 'rolling' },
  { name: 'many calls', unit: 'requests', max: 140, per: 'day', window: 'fixed' },
  { name: 'long answers', unit: 'nanodollars', max: 4_600_000, per: 'month', window: 'fixed' },
  { name: 'team', unit: 'tokens', max: 41_000, per: 'day', window: 'fixed', key: 'team' },
];

const SHORT: readonly TestLimit[] = [
  { name: 'short', unit: 'tokens', max: 4_000, per: { seconds: 2 }, window: 'fixed', key: 'team' },
  { name: 'all', unit: 'requests', max: 1e9, per: 'month', window: 'fixed', key: 'team' },
];

const WORKERS = 8;
const LANES = 64;
/** Calls of a worker that dies. */
const LOST = 8;

/** What is slow is no failure: this machine may do other things as well. */
const PATIENCE = { timeout: 120_000 };

let crew: Crew;
beforeAll(() => {
  crew = new Crew(WORKERS);
});
afterAll(() => crew.kill(), PATIENCE.timeout);

for (const { adapter, needs, program, start } of STORES) {
  describeWith(program, needs, `${WORKERS} worker processes on ${adapter}`, () => {
    let store: Awaited<ReturnType<typeof start>>;
    beforeAll(async () => {
      store = await start();
      await crew.open(store.place);
    }, PATIENCE.timeout);
    afterAll(async () => {
      await crew.close();
      await store?.stop();
    }, PATIENCE.timeout);

    test('admit exactly what fits into every limit, and charge exactly what was used', PATIENCE, async () => {
      const job = { scope: 'mixed', limits: MIXED, lanes: LANES, calls: 3 };
      const victim = new WorkerProcess();
      await victim.open(store.place);
      const lost = await victim.work({ ...job, kind: 'hang', lanes: LOST, worker: 0 });
      const working = crew.work({ ...job, kind: 'calls' });
      await victim.kill();
      const traces = [...(await working), lost];
      const replay = new Replay(MIXED, traces);

      // Many of both, and each limit had its part in it.
      expect(replay.denied).toBeGreaterThan(replay.admitted / 2);
      expect(replay.admitted).toBeGreaterThan(replay.denied / 4);
      // The rolling one refills meanwhile: on a slow day nobody finds it full.
      const full = MIXED.filter(({ window }) => window === 'fixed').map(({ name }) => name);
      expect([...replay.full.keys()]).toEqual(expect.arrayContaining(full));

      const open = new Map(lost.decisions.map((decision) => [decision.id, decision]));
      expect(replay.open).toEqual(open);
      expect(open.size).toBe(LOST);
      const standings = await crew.report({ limits: MIXED, users: USER_NAMES });
      expectStandings(replay, MIXED, standings);
      for (const standing of standings) {
        expect(byId(standing.reservations)).toEqual(
          byId([...open.values()].filter(({ user }) => user === standing.user)),
        );
      }
    });

    test('never exceed a window, nor the next, through its end', PATIENCE, async () => {
      // Fewer at once: a store must answer within the window.
      const job = { scope: 'short', limits: SHORT, lanes: LANES / 4, calls: 100 };
      const traces = await crew.work({ ...job, kind: 'windows' });
      const replay = new Replay(SHORT, traces);
      // It was full in two windows, and some of what was admitted in the first is settled in the second.
      expect(replay.full.get('short')?.size).toBeGreaterThanOrEqual(2);
      expect(replay.late).toBeGreaterThan(0);
      expect(replay.open).toEqual(new Map());
      expectStandings(replay, SHORT, await crew.report({ limits: SHORT, users: USER_NAMES }));
    });
  });
}

/** `budget.usage()` is the sum of what was really used, to the token and the nanodollar. */
function expectStandings(replay: Replay, limits: readonly TestLimit[], standings: readonly Standing[]): void {
  expect(standings).toHaveLength(USER_NAMES.length);
  for (const { user, usage } of standings) {
    for (const [i, limit] of limits.entries()) {
      const { used = NaN, resetAt = new Date(NaN) } = usage[i] ?? {};
      const end = resetAt.getTime();
      if (limit.window === 'fixed') {
        const counted = limit.unit === 'nanodollars' ? Math.round(used * 1e9) : used;
        expect([user, limit.name, counted]).toEqual([user, limit.name, replay.used(limit, user, end - 1)]);
      } else {
        // It drains while one looks, so it is compared by the moment at which it is gone; which may be over.
        const drained = replay.drainedAt(limit, user);
        expect(used > 0 ? Math.abs(end - drained) : drained - end).toBeLessThanOrEqual(1);
      }
    }
  }
}

function byId(reservations: readonly (OpenReservationInfo | Decision)[]): Map<string, Amounts> {
  return new Map(reservations.map((one) => [one.id, 'asked' in one ? one.asked : amountsOf(one.usage)]));
}
