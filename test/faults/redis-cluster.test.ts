import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Budget, BudgetStoreError } from '../../src/index.ts';
import { counterStore } from '../../src/stores/from-keyv.ts';
import { conformance } from '../conformance.ts';
import { redisProgram } from '../support/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { describeWith } from '../support/server.ts';
import {
  ask,
  eventually,
  expectCounted,
  expectNothingUnhandled,
  failureOf,
  LIMITS,
  SOON,
  settle,
} from './support.ts';

describeWith(redisProgram, 'redis-server', 'Redis Cluster', () => {
  expectNothingUnhandled();
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster?.stop());

  function open(namespace: string) {
    const adapter = new KeyvRedis({ rootNodes: cluster.rootNodes });
    return { keyv: new Keyv(adapter, { namespace }), end: () => adapter.disconnect(true) };
  }

  function budgetIn(namespace: string): Budget {
    const { keyv, end } = open(namespace);
    onTestFinished(async () => {
      await end();
    });
    return new Budget({ store: keyv, limits: LIMITS, storeTimeout: SOON });
  }

  conformance('@keyv/redis in a cluster', () => {
    const [a, b] = [open('conformance'), open('conformance')];
    const unheard = (error: unknown) => {
      throw error;
    };
    return {
      store: counterStore(a.keyv, unheard),
      other: counterStore(b.keyv, unheard),
      close: () => Promise.all([a.end(), b.end()]),
    };
  });

  test('admits many calls at once, all of them before it is connected', async () => {
    const budget = budgetIn('many');
    await Promise.all(Array.from({ length: 20 }, () => ask(budget, 2)));
    await expectCounted(budget, 40, 20, 20);
  });

  test('counts several limits of several keys', async () => {
    const [budget, other] = [budgetIn('several'), budgetIn('several')];
    for (const key of ['a', 'b', 'c', 'd']) {
      const reservation = await ask(budget, 30, key);
      await ask(other, 5, key);
      settle(reservation, 10);
      await budget.flush();
      await expectCounted(other, 15, 2, 1, key);
    }
  });

  test('a node that is down fails its own budgets only, until it is back', async () => {
    const there = new Map<number, string>();
    for (let i = 0; there.size < cluster.nodes.length; i++)
      there.set(await cluster.nodeOf(`team-${i}`), `team-${i}`);
    const budgets = [0, 1, 2].map((node) => budgetIn(there.get(node) ?? ''));
    for (const budget of budgets) await ask(budget, 10);
    const [first, ...others] = budgets as [Budget, ...Budget[]];
    const settled = await ask(first, 20);
    await cluster.nodes[0]?.stop();
    for (let i = 0; i < 3; i++) {
      expect(await failureOf(ask(first, 5))).toBeInstanceOf(BudgetStoreError);
      for (const budget of others) settle(await ask(budget, 5), 1);
    }
    settle(settled, 2);
    for (const budget of others) {
      await budget.flush();
      await expectCounted(budget, 13, 4, 1);
    }
    await cluster.nodes[0]?.restart();
    await cluster.healthy();
    // It has forgotten what it counted, and what was to be settled there.
    settle(await eventually(() => ask(first, 9)), 4);
    await first.flush();
    await expectCounted(first, 4, 1);
  });
});
