import { expect, test } from 'vitest';
import { redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import { type LoadScenario, runLoad } from './load.ts';

/*
 * Worker processes, a real server and a real Redis. How well it goes depends on the speed of the machine, so little is
 * asked for here: simulation.test.ts asks for more, in simulated time, and `node test/upstream/observe.ts` prints it.
 */

const SCENARIO: LoadScenario = {
  name: 'requests are short',
  workers: 4,
  limits: { requests: 400, tokens: 2_000_000, periodMs: 8_000 },
  periods: 2,
  demand: 3,
  words: [20, 60],
  elsewhere: 0,
};

describeWith(redisProgram, 'redis-server', 'four worker processes that want three times the limit', () => {
  test("with upstream: 'observe' the API refuses next to none, and is used", async () => {
    const { share, refused, done, failed } = await runLoad(SCENARIO, true);
    expect(failed).toBe(0);
    expect(refused).toBeLessThanOrEqual(done * 0.02);
    expect(share).toBeGreaterThan(0.7);
  });

  test('without it the API refuses many', async () => {
    const { refused, done } = await runLoad({ ...SCENARIO, periods: 1 }, false);
    expect(refused).toBeGreaterThan(done * 0.1);
  });
});
