import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import KeyvRedis from '@keyv/redis';
import type { RedisClientType } from '@redis/client';
import Keyv from 'keyv';
import { OpenAI } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Budget, type BudgetOptions, fileStore, GovernedOpenAI, governFetch } from '../../src/index.ts';
import { RedisServer, redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import { RemoteStore } from '../support/stores.ts';
import {
  chatChunks,
  chatCompletion,
  chatUsage,
  eventStream,
  json,
  mockUpstream,
} from '../support/upstream.ts';
import { EVERY_UNIT } from './support.ts';

const API_KEY = 'sk-proj-THEAPIKEY';
const PASSWORD = 'THEPASSWORD';
/** Everything of the calls that is nobody's business but the app's and the API's. */
const SECRETS = [API_KEY, PASSWORD, 'THEPROMPT', 'THEANSWER', 'THETOOL', 'THEUSER', 'THEHEADER'];
const KEY = 'team-search';

const CALL = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'THEPROMPT' }],
  tools: [{ type: 'function' as const, function: { name: 'THETOOL', parameters: {} } }],
  user: 'THEUSER',
  max_tokens: 20,
};
const ANSWER = json(chatCompletion(chatUsage(9, 4), 'THEANSWER'));
const CUT = eventStream(chatChunks(['THEANSWER', 'THEANSWER']), new Error('connection reset'));
const BACKGROUND = json({ id: 'resp_1', object: 'response', background: true, status: 'queued', output: [] });
const REQUEST = { headers: { 'x-secret': 'THEHEADER' } };

/** All that a budget may come to with calls. Returns every error and every event there was. */
async function live(options: BudgetOptions, makeFails = (_failing: boolean): void => undefined) {
  const told: unknown[] = [];
  const limits = [...EVERY_UNIT, { requests: 6, per: 'day', name: 'few' } as const];
  const budget = new Budget({ key: KEY, limits, ungoverned: 'reject', warnAt: [0.01], ...options });
  for (const event of ['admitted', 'denied', 'settled', 'refunded', 'warning', 'storeError'] as const) {
    budget.on(event, (payload) => told.push([event, payload]));
  }
  const error = json({ error: { message: 'no' } }, { status: 500 });
  const { fetch } = mockUpstream(ANSWER, CUT, BACKGROUND, error, new TypeError('fetch failed'), ANSWER);
  const openai = new GovernedOpenAI({
    apiKey: API_KEY,
    fetch,
    budget,
    maxRetries: 0,
    baseURL: `https://user:${PASSWORD}@example.com/v1`,
    defaultHeaders: REQUEST.headers,
    logLevel: 'off',
  });
  const trying = async (call: () => Promise<unknown>) => {
    await call().catch((thrown: unknown) => told.push(thrown));
  };
  const chat = () => trying(async () => openai.chat.completions.create(CALL));
  await chat();
  await trying(async () => {
    for await (const _ of await openai.chat.completions.create({ ...CALL, stream: true }));
  });
  await trying(async () =>
    openai.responses.create({ model: CALL.model, input: 'THEPROMPT', background: true }),
  );
  for (let calls = 0; calls < 8; calls++) await chat();
  await trying(async () => openai.chat.completions.create({ ...CALL, model: 'no-price' }));
  await trying(async () => openai.models.list());
  await trying(async () => openai.get(`https://user:${PASSWORD}@example.com/x?key=${API_KEY}`));
  await trying(async () =>
    governFetch(fetch, budget)(`https://user:${PASSWORD}@example.com/x?key=${API_KEY}`, REQUEST),
  );
  makeFails(true);
  await chat();
  makeFails(false);
  await budget.flush();
  told.push(
    await budget.usage(),
    await budget.reservations(),
    await budget.explain('/chat/completions', CALL),
    budget,
  );
  return told;
}

/** As much of a value as a log, or whoever looks at it, could show. */
function visible(value: unknown): string {
  const options = { depth: Infinity, showHidden: true, getters: true, maxStringLength: Infinity } as const;
  const error = value instanceof Error ? `${value.stack} ${String(value.cause)}` : '';
  return `${inspect(value, options)} ${error}`;
}

function expectNoSecrets(text: string): void {
  for (const secret of SECRETS) expect(text).not.toContain(secret);
}

