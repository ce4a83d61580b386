import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@keyv/redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { BudgetStoreError } from '../../src/index.ts';
import { redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import {
  ADAPTERS,
  ask,
  budgetOn,
  eventually,
  expectCounted,
  expectNothingUnhandled,
  failureOf,
  keyv6,
  proxyTo,
  SOON,
  serverOf,
  settle,
} from './support.ts';

describeWith(redisProgram, 'redis-server', 'Redis that is down', () => {
  expectNothingUnhandled();

  test.each([...ADAPTERS, keyv6])(
    'when the app starts, by $name: calls are refused, and admitted once it is up, nothing else being counted',
    async (adapter) => {
      const server = await serverOf();
      await server.stop();
      const budget = budgetOn(server.url, { storeTimeout: SOON }, adapter);
      expect(await failureOf(ask(budget, 5))).toMatchObject({ operation: 'admit' });
      expect(await failureOf(budget.usage())).toMatchObject({ operation: 'read' });
      await server.restart();
      const reservation = await eventually(() => ask(budget, 7));
      await budget.flush();
      await expectCounted(budget, 7, 1, 1);
      settle(reservation, 3);
      await budget.flush();
      await expectCounted(budget, 3, 1);
    },
  );

  describe.each(ADAPTERS)('by $name', (adapter) => {
    test('many calls at once, all of them before it is connected, are admitted', async () => {
      const budget = budgetOn((await serverOf()).url, {}, adapter);
      await Promise.all(Array.from({ length: 20 }, () => ask(budget, 2)));
      await expectCounted(budget, 40, 20, 20);
    });

    test('between a reservation and its settlement: that is kept, and delivered once', async () => {
      const proxy = await proxyTo(await serverOf());
      const budget = budgetOn(proxy.url, { storeTimeout: SOON }, adapter);
      const [settled, refunded, open] = [await ask(budget, 40), await ask(budget, 50), await ask(budget, 60)];
      const failures: BudgetStoreError[] = [];
      budget.on('storeError', (error) => failures.push(error));
      await proxy.close();
      settle(settled, 11);
      refunded.refund();
      let flushed = false;
      const flushing = budget.flush().then(() => {
        flushed = true;
      });
      await eventually(() => expect(failures.some(({ operation }) => operation === 'settle')).toBe(true));
      expect(flushed).toBe(false);
      await proxy.open();
      await flushing;
      await expectCounted(budget, 71, 2, 1);
      settle(open, 1);
      await budget.flush();
      await expectCounted(budget, 12, 2);
    });

    test('and comes back without data: its script is loaded again, and what is gone is not settled', async () => {
      const server = await serverOf();
      const budget = budgetOn(server.url, { storeTimeout: SOON }, adapter);
      const [lost, refunded] = [await ask(budget, 40), await ask(budget, 50)];
      await server.restart();
      await eventually(() => expectCounted(budget, 0, 0));
      await ask(budget, 6);
      settle(lost, 30);
      refunded.refund();
      await budget.flush();
      await expectCounted(budget, 6, 1, 1);
    });
  });

  test('and comes back with its data: the budget goes on where it was', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'governed-redis-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const server = await serverOf('--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder);
    const budget = budgetOn(server.url, { storeTimeout: SOON });
    const reservation = await ask(budget, 40);
    await server.stop();
    settle(reservation, 15);
    await server.restart();
    await budget.flush();
    await expectCounted(budget, 15, 1);
  });

  test('forgets its scripts: they are loaded again', async () => {
    const server = await serverOf();
    const budget = budgetOn(server.url);
    const admin = await createClient({ url: server.url }).connect();
    onTestFinished(() => admin.destroy());
    for (let i = 1; i <= 3; i++) {
      await admin.scriptFlush();
      // At once: each of them finds that the script is not there.
      await Promise.all([ask(budget, 1), ask(budget, 1), ask(budget, 1)]);
      await expectCounted(budget, 3 * i, 3 * i, 3 * i);
    }
  });
});
