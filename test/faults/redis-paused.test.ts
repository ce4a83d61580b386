import { createClient } from '@keyv/redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import {
  ADAPTERS,
  ask,
  budgetOn,
  causeOf,
  eventually,
  expectCounted,
  expectNothingUnhandled,
  failureOf,
  SOON,
  serverOf,
  settle,
} from './support.ts';

describeWith(redisProgram, 'redis-server', 'Redis that is paused', () => {
  expectNothingUnhandled();

  test('every operation has a deadline', async () => {
    const server = await serverOf();
    const budget = budgetOn(server.url, { storeTimeout: SOON });
    await ask(budget, 1);
    server.pause();
    const operations = [ask(budget, 5), budget.usage(), budget.reservations(), budget.reset()];
    const failures = await Promise.all(operations.map(failureOf));
    expect(failures.map(({ operation }) => operation)).toEqual([
      'admit',
      'read',
      'list reservations',
      'reset',
    ]);
    const timeout = `StoreTimeout: the store did not answer within ${SOON} ms`;
    expect(failures.map(causeOf)).toEqual(operations.map(() => timeout));
  });

  describe.each(ADAPTERS)('by $name', (adapter) => {
    test('calls fail at once after the first, until it answers again; what came late leaves no charge', async () => {
      const server = await serverOf();
      const budget = budgetOn(server.url, { storeTimeout: SOON }, adapter);
      await ask(budget, 1);
      server.pause();
      // Sent at once: all of them wait for the deadline, and get there when it is resumed.
      const first = await Promise.all([1, 2, 3, 4].map(() => failureOf(ask(budget, 100))));
      expect(first.map(causeOf)).toEqual(Array(4).fill(expect.stringContaining('StoreTimeout')));
      // At most one of them tries the store.
      const causes = (await Promise.all([1, 2, 3, 4].map(() => failureOf(ask(budget, 100))))).map(causeOf);
      expect(
        causes.filter((cause) => cause === 'StoreAway: the store does not answer').length,
      ).toBeGreaterThan(2);
      server.resume();
      await budget.flush();
      await expectCounted(budget, 1, 1, 1);
      await ask(budget, 900);
      await expectCounted(budget, 901, 2, 2);
    });
  });

  test("what was cancelled late takes nothing from others, and others' settlements arrive once", async () => {
    const server = await serverOf();
    const key = 'shared';
    const [patient, hasty] = [
      budgetOn(server.url, { key }),
      budgetOn(server.url, { key, storeTimeout: SOON }),
    ];
    const [settled, refunded] = [await ask(patient, 30), await ask(patient, 40)];
    await ask(hasty, 1);
    server.pause();
    settle(settled, 10);
    refunded.refund();
    await failureOf(ask(hasty, 200));
    server.resume();
    await Promise.all([patient.flush(), hasty.flush()]);
    await eventually(() => expectCounted(patient, 11, 2, 1));
  });

  test('the admission that came late was there, and was cancelled', async () => {
    const server = await serverOf();
    const budget = budgetOn(server.url, { storeTimeout: SOON });
    const admin = await createClient({ url: server.url }).connect();
    onTestFinished(() => admin.destroy());
    await ask(budget, 1);
    server.pause();
    await failureOf(ask(budget, 100));
    server.resume();
    await budget.flush();
    const { hits } = /cmdstat_zadd:calls=(?<hits>\d+)/.exec(await admin.info('commandstats'))?.groups ?? {};
    expect(hits).toBe('2');
    await expectCounted(budget, 1, 1, 1);
  });

  test('a call that answers in time after a long silence of its own process is no timeout', async () => {
    const server = await serverOf();
    const budget = budgetOn(server.url, { storeTimeout: 100 });
    await ask(budget, 1);
    const asking = ask(budget, 2);
    // The answer is there long before the process looks for it.
    const until = performance.now() + 300;
    while (performance.now() < until);
    await asking;
    await expectCounted(budget, 3, 2, 2);
  });
});