describe('neither keys of the API nor texts of calls are', () => {
  test('in errors, events, answers of the budget, or what a store is asked', async () => {
    const store = new RemoteStore();
    const asked: unknown[] = [];
    const recording = new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          asked.push([name, ...args]);
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
    const failure = Object.assign(new Error(`connect redis://user:${PASSWORD}@host`), {
      code: 'ECONNREFUSED',
    });
    const told = await live({ store: recording }, (failing) => {
      store.failure = failing ? failure : undefined;
    });
    // What the store itself throws is kept as the cause of a BudgetStoreError, and nowhere else.
    const failed = told.filter((one) => visible(one).includes('failed to'));
    expect(failed.length).toBeGreaterThan(0);
    for (const one of told.filter((other) => !failed.includes(other))) expectNoSecrets(visible(one));
    for (const one of failed.flat()) {
      if (one instanceof Error) expectNoSecrets(`${one.name} ${one.message}`);
    }
    const names = new Set(
      told.map((one) => (Array.isArray(one) ? one[0] : one instanceof Error ? one.name : '')),
    );
    for (const name of ['admitted', 'denied', 'settled', 'refunded', 'warning', 'storeError']) {
      expect(names).toContain(name);
    }
    for (const name of [
      'QuotaExceeded',
      'UnknownPriceError',
      'UngovernedEndpointError',
      'BudgetStoreError',
    ]) {
      expect(names).toContain(name);
    }
    expect(asked.length).toBeGreaterThan(20);
    expectNoSecrets(visible(asked));
    // The test would see them.
    expect(visible(asked)).toContain(KEY);
  });

  test('in a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'governed-secrets-'));
    const store = fileStore(join(folder, 'budget.db'));
    await live({ store: new Keyv({ store }) });
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));
    expect(files.join()).toContain(KEY);
    expectNoSecrets(files.join());
    await store.disconnect();
    rmSync(folder, { recursive: true });
  });

  describeWith(redisProgram, 'redis-server', 'in Redis', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await RedisServer.start('--requirepass', PASSWORD);
    });
    afterAll(() => server.stop());

    test('keys and values', async () => {
      const adapter = new KeyvRedis(server.url.replace('//', `//:${PASSWORD}@`));
      await live({ store: new Keyv({ store: adapter }) });
      const client = (await adapter.getClient()) as RedisClientType;
      const all: string[] = [];
      for (const key of await client.keys('*')) {
        const isSet = (await client.type(key)) === 'zset';
        all.push(key, ...(isSet ? await client.zRange(key, 0, -1) : [(await client.get(key)) ?? '']));
      }
      expect(all.join('\n')).toContain(KEY);
      expectNoSecrets(all.join('\n'));
      await adapter.disconnect();
    });
  });
});

test('the SDK logs no more than without a budget', async () => {
  const logged = async (make: (options: object) => OpenAI) => {
    const lines: string[] = [];
    const log = (...args: unknown[]) =>
      lines.push(args.map((arg) => inspect(arg, { depth: Infinity })).join(' '));
    const logger = { error: log, warn: log, info: log, debug: log };
    const { fetch } = mockUpstream(ANSWER, json({ error: { message: 'no' } }, { status: 400 }));
    const client = make({ apiKey: API_KEY, fetch, logger, logLevel: 'debug', maxRetries: 0 });
    await client.chat.completions.create(CALL);
    await client.chat.completions.create(CALL).catch(() => lines.push('failed'));
    return lines.map((line) => line.replace(/log_\w+|\d+ms|durationMs: \d+|startTime: \d+/g, 'x'));
  };
  const bare = await logged((options) => new OpenAI(options));
  const governed = await logged(
    (options) =>
      new GovernedOpenAI({ ...options, budget: { key: KEY, limits: EVERY_UNIT }, caller: { plan: 'gold' } }),
  );
  // The place where an attempt travels, which shows nothing of it; and the name of the class, which is the SDK's own habit.
  const known = /,\s*fetchOptions: \{\}|Governed(?=OpenAI\/JS)/g;
  expect(governed.join('\n')).not.toMatch(/team-search|gold|THEAPIKEY/);
  expect(governed.map((line) => line.replace(known, ''))).toEqual(bare);
});

test('an option that is wrong is not told if it may be a secret', () => {
  for (const secret of [API_KEY, `redis://user:${PASSWORD}@host`, `user:${PASSWORD}@host`, 'x'.repeat(100)]) {
    for (const options of [
      { store: secret },
      { limits: secret },
      { limits: [{ tokens: secret, per: secret }] },
      secret,
    ]) {
      const make = () => new Budget(options as BudgetOptions);
      expect(make).toThrow();
      try {
        make();
      } catch (error) {
        expectNoSecrets(visible(error));
      }
    }
  }
});
