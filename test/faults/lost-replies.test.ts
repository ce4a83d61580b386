import { beforeEach, describe, test } from 'vitest';
import type { Budget } from '../../src/index.ts';
import type { Fate, TcpProxy } from '../support/proxy.ts';
import { redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import {
  ADAPTERS,
  ask,
  asksFor,
  budgetOn,
  expectCounted,
  expectNothingUnhandled,
  proxyTo,
  SOON,
  serverOf,
  settle,
  unlessStoreFails,
} from './support.ts';

/** The first thing sent that asks for an operation meets this fate; resolves when it has. */
function once(proxy: TcpProxy, operation: string, fate: Fate): Promise<void> {
  return new Promise((met) => {
    proxy.fate = (sent) => {
      if (!asksFor(operation, sent)) return 'pass';
      proxy.fate = () => 'pass';
      met();
      return fate;
    };
  });
}

describeWith(redisProgram, 'redis-server', 'Redis behind a network that loses replies', () => {
  expectNothingUnhandled();

  describe.each(ADAPTERS)('by $name', (adapter) => {
    let proxy: TcpProxy;
    let budget: Budget;
    beforeEach(async () => {
      proxy = await proxyTo(await serverOf());
      budget = budgetOn(proxy.url, { storeTimeout: SOON }, adapter);
      await ask(budget, 1);
    });

    test.each<Fate>(['lose', 'lose reply', 'no reply', 'late'])(
      'an admission: %s. It counts if it was told to its caller, and once; else not at all',
      async (fate) => {
        void once(proxy, 'admit', fate);
        // It does not fit twice.
        const reservation = await unlessStoreFails(ask(budget, 600));
        if (fate === 'no reply') proxy.cut();
        await budget.flush();
        await proxy.release();
        if (reservation === undefined) await expectCounted(budget, 1, 1, 1);
        else await expectCounted(budget, 601, 2, 2);
        const next = await ask(budget, 30);
        settle(next, 10);
        reservation?.refund();
        await budget.flush();
        await expectCounted(budget, 11, 2, 1);
      },
    );

    test.each<Fate>(['lose', 'lose reply', 'no reply', 'late'])(
      'a settlement: %s. It counts once',
      async (fate) => {
        const [settled, refunded] = [await ask(budget, 20), await ask(budget, 30)];
        const met = once(proxy, 'settle', fate);
        settle(settled, 7);
        refunded.refund();
        await met;
        if (fate === 'no reply') proxy.cut();
        await budget.flush();
        await proxy.release();
        await expectCounted(budget, 8, 2, 1);
      },
    );
  });
});
