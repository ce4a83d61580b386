import fc from 'fast-check';
import { test } from 'vitest';
import type { Reservation } from '../../src/index.ts';
import type { Fate } from '../support/proxy.ts';
import { redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import {
  type Adapter,
  ask,
  asksFor,
  budgetOn,
  expectCounted,
  expectNothingUnhandled,
  nodeRedis,
  proxyTo,
  serverOf,
  settle,
  unlessStoreFails,
  valkey,
} from './support.ts';

describeWith(redisProgram, 'redis-server', 'Redis behind a network that breaks at random', () => {
  expectNothingUnhandled();

  type Step = {
    op: 'reserve' | 'settle' | 'refund' | 'release';
    tokens: number;
    pick: number;
    wait: boolean;
  };
  const steps = fc.array(
    fc.record<Step>({
      op: fc.constantFrom('reserve', 'reserve', 'reserve', 'settle', 'settle', 'refund', 'release'),
      tokens: fc.integer({ min: 0, max: 40 }),
      pick: fc.nat(),
      wait: fc.boolean(),
    }),
    { minLength: 5, maxLength: 25 },
  );

  /** A client that sends again what it lost is not to find it there, `late`, when it has settled it already. */
  const fates: [string, Adapter, Fate[]][] = [
    ['@keyv/redis', nodeRedis, ['pass', 'pass', 'lose', 'lose reply', 'late']],
    ['@keyv/valkey', valkey, ['pass', 'pass', 'lose', 'lose reply']],
  ];

  test.each(fates)('by %s: what counts in the end is what the admitted calls used', async (...row) => {
    const [, adapter, kinds] = row;
    const proxy = await proxyTo(await serverOf());
    const budget = budgetOn(proxy.url, {}, adapter);
    let runs = 0;
    const schedule = fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 12 });
    const property = fc.asyncProperty(steps, schedule, async (sequence, schedule) => {
      const key = `run ${++runs}`;
      const queue = [...schedule];
      proxy.fate = (sent) =>
        (asksFor('admit', sent) || asksFor('settle', sent) ? queue.shift() : undefined) ?? 'pass';
      const open = new Map<Reservation, number>();
      const asked: Promise<unknown>[] = [];
      let [tokens, requests] = [0, 0];
      for (const step of sequence) {
        const [chosen, reserved] = [...open][step.pick % Math.max(1, open.size)] ?? [];
        if (step.op === 'release') await proxy.release();
        else if (step.op === 'reserve') {
          const asking = unlessStoreFails(ask(budget, step.tokens, key)).then(
            (made) => made && open.set(made, step.tokens),
          );
          asked.push(asking);
          if (step.wait) await asking;
        } else if (chosen !== undefined && reserved !== undefined) {
          open.delete(chosen);
          if (step.op === 'refund') chosen.refund();
          else {
            settle(chosen, step.tokens);
            tokens += step.tokens;
            requests++;
          }
        }
      }
      await Promise.all(asked);
      await budget.flush();
      await proxy.release();
      for (const reserved of open.values()) tokens += reserved;
      await expectCounted(budget, tokens, requests + open.size, open.size, key);
    });
    await fc.assert(property, { numRuns: 8 });
  });
});
