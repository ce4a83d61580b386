import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BudgetStoreError, GovernedOpenAI } from '../../src/index.ts';
import { RedisServer, redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import { chatCompletion, chatUsage, json, mockUpstream } from '../support/upstream.ts';
import { type Admin, AWAY, adminOf, MISPLACED, PASSWORD, REFUSING } from './server-faults.ts';
import {
  ADAPTERS,
  type Adapter,
  ask,
  budgetOn,
  causeOf,
  eventually,
  expectCounted,
  expectNothingUnhandled,
  nodeRedis,
  SOON,
} from './support.ts';

const BODY = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'Hello' }],
  max_tokens: 50,
};

/** What the mock upstream bills each call with: nine and twelve tokens. */
const BILLED = 21;

describeWith(redisProgram, 'redis-server', 'Redis that refuses', () => {
  expectNothingUnhandled();
  let server: RedisServer;
  let admin: Admin;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    admin = await adminOf(server.url);
  });
  afterEach(async () => {
    await admin('CONFIG', 'SET', 'requirepass', '');
    await admin('FLUSHALL');
  });

  describe.each(ADAPTERS)('by $name', (adapter) => {
    // What the server holds is the same by whatever client it is asked.
    const faults = [...REFUSING, ...AWAY, ...(adapter === nodeRedis ? MISPLACED : [])];

    test.each(faults)("$name: 'reject' sends nothing, 'allow' sends and counts it later", async (fault) => {
      if (fault.connect !== undefined) await fault.begin(server, admin);
      const url = fault.connect?.(server) ?? server.url;
      const [rejecting, allowing] = [appOn(url, 'reject', adapter), appOn(url, 'allow', adapter)];
      if (fault.connect === undefined) {
        await Promise.all([ask(rejecting.budget, 5), ask(allowing.budget, 5)]);
        await fault.begin(server, admin);
      }
      const [error, answer] = await Promise.all([rejecting.call().catch((e: unknown) => e), allowing.call()]);

      expect(error).toBeInstanceOf(BudgetStoreError);
      expect(error).toMatchObject({ operation: 'admit', cause: expect.any(Error) });
      expect(causeOf(error)).toMatch(fault.cause);
      expect(rejecting.errors).toContain(error);
      expect(rejecting.upstream.requests).toEqual([]);
      for (const shown of [...rejecting.errors, ...allowing.errors]) expectNoSecret(shown);

      expect(answer).toMatchObject({ usage: { total_tokens: BILLED } });
      expect(allowing.upstream.requests).toHaveLength(1);
      expect(allowing.errors.map(({ operation }) => operation)).toContain('admit');

      await fault.end(server, admin);
      await eventually(rejecting.call);
      for (const { budget } of [rejecting, allowing]) {
        await budget.flush();
        const hadOne = fault.connect === undefined && !fault.loses;
        await eventually(() =>
          hadOne ? expectCounted(budget, 5 + BILLED, 2, 1) : expectCounted(budget, BILLED, 1),
        );
      }
    });
  });

  test.each(MISPLACED)('$name: nothing is half written', async (fault) => {
    const budget = budgetOn(server.url);
    await ask(budget, 10);
    await fault.begin(server, admin);
    const before = await contents(admin);
    await expect(ask(budget, 20)).rejects.toBeInstanceOf(BudgetStoreError);
    expect(await contents(admin)).toEqual(before);
    await fault.end(server, admin);
    await budget.flush();
    await expectCounted(budget, 10, 1, 1);
  });
});

/** An app with a budget of its own on the server, and an upstream that always answers. */
function appOn(url: string, onStoreError: 'reject' | 'allow', adapter: Adapter) {
  const upstream = mockUpstream(json(chatCompletion(chatUsage(9, 12))));
  const budget = budgetOn(url, { storeTimeout: SOON, onStoreError }, adapter);
  const errors: BudgetStoreError[] = [];
  budget.on('storeError', (error) => errors.push(error));
  const { fetch } = upstream;
  const openai = new GovernedOpenAI({ apiKey: 'k', baseURL: 'http://mock/v1', fetch, budget });
  return { budget, upstream, errors, call: () => openai.chat.completions.create(BODY) };
}

/** The adapters' errors may carry what they connect with; what is printed of ours prints its causes, too. */
function expectNoSecret(error: unknown): void {
  for (const text of [String(error), JSON.stringify(error), inspect(error, { depth: 9 })]) {
    expect(text).not.toContain(PASSWORD);
  }
}

/** Everything that the server holds, except which reservations were cancelled. */
async function contents(admin: Admin): Promise<Record<string, unknown>> {
  const held: Record<string, unknown> = {};
  for (const key of ((await admin('KEYS', '*')) as string[]).sort()) {
    if (!key.includes(':closed:')) held[key] = await admin('DUMP', key);
  }
  return held;
}
