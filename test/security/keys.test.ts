import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryUsage } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import KeyvRedis from '@keyv/redis';
import type { RedisClientType } from '@redis/client';
import Keyv from 'keyv';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Budget, type BudgetOptions, fileStore, governFetch, QuotaExceeded } from '../../src/index.ts';
import { ODD_TEXTS } from '../support/odd-texts.ts';
import { RedisServer, redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import { json, mockUpstream } from '../support/upstream.ts';
import { BOUNDED, EVERY_UNIT } from './support.ts';

const MB = 2 ** 20;

/** Counter keys that break what takes them for its own syntax, or for one of its own names. All are different. */
const KEYS: readonly string[] = [
  ...ODD_TEXTS,
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'key\r\nset-cookie: a=b',
  'key\nWARN forged line of a log',
  'key\u2028next',
  'key\u2029next',
  'key\u202egnp.exe',
  '\u001b[2J\u001b[31mred',
  '\ud800',
  '\udc00\ud800',
  '\ufffd',
  '*',
  'team-?',
  'team-[a-z]',
  '{a}b',
  'a{b}',
  '{}{}',
  'a:b',
  'a%3Ab',
  ':',
  '::',
  'tokens%20per%20year:a',
  "'; FLUSHALL; --",
  '"); redis.call("FLUSHALL") --',
  '../../etc/passwd',
  'a'.repeat(100),
  'a'.repeat(101),
  'x'.repeat(MB),
  `${'x'.repeat(MB)}y`,
  '\ud83c'.repeat(MB / 2),
];

/** Every key has its own counters, by all that a budget can be asked. */
async function checkKeys(options: BudgetOptions): Promise<void> {
  const limits = [
    { tokens: 1_000, per: 'year', name: 'by year' },
    { tokens: 1_000, per: 'minute' },
  ] as const;
  const budget = new Budget({ ...options, limits, clock: () => Date.UTC(2026, 10, 21) });
  const reservations = await Promise.all(
    KEYS.map((key, i) => budget.reserve({ key, usage: { tokens: i + 1 } })),
  );
  for (const [i, key] of KEYS.entries()) {
    expect((await budget.usage(key)).map(({ used }) => used)).toEqual([i + 1, i + 1]);
    expect(await budget.reservations(key)).toMatchObject([{ id: reservations[i]?.id, key }]);
  }
  for (const [i, reservation] of reservations.entries()) if (i % 2 === 0) reservation.settle({ tokens: 5 });
  await budget.flush();
  await budget.reset(KEYS[0]);
  for (const [i, key] of KEYS.entries()) {
    const used = i === 0 ? 0 : i % 2 === 0 ? 5 : i + 1;
    expect((await budget.usage(key)).map((limit) => limit.used)).toEqual([used, used]);
  }
}

describe('keys do not collide', () => {
  test('in memory', () => checkKeys({}));

  test('in any Keyv adapter', async () => {
    const values = new Map<string, unknown>();
    const store = {
      get: async (key: string) => values.get(key),
      set: async (key: string, value: unknown) => void values.set(key, value),
      delete: async (key: string) => values.delete(key),
      clear: async () => values.clear(),
    };
    await checkKeys({ store: new Keyv({ store }) });
    for (const key of values.keys()) expect(key).toMatch(/^[\x21-\x7e]{1,400}$/);
  });

  test('in a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'governed-keys-'));
    const store = fileStore(join(folder, 'budget.db'));
    await checkKeys({ store: new Keyv({ store }) });
    await store.disconnect();
    rmSync(folder, { recursive: true });
  });

  describeWith(redisProgram, 'redis-server', 'in Redis', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await RedisServer.start();
    });
    afterAll(() => server.stop());

    // Also the namespace is text of the app's.
    test.each(['app', '{a}*', '\r\nSET a b\r\n'])('under the namespace %j', async (namespace) => {
      const adapter = new KeyvRedis(server.url);
      await checkKeys({ store: new Keyv({ store: adapter, namespace }) });
      const client = (await adapter.getClient()) as RedisClientType;
      const names = await client.sendCommand(['KEYS', '*']);
      expect(names).not.toHaveLength(0);
      for (const name of names as unknown as readonly string[])
        expect(name).toMatch(/^\{governed:[^{}\s]*\}:[\x21-\x7e]{1,400}$/);
      await client.sendCommand(['FLUSHALL']);
      await adapter.disconnect();
    });
  });
});

describe('a denial', () => {
  const HARMLESS = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]{1,1500}$/u;
  const limits = [{ tokens: 1, per: 'day' }] as const;

  test.each(KEYS.map((key) => [key.slice(0, 30), key]))(
    'says on one line whom it is for: %j',
    async (_, key) => {
      for (const model of ['gpt-4o-mini', key]) {
        const error = await new Budget({ limits })
          .reserve({ key, model, usage: { tokens: 2 } })
          .catch((thrown: unknown) => thrown);
        if (!(error instanceof QuotaExceeded)) throw error;
        expect(error.message).toMatch(HARMLESS);
        expect(JSON.stringify(error.error)).not.toMatch(/\\r|\\n/);
        expect(error.key).toBe(key);
        for (const [name, value] of error.headers) expect(`${name}: ${value}`).toMatch(HARMLESS);
      }
    },
  );

  test('is answered in headers that nothing of the call can change', async () => {
    for (const key of KEYS) {
      const fetch = governFetch(mockUpstream(json({})).fetch, { limits }, { key, plan: key });
      const body = JSON.stringify({ ...BOUNDED, model: key, user: key });
      const response = await fetch('http://x/v1/chat/completions', { method: 'POST', body });
      expect(response.status).toBe(429);
      const names = [...response.headers.keys()].filter((name) => !/^x-ratelimit-|^retry-after/.test(name));
      expect(names).toEqual(['content-type', 'x-should-retry']);
      const { error } = (await response.json()) as { error: { message: string } };
      expect(error.message).toMatch(HARMLESS);
    }
  });
});

test('long keys and long names of models do not heap up', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = () => {
    collect();
    return memoryUsage().heapUsed;
  };
  const budget = new Budget({ limits: EVERY_UNIT, completion: { expected: { perKey: true } } });
  const use = async (i: number) => {
    const text = String(i).padStart(MB, 'x');
    const { messages } = BOUNDED;
    await budget.estimate('/chat/completions', { model: text, messages }, { key: text });
    const reservation = await budget.reserve({ key: text, usage: { requests: 1 } });
    reservation.refund();
  };
  for (let i = 0; i < 5; i++) await use(i);
  const before = held();
  for (let i = 5; i < 25; i++) await use(i);
  expect((held() - before) / MB).toBeLessThan(10);
});
