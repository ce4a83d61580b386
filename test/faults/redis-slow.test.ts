import { test } from 'vitest';
import { redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import {
  ADAPTERS,
  ask,
  budgetOn,
  expectCounted,
  expectNothingUnhandled,
  proxyTo,
  serverOf,
  settle,
} from './support.ts';

describeWith(redisProgram, 'redis-server', 'Redis that takes half a second to answer', () => {
  expectNothingUnhandled();

  test('works by default: the first call, which also connects and loads the script, and those after it', async () => {
    const server = await serverOf();
    await Promise.all(
      ADAPTERS.map(async (adapter) => {
        const proxy = await proxyTo(server);
        proxy.delay = 500;
        const budget = budgetOn(proxy.url, {}, adapter);
        const first = await ask(budget, 10);
        const [second] = await Promise.all([ask(budget, 20), ask(budget, 30), budget.usage()]);
        settle(first, 1);
        second.refund();
        await budget.flush();
        proxy.delay = 0;
        await expectCounted(budget, 31, 2, 1);
      }),
    );
  });
});
