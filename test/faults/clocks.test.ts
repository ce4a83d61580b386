import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { BudgetClock } from '../../src/clock.ts';
import type { Limit } from '../../src/index.ts';
import { rollingWindow } from '../../src/limits/window.ts';
import { RedisServer, redisProgram } from '../support/redis.ts';
import { describeWith, stop } from '../support/server.ts';
import type { Answer, Orders, Report } from './skewed-worker.ts';
import { expectNothingUnhandled } from './support.ts';

/** Of workers whose clocks are a minute apart, on either side of the server's, in milliseconds. */
const SKEWS = [-30_000, 0, 30_000];

describeWith(redisProgram, 'redis-server', 'Workers whose clocks are a minute apart', () => {
  expectNothingUnhandled();
  let server: RedisServer;
  let workers: ChildProcess[] = [];
  beforeAll(async () => {
    server = await RedisServer.start();
    workers = SKEWS.map(() => fork(join(import.meta.dirname, 'skewed-worker.ts')));
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => stop(worker)));
    await server?.stop();
  });

  /** All that the workers were answered, in the server's order. */
  async function answersOf(limit: Limit, span: number): Promise<Answer[]> {
    const reports = workers.map(async (worker, i) => {
      worker.send({ url: server.url, skew: SKEWS[i] ?? 0, limit, span } satisfies Orders);
      const [report]: Report[] = await Promise.race([once(worker, 'message'), ended(worker)]);
      return report;
    });
    const answers: Answer[] = [];
    for (const report of await Promise.all(reports)) {
      answers.push(...(report?.answers ?? []));
      // Far from half a minute: what a worker takes for the present is what the server does.
      expect(Math.abs((report?.reservedAt ?? 0) - (report?.admittedAt ?? 0))).toBeLessThan(5_000);
    }
    return answers.sort((a, b) => a.now - b.now);
  }

  test("fixed windows are those of the server's clock, and each is used up exactly", async () => {
    const [length, max] = [250, 7];
    const limit: Limit = { requests: max, per: { seconds: length / 1_000 }, window: 'fixed' };
    const answers = await answersOf(limit, 4 * length);
    const windows = Map.groupBy(answers, ({ now }) => Math.floor(now / length));
    expect(windows.size).toBeGreaterThan(2);
    for (const [id, told] of windows) {
      const admitted = told.filter((answer) => answer.admitted === true);
      const denied = told.filter((answer) => answer.admitted === false);
      expect(admitted.length).toBeLessThanOrEqual(max);
      if (denied.length > 0) expect(admitted).toHaveLength(max);
      for (const { resetAt } of denied) expect(resetAt).toBe((id + 1) * length);
    }
    // At least the first of each worker whose clock is wrong.
    expect(answers.filter(({ admitted }) => admitted === 'stale').length).toBeGreaterThanOrEqual(2);
  });

  test("a rolling limit drains by the server's clock, and admits exactly what fits", async () => {
    const [perSecond, burst] = [40, 5];
    const answers = await answersOf({ requests: perSecond, per: 'second', window: 'rolling', burst }, 600);
    // The numbers of the store, to the last bit: some admissions fit by less than a microsecond.
    const window = rollingWindow(perSecond, 1_000, burst);
    let value = 0;
    for (const { now, admitted } of answers) {
      const { floor, room } = window.at(now);
      const next = Math.max(value, floor) + window.toStore(1);
      expect(admitted).toBe(next <= floor + room);
      if (admitted) value = next;
    }
    expect(answers.filter(({ admitted }) => admitted === true).length).toBeGreaterThan(burst);
  });
});

async function ended(worker: ChildProcess): Promise<never> {
  const [code] = await once(worker, 'exit');
  throw new Error(`a worker ended with code ${code}`);
}

describe('BudgetClock', () => {
  /** Learns from readings that were all asked for before the first was answered, as at the start of a worker. */
  test.each([-60_000, 60_000])(
    'of a machine that is wrong by %d ms learns from many answers at once',
    (skew) => {
      const now = vi.spyOn(Date, 'now');
      onTestFinished(() => now.mockRestore());
      let time = 1_000_000;
      now.mockImplementation(() => time + skew);
      const clock = new BudgetClock(undefined, 'shared');
      const sent = Array.from({ length: 5 }, () => clock.now());
      for (const [i, sentAt] of sent.entries()) {
        time += 4;
        // The first answer is the quickest: the others are no better, and must not be taken for a clock that was set.
        clock.learn(time - (i === 0 ? 2 : 4), sentAt);
        expect(Math.abs(clock.now() - time)).toBeLessThanOrEqual(4);
      }
    },
  );

  test('follows a clock that was set, in either direction', () => {
    const now = vi.spyOn(Date, 'now');
    onTestFinished(() => now.mockRestore());
    let [time, skew] = [1_000_000, 0];
    now.mockImplementation(() => time + skew);
    const clock = new BudgetClock(undefined, 'shared');
    for (skew of [500, -3_600_000, 3_600_000, 0]) {
      time += 100;
      const sentAt = clock.now();
      time += 4;
      clock.learn(time - 2, sentAt);
      expect(Math.abs(clock.now() - time)).toBeLessThanOrEqual(4);
    }
  });
});
