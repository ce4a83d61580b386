import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Draw, type Scenario, simulate } from './simulation.ts';

/*
 * In simulated time, so that nothing depends on the speed of this machine. What can be used at most is the full bucket
 * and its refill; a twentieth of the bucket is the margin, and finding out takes its time at the start.
 */

const MINUTE = 60_000;

const normal: Draw = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const TOKENS: Scenario = {
  limits: { requests: 500, tokens: 200_000, periodMs: MINUTE },
  workers: 4,
  periods: 5,
  callsPerPeriod: 500,
  prompt: (random) => 600 + 1_200 * random(),
  factor: () => 1,
  transit: (random) => 20 + 60 * random(),
  latency: (random) => 300 + 2_000 * random(),
  seed: 1,
};
const REQUESTS: Scenario = { ...TOKENS, callsPerPeriod: 1_500, prompt: () => 100 };

describe('four workers that want three times what there is', () => {
  test.each<[string, Scenario]>([
    ['of requests', REQUESTS],
    ['of tokens', TOKENS],
    [
      'of tokens that the API counts threefold',
      { ...TOKENS, prompt: (r) => 200 + 400 * r(), factor: () => 3 },
    ],
    [
      'of tokens that it counts at three tenths',
      { ...TOKENS, prompt: (r) => 2_000 + 4_000 * r(), factor: () => 0.3 },
    ],
    ['of an account that others use by 30 %', { ...REQUESTS, elsewhere: () => 0.3 }],
    ['of its tokens', { ...TOKENS, elsewhere: () => 0.3 }],
  ])('use it, %s, and are never refused', async (_case, scenario) => {
    const { share, refused } = await simulate(scenario);
    expect(refused).toBe(0);
    expect(share).toBeGreaterThan(0.97);
  });

  test('whom the API counts each call otherwise, are hardly ever refused', async () => {
    const { share, refused, calls } = await simulate({ ...TOKENS, factor: (r) => Math.exp(0.5 * normal(r)) });
    expect(refused / calls).toBeLessThan(0.01);
    expect(share).toBeGreaterThan(0.95);
  });

  test('among others who come and go, are refused now and then', async () => {
    const { share, refused, calls } = await simulate({
      ...REQUESTS,
      elsewhere: (time) => (Math.floor(time * 4) % 2) * 0.4,
      latency: (random) => 3_000 + 10_000 * random(),
    });
    expect(refused / calls).toBeLessThan(0.01);
    expect(share).toBeGreaterThan(0.95);
  });
});

test('who wants less than there is is never held back', async () => {
  const { refused, calls } = await simulate({ ...REQUESTS, callsPerPeriod: 250, periods: 4 });
  expect(refused).toBe(0);
  expect(calls).toBeGreaterThan(850);
});

test('who comes to an account that others have filled gets what they leave', async () => {
  const elsewhere = (time: number) => (time === 0 ? 0.7 * 600 : 0.8);
  const { share, refused, calls } = await simulate({ ...TOKENS, elsewhere });
  expect(refused / calls).toBeLessThan(0.02);
  expect(share).toBeGreaterThan(0.95);
});

test('a limit of three requests is kept', async () => {
  const limits = { requests: 3, tokens: 40_000, periodMs: MINUTE };
  const { refused, calls } = await simulate({ ...REQUESTS, limits, callsPerPeriod: 9, periods: 10 });
  expect(refused).toBeLessThanOrEqual(1);
  expect(calls).toBeGreaterThanOrEqual(28);
});

test('whatever the account, the calls and the network: few are refused, and little is left unused', async () => {
  const scenario = fc.record({
    seed: fc.integer({ min: 1, max: 1e9 }),
    workers: fc.integer({ min: 1, max: 6 }),
    requests: fc.integer({ min: 100, max: 1_000 }),
    perCall: fc.integer({ min: 100, max: 2_000 }),
    demand: fc.double({ min: 1.5, max: 4, noNaN: true }),
    factor: fc.double({ min: 0.2, max: 3, noNaN: true }),
    spread: fc.double({ min: 0, max: 0.4, noNaN: true }),
    latency: fc.integer({ min: 100, max: 4_000 }),
    elsewhere: fc.double({ min: 0, max: 0.5, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const tokens = 200_000;
      const taken = given.perCall * given.factor;
      const most = Math.min(given.requests, tokens / taken);
      const { share, refused, calls } = await simulate({
        ...TOKENS,
        seed: given.seed,
        workers: given.workers,
        limits: { requests: given.requests, tokens, periodMs: MINUTE },
        callsPerPeriod: most * given.demand,
        prompt: (random) => given.perCall * (0.5 + random()),
        factor: (random) => given.factor * Math.exp(given.spread * normal(random)),
        latency: (random) => given.latency * (0.5 + random()),
        elsewhere: () => given.elsewhere,
      });
      expect(refused).toBeLessThanOrEqual(Math.max(2, calls * 0.05));
      expect(share).toBeGreaterThan(0.8);
    }),
    { seed: 20_261_121, numRuns: 15, endOnFailure: true },
  );
});
